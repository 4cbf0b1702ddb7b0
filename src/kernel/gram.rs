//! Matrices filled from a kernel, strip by strip, and the gradients that come back from them.
//!
//! A matrix is cut into shares. Each has its own scratch and its own partial gradient; partial gradients are added in the
//! order of the shares. So the result does not depend on the number of threads.

use super::adjoint::InputAdjoint;
use super::features::Features;
use super::shares::{SHARES, Shares, for_each_index, for_each_part, strips};
use super::{Kernel, Points, Recorded, STRIP, Strip, StripAdjoint};
use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, Par};
use std::ops::Range;

/// Scratch memory for matrices of a given number of rows; reused between evaluations.
#[derive(Debug, Default)]
pub struct KernelWorkspace {
    blocks: Vec<Block>,
    rows: Features,
    points: Features,
}

#[derive(Debug)]
struct Block {
    point: Vec<f64>,
    features: Vec<f64>,
    buffers: Buffers,
    theta: Vec<f64>,
    x: Vec<f64>,
    z: Vec<f64>,
}

/// Weights of a strip, and memory for what comes back from them.
#[derive(Debug)]
struct Buffers {
    weights: Vec<f64>,
    values: Vec<f64>,
    record: Vec<f64>,
    scratch: Vec<f64>,
}

impl KernelWorkspace {
    /// For matrices of up to `rows` rows over `dim` input columns.
    pub fn new(kernel: &Kernel, rows: usize, dim: usize) -> Self {
        let block = || Block {
            point: vec![0.0; dim],
            features: vec![0.0; kernel.feature_count()],
            buffers: Buffers {
                weights: vec![0.0; STRIP],
                values: vec![0.0; STRIP],
                record: vec![0.0; STRIP * kernel.record_strips()],
                scratch: vec![0.0; STRIP * kernel.scratch_strips()],
            },
            theta: vec![0.0; kernel.parameter_count()],
            x: Vec::new(),
            z: Vec::new(),
        };
        let shares = rows.div_ceil(STRIP).max(SHARES);
        Self { blocks: (0..shares).map(|_| block()).collect(), ..Self::default() }
    }
}

impl Kernel {
    /// The lower triangle of the Gram matrix K(X, X), N×N; the upper one is left as it is.
    pub fn gram(
        &self,
        theta: &[f64],
        x: Points<'_>,
        out: MatMut<'_, f64>,
        workspace: &mut KernelWorkspace,
        par: Par,
    ) {
        let KernelWorkspace { blocks, rows: features, .. } = workspace;
        let features = features.prepare(self, theta, x);
        for_each_part(out, Shares::of_triangle(x.rows()), blocks, 0, par, &|mut rows_out, block, start| {
            let end = start + rows_out.nrows();
            for j in 0..end {
                let first = j.max(start);
                x.row_into(j, &mut block.point);
                features.row_into(j, &mut block.features);
                let strip = Strip {
                    x: x.slice(first, end - first),
                    z: &block.point,
                    same: (j >= start).then_some(0),
                    features: (features.slice(first, end - first), &block.features),
                };
                if let Some(column) = rows_out.rb_mut().col_mut(j).try_as_col_major_mut() {
                    let column = &mut column.as_slice_mut()[first - start..];
                    self.strip(theta, strip, column, &mut block.buffers.scratch);
                }
            }
        });
    }

    /// The cross-covariance matrix K(X, Z), N×M. No row of X is the same observation as a row of Z.
    pub fn cross(
        &self,
        theta: &[f64],
        x: Points<'_>,
        z: Points<'_>,
        out: MatMut<'_, f64>,
        workspace: &mut KernelWorkspace,
        par: Par,
    ) {
        let KernelWorkspace { blocks, rows: features, points } = workspace;
        let (features, points) = (features.prepare(self, theta, x), points.prepare(self, theta, z));
        let shares = Shares::of_cross(x.rows(), z.rows());
        for_each_part(out, shares, blocks, 0, par, &|mut part, block, start| {
            let (first_row, first_column) = if shares.of_rows { (start, 0) } else { (0, start) };
            for (start, count) in strips(part.nrows()) {
                let rows = x.slice(first_row + start, count);
                let of_rows = features.slice(first_row + start, count);
                for j in 0..part.ncols() {
                    z.row_into(first_column + j, &mut block.point);
                    points.row_into(first_column + j, &mut block.features);
                    let features = (of_rows, block.features.as_slice());
                    let strip = Strip { x: rows, z: &block.point, same: None, features };
                    if let Some(column) = part.rb_mut().col_mut(j).try_as_col_major_mut() {
                        let column = &mut column.as_slice_mut()[start..start + count];
                        self.strip(theta, strip, column, &mut block.buffers.scratch);
                    }
                }
            }
        });
    }

    /// Adds Σ_ij W_ij ∂K_ij/∂θ to `theta_adjoint` (and the like to `x_adjoint`, N×D) for a symmetric W.
    ///
    /// `weights(j, rows, out)` writes W_ij for the rows i ≥ j of column j; the pass asks for each entry of
    /// the lower triangle once, so W itself need not exist. `inputs`: O(N D) more memory on the first call.
    #[expect(clippy::too_many_arguments, reason = "an input, its weights and two adjoints")]
    pub fn gram_adjoint(
        &self,
        theta: &[f64],
        x: Points<'_>,
        weights: &(impl Fn(usize, Range<usize>, &mut [f64]) + Sync),
        theta_adjoint: &mut [f64],
        mut x_adjoint: Option<MatMut<'_, f64>>,
        workspace: &mut KernelWorkspace,
        par: Par,
    ) {
        let inputs = x_adjoint.is_some();
        let (n, dim) = (x.rows(), x.dim());
        let KernelWorkspace { blocks, rows: features, .. } = workspace;
        let features = features.prepare(self, theta, x);
        let shares = Shares::of_triangle(n);
        let blocks = &mut blocks[..shares.count()];
        for_each_index(blocks, 0, par, &|block, index| {
            let Range { start, end } = shares.range(index);
            block.theta.fill(0.0);
            block.prepare_inputs(inputs, STRIP * dim, end * dim);
            for j in 0..end {
                let first = j.max(start);
                x.row_into(j, &mut block.point);
                features.row_into(j, &mut block.features);
                let same = j >= start;
                let strip = Strip {
                    x: x.slice(first, end - first),
                    z: &block.point,
                    same: same.then_some(0),
                    features: (features.slice(first, end - first), &block.features),
                };
                let weighted = &mut block.buffers.weights[..end - first];
                weights(j, first..end, weighted);
                // The lower triangle stands for both, and is counted twice at the end: its diagonal is there but once.
                if same {
                    weighted[0] *= 0.5;
                }
                let mut adjoint = StripAdjoint {
                    theta: &mut block.theta,
                    inputs: inputs.then(|| InputAdjoint {
                        x: &mut block.x[first - start..],
                        stride: STRIP,
                        z: &mut block.z[j * dim..(j + 1) * dim],
                    }),
                };
                self.record_and_adjoint(theta, strip, &mut block.buffers, &mut adjoint);
            }
        });
        for (index, block) in blocks.iter().enumerate() {
            theta_adjoint.iter_mut().zip(&block.theta).for_each(|(a, b)| *a += 2.0 * b);
            if let Some(x_adjoint) = &mut x_adjoint {
                block.add_rows(2.0, shares.range(index), STRIP, x_adjoint.rb_mut());
                block.add_points(2.0, 0, x_adjoint.rb_mut());
            }
        }
    }

    /// Adds Σ_ij W_ij ∂K(x_i, z_j)/∂· to the adjoints of the parameters, of X (N×D) and of Z (M×D).
    #[expect(clippy::too_many_arguments, reason = "two inputs and their adjoints")]
    pub fn cross_adjoint(
        &self,
        theta: &[f64],
        x: Points<'_>,
        z: Points<'_>,
        weights: &(impl Fn(usize, Range<usize>, &mut [f64]) + Sync),
        theta_adjoint: &mut [f64],
        mut input_adjoints: Option<(MatMut<'_, f64>, MatMut<'_, f64>)>,
        workspace: &mut KernelWorkspace,
        par: Par,
    ) {
        let inputs = input_adjoints.is_some();
        let (n, dim) = (x.rows(), x.dim());
        let KernelWorkspace { blocks, rows: features, points } = workspace;
        let (features, points) = (features.prepare(self, theta, x), points.prepare(self, theta, z));
        let shares = Shares::of_cross(n, z.rows());
        let blocks = &mut blocks[..shares.count()];
        for_each_index(blocks, 0, par, &|block, index| {
            let (rows, columns) = shares.of_both(index, n, z.rows());
            block.theta.fill(0.0);
            block.prepare_inputs(inputs, rows.len() * dim, columns.len() * dim);
            for (offset, count) in strips(rows.len()) {
                let start = rows.start + offset;
                let (of_strip, features) = (x.slice(start, count), features.slice(start, count));
                for j in columns.clone() {
                    z.row_into(j, &mut block.point);
                    points.row_into(j, &mut block.features);
                    let features = (features, block.features.as_slice());
                    let strip = Strip { x: of_strip, z: &block.point, same: None, features };
                    weights(j, start..start + count, &mut block.buffers.weights[..count]);
                    let place = (j - columns.start) * dim;
                    let mut adjoint = StripAdjoint {
                        theta: &mut block.theta,
                        inputs: inputs.then(|| InputAdjoint {
                            x: &mut block.x[offset..],
                            stride: rows.len(),
                            z: &mut block.z[place..place + dim],
                        }),
                    };
                    self.record_and_adjoint(theta, strip, &mut block.buffers, &mut adjoint);
                }
            }
        });
        for (index, block) in blocks.iter().enumerate() {
            theta_adjoint.iter_mut().zip(&block.theta).for_each(|(a, b)| *a += b);
            if let Some((x_adjoint, z_adjoint)) = &mut input_adjoints {
                let (rows, columns) = shares.of_both(index, n, z.rows());
                let stride = rows.len();
                block.add_rows(1.0, rows, stride, x_adjoint.rb_mut());
                block.add_points(1.0, columns.start, z_adjoint.rb_mut());
            }
        }
    }

    /// Adds Σ_i w_i ∂k(x_i, x_i)/∂θ to `theta_adjoint`.
    pub fn diagonal_adjoint(
        &self,
        theta: &[f64],
        x: Points<'_>,
        weights: &[f64],
        theta_adjoint: &mut [f64],
        workspace: &mut KernelWorkspace,
    ) {
        let KernelWorkspace { blocks, rows: features, .. } = workspace;
        let features = features.prepare(self, theta, x);
        let Some(block) = blocks.first_mut() else { return };
        for (i, weight) in weights.iter().enumerate().take(x.rows()) {
            x.row_into(i, &mut block.point);
            features.row_into(i, &mut block.features);
            let features = (features.slice(i, 1), block.features.as_slice());
            let strip = Strip { x: x.slice(i, 1), z: &block.point, same: Some(0), features };
            let mut adjoint = StripAdjoint { theta: theta_adjoint, inputs: None };
            block.buffers.weights[0] = *weight;
            self.record_and_adjoint(theta, strip, &mut block.buffers, &mut adjoint);
        }
    }

    /// Adds to the adjoints what the weights of a strip give them.
    fn record_and_adjoint(
        &self,
        theta: &[f64],
        strip: Strip<'_>,
        buffers: &mut Buffers,
        adjoint: &mut StripAdjoint<'_>,
    ) {
        let Buffers { weights, values, record, scratch } = buffers;
        let (weights, values) = (&weights[..strip.len()], &mut values[..strip.len()]);
        self.strip_recorded(theta, strip, values, record, scratch);
        self.strip_adjoint(theta, strip, weights, Recorded { values, record }, adjoint, scratch);
    }

    /// The full Gram matrix K(X, X) with both triangles, allocated: for looking at, not for hot loops.
    pub fn gram_full(&self, theta: &[f64], x: Points<'_>) -> Mat<f64> {
        let n = x.rows();
        let mut out = Mat::zeros(n, n);
        self.gram(theta, x, out.as_mut(), &mut KernelWorkspace::new(self, n, x.dim()), Par::Seq);
        for j in 0..n {
            for i in 0..j {
                out[(i, j)] = out[(j, i)];
            }
        }
        out
    }
}

impl Block {
    fn prepare_inputs(&mut self, wanted: bool, x: usize, z: usize) {
        if wanted {
            self.x.resize(x, 0.0);
            self.x.fill(0.0);
            self.z.clear();
            self.z.resize(z, 0.0);
        }
    }

    /// Adds the adjoint of these rows, whose columns are `stride` apart, `times` over.
    fn add_rows(&self, times: f64, rows: Range<usize>, stride: usize, mut x_adjoint: MatMut<'_, f64>) {
        for d in 0..x_adjoint.ncols() {
            for (i, row) in rows.clone().enumerate() {
                x_adjoint[(row, d)] += times * self.x[d * stride + i];
            }
        }
    }

    /// Adds the adjoint of points from number `start` on, `times` over.
    fn add_points(&self, times: f64, start: usize, mut adjoint: MatMut<'_, f64>) {
        let dim = adjoint.ncols();
        for (j, point) in self.z.chunks(dim.max(1)).enumerate() {
            for (d, v) in point.iter().enumerate() {
                adjoint[(start + j, d)] += times * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{DIM, ROWS, kernel_is_consistent, points, theta, view};
    use crate::kernel::{
        ArcCosine, ArcCosineOrder, Constant, Cosine, Linear, Matern32, Matern52, Periodic, RationalQuadratic,
        Rbf, Stationary, White,
    };

    fn nested() -> Vec<Kernel> {
        let rbf = || Kernel::leaf(Stationary::<Rbf>::new(vec![0, 2], false));
        let linear = || Kernel::leaf(Linear::new(vec![0, 1], false));
        // Not Matérn-1/2: next to its kink a product's central difference is only good to the step.
        let rough = || Kernel::leaf(Stationary::<Matern32>::new(vec![1], false));
        let periodic = || Kernel::leaf(Periodic::new(vec![2], false));
        let arc = || Kernel::leaf(ArcCosine::new(vec![1, 2], true, ArcCosineOrder::One));
        let mixture = || Kernel::leaf(Stationary::<RationalQuadratic>::new(vec![0, 1, 2], true));
        let (white, constant) = (|| Kernel::leaf(White::new()), || Kernel::leaf(Constant::new()));
        let smooth = || Kernel::leaf(Stationary::<Matern52>::new(vec![0], true));
        let wave = || Kernel::leaf(Cosine::new(vec![0, 2], false));
        vec![
            Kernel::Sum(vec![rbf(), linear(), white()]),
            Kernel::Product(vec![rough(), periodic(), linear()]),
            Kernel::Sum(vec![Kernel::Product(vec![Kernel::Sum(vec![rbf(), rough()]), periodic()]), white()]),
            Kernel::Product(vec![
                Kernel::Sum(vec![Kernel::Product(vec![arc(), wave()]), smooth(), constant()]),
                Kernel::Sum(vec![mixture(), Kernel::Product(vec![white(), linear(), arc()])]),
            ]),
        ]
    }

    #[test]
    fn sums_and_products_of_any_depth_are_consistent() {
        nested().iter().for_each(kernel_is_consistent);
    }

    #[test]
    fn parameters_of_a_tree_have_paths_and_count_in_order() {
        let paths: Vec<String> = nested()[2].parameters().into_iter().map(|p| p.path).collect();
        assert_eq!(
            paths,
            [
                "0.0.0.variance",
                "0.0.0.lengthscales[0]",
                "0.0.0.lengthscales[1]",
                "0.0.1.variance",
                "0.0.1.lengthscales[0]",
                "0.1.variance",
                "0.1.lengthscales[0]",
                "0.1.period",
                "1.variance"
            ]
        );
        assert!(nested().iter().all(|k| k.parameters().len() == k.parameter_count()));
        assert_eq!(nested()[1].columns(), [0, 1, 2]);
    }

    /// Gram matrix, cross matrix and all adjoints.
    fn everything(kernel: &Kernel, rows: usize, workspace: &mut KernelWorkspace, par: Par) -> Vec<f64> {
        let (theta, x, z) = (theta(kernel), points(rows, 1), points(7, 2));
        let (mut gram, mut cross) = (Mat::zeros(rows, rows), Mat::zeros(rows, 7));
        let (mut from_theta, mut from_x) = (vec![0.0; theta.len()], Mat::zeros(rows, DIM));
        let (mut cross_x, mut cross_z) = (Mat::zeros(rows, DIM), Mat::zeros(7, DIM));
        let weights = |j: usize, rows: Range<usize>, out: &mut [f64]| {
            out.iter_mut().zip(rows).for_each(|(w, i)| *w = ((i + 3 * j) as f64).cos());
        };
        let (x, z) = (view(&x), view(&z));
        kernel.gram(&theta, x, gram.as_mut(), workspace, par);
        kernel.cross(&theta, x, z, cross.as_mut(), workspace, par);
        kernel.gram_adjoint(&theta, x, &weights, &mut from_theta, Some(from_x.as_mut()), workspace, par);
        let inputs = Some((cross_x.as_mut(), cross_z.as_mut()));
        kernel.cross_adjoint(&theta, x, z, &weights, &mut from_theta, inputs, workspace, par);
        let matrices = [gram, cross, from_x, cross_x, cross_z];
        let entries = matrices.iter().flat_map(|m| m.col_iter().flat_map(|c| c.iter().copied()));
        entries.chain(from_theta).collect()
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        for kernel in nested() {
            let rows = 3 * STRIP + 17;
            let run = |par| everything(&kernel, rows, &mut KernelWorkspace::new(&kernel, rows, DIM), par);
            assert!(run(Par::Seq) == run(Par::rayon(2)));
        }
    }

    #[test]
    fn a_sum_of_nothing_is_zero_and_a_product_of_nothing_one() {
        for (kernel, value) in [(Kernel::Sum(Vec::new()), 0.0), (Kernel::Product(Vec::new()), 1.0)] {
            assert_eq!(kernel.gram_full(&[], view(&points(2, 1))), Mat::from_fn(2, 2, |_, _| value));
        }
    }

    /// Many rows are cut by rows, few by columns.
    #[test]
    fn a_cross_matrix_and_its_adjoints_are_the_same_however_they_are_cut() {
        let (kernel, rows, half) = (&nested()[3], SHARES * STRIP + 50, 1000);
        let (theta, x, z) = (theta(kernel), points(rows, 1), points(9, 2));
        let part = |start: usize, count: usize| {
            let x = x.subrows(start, count).to_owned();
            let (mut out, mut of_theta) = (Mat::zeros(count, 9), vec![0.0; theta.len()]);
            let (mut of_x, mut of_z) = (Mat::zeros(count, DIM), Mat::zeros(9, DIM));
            let weights = |j: usize, rows: Range<usize>, out: &mut [f64]| {
                out.iter_mut().zip(rows).for_each(|(w, i)| *w = ((start + i + 3 * j) as f64).cos());
            };
            let mut workspace = KernelWorkspace::new(kernel, count, DIM);
            let inputs = Some((of_x.as_mut(), of_z.as_mut()));
            kernel.cross(&theta, view(&x), view(&z), out.as_mut(), &mut workspace, Par::Seq);
            let (x, z) = (view(&x), view(&z));
            kernel.cross_adjoint(&theta, x, z, &weights, &mut of_theta, inputs, &mut workspace, Par::Seq);
            (out, of_theta, of_x, of_z)
        };
        let (whole, top, bottom) = (part(0, rows), part(0, half), part(half, rows - half));
        assert_eq!(whole.0.subrows(0, half), top.0);
        assert_eq!(whole.0.subrows(half, rows - half), bottom.0);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-11 * (1.0 + a.abs()), "{a} and {b}");
        for d in 0..DIM {
            (0..half).for_each(|i| close(whole.2[(i, d)], top.2[(i, d)]));
            (half..rows).for_each(|i| close(whole.2[(i, d)], bottom.2[(i - half, d)]));
        }
        (0..theta.len()).for_each(|p| close(whole.1[p], top.1[p] + bottom.1[p]));
        for d in 0..DIM {
            (0..9).for_each(|j| close(whole.3[(j, d)], top.3[(j, d)] + bottom.3[(j, d)]));
        }
    }

    #[test]
    fn a_workspace_serves_fewer_rows_than_it_was_made_for() {
        let kernel = &nested()[3];
        let mut large = KernelWorkspace::new(kernel, ROWS, DIM);
        everything(kernel, ROWS, &mut large, Par::Seq);
        let exact = everything(kernel, 20, &mut KernelWorkspace::new(kernel, 20, DIM), Par::Seq);
        assert!(everything(kernel, 20, &mut large, Par::Seq) == exact);
    }
}
