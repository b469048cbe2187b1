//! Prediction with uncertainty: all draws' outputs, and what follows from them.

use tch::Tensor;
use tch::nn::ModuleT;

use crate::error::{Error, Result, caught, floating};
use crate::likelihood::{Likelihood, Uncertainty};
use crate::module::{BayesianModule, OneDraw, Visitor};
use crate::parameter::{Purpose, Stack};

/// How predictions are made: how many draws, and how many examples at a time.
///
/// Every draw is one function: all examples of a prediction see the same weights, so that differences
/// between examples are the function's own. Where only each example's own distribution is wanted,
/// [`marginal`](Self::marginal) gets it for less.
///
/// ```
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::Predict;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root(), 5, 3, LinearConfig::default());
/// let prediction = Predict::new().draws(20).run(&net, &Tensor::ones([4, 5], (Kind::Float, Device::Cpu)))?;
/// assert_eq!(prediction.outputs().size(), [20, 4, 3]);
/// assert_eq!(prediction.mean().size(), [4, 3]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Predict {
    draws: usize,
    batch_size: usize,
    marginal: bool,
}

/// Rows of several draws that go through a net in one forward: enough to hide what a call costs, few enough for their
/// activations to stay in the cache. With one set of weights for each draw, those fill it sooner.
const ROWS: usize = 256;
const MARGINAL_ROWS: usize = 1024;

/// Examples that go through a convolutional net at a time: its activations are larger than its weights.
const CONVOLUTIONAL_ROWS: usize = 32;

/// Weights of several draws held at a time.
const WEIGHTS: usize = 4 << 20;

impl Default for Predict {
    /// 100 draws, at most 1024 examples at a time.
    fn default() -> Self {
        Predict { draws: 100, batch_size: 1024, marginal: false }
    }
}

impl Predict {
    /// 100 draws, at most 1024 examples at a time.
    pub fn new() -> Self {
        Predict::default()
    }

    /// How many draws; a frozen net gives the same for each.
    #[must_use]
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// How many examples go through the net at a time, at most: what bounds the memory, whatever the number of draws.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Only each example's own predictive distribution: the draws of two examples no longer belong together.
    ///
    /// A layer that maps one vector for each example may then draw its outputs rather than its weights, from the normal
    /// distribution that they have given the layer's input. For each example alone that is exact as long as each such layer
    /// is used once in a forward; it needs far less noise and arithmetic where examples are few. Where one function for
    /// many examples is wanted (a curve, a difference, a regret), leave it out.
    #[must_use]
    pub fn marginal(mut self) -> Self {
        self.marginal = true;
        self
    }

    /// The outputs of `net` for `x` `[batch, ..]` in evaluation mode, without gradients.
    ///
    /// The forward must treat each example by itself: examples go through it in parts, and those of several draws at once. One
    /// that mixes them (subtracts the batch's mean, say) would mix parts and draws; layers and the macros' ops don't.
    ///
    /// # Errors
    /// [`Error::Configuration`] for no draw, no example a time, or an `x` without batch axis.
    pub fn run<M: BayesianModule + ModuleT>(&self, net: &M, x: &Tensor) -> Result<Prediction> {
        for (name, value) in [("draws", self.draws), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        if x.dim() == 0 {
            return Err(Error::configuration("x", "a scalar", "a batch of examples"));
        }
        let _no_grad = tch::no_grad_guard();
        let shape = Weights::of(net);
        let limit =
            if shape.convolutional { CONVOLUTIONAL_ROWS.min(self.batch_size) } else { self.batch_size };
        let batches = x.split(limit as i64, 0);
        let rows = batches.first().and_then(|x| x.size().first().copied()).unwrap_or(1).max(1);
        let at_a_time = self.draws_at_a_time(&shape, rows as usize);
        if at_a_time > 1 && (self.marginal || batches.len() == 1) {
            // A layer that does not take part, or a forward that moves the batch axis, stops; if the mistake was
            // the caller's, it comes again below.
            if let Ok(outputs) = self.stacked(net, &batches, at_a_time) {
                return Ok(Prediction { outputs });
            }
        }
        self.one_by_one(net, &batches)
    }

    /// Draws to compute in one forward over `rows` examples.
    fn draws_at_a_time(&self, net: &Weights, rows: usize) -> usize {
        let (most_rows, weights) = match self.marginal {
            true => (MARGINAL_ROWS, net.drawn_in_marginal),
            false => (ROWS, net.drawn),
        };
        let by_rows = most_rows.min(self.batch_size) / rows;
        by_rows.min(WEIGHTS / weights.max(1)).clamp(1, self.draws)
    }

    /// Draw after draw, each over all examples.
    fn one_by_one<M: BayesianModule + ModuleT>(&self, net: &M, batches: &[Tensor]) -> Result<Prediction> {
        let stack = Stack { draws: 1, rows: 0, marginal: false, input: 0 };
        let scope = OneDraw::open(net, Purpose::Predict(stack));
        let mut draws = Vec::with_capacity(self.draws);
        for _ in 0..self.draws {
            let outputs: Vec<Tensor> =
                batches.iter().map(|x| caught(|| net.forward_t(x, false))).collect::<Result<_>>()?;
            draws.push(Tensor::f_cat(&outputs, 0).map_err(|e| Error::torch("outputs", &e))?);
            scope.renew();
        }
        let outputs = Tensor::f_stack(&draws, 0).map_err(|e| Error::torch("outputs", &e))?;
        Ok(Prediction { outputs })
    }

    /// Several draws in one forward: the examples once for each draw, behind each other in the batch axis.
    fn stacked<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        batches: &[Tensor],
        at_a_time: usize,
    ) -> Result<Tensor> {
        let torch = |e| Error::torch("outputs", &e);
        let mut all = Vec::with_capacity(batches.len());
        for x in batches {
            let rows = x.size().first().copied().unwrap_or(1);
            let mut repeats = vec![1; x.dim()];
            if let Some(first) = repeats.first_mut() {
                *first = at_a_time as i64;
            }
            let repeated = x.f_repeat(&repeats).map_err(torch)?;
            let mut of_batch = Vec::new();
            let input = repeated.data_ptr() as usize;
            let stack = Stack { draws: at_a_time as i64, rows, marginal: self.marginal, input };
            let scope = OneDraw::open(net, Purpose::Predict(stack));
            for first in (0..self.draws).step_by(at_a_time) {
                let draws = at_a_time.min(self.draws - first) as i64;
                if draws < stack.draws {
                    scope.set_draws(draws);
                }
                let output = caught(|| net.forward_t(&repeated.narrow(0, 0, draws * rows), false))?;
                let mut shape = vec![draws, rows];
                shape.extend(output.size().iter().skip(1));
                of_batch.push(output.f_reshape(shape).map_err(torch)?);
                scope.renew();
            }
            all.push(Tensor::f_cat(&of_batch, 0).map_err(torch)?);
        }
        Tensor::f_cat(&all, 1).map_err(torch)
    }
}

/// What a net's weights say about how to compute it.
#[derive(Default)]
struct Weights {
    /// How many one draw has; and those of them that are drawn where outputs are drawn instead of a layer's weights.
    drawn: usize,
    drawn_in_marginal: usize,
    convolutional: bool,
}

impl Weights {
    fn of<M: BayesianModule + ?Sized>(net: &M) -> Weights {
        let mut all = Weights::default();
        net.visit(&mut Visitor::new(&mut |_, parameter| {
            let size = if parameter.is_random() { parameter.num_weights() } else { 0 };
            all.drawn += size;
            all.drawn_in_marginal += if parameter.mu().dim() > 2 { size } else { 0 };
            all.convolutional |= parameter.mu().dim() > 2;
        }));
        all
    }
}

/// All draws' outputs for a batch.
#[derive(Debug)]
pub struct Prediction {
    outputs: Tensor,
}

impl Prediction {
    /// From outputs `[draws, batch, ..]` made elsewhere: by an ensemble, say.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are at least one draw and a batch axis; [`Error::Configuration`] for whole numbers.
    pub fn from_outputs(outputs: Tensor) -> Result<Self> {
        let given = outputs.size();
        if given.len() < 2 || given.first().is_none_or(|&draws| draws < 1) {
            let expected = "[draws, batch, ..]".to_owned();
            return Err(Error::Shape { layer: "Prediction".to_owned(), expected, given });
        }
        floating("outputs", &outputs)?;
        Ok(Prediction { outputs })
    }

    /// `[draws, batch, ..]`.
    pub fn outputs(&self) -> &Tensor {
        &self.outputs
    }

    /// How many draws.
    pub fn draws(&self) -> usize {
        self.outputs.size().first().map_or(0, |&draws| draws as usize)
    }

    /// The same draws through a function of the outputs: `prediction.map(|o| o.softmax(-1, Kind::Float))`.
    #[must_use]
    pub fn map(&self, f: impl FnOnce(&Tensor) -> Tensor) -> Prediction {
        Prediction { outputs: f(&self.outputs) }
    }

    /// The mean over the draws, `[batch, ..]`.
    pub fn mean(&self) -> Tensor {
        self.outputs.mean_dim(0i64, false, self.outputs.kind())
    }

    /// The standard deviation over the draws, `[batch, ..]`: with n - 1 in the denominator; 0 for a single draw.
    pub fn std(&self) -> Tensor {
        if self.draws() < 2 {
            return self.mean().zeros_like();
        }
        self.outputs.std_dim(0i64, true, false)
    }

    /// The `q`-quantile over the draws, `[batch, ..]`, interpolated between neighbours.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless 0 <= q <= 1.
    pub fn quantile(&self, q: f64) -> Result<Tensor> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::configuration("quantile", q, "from 0 to 1"));
        }
        // Sorted by hand: libtorch's own quantile refuses more than 16 million elements.
        let (sorted, _) = self.outputs.sort(0, false);
        let position = q * (self.draws().saturating_sub(1)) as f64;
        let (low, high) = (position.floor() as i64, position.ceil() as i64);
        Ok(sorted.select(0, low).lerp(&sorted.select(0, high), position - position.floor()))
    }

    /// The central interval that holds `level` of the draws: (low, high), each `[batch, ..]`.
    ///
    /// Of the outputs, not of observations: a likelihood's noise is not in it
    /// ([`Likelihood`] has those intervals).
    ///
    /// # Errors
    /// [`Error::Configuration`] unless 0 <= level <= 1.
    pub fn interval(&self, level: f64) -> Result<(Tensor, Tensor)> {
        if !(0.0..=1.0).contains(&level) {
            return Err(Error::configuration("level", level, "from 0 to 1"));
        }
        Ok((self.quantile(0.5 - level / 2.0)?, self.quantile(0.5 + level / 2.0)?))
    }

    /// Total, aleatoric and epistemic uncertainty of each example, `[batch]`: in nats for classes, as variances for
    /// numbers.
    pub fn uncertainty(&self, likelihood: &dyn Likelihood) -> Uncertainty {
        likelihood.uncertainty(&self.outputs)
    }

    /// The log of the predictive density of the targets, `[batch]`, in nats: the likelihood averaged over the draws.
    ///
    /// # Errors
    /// What the likelihood returns for targets that it does not fit.
    pub fn log_predictive(&self, likelihood: &dyn Likelihood, target: &Tensor) -> Result<Tensor> {
        likelihood.log_predictive(&self.outputs, target)
    }

    /// E[y | x] under the likelihood, averaged over the draws: probabilities for classes.
    pub fn predictive_mean(&self, likelihood: &dyn Likelihood) -> Tensor {
        let mean = likelihood.mean(&self.outputs);
        mean.mean_dim(0i64, false, mean.kind())
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn quantiles_interpolate_between_draws() {
        let outputs = Tensor::from_slice(&[3f64, 1.0, 2.0, 4.0]).reshape([4, 1]).to_kind(Kind::Float);
        let prediction = Prediction::from_outputs(outputs).unwrap();
        let at = |q| prediction.quantile(q).unwrap().double_value(&[0]);
        assert_eq!([at(0.0), at(0.5), at(1.0)], [1.0, 2.5, 4.0]);
        assert!((at(0.25) - 1.75).abs() < 1e-6);
        assert!(prediction.quantile(1.5).is_err());
    }
}
