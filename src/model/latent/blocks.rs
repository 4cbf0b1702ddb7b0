//! Small symmetric matrices, L×L row by row: one block for each row of the data.

use faer::{Mat, Side};

/// Lower Cholesky factor C of a positive semidefinite block, CCᵀ = `block`; a direction without precision gets a zero
/// column, as softmax's have one. False where the block is indefinite or not finite.
pub(super) fn factor(block: &[f64], size: usize, out: &mut [f64]) -> bool {
    out.fill(0.0);
    let largest = (0..size).map(|a| block[a * size + a].abs()).fold(0.0, f64::max);
    let negligible = 1e-12 * largest;
    for b in 0..size {
        let pivot = block[b * size + b] - (0..b).map(|k| out[b * size + k].powi(2)).sum::<f64>();
        if pivot < -negligible || pivot.is_nan() {
            return false;
        }
        if pivot <= negligible {
            // The rest of the column must vanish with its pivot; what is left is rounding.
            continue;
        }
        out[b * size + b] = pivot.sqrt();
        for a in b + 1..size {
            let sum: f64 = (0..b).map(|k| out[a * size + k] * out[b * size + k]).sum();
            out[a * size + b] = (block[a * size + b] - sum) / out[b * size + b];
        }
    }
    true
}

/// A direction in which a block was lifted: its unit vector, and by how much.
#[derive(Debug)]
pub(super) struct Lifted {
    pub by: f64,
    pub direction: Vec<f64>,
}

/// Lifts the eigenvalues of a symmetric block to `floor` at the least, in place, and says in which directions it did.
pub(super) fn lift(block: &mut [f64], size: usize, floor: f64) -> Vec<Lifted> {
    if size == 1 {
        let by = floor - block[0];
        if by <= 0.0 || by.is_nan() {
            return Vec::new();
        }
        block[0] = floor;
        return vec![Lifted { by, direction: vec![1.0] }];
    }
    let matrix = Mat::from_fn(size, size, |a, b| 0.5 * (block[a * size + b] + block[b * size + a]));
    let Ok(eigen) = matrix.self_adjoint_eigen(Side::Lower) else { return Vec::new() };
    let mut lifted = Vec::new();
    for k in 0..size {
        let by = floor - eigen.S()[k];
        if by > 0.0 {
            let direction: Vec<f64> = (0..size).map(|a| eigen.U()[(a, k)]).collect();
            for a in 0..size {
                for b in 0..size {
                    block[a * size + b] += by * direction[a] * direction[b];
                }
            }
            lifted.push(Lifted { by, direction });
        }
    }
    lifted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_of_a_block_without_precision_in_one_direction_multiplies_back() {
        // Softmax at three equal classes.
        let block: Vec<f64> = (0..9).map(|k| if k % 4 == 0 { 2.0 / 9.0 } else { -1.0 / 9.0 }).collect();
        let mut c = vec![0.0; 9];
        assert!(factor(&block, 3, &mut c));
        for a in 0..3 {
            for b in 0..3 {
                let product: f64 = (0..3).map(|k| c[a * 3 + k] * c[b * 3 + k]).sum();
                assert!((product - block[a * 3 + b]).abs() < 1e-15);
            }
        }
        assert!(!factor(&[1.0, 2.0, 2.0, 1.0], 2, &mut [0.0; 4]));
        assert!(!factor(&[f64::NAN], 1, &mut [0.0]));
    }

    #[test]
    fn lifting_leaves_the_floor_as_smallest_eigenvalue_and_says_what_it_did() {
        let before = [1.0, 2.0, 2.0, 1.0];
        let mut block = before;
        let lifted = lift(&mut block, 2, 0.0);
        assert!((lifted[0].by - 1.0).abs() < 1e-12 && lifted.len() == 1);
        for k in 0..4 {
            let d = &lifted[0].direction;
            assert!((block[k] - before[k] - d[k / 2] * d[k % 2]).abs() < 1e-12);
        }
        assert!(lift(&mut [2.0], 1, 0.1).is_empty());
    }
}
