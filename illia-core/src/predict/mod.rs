//! Prediction with uncertainty: all draws' outputs, and what follows from them.

use tch::nn::ModuleT;
use tch::{Kind, TchError, Tensor};

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

/// Rows that go through a convolutional net at a time, of one draw or several: its activations are larger than its weights, and
/// where they outgrow the cache, the allocator also hands their memory back to the system and gets it anew each time.
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
    /// A forward that treats each example by itself, as layers and the macros' ops do, gets the examples in parts, and those
    /// of several draws at once. Whether it does is tried on a few examples first; one that mixes the examples of a batch
    /// (subtracts their mean, passes messages between them) gets all of them at once, draw by draw.
    ///
    /// # Errors
    /// [`Error::Configuration`] for no draw, no example a time, an `x` without batch axis, or more examples than
    /// [`batch_size`](Self::batch_size) for a forward that mixes them.
    pub fn run<M: BayesianModule + ModuleT>(&self, net: &M, x: &Tensor) -> Result<Prediction> {
        for (name, value) in [("draws", self.draws), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        let Some(&examples) = x.size().first() else {
            return Err(Error::configuration("x", "a scalar", "a batch of examples"));
        };
        let _no_grad = tch::no_grad_guard();
        let shape = Weights::of(net);
        let limit = if shape.convolutional { CONVOLUTIONAL_ROWS } else { self.batch_size };
        let rows = self.batch_size.min(limit).min(examples.max(1) as usize);
        let parts = x.split(rows as i64, 0);
        let at_a_time = self.draws_at_a_time(&shape, rows);
        let stacks = at_a_time > 1 && (self.marginal || parts.len() == 1);
        if examples == 0 || !(stacks || parts.len() > 1) {
            return self.one_by_one(net, &parts);
        }
        let start = Position::of(net);
        let at_a_time = if stacks { at_a_time } else { 1 };
        if let Some(outputs) = self.attempt(net, &parts, at_a_time, &start) {
            return Ok(Prediction { outputs });
        }
        // No more examples than may go through the net at a time.
        let batch = x.narrow(0, 0, examples.min(self.batch_size as i64));
        let mixes = mixes(net, &batch, &start);
        start.restore(net);
        match mixes {
            // A layer that can't tell draws apart only loses speed; a caller's mistake comes again.
            false => self.one_by_one(net, &parts),
            true if batch.size() == x.size() => self.one_by_one(net, &[batch]),
            true => Err(Error::configuration(
                "batch_size",
                self.batch_size,
                &format!("at least all {examples} examples for a forward that mixes the examples of a batch"),
            )),
        }
    }

    /// Draws to compute in one forward over `rows` examples.
    fn draws_at_a_time(&self, net: &Weights, rows: usize) -> usize {
        let (most_rows, weights) = match self.marginal {
            _ if !net.stackable => return 1,
            true => (MARGINAL_ROWS, net.drawn_in_marginal),
            false => (ROWS, net.drawn),
        };
        let most_rows = if net.convolutional { CONVOLUTIONAL_ROWS } else { most_rows };
        let by_rows = most_rows.min(self.batch_size) / rows;
        by_rows.min(WEIGHTS / weights.max(1)).clamp(1, self.draws)
    }

    /// Draw after draw, each over all examples.
    fn one_by_one<M: BayesianModule + ModuleT>(&self, net: &M, parts: &[Tensor]) -> Result<Prediction> {
        let scope = OneDraw::open(net, Purpose::Predict(ONE_DRAW));
        let mut draws = Vec::new();
        for _ in 0..self.draws {
            let outputs: Vec<Tensor> =
                parts.iter().map(|x| caught(|| net.forward_t(x, false))).collect::<Result<_>>()?;
            draws.push(match outputs.as_slice() {
                [whole] => whole.shallow_clone(),
                parts => Tensor::f_cat(parts, 0).map_err(torch)?,
            });
            scope.renew();
        }
        Ok(Prediction { outputs: Tensor::f_stack(&draws, 0).map_err(torch)? })
    }

    /// The outputs computed in parts, if they are those of the examples by themselves and of the draws one by one.
    fn attempt<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        parts: &[Tensor],
        at_a_time: usize,
        start: &Position,
    ) -> Option<Tensor> {
        let marginal = self.marginal && at_a_time > 1;
        let first = first_examples(net, parts.first()?, marginal, start).ok()?;
        start.restore(net);
        let outputs = match at_a_time {
            1 => self.one_by_one(net, parts).ok()?.outputs,
            _ => self.stacked(net, parts, at_a_time).ok()??,
        };
        let few = first.size().first().copied()?;
        let same = outputs.f_select(0, 0).and_then(|draw| draw.f_narrow(0, 0, few)).ok()?;
        alike(&first, &same).then_some(outputs)
    }

    /// Several draws in one forward: the examples once for each draw, behind each other in the batch axis. None where a
    /// layer can't tell the draws apart.
    fn stacked<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        parts: &[Tensor],
        at_a_time: usize,
    ) -> Result<Option<Tensor>> {
        let mut all = Vec::with_capacity(parts.len());
        for x in parts {
            let rows = x.size().first().copied().unwrap_or(1);
            let mut repeats = vec![1; x.dim()];
            if let Some(first) = repeats.first_mut() {
                *first = at_a_time as i64;
            }
            let repeated = x.f_repeat(&repeats).map_err(torch)?;
            let mut of_part = Vec::new();
            let input = repeated.data_ptr() as usize;
            let stack = Stack { draws: at_a_time as i64, rows, marginal: self.marginal, input };
            let scope = OneDraw::open(net, Purpose::Predict(stack));
            for first in (0..self.draws).step_by(at_a_time) {
                let draws = at_a_time.min(self.draws - first) as i64;
                if draws < stack.draws {
                    scope.set_draws(draws);
                }
                let output = caught(|| net.forward_t(&repeated.narrow(0, 0, draws * rows), false))?;
                if scope.is_spoiled() {
                    return Ok(None);
                }
                let mut shape = vec![draws, rows];
                shape.extend(output.size().iter().skip(1));
                of_part.push(output.f_reshape(shape).map_err(torch)?);
                scope.renew();
            }
            all.push(Tensor::f_cat(&of_part, 0).map_err(torch)?);
        }
        Tensor::f_cat(&all, 1).map(Some).map_err(torch)
    }
}

const ONE_DRAW: Stack = Stack { draws: 1, rows: 0, marginal: false, input: 0 };

/// What the first draw says of the first half of `x` by itself.
fn first_examples<M: BayesianModule + ModuleT>(
    net: &M,
    x: &Tensor,
    marginal: bool,
    start: &Position,
) -> Result<Tensor> {
    start.restore(net);
    let rows = x.size().first().map_or(1, |n| n - n / 2);
    let _one_draw = OneDraw::open(net, Purpose::Predict(Stack { rows, marginal, ..ONE_DRAW }));
    caught(|| net.forward_t(&x.narrow(0, 0, rows), false))
}

/// Whether the first examples get other outputs beside others than by themselves. A forward with noise of its own, of which
/// that can't be said, does not.
fn mixes<M: BayesianModule + ModuleT>(net: &M, x: &Tensor, start: &Position) -> bool {
    let once = |x: &Tensor| first_examples(net, x, false, start);
    let twice = Tensor::f_cat(&[x, x], 0);
    let (Ok(first), Ok(again), Ok(twice)) = (once(x), once(x), twice) else { return false };
    if !alike(&first, &again) {
        return false;
    }
    // Half of it twice is all of it.
    let rows = first.size().first().copied().unwrap_or(0);
    once(&twice).is_ok_and(|all| !all.f_narrow(0, 0, rows).is_ok_and(|beside| alike(&first, &beside)))
}

fn torch(error: TchError) -> Error {
    Error::torch("outputs", &error)
}

/// Whether two results of the same arithmetic are the same but for the order of its sums.
fn alike(a: &Tensor, b: &Tensor) -> bool {
    if a.size() != b.size() || a.kind() != b.kind() {
        return false;
    }
    if a.numel() == 0 {
        return true;
    }
    let relative = if matches!(a.kind(), Kind::Half | Kind::BFloat16) { 5e-2 } else { 1e-3 };
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    let scale = a.nan_to_num(0.0, 0.0, 0.0).abs().max().double_value(&[]);
    a.allclose(&b, 0.0, relative * scale, true)
}

/// Where each random parameter's noise stands, to draw the same again.
struct Position(Vec<(u64, u64)>);

impl Position {
    fn of<M: BayesianModule + ?Sized>(net: &M) -> Position {
        let mut all = Vec::new();
        net.visit(&mut Visitor::new(&mut |_, parameter| {
            if parameter.is_random() {
                all.push(parameter.stream().position());
            }
        }));
        Position(all)
    }

    fn restore<M: BayesianModule + ?Sized>(&self, net: &M) {
        let mut all = self.0.iter();
        net.visit(&mut Visitor::new(&mut |_, parameter| {
            if parameter.is_random()
                && let Some(&position) = all.next()
            {
                parameter.stream().restore(position);
            }
        }));
    }
}

/// What a net's weights say about how to compute it.
struct Weights {
    /// How many one draw has; and those of them that are drawn where outputs are drawn instead of a layer's weights.
    drawn: usize,
    drawn_in_marginal: usize,
    convolutional: bool,
    /// Whether all their layers can tell several draws in one forward apart.
    stackable: bool,
}

impl Weights {
    fn of<M: BayesianModule + ?Sized>(net: &M) -> Weights {
        let mut all = Weights { drawn: 0, drawn_in_marginal: 0, convolutional: false, stackable: true };
        net.visit(&mut Visitor::new(&mut |_, parameter| {
            let size = if parameter.is_random() { parameter.num_weights() } else { 0 };
            all.drawn += size;
            all.drawn_in_marginal += if parameter.mu().dim() > 2 { size } else { 0 };
            all.convolutional |= parameter.mu().dim() > 2;
            all.stackable &= parameter.is_stackable();
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
