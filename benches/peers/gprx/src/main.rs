//! Seconds that gprx takes for a value and gradient, and the value: reads N lines of eight inputs and a target.

use gprx::kernel::{KernelSpec, RbfArdKernel};
use gprx::{Fixed, GaussianLikelihood, Gpr};
use std::io::Read;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One worker: the comparison is of one thread.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let n = numbers.len() / 9;
    // Column by column, as gprx takes them.
    let x: Vec<f64> = (0..8).flat_map(|d| numbers.chunks(9).map(move |row| row[d])).collect();
    let y: Vec<f64> = numbers.chunks(9).map(|row| row[8]).collect();
    let kernel = KernelSpec::from(RbfArdKernel::new(&[8f64.sqrt(); 8])?);
    let mut model = Gpr::new(kernel, GaussianLikelihood::new(0.1)?)
        .with_prefer_speed()
        .with_optimizer(Fixed)
        .factor(&x, n, 8, &y)
        .map_err(|(_, error)| error)?;
    let mut parameters = vec![0.0; model.num_params()];
    model.get_params(&mut parameters)?;
    let mut gradient = vec![0.0; parameters.len()];
    let mut value = model.value_and_gradient_into(&parameters, &mut gradient)?;
    let (mut seconds, begin) = (Vec::new(), Instant::now());
    while seconds.len() < 3 || (begin.elapsed().as_secs_f64() < 4.0 && seconds.len() < 50) {
        let clock = Instant::now();
        value = model.value_and_gradient_into(&parameters, &mut gradient)?;
        seconds.push(clock.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    println!("{} {}", seconds[seconds.len() / 2], -value);
    Ok(())
}
