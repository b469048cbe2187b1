//! A fitted approximation in a file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::blocks::Block;
use super::curvature::{Curvature, Factors, Structure};
use super::low_rank::LowRank;
use super::observed::Observed;
use super::{FittedLaplace, positive, sum_of_squares, treated_of};
use crate::checkpoint::file::{self, File, Want, unusable};
use crate::error::{Error, Result, Unusable};
use crate::files::bytes_of;
use crate::module::BayesianModule;
use crate::noise::Stream;

/// What stands in the file beside its tensors.
#[derive(Serialize, Deserialize)]
struct State {
    laplace: Settings,
}

#[derive(Serialize, Deserialize)]
struct Settings {
    /// Of the net's parameters at the fit.
    fingerprint: u32,
    observed: Observed,
    per_example: bool,
    structure: Structure,
    blocks: Vec<Block>,
    prior_precision: Vec<f64>,
    sigma_noise: f64,
    examples: usize,
    outputs: i64,
    value: f64,
}

const MEAN: &str = "mean/";
const INPUTS: &str = "inputs/";
const OUTPUTS: &str = "outputs/";
const DIAGONAL: &str = "diagonal/";
const HESSIAN: &str = "hessian";
const ROOT: &str = "root";

impl FittedLaplace {
    /// Writes everything to `path`: the means, the curvature, prior, noise, and a fingerprint of the net's weights. The net itself
    /// has a file of its own ([`checkpoint::save`](crate::checkpoint::save)).
    ///
    /// # Errors
    /// [`Error::Io`] where the file can't be written; what stood there before still does.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut tensors = BTreeMap::new();
        let mut add = |before: &str, name: &str, tensor: &Tensor| {
            tensors.insert(format!("{before}{name}"), tensor.shallow_clone());
        };
        for (i, (block, mean)) in self.blocks.iter().zip(&self.means).enumerate() {
            add(MEAN, &block.name, mean);
            match &self.curvature {
                Curvature::Full { hessian, .. } => add(HESSIAN, "", hessian),
                Curvature::LowRank(low) => add(ROOT, "", &low.root),
                Curvature::Kronecker(factors) => {
                    if let Some(factors) = factors.get(i) {
                        add(INPUTS, &block.name, &factors.inputs.matrix);
                        add(OUTPUTS, &block.name, &factors.outputs.matrix);
                    }
                }
                Curvature::Diagonal(sums) => {
                    if let Some(sum) = sums.get(i) {
                        add(DIAGONAL, &block.name, sum);
                    }
                }
            }
        }
        let laplace = Settings {
            fingerprint: self.fingerprint,
            observed: self.observed,
            per_example: self.per_example,
            structure: self.structure(),
            blocks: self.blocks.clone(),
            prior_precision: self.prior_precision.clone(),
            sigma_noise: self.sigma_noise,
            examples: self.examples,
            outputs: self.outputs,
            value: self.value,
        };
        let json = serde_json::to_string(&State { laplace });
        let json = json.map_err(|e| Error::configuration("laplace", e, "numbers that JSON has"))?;
        file::write(path.as_ref(), &tensors, &json)
    }

    /// Reads what [`save`](Self::save) wrote, for the net that it was fitted to.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for a file that is missing, damaged, of something else, of a newer format, or of a net with other weights.
    pub fn load<M: BayesianModule + ?Sized>(net: &M, path: impl AsRef<Path>) -> Result<FittedLaplace> {
        let path = path.as_ref();
        let file = File::read(path, &|name| match [MEAN, INPUTS, OUTPUTS, DIAGONAL, HESSIAN, ROOT]
            .iter()
            .any(|known| name.starts_with(known))
        {
            true => Want::Keep,
            false => Want::Refuse(format!("the file has `{name}`, which no Laplace approximation has")),
        })?;
        let damaged = |what: String| unusable(path, Unusable::Damaged(what));
        let text = file.state.as_deref().unwrap_or_default();
        let State { laplace } = serde_json::from_str(text)
            .map_err(|e| damaged(format!("it holds no Laplace approximation: {e}")))?;
        laplace.check().map_err(|e| damaged(e.to_string()))?;
        if laplace.fingerprint != fingerprint(net)? {
            let difference = "it was fitted to a net with other weights".to_owned();
            return Err(unusable(path, Unusable::Architecture(difference)));
        }
        let tensors = Reader { path, file: &file };
        let means = laplace.blocks.iter().map(|block| tensors.read(MEAN, &block.name, &block.shape, None));
        let means = means.collect::<Result<Vec<_>>>()?;
        let treated = treated_of(net, &laplace.blocks, &means)
            .map_err(|e| unusable(path, Unusable::Architecture(e.to_string())))?;
        let to_net =
            |mean: Tensor, (_, own): &(_, &crate::RandomParameter)| mean.to_device(own.mu().device());
        let means: Vec<Tensor> =
            means.into_iter().zip(&treated).map(|(mean, own)| to_net(mean, own)).collect();
        let curvature = tch::no_grad(|| tensors.curvature(&laplace, &means))?;
        let kept = means.len() + laplace.tensors();
        if file.entries().count() != kept {
            return Err(damaged(format!("it should have {kept} tensors")));
        }
        Ok(FittedLaplace {
            observed: laplace.observed,
            per_example: laplace.per_example,
            fingerprint: laplace.fingerprint,
            squares: means.iter().map(sum_of_squares).collect(),
            blocks: laplace.blocks,
            means,
            curvature,
            prior_precision: laplace.prior_precision,
            sigma_noise: laplace.sigma_noise,
            examples: laplace.examples,
            outputs: laplace.outputs,
            value: laplace.value,
            noise: Stream::new(),
        })
    }
}

impl Settings {
    /// Refuses numbers that no fit has.
    fn check(&self) -> Result<()> {
        self.prior_precision.iter().try_for_each(|&value| positive("prior_precision", value))?;
        positive("sigma_noise", self.sigma_noise)?;
        let fits = |block: &Block| {
            let m = block.matrix;
            let sizes = [m.groups, m.outputs, m.inputs];
            let product = |sizes: &[i64]| {
                let positive = sizes.iter().all(|&n| n > 0);
                sizes.iter().try_fold(1i64, |product, &n| product.checked_mul(n)).filter(|_| positive)
            };
            product(&sizes).is_some_and(|len| Some(len) == product(&block.shape))
        };
        let whole = !self.blocks.is_empty()
            && self.blocks.iter().all(fits)
            && self.prior_precision.len() == self.blocks.len()
            && self.examples > 0
            && self.outputs > 0
            && self.value.is_finite();
        match whole {
            true => Ok(()),
            false => Err(Error::configuration("laplace", "in the file", "numbers of a fit")),
        }
    }

    /// How many tensors the curvature is.
    fn tensors(&self) -> usize {
        match self.structure {
            Structure::Full | Structure::LowRank(_) => 1,
            Structure::Kronecker => 2 * self.blocks.len(),
            Structure::Diagonal => self.blocks.len(),
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    file: &'a File,
}

impl Reader<'_> {
    /// The tensor, which must be of this shape and kind (any if none is said) and finite.
    fn read(&self, before: &str, name: &str, shape: &[i64], kind: Option<Kind>) -> Result<Tensor> {
        let name = format!("{before}{name}");
        let damaged = |what: &str| unusable(self.path, Unusable::Damaged(format!("`{name}` {what}")));
        let entry = self.file.entry(&name).ok_or_else(|| damaged("is missing"))?;
        if entry.shape != shape || kind.is_some_and(|kind| kind != entry.kind) {
            return Err(damaged(&format!("is not of shape {shape:?}, or of another kind")));
        }
        if !self.file.is_finite(entry, false) {
            return Err(unusable(self.path, Unusable::NonFinite(name)));
        }
        self.file.tensor(entry)
    }

    fn curvature(&self, laplace: &Settings, means: &[Tensor]) -> Result<Curvature> {
        let device = means.first().map_or(tch::Device::Cpu, Tensor::device);
        let read = |before: &str, name: &str, shape: &[i64]| {
            Ok(self.read(before, name, shape, Some(Kind::Double))?.to_device(device))
        };
        let p: i64 = laplace.blocks.iter().map(|block| block.matrix.len()).sum();
        match laplace.structure {
            Structure::Full => Curvature::full(read(HESSIAN, "", &[p, p])?),
            Structure::LowRank(rank) => {
                Ok(Curvature::LowRank(LowRank::new(read(ROOT, "", &[rank as i64, p])?)?))
            }
            Structure::Kronecker => {
                let each = laplace.blocks.iter().map(|Block { name, matrix: m, .. }| {
                    let inputs = read(INPUTS, name, &[m.groups, m.inputs, m.inputs])?;
                    Factors::new(name, inputs, read(OUTPUTS, name, &[m.groups, m.outputs, m.outputs])?)
                });
                Ok(Curvature::Kronecker(each.collect::<Result<_>>()?))
            }
            Structure::Diagonal => {
                let each = laplace.blocks.iter().map(|Block { name, matrix: m, .. }| {
                    read(DIAGONAL, name, &[m.groups, m.outputs, m.inputs])
                });
                Curvature::diagonal(&laplace.blocks, each.collect::<Result<_>>()?)
            }
        }
    }
}

/// A hash of the names, shapes and bits of what stands for each of the net's parameters.
pub(super) fn fingerprint<M: BayesianModule + ?Sized>(net: &M) -> Result<u32> {
    let mut crc = crc32fast::Hasher::new();
    for (name, parameter) in net.named_parameters() {
        let centre = parameter.centre();
        crc.update(format!("{name} {:?} {:?}\n", centre.kind(), centre.size()).as_bytes());
        crc.update(&bytes_of(&centre)?);
    }
    Ok(crc.finalize())
}
