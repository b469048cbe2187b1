//! The Gaussian around the means: precision H / σ² + diag(prior), and a root of its inverse.

use tch::{Kind, Tensor};

use super::blocks::Block;
use super::curvature::{Curvature, Factors};
use super::low_rank::Directions;
use crate::error::{Error, Result, Within};

/// P, as far as it is needed, in double precision.
pub(super) enum Posterior<'a> {
    /// L of P = L Lᵀ, `[p, p]`.
    Full(Tensor),
    /// Of each block the factors, and the standard deviations along the eigenvectors, `[groups, outputs, inputs]`.
    Kronecker(Vec<(&'a Factors, Tensor)>),
    /// Of each block the standard deviations, `[groups, outputs, inputs]`.
    Diagonal(Vec<Tensor>),
    /// The curvature relative to the prior, σ², and the prior's standard deviations `[p]`.
    LowRank(Directions, f64, Tensor),
}

impl<'a> Posterior<'a> {
    /// `prior`: a precision for each block. `noise`: σ².
    pub fn new(
        curvature: &'a Curvature,
        blocks: &[Block],
        prior: &[f64],
        noise: f64,
    ) -> Result<Posterior<'a>> {
        let std = |values: &Tensor, prior: &f64| (values / noise + *prior).rsqrt();
        Ok(match curvature {
            Curvature::Full { hessian, .. } => {
                let precision = hessian / noise + prior_of(blocks, prior, hessian).diag(0);
                let (root, info) = precision.f_linalg_cholesky_ex(false, false).within("Laplace")?;
                if info.int64_value(&[]) != 0 {
                    let allowed = "a positive definite matrix: a larger prior precision makes it one";
                    return Err(Error::configuration("posterior precision", "indefinite", allowed));
                }
                Posterior::Full(root)
            }
            Curvature::Kronecker(factors) => {
                let each = factors.iter().zip(prior);
                Posterior::Kronecker(each.map(|(f, prior)| (f, std(&f.eigenvalues(), prior))).collect())
            }
            Curvature::LowRank(low) => {
                let prior = prior_of(blocks, prior, &low.root);
                Posterior::LowRank(low.relative(&prior)?, noise, prior.rsqrt())
            }
            Curvature::Diagonal(sums) => {
                Posterior::Diagonal(sums.iter().zip(prior).map(|(sum, prior)| std(sum, prior)).collect())
            }
        })
    }

    /// Each example's gradients of one output by the blocks, `[n, groups, outputs, inputs]` each, times a root of P⁻¹: `[n, elements]`,
    /// whose products with one another are covariances.
    pub fn whiten(&self, gradients: &[Tensor]) -> Result<Tensor> {
        let flat = |each: Vec<Tensor>| Tensor::f_cat(&each, 1).within("Laplace");
        let doubles = gradients.iter().map(|gradient| gradient.to_kind(Kind::Double));
        match self {
            Posterior::Full(root) => {
                let rows = flat(doubles.map(|gradient| gradient.flatten(1, -1)).collect())?;
                Ok(root.f_linalg_solve_triangular(&rows.tr(), false, true, false).within("Laplace")?.tr())
            }
            Posterior::LowRank(directions, noise, std) => {
                let rows = flat(doubles.map(|gradient| gradient.flatten(1, -1)).collect())?;
                directions.shrink(&(rows * std), *noise)
            }
            Posterior::Kronecker(blocks) => {
                let turned = doubles.zip(blocks).map(|(gradient, (factors, std))| {
                    let (outputs, inputs) = (&factors.outputs.vectors, &factors.inputs.vectors);
                    let turned = outputs.transpose(1, 2).f_matmul(&gradient).and_then(|g| g.f_matmul(inputs));
                    Ok((turned.within("Laplace")? * std).flatten(1, -1))
                });
                flat(turned.collect::<Result<_>>()?)
            }
            Posterior::Diagonal(stds) => {
                flat(doubles.zip(stds).map(|(gradient, std)| (gradient * std).flatten(1, -1)).collect())
            }
        }
    }

    /// What standard normals `[n, elements]` become: deviations of the weights from their means, `[n, groups, outputs, inputs]` each.
    pub fn colour(&self, normals: &Tensor, blocks: &[Block]) -> Result<Vec<Tensor>> {
        let n = normals.size().first().copied().unwrap_or(0);
        let turned = match self {
            Posterior::Full(root) => {
                let root = root.tr();
                root.f_linalg_solve_triangular(&normals.tr(), true, true, false).within("Laplace")?.tr()
            }
            Posterior::LowRank(directions, noise, std) => directions.shrink(normals, *noise)? * std,
            _ => normals.shallow_clone(),
        };
        let lens: Vec<i64> = blocks.iter().map(|block| block.matrix.len()).collect();
        let parts = turned.f_split_with_sizes(lens, 1).within("Laplace")?;
        let parts = parts.into_iter().zip(blocks).enumerate().map(|(i, (part, Block { matrix: m, .. }))| {
            let part = part.reshape([n, m.groups, m.outputs, m.inputs]);
            match self {
                Posterior::Full(_) | Posterior::LowRank(..) => Ok(part),
                Posterior::Diagonal(stds) => Ok(stds.get(i).map_or(part.shallow_clone(), |std| part * std)),
                Posterior::Kronecker(blocks) => {
                    let Some((factors, std)) = blocks.get(i) else { return Ok(part) };
                    let back = factors.outputs.vectors.f_matmul(&(part * std));
                    let back = back.and_then(|b| b.f_matmul(&factors.inputs.vectors.transpose(1, 2)));
                    back.within("Laplace")
                }
            }
        });
        parts.collect()
    }

    /// The functional variance where the layer treated is the net's last, from its inputs, `[n, inputs]` for each block:
    /// `[n, outputs]` along the columns of the matrix that comes with it, one for each block, or along the outputs themselves.
    /// The Kronecker identity: nothing here is as large as examples times outputs squared.
    pub fn of_last(&self, inputs: &[Tensor]) -> Option<Vec<(Tensor, Option<Tensor>)>> {
        let squares = |inputs: &Tensor| inputs.to_kind(Kind::Double).square();
        match self {
            Posterior::Full(_) | Posterior::LowRank(..) => None,
            Posterior::Kronecker(blocks) => {
                let along = |((factors, std), inputs): (&(&Factors, Tensor), &Tensor)| {
                    let turned = inputs.to_kind(Kind::Double).matmul(&factors.inputs.vectors.squeeze_dim(0));
                    let variance = turned.square().matmul(&std.squeeze_dim(0).square().tr());
                    (variance, Some(factors.outputs.vectors.squeeze_dim(0)))
                };
                Some(blocks.iter().zip(inputs).map(along).collect())
            }
            Posterior::Diagonal(stds) => {
                let of = |(std, inputs): (&Tensor, &Tensor)| {
                    (squares(inputs).matmul(&std.squeeze_dim(0).square().tr()), None)
                };
                Some(stds.iter().zip(inputs).map(of).collect())
            }
        }
    }
}

/// Each element's prior precision, `[p]`.
pub(super) fn prior_of(blocks: &[Block], prior: &[f64], like: &Tensor) -> Tensor {
    let options = (like.kind(), like.device());
    let each =
        blocks.iter().zip(prior).map(|(block, prior)| Tensor::full([block.matrix.len()], *prior, options));
    Tensor::cat(&each.collect::<Vec<_>>(), 0)
}
