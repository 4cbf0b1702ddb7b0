//! Numbers with a derivative, and small matrices of them by plain loops.
#![allow(missing_docs, dead_code)]

use std::ops::{Add, Div, Mul, Sub};

/// A value with its derivative in one coordinate.
#[derive(Debug, Clone, Copy)]
pub struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Dual {
    pub fn new(value: f64, slope: f64) -> Self {
        Self { value, slope }
    }

    pub fn constant(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }

    pub fn exp(self) -> Self {
        let value = self.value.exp();
        Self { value, slope: value * self.slope }
    }

    pub fn ln(self) -> Self {
        Self { value: self.value.ln(), slope: self.slope / self.value }
    }

    /// At zero the slope of the distance of a point from itself, which no parameter changes.
    pub fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        Self { value, slope: if value == 0.0 { 0.0 } else { 0.5 * self.slope / value } }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: (self.slope - value * other.slope) / other.value }
    }
}

/// A dense matrix, row by row.
#[derive(Debug, Clone)]
pub struct Matrix {
    columns: usize,
    entries: Vec<Dual>,
}

impl Matrix {
    pub fn from_fn(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> Dual) -> Self {
        let entries = (0..rows * columns).map(|k| entry(k / columns, k % columns)).collect();
        Self { columns, entries }
    }

    pub fn rows(&self) -> usize {
        self.entries.len() / self.columns
    }

    pub fn at(&self, i: usize, j: usize) -> Dual {
        self.entries[i * self.columns + j]
    }

    pub fn add_to_diagonal(&mut self, value: Dual) {
        for i in 0..self.columns {
            let place = i * self.columns + i;
            self.entries[place] = self.entries[place] + value;
        }
    }

    /// The lower Cholesky factor, entry by entry.
    pub fn cholesky(&self) -> Self {
        let n = self.columns;
        let mut l = Self { columns: n, entries: vec![Dual::constant(0.0); n * n] };
        for i in 0..n {
            for j in 0..=i {
                let sum = (0..j).fold(self.at(i, j), |s, k| s - l.at(i, k) * l.at(j, k));
                l.entries[i * n + j] = if i == j { sum.sqrt() } else { sum / l.at(j, j) };
            }
        }
        l
    }

    /// L⁻¹b for a lower triangular matrix.
    pub fn solve_lower(&self, b: &[Dual]) -> Vec<Dual> {
        let mut x: Vec<Dual> = Vec::with_capacity(b.len());
        for (i, b) in b.iter().enumerate() {
            let sum = x.iter().enumerate().fold(*b, |s, (k, x)| s - self.at(i, k) * *x);
            x.push(sum / self.at(i, i));
        }
        x
    }

    /// L⁻¹B for a lower triangular matrix.
    pub fn solve_lower_matrix(&self, b: &Self) -> Self {
        let columns: Vec<Vec<Dual>> = (0..b.columns)
            .map(|j| self.solve_lower(&(0..b.rows()).map(|i| b.at(i, j)).collect::<Vec<_>>()))
            .collect();
        Self::from_fn(b.rows(), b.columns, |i, j| columns[j][i])
    }

    /// Lx for a lower triangular matrix.
    pub fn times_lower(&self, x: &[Dual]) -> Vec<Dual> {
        (0..x.len()).map(|i| (0..=i).fold(Dual::constant(0.0), |s, k| s + self.at(i, k) * x[k])).collect()
    }
}
