//! Curvature of low rank: H ≈ FᵀF with few rows F, of which nothing is ever as large as the number of weights squared.

use tch::{Kind, Tensor};

use super::blocks::finite;
use crate::error::{Result, Within};

/// The curvature of the batches so far, FᵀF, kept at its rank.
pub(super) struct Sum {
    /// F, `[at most rank, p]`, in double precision.
    root: Tensor,
    rank: i64,
}

/// F, whose rows are eigenvectors times the roots of their eigenvalues.
#[derive(Debug)]
pub(super) struct LowRank {
    /// `[rank, p]`.
    pub root: Tensor,
    /// `[rank]`, none below 0. H's others are 0.
    pub eigenvalues: Tensor,
}

/// H relative to a prior precision D: D^-1/2 H D^-1/2 = Wᵀ diag(values) W.
pub(super) struct Directions {
    pub values: Tensor,
    /// W, `[rank, p]`, with orthonormal rows; 0 where a value is.
    pub rows: Tensor,
}

impl Sum {
    pub fn new(root: Tensor, rank: i64) -> Sum {
        Sum { root, rank }
    }

    /// Adds `rowsᵀ rows` for `rows` `[n, p]`, and keeps the largest directions.
    pub fn add(&mut self, rows: &Tensor) -> Result<()> {
        let all = Tensor::f_cat(&[&self.root, &rows.to_kind(Kind::Double)], 0).within("Laplace")?;
        if all.size().first().is_some_and(|&n| n <= self.rank) {
            self.root = all;
            return Ok(());
        }
        finite("all weights", &all)?;
        // The Gram matrix has the same eigenvalues, and is small.
        let gram = all.f_matmul(&all.tr()).within("Laplace")?;
        let (_, vectors) = gram.f_linalg_eigh("L").within("Laplace")?;
        let largest = vectors.narrow(1, vectors.size().last().copied().unwrap_or(0) - self.rank, self.rank);
        self.root = largest.tr().f_matmul(&all).within("Laplace")?;
        Ok(())
    }

    pub fn finish(self) -> Result<LowRank> {
        LowRank::new(self.root)
    }
}

impl LowRank {
    pub fn new(root: Tensor) -> Result<LowRank> {
        finite("all weights", &root)?;
        let gram = root.f_matmul(&root.tr()).within("Laplace")?;
        let eigenvalues = gram.f_linalg_eigvalsh("L").within("Laplace")?.clamp_min(0.0);
        Ok(LowRank { root, eigenvalues })
    }

    /// Relative to the prior precision `[p]`.
    pub fn relative(&self, prior: &Tensor) -> Result<Directions> {
        let root = &self.root * prior.rsqrt();
        let gram = root.f_matmul(&root.tr()).within("Laplace")?;
        let (values, vectors) = gram.f_linalg_eigh("L").within("Laplace")?;
        // What rounding has made of nothing has no direction.
        let least = values.abs().max().double_value(&[]) * 1e-14 + f64::MIN_POSITIVE;
        let there = values.gt(least).to_kind(Kind::Double);
        let values = values.clamp_min(least) * &there;
        let scale = there / values.clamp_min(least).sqrt();
        let rows = vectors.tr().f_matmul(&root).within("Laplace")? * scale.unsqueeze(1);
        Ok(Directions { values, rows })
    }
}

impl Directions {
    /// A root of (I + relative H / `noise`)⁻¹, symmetric, times each row of `x` `[n, p]`.
    pub fn shrink(&self, x: &Tensor, noise: f64) -> Result<Tensor> {
        let less: Tensor = 1.0 - (&self.values / noise + 1.0).rsqrt();
        let along = x.f_matmul(&self.rows.tr()).within("Laplace")? * less;
        Ok(x - along.f_matmul(&self.rows).within("Laplace")?)
    }
}
