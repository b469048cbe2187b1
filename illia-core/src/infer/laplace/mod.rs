//! Laplace's approximation: a Gaussian around a trained net's weights, from the curvature of its loss there.
//!
//! The posterior is N(θ, P⁻¹) with P = H / σ² + diag(prior precision), where H is the generalised Gauss-Newton matrix of the
//! negative log-likelihood over the training set (MacKay 1992; Ritter et al. 2018; Daxberger et al. 2021), σ the noise of
//! numbers (1 elsewhere), and θ the weights as they are: the means of random parameters, plain weights, what is frozen. The prior
//! is N(0, 1 / prior precision).
//!
//! ```
//! use illia_core::data::Tensors;
//! use illia_core::infer::laplace::{Laplace, Priors};
//! use illia_core::nn::{Linear, LinearConfig};
//! use tch::{Device, Kind, Tensor, nn};
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! let net = Linear::new(vs.root(), 1, 1, LinearConfig::default()); // trained before
//! let x = Tensor::arange(20, (Kind::Float, Device::Cpu)).unsqueeze(1) / 10.0;
//! let data = Tensors::new(vec![x.shallow_clone()], 2.0 * &x)?;
//!
//! let mut laplace = Laplace::regression(0.5).fit(&net, &data)?;
//! let best = laplace.optimum(Priors::One, true)?; // what the evidence says of prior and noise
//! laplace.set(&best)?;
//! let marginals = laplace.marginals(&net, &x)?;
//! assert_eq!(marginals.variance.size(), [20, 1]);
//! # Ok::<(), illia_core::Error>(())
//! ```

mod blocks;
mod curvature;
mod evidence;
mod file;
mod linearised;
mod low_rank;
mod net;
mod observed;
mod posterior;
mod predict;
#[cfg(test)]
mod tests;

pub use blocks::Subset;
pub use curvature::Structure;
pub use evidence::{Evidence, Optimum, Priors};
pub use predict::{Functional, Marginals};

use tch::nn::ModuleT;
use tch::{Device, Kind, Tensor};

use crate::data::Dataset;
use crate::error::{Error, Result, caught};
use crate::module::BayesianModule;
use crate::noise::Stream;
use crate::parameter::RandomParameter;
use crate::pass;
use blocks::Block;
use curvature::{Curvature, Sums};
use linearised::Run;
use observed::Observed;

/// What is to be approximated, and how: see [the module](self).
#[derive(Clone, Debug)]
pub struct Laplace {
    observed: Observed,
    sigma_noise: f64,
    prior_precision: f64,
    structure: Structure,
    subset: Subset,
    batch_size: usize,
    per_example: bool,
}

/// Numbers of a batch's gradients that are held at a time.
const NUMBERS: i64 = 1 << 24;

impl Laplace {
    fn new(observed: Observed, sigma_noise: f64) -> Self {
        Laplace {
            observed,
            sigma_noise,
            prior_precision: 1.0,
            structure: Structure::default(),
            subset: Subset::default(),
            batch_size: 256,
            per_example: false,
        }
    }

    /// One class of several: the net gives logits `[batch, classes]`, the targets are class numbers `[batch]`
    /// ([`Categorical`](crate::likelihood::Categorical)).
    pub fn classification() -> Self {
        Laplace::new(Observed::Classes, 1.0)
    }

    /// Numbers with Gaussian noise of standard deviation `sigma_noise`, given or to be chosen by the evidence
    /// ([`Gaussian`](crate::likelihood::Gaussian)): outputs `[batch, ..]`, targets likewise.
    pub fn regression(sigma_noise: f64) -> Self {
        Laplace::new(Observed::Numbers, sigma_noise)
    }

    /// Numbers with noise that the net predicts ([`HeteroscedasticGaussian`](crate::likelihood::HeteroscedasticGaussian)):
    /// outputs `[batch, 2 n]`, targets `[batch, n]`.
    pub fn heteroscedastic() -> Self {
        Laplace::new(Observed::Heteroscedastic, 1.0)
    }

    /// How much of the curvature is kept; [`Structure::Kronecker`] by default.
    #[must_use]
    pub fn structure(mut self, structure: Structure) -> Self {
        self.structure = structure;
        self
    }

    /// Which weights are treated; [`Subset::All`] by default.
    #[must_use]
    pub fn subset(mut self, subset: Subset) -> Self {
        self.subset = subset;
        self
    }

    /// The prior's precision, 1 over its variance, for all weights; 1 by default. It may be changed afterwards.
    #[must_use]
    pub fn prior_precision(mut self, precision: f64) -> Self {
        self.prior_precision = precision;
        self
    }

    /// How many examples go through the net at a time, at most; 256 by default.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Says of a forward of your own that it treats each example of a batch by itself, as
    /// [`Predict::per_example`](crate::Predict::per_example) does. Nets of `bnn!` without functions of yours, and the library's
    /// layers, say so themselves; of others the approximation is not defined.
    #[must_use]
    pub fn per_example(mut self) -> Self {
        self.per_example = true;
        self
    }

    /// Goes once through the data, in evaluation mode, and keeps the curvature. The net stays as it is.
    ///
    /// # Errors
    /// [`Error::Configuration`] for settings out of their range, no data, a parameter that has no rule (named), a forward that does not
    /// treat each example by itself, and a curvature that is not finite; what the net and the data return.
    pub fn fit<M: BayesianModule + ModuleT>(&self, net: &M, data: &dyn Dataset) -> Result<FittedLaplace> {
        self.fit_by(net, data, net.per_example() || self.per_example, &|inputs| one_input(net, inputs))
    }

    /// The same for a net of any inputs, whose output `forward` computes from a batch's inputs in evaluation mode. It must treat
    /// each example by itself, which [`per_example`](Self::per_example) says of it.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        data: &dyn Dataset,
        forward: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<FittedLaplace> {
        self.fit_by(net, data, self.per_example, &|inputs| caught(|| forward(inputs))?)
    }

    fn fit_by<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        data: &dyn Dataset,
        alone: bool,
        forward: &dyn Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<FittedLaplace> {
        let _span = tracing::debug_span!(target: "illia::infer", "laplace", examples = data.len()).entered();
        positive("sigma_noise", self.sigma_noise)?;
        positive("prior_precision", self.prior_precision)?;
        if self.batch_size == 0 {
            return Err(Error::configuration("batch_size", 0, "at least 1"));
        }
        if self.structure == Structure::LowRank(0) {
            return Err(Error::configuration("rank", 0, "at least 1"));
        }
        must_be_alone(alone)?;
        let treated = self.subset.of(net)?;
        if data.is_empty() {
            return Err(Error::configuration("data", "no rows", "at least one"));
        }
        let ids: Vec<_> = treated.iter().map(|(_, parameter)| parameter.id()).collect();
        let means: Vec<Tensor> = treated.iter().map(|(_, parameter)| parameter.centre().copy()).collect();
        let device = means.first().map_or(Device::Cpu, Tensor::device);
        let elements: i64 = means.iter().map(|mean| mean.numel() as i64).sum();
        let rows = match self.structure {
            Structure::Kronecker => self.batch_size,
            _ => self.batch_size.min((NUMBERS / elements.max(1)).max(1) as usize),
        };
        let run = Run { parameters: net.parameters(), treated, forward };
        let (mut sums, mut blocks, mut value, mut outputs) = (None, Vec::new(), 0.0, 0);
        let all: Vec<i64> = (0..data.len() as i64).collect();
        let mut chunks = all.chunks(rows).peekable();
        while let Some(chunk) = chunks.next() {
            let batch = data.batch(chunk)?;
            batch.check(chunk.len())?;
            if let Some(next) = chunks.peek() {
                data.prefetch(next);
            }
            let batch = batch.to_device(device)?;
            let linearised = run.linearised(&batch.inputs)?;
            self.observed.check(&linearised.outputs)?;
            let _no_grad = tch::no_grad_guard();
            value += self.observed.value(&linearised.outputs, &batch.target)?;
            if blocks.is_empty() {
                blocks = linearised.blocks(&run.treated)?;
                outputs = linearised.flat().size().get(1).copied().unwrap_or(0);
            }
            let sums = match &mut sums {
                Some(sums) => sums,
                none => none.insert(Sums::new(self.structure, &blocks, device)?),
            };
            sums.add(&linearised, &ids, self.observed)?;
        }
        let Some(sums) = sums else { return Err(Error::configuration("data", "no rows", "at least one")) };
        if !value.is_finite() {
            let allowed = "a finite number: the net's outputs or the targets are not";
            return Err(Error::configuration("log-likelihood", value, allowed));
        }
        let curvature = tch::no_grad(|| sums.finish(&blocks))?;
        Ok(FittedLaplace {
            observed: self.observed,
            per_example: self.per_example,
            fingerprint: file::fingerprint(net)?,
            prior_precision: vec![self.prior_precision; blocks.len()],
            sigma_noise: self.sigma_noise,
            squares: means.iter().map(sum_of_squares).collect(),
            examples: data.len(),
            outputs,
            value,
            blocks,
            means,
            curvature,
            noise: Stream::new(),
        })
    }
}

/// Laplace's approximation around a net: the curvature, kept apart from prior and noise, which may be changed or chosen by the
/// evidence at any time.
#[derive(Debug)]
pub struct FittedLaplace {
    observed: Observed,
    per_example: bool,
    /// Of the net's parameters at the fit.
    fingerprint: u32,
    blocks: Vec<Block>,
    /// Of each block, in the parameter's shape.
    means: Vec<Tensor>,
    /// Of each block: the sum of its means' squares.
    squares: Vec<f64>,
    curvature: Curvature,
    /// One for each block.
    prior_precision: Vec<f64>,
    sigma_noise: f64,
    examples: usize,
    /// Of one example.
    outputs: i64,
    /// [`Observed::value`] over all data.
    value: f64,
    noise: Stream,
}

impl FittedLaplace {
    /// The names of the parameters that are treated, in order.
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().map(|block| block.name.as_str()).collect()
    }

    /// How much of the curvature is kept; of a low rank, how many directions were found.
    pub fn structure(&self) -> Structure {
        match &self.curvature {
            Curvature::Full { .. } => Structure::Full,
            Curvature::Kronecker(_) => Structure::Kronecker,
            Curvature::Diagonal(_) => Structure::Diagonal,
            Curvature::LowRank(low) => {
                Structure::LowRank(low.root.size().first().map_or(0, |&n| n.max(0) as usize))
            }
        }
    }

    /// The prior precision of each treated parameter.
    pub fn prior_precision(&self) -> &[f64] {
        &self.prior_precision
    }

    /// The standard deviation of the targets' noise; 1 but for [`Laplace::regression`].
    pub fn sigma_noise(&self) -> f64 {
        self.sigma_noise
    }

    /// Sets the prior precision: one for all treated parameters, or one for each.
    ///
    /// # Errors
    /// [`Error::Configuration`] for another number of them, or one that is not above 0; then nothing has changed.
    pub fn set_prior_precision(&mut self, precision: &[f64]) -> Result<()> {
        self.prior_precision = self.each_precision(precision)?;
        Ok(())
    }

    /// Sets the standard deviation of the targets' noise.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless it is above 0, and for targets that have no such noise.
    pub fn set_sigma_noise(&mut self, sigma: f64) -> Result<()> {
        self.sigma_noise = self.checked_sigma(sigma)?;
        Ok(())
    }

    /// The curvature H without prior and noise, in double precision, for small nets and for looking at: under [`Structure::Full`] and
    /// [`Structure::LowRank`] one matrix `[p, p]` over all treated parameters in order, under [`Structure::Kronecker`] `[p, p]` for each, under
    /// [`Structure::Diagonal`] `[p]` for each. The elements are in row-major order of the parameter; of a transposed
    /// convolution's kernel the outputs come first, and of a grouped one the blocks stand on the diagonal.
    pub fn hessian(&self) -> Vec<Tensor> {
        tch::no_grad(|| match &self.curvature {
            Curvature::Full { hessian, .. } => vec![hessian.copy()],
            Curvature::LowRank(low) => vec![low.root.tr().matmul(&low.root)],
            Curvature::Diagonal(sums) => sums.iter().map(|sum| sum.flatten(0, -1)).collect(),
            Curvature::Kronecker(factors) => factors
                .iter()
                .map(|factors| {
                    let (outputs, inputs) =
                        (factors.outputs.matrix.unbind(0), factors.inputs.matrix.unbind(0));
                    let groups = outputs.iter().zip(&inputs).map(|(outputs, inputs)| outputs.kron(inputs));
                    Tensor::block_diag(&groups.collect::<Vec<_>>())
                })
                .collect(),
        })
    }

    /// The posterior's precision H / σ² + diag(prior precision), as [`hessian`](Self::hessian) gives H.
    pub fn precision(&self) -> Vec<Tensor> {
        let noise = self.noise_variance();
        let whole = |hessian: Tensor, prior: &Tensor| match hessian.dim() {
            1 => hessian / noise + prior,
            _ => hessian / noise + prior.diag(0),
        };
        let hessians = self.hessian();
        tch::no_grad(|| match (hessians.as_slice(), self.curvature.whole()) {
            ([hessian], Some(_)) => {
                let prior = posterior::prior_of(&self.blocks, &self.prior_precision, hessian);
                vec![whole(hessian.shallow_clone(), &prior)]
            }
            _ => {
                let each =
                    hessians.into_iter().zip(self.blocks.chunks(1)).zip(self.prior_precision.chunks(1));
                each.map(|((hessian, block), prior)| {
                    let prior = posterior::prior_of(block, prior, &hessian);
                    whole(hessian, &prior)
                })
                .collect()
            }
        })
    }

    fn noise_variance(&self) -> f64 {
        self.sigma_noise * self.sigma_noise
    }

    fn elements(&self) -> i64 {
        self.blocks.iter().map(|block| block.matrix.len()).sum()
    }

    /// One for each block, of one or as many.
    fn each_precision(&self, precision: &[f64]) -> Result<Vec<f64>> {
        precision.iter().try_for_each(|&value| positive("prior_precision", value))?;
        match precision {
            [one] => Ok(vec![*one; self.blocks.len()]),
            each if each.len() == self.blocks.len() => Ok(each.to_vec()),
            other => {
                let allowed = format!("one for all, or one for each of {} parameters", self.blocks.len());
                Err(Error::configuration("prior_precision", format!("{} numbers", other.len()), &allowed))
            }
        }
    }

    fn checked_sigma(&self, sigma: f64) -> Result<f64> {
        positive("sigma_noise", sigma)?;
        if self.observed != Observed::Numbers && sigma != 1.0 {
            return Err(Error::configuration("sigma_noise", sigma, "1 but for `Laplace::regression`"));
        }
        Ok(sigma)
    }
}

fn sum_of_squares(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[])
}

fn positive(name: &str, value: f64) -> Result<()> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(Error::configuration(name, value, "a finite number above 0")),
    }
}

fn must_be_alone(alone: bool) -> Result<()> {
    match alone {
        true => Ok(()),
        false => Err(Error::configuration(
            "Laplace",
            "a forward that may mix the examples of a batch",
            "one that treats each by itself; if it does, say `per_example()`",
        )),
    }
}

fn one_input<M: BayesianModule + ModuleT>(net: &M, inputs: &[Tensor]) -> Result<Tensor> {
    match inputs {
        [x] => pass::forward(net, x, false),
        _ => Err(Error::configuration("inputs", inputs.len(), "one; nets of several have the `_with` forms")),
    }
}

/// The net's parameters of these names, whose weights must still be those that the approximation was made around.
fn treated_of<'a, M: BayesianModule + ?Sized>(
    net: &'a M,
    blocks: &[Block],
    means: &[Tensor],
) -> Result<Vec<(String, &'a RandomParameter)>> {
    let all = net.named_parameters();
    let mut treated = Vec::with_capacity(blocks.len());
    for (block, mean) in blocks.iter().zip(means) {
        let found = all.iter().find(|(name, _)| *name == block.name);
        let Some((name, parameter)) = found.filter(|(_, parameter)| parameter.mu().size() == block.shape)
        else {
            let allowed = format!("the one of the fit, with `{}` of size {:?}", block.name, block.shape);
            return Err(Error::configuration("net", "another", &allowed));
        };
        let now = parameter.centre();
        if now.kind() != mean.kind() || !now.f_equal(&mean.to_device(now.device())).unwrap_or(false) {
            let allowed = "the one of the fit: its weights have changed since, so fit again";
            return Err(Error::configuration("net", format!("one whose `{name}` is another"), allowed));
        }
        treated.push((name.clone(), *parameter));
    }
    Ok(treated)
}
