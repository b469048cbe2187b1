//! The curvature of the loss around the means: the generalised Gauss-Newton matrix H = sum over examples of Jᵀ Λ J, whole or
//! in part. The noise and the prior are not in it.

use tch::{Device, Kind, Tensor};

use super::blocks::{Block, finite};
use super::linearised::Linearised;
use super::low_rank::{self, LowRank};
use super::observed::Observed;
use crate::error::{Error, Result, Within};
use crate::parameter::ParameterId;
use crate::pass::record::squares;

/// How much of the curvature is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Structure {
    /// All of it, `[p, p]` for `p` weights: for some thousands of them.
    Full,
    /// For each parameter the Kronecker product of a matrix over a layer's outputs and one over its inputs, nothing across
    /// parameters ("KFAC-expand": Martens & Grosse 2015; Eschenhagen et al. 2023).
    #[default]
    Kronecker,
    /// The diagonal.
    Diagonal,
    /// So many of its largest eigenvalues with their eigenvectors, over all treated parameters together: `[rank, p]` numbers. They are
    /// found batch by batch, of which only the largest directions are kept; exact where the curvature has no more than `rank`.
    LowRank(usize),
}

/// The largest matrix that is decomposed, on a side: beyond it takes hours and gigabytes.
const LARGEST: i64 = 1 << 14;

/// The sum over the batches so far, in double precision.
pub(super) enum Sums {
    Full(Tensor),
    /// For each block the two factors, `[groups, inputs, inputs]` and `[groups, outputs, outputs]`, and over how many places of
    /// examples the first is summed.
    Kronecker(Vec<(Tensor, Tensor, i64)>),
    Diagonal(Vec<Tensor>),
    LowRank(low_rank::Sum),
}

/// The whole sum, decomposed where that is needed.
#[derive(Debug)]
pub(super) enum Curvature {
    Full {
        /// `[p, p]`.
        hessian: Tensor,
        /// Ascending, none below 0.
        eigenvalues: Tensor,
    },
    Kronecker(Vec<Factors>),
    /// For each block `[groups, outputs, inputs]`.
    Diagonal(Vec<Tensor>),
    LowRank(LowRank),
}

/// A block outputs ⊗ inputs, one for each group, and the eigenvalues and eigenvectors of both.
#[derive(Debug)]
pub(super) struct Factors {
    pub inputs: Spectrum,
    pub outputs: Spectrum,
}

/// A symmetric matrix for each group, `[groups, n, n]`.
#[derive(Debug)]
pub(super) struct Spectrum {
    pub matrix: Tensor,
    /// `[groups, n]`, none below 0.
    pub values: Tensor,
    /// In the columns, `[groups, n, n]`.
    pub vectors: Tensor,
}

impl Sums {
    pub fn new(structure: Structure, blocks: &[Block], device: Device) -> Result<Sums> {
        let zeros = |size: &[i64]| Tensor::f_zeros(size, (Kind::Double, device)).within("Laplace");
        let square = |name: &str, groups: i64, n: i64| {
            if n > LARGEST {
                let allowed =
                    format!("at most {LARGEST} on a side for {name}; `Structure::Diagonal` needs none");
                return Err(Error::configuration("matrix to decompose", n, &allowed));
            }
            zeros(&[groups, n, n])
        };
        let p: i64 = blocks.iter().map(|block| block.matrix.len()).sum();
        Ok(match structure {
            Structure::LowRank(rank) => {
                Sums::LowRank(low_rank::Sum::new(zeros(&[0, p])?, (rank as i64).min(p)))
            }
            Structure::Full => Sums::Full(square("all weights", 1, p)?.squeeze_dim(0)),
            Structure::Kronecker => {
                let factors = blocks.iter().map(|Block { name, matrix: m, .. }| {
                    Ok((square(name, m.groups, m.inputs)?, square(name, m.groups, m.outputs)?, 0))
                });
                Sums::Kronecker(factors.collect::<Result<_>>()?)
            }
            Structure::Diagonal => {
                let each =
                    blocks.iter().map(|Block { matrix: m, .. }| zeros(&[m.groups, m.outputs, m.inputs]));
                Sums::Diagonal(each.collect::<Result<_>>()?)
            }
        })
    }

    /// Adds a batch.
    pub fn add(&mut self, batch: &Linearised, ids: &[ParameterId], observed: Observed) -> Result<()> {
        let flat = batch.flat();
        let inputs: Vec<Tensor> = ids.iter().map(|&id| batch.inputs_of(id)).collect();
        if let Sums::Kronecker(factors) = self {
            for ((of_inputs, _, places), inputs) in factors.iter_mut().zip(&inputs) {
                let rows = inputs.transpose(0, 1).flatten(1, 2);
                *of_inputs += rows.transpose(1, 2).f_matmul(&rows).within("Laplace")?.to_kind(Kind::Double);
                *places += rows.size().get(1).copied().unwrap_or(0);
            }
        }
        if batch.is_last && self.add_last(&flat, &inputs, observed) {
            return Ok(());
        }
        for k in 0..flat.size().get(1).copied().unwrap_or(0) {
            let gradients = batch.gradients(&observed.root(&flat, k))?;
            match self {
                Sums::Full(sum) => {
                    let rows = batch.rows(ids, &gradients)?;
                    *sum += rows.tr().f_matmul(&rows).within("Laplace")?.to_kind(Kind::Double);
                }
                Sums::LowRank(sum) => sum.add(&batch.rows(ids, &gradients)?)?,
                Sums::Kronecker(factors) => {
                    for ((_, of_outputs, _), &id) in factors.iter_mut().zip(ids) {
                        let rows = batch.outputs_of(id, &gradients).transpose(0, 1).flatten(1, 2);
                        *of_outputs +=
                            rows.transpose(1, 2).f_matmul(&rows).within("Laplace")?.to_kind(Kind::Double);
                    }
                }
                Sums::Diagonal(sums) => {
                    for ((sum, &id), inputs) in sums.iter_mut().zip(ids).zip(&inputs) {
                        *sum += squares(&batch.outputs_of(id, &gradients), inputs)?.to_kind(Kind::Double);
                    }
                }
            }
        }
        Ok(())
    }

    /// The last layer alone: its outputs are the net's, so that no gradient is needed, whatever the number of classes. False where
    /// there is no such shorter way.
    fn add_last(&mut self, outputs: &Tensor, inputs: &[Tensor], observed: Observed) -> bool {
        match self {
            Sums::Full(_) | Sums::LowRank(_) => return false,
            Sums::Kronecker(factors) => {
                let of_batch = observed.summed(outputs);
                for (_, of_outputs, _) in factors {
                    *of_outputs += &of_batch;
                }
            }
            Sums::Diagonal(sums) => {
                let diagonal = observed.diagonal(outputs);
                for (sum, inputs) in sums.iter_mut().zip(inputs) {
                    let squares = inputs.flatten(0, 2).square();
                    *sum += diagonal.tr().matmul(&squares).to_kind(Kind::Double);
                }
            }
        }
        true
    }

    /// The sum as it is used.
    pub fn finish(self, blocks: &[Block]) -> Result<Curvature> {
        let name = |i: usize| blocks.get(i).map_or("", |block| block.name.as_str());
        match self {
            Sums::Full(hessian) => Curvature::full(hessian),
            Sums::LowRank(sum) => Ok(Curvature::LowRank(sum.finish()?)),
            Sums::Kronecker(factors) => {
                let factors = factors.into_iter().enumerate().map(|(i, (inputs, outputs, places))| {
                    Factors::new(name(i), inputs / places.max(1) as f64, outputs)
                });
                Ok(Curvature::Kronecker(factors.collect::<Result<_>>()?))
            }
            Sums::Diagonal(sums) => Curvature::diagonal(blocks, sums),
        }
    }
}

impl Curvature {
    pub fn full(hessian: Tensor) -> Result<Curvature> {
        finite("all weights", &hessian)?;
        let eigenvalues = hessian.f_linalg_eigvalsh("L").within("Laplace")?;
        let eigenvalues = not_negative("all weights", &eigenvalues)?;
        Ok(Curvature::Full { hessian, eigenvalues })
    }

    pub fn diagonal(blocks: &[Block], sums: Vec<Tensor>) -> Result<Curvature> {
        for (block, sum) in blocks.iter().zip(&sums) {
            finite(&block.name, sum)?;
            let _ = not_negative(&block.name, sum)?;
        }
        Ok(Curvature::Diagonal(sums))
    }

    /// The eigenvalues of the whole matrix, without some that are 0; None where it is known by blocks.
    pub fn whole(&self) -> Option<&Tensor> {
        match self {
            Curvature::Full { eigenvalues, .. } => Some(eigenvalues),
            Curvature::LowRank(low) => Some(&low.eigenvalues),
            Curvature::Kronecker(_) | Curvature::Diagonal(_) => None,
        }
    }

    /// The eigenvalues of each block, in no order; None where blocks are not apart.
    pub fn eigenvalues(&self, block: usize) -> Option<Tensor> {
        match self {
            Curvature::Full { .. } | Curvature::LowRank(_) => None,
            Curvature::Kronecker(factors) => {
                factors.get(block).map(|factors| factors.eigenvalues().flatten(0, -1))
            }
            Curvature::Diagonal(sums) => sums.get(block).map(|sum| sum.flatten(0, -1)),
        }
    }
}

impl Factors {
    pub fn new(name: &str, inputs: Tensor, outputs: Tensor) -> Result<Factors> {
        Ok(Factors { inputs: Spectrum::new(name, inputs)?, outputs: Spectrum::new(name, outputs)? })
    }

    /// `[groups, outputs, inputs]`.
    pub fn eigenvalues(&self) -> Tensor {
        self.outputs.values.unsqueeze(2) * self.inputs.values.unsqueeze(1)
    }
}

impl Spectrum {
    fn new(name: &str, matrix: Tensor) -> Result<Spectrum> {
        finite(name, &matrix)?;
        let (values, vectors) = matrix.f_linalg_eigh("L").within(name)?;
        Ok(Spectrum { values: not_negative(name, &values)?, vectors, matrix })
    }
}

/// Values that can be below 0 by rounding only, without those.
fn not_negative(name: &str, values: &Tensor) -> Result<Tensor> {
    if values.numel() == 0 {
        return Ok(values.shallow_clone());
    }
    let (low, high) = (values.min().double_value(&[]), values.abs().max().double_value(&[]));
    // A sum of squares in single precision errs by less.
    if low < -1e-4 * high {
        let allowed = "a matrix without negative directions";
        return Err(Error::configuration(&format!("curvature of {name}"), low, allowed));
    }
    Ok(values.clamp_min(0.0))
}
