//! What a process has used of its machine.

/// Processor time of this process so far, in seconds, of all its threads; `None` where the system does not say.
pub fn processor_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).ok()?;
        Some(time.tv_sec() as f64 + 1e-9 * time.tv_nsec() as f64)
    }
    #[cfg(not(unix))]
    None
}

/// The most memory that this process has held at a time, in MiB; `None` where the system does not say.
///
/// This is the high-water mark of its resident set in `/proc`. What `getrusage` reports would also count what the process
/// that started it held at that time.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_show() {
        let (seconds, memory) = (processor_seconds().unwrap(), peak_memory().unwrap());
        let mut block = vec![0.0f64; 8 << 20];
        for round in 0..8 {
            block.iter_mut().enumerate().for_each(|(i, v)| *v += (i + round) as f64);
        }
        assert!(std::hint::black_box(&block)[5] > 0.0);
        assert!(processor_seconds().unwrap() > seconds);
        assert!(peak_memory().unwrap() > 60.0 && peak_memory().unwrap() >= memory);
    }
}
