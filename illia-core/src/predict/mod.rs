//! Prediction with uncertainty: a net run many times, each draw one function of all examples.

mod choose;
mod prediction;

pub use prediction::Prediction;

use tch::nn::ModuleT;
use tch::{TchError, Tensor};

use crate::error::{Error, Result, caught};
use crate::module::BayesianModule;
use crate::parameter::RandomParameter;
use crate::pass::{self, Draws, Mode, Pass, Stack, of_all_draws};

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
    batch_size: Option<usize>,
    marginal: bool,
    per_example: bool,
}

/// Rows of several draws that go through a net in one forward: enough to hide what a call costs, few enough for their
/// activations to stay in the cache. With one set of weights for each draw, those fill it sooner.
const ROWS: usize = 256;
const MARGINAL_ROWS: usize = 1024;

/// Rows that go through a convolutional net at a time, of one draw or several: its activations are larger than its weights, and
/// where they outgrow the cache, the allocator also hands their memory back to the system and gets it anew each time.
const CONVOLUTIONAL_ROWS: usize = 32;

/// The same for a GPU, which has no such cache and wants much to do in each call: of convolutional nets, and of others.
const GPU_ROWS: [usize; 2] = [1 << 12, 1 << 15];

/// Weights of several draws held at a time, on the CPU and on a GPU.
const WEIGHTS: [usize; 2] = [4 << 20, 1 << 28];

/// Examples that go through a net at a time, where nothing else is said.
const BATCH_SIZE: usize = 1024;

impl Default for Predict {
    /// 100 draws, at most 1024 examples at a time.
    fn default() -> Self {
        Predict { draws: 100, batch_size: None, marginal: false, per_example: false }
    }
}

type Forward<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

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
        self.batch_size = Some(batch_size);
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

    /// Says of a forward of your own that it treats each example of a batch by itself, its axis being the first throughout:
    /// an example's output is the same in whatever company, and nothing is summed, normalised or passed between examples.
    ///
    /// Nets of `bnn!` without functions of yours, and the library's layers, say so themselves. Such a forward gets the examples
    /// in parts and those of several draws at once, which is several times faster for small batches; any other gets all examples
    /// at once, draw by draw.
    #[must_use]
    pub fn per_example(mut self) -> Self {
        self.per_example = true;
        self
    }

    /// The outputs of `net` for `x` `[batch, ..]` in evaluation mode, without gradients.
    ///
    /// # Errors
    /// [`Error::Configuration`] for no draw, no example a time, an `x` without batch axis, or more examples than a
    /// [`batch_size`](Self::batch_size) that was set for a forward that is not [`per_example`](Self::per_example);
    /// what a layer returns for inputs that it does not take.
    pub fn run<M: BayesianModule + ModuleT>(&self, net: &M, x: &Tensor) -> Result<Prediction> {
        let alone = net.per_example() || self.per_example;
        self.predict(net, None, std::slice::from_ref(x), alone, &|inputs| one_input(net, inputs))
    }

    /// The same for a net of any inputs, each `[batch, ..]`, whose output `forward` computes from them in evaluation mode.
    /// `forward` gets all examples at once, draw by draw, unless [`per_example`](Self::per_example) is said.
    ///
    /// # Errors
    /// As [`run`](Self::run), and what `forward` returns; [`Error::Configuration`] for no inputs or unequal numbers of examples.
    pub fn run_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        forward: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Prediction> {
        self.predict(net, None, inputs, self.per_example, &|inputs| {
            let whole: Vec<Tensor> = inputs.iter().map(of_all_draws).collect();
            caught(|| forward(&whole))?
        })
    }

    /// The outputs of `net` at the given draws, one after the other: their number is that of the prediction's draws.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_draws<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        draws: &Draws,
        x: &Tensor,
    ) -> Result<Prediction> {
        let alone = net.per_example() || self.per_example;
        self.predict(net, Some(draws), std::slice::from_ref(x), alone, &|inputs| one_input(net, inputs))
    }

    /// [`run_with`](Self::run_with) at the given draws.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with).
    pub fn run_draws_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        draws: &Draws,
        inputs: &[Tensor],
        forward: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Prediction> {
        self.predict(net, Some(draws), inputs, self.per_example, &|inputs| {
            let whole: Vec<Tensor> = inputs.iter().map(of_all_draws).collect();
            caught(|| forward(&whole))?
        })
    }

    /// `alone` where each example is treated by itself.
    fn predict<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        given: Option<&Draws>,
        inputs: &[Tensor],
        alone: bool,
        forward: Forward<'_>,
    ) -> Result<Prediction> {
        let draws = given.map_or(self.draws, Draws::len);
        for (name, value) in [("draws", draws), ("batch_size", self.batch_size.unwrap_or(BATCH_SIZE))] {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        let examples = examples(inputs)?;
        let _span = tracing::debug_span!(target: "illia::predict", "predict", draws, examples).entered();
        let _no_grad = tch::no_grad_guard();
        let parameters = net.parameters();
        if !alone {
            if let Some(limit) = self.batch_size.filter(|&limit| limit < examples) {
                let allowed = format!(
                    "at least all {examples} examples, since the forward may mix them; if it treats each by itself, say \
                     `per_example()`"
                );
                return Err(Error::configuration("batch_size", limit, &allowed));
            }
            tracing::debug!(
                target: "illia::predict",
                "all {examples} examples at once, draw by draw: faster with `per_example()`, if the forward treats each by itself"
            );
            return one_by_one(&parameters, given, draws, &[shallow(inputs)], forward);
        }
        let shape = Weights::of(&parameters, given);
        let batch_size = self.batch_size.unwrap_or(BATCH_SIZE);
        let limit = if shape.convolutional { shape.most_rows(self.marginal) } else { batch_size };
        let rows = batch_size.min(limit).min(examples.max(1));
        let parts = split(inputs, rows);
        let at_a_time = self.draws_at_a_time(&shape, draws, rows);
        if examples > 0 && at_a_time > 1 && (self.marginal || parts.len() == 1) {
            let stack = Stack { draws: at_a_time, rows: 0, marginal: self.marginal && given.is_none() };
            if let Some(outputs) = stacked(&parameters, given, draws, &parts, stack, forward)? {
                return Ok(Prediction { outputs });
            }
        }
        one_by_one(&parameters, given, draws, &parts, forward)
    }

    /// Draws to compute in one forward over `rows` examples.
    fn draws_at_a_time(&self, net: &Weights, draws: usize, rows: usize) -> i64 {
        if !net.stackable {
            return 1;
        }
        let weights = if self.marginal { net.drawn_in_marginal } else { net.drawn };
        let by_rows = net.most_rows(self.marginal).min(self.batch_size.unwrap_or(usize::MAX)) / rows;
        let [on_cpu, on_gpu] = WEIGHTS.map(|most| most / weights.max(1));
        by_rows.min(if net.on_gpu { on_gpu } else { on_cpu }).clamp(1, draws) as i64
    }
}

fn one_input<M: BayesianModule + ModuleT>(net: &M, inputs: &[Tensor]) -> Result<Tensor> {
    match inputs {
        [x] => pass::forward(net, x, false),
        _ => Err(Error::configuration("inputs", inputs.len(), "one; nets of several have `run_with`")),
    }
}

/// The number of rows that all inputs have.
fn examples(inputs: &[Tensor]) -> Result<usize> {
    let rows = inputs.iter().map(|input| input.size().first().copied());
    let mut rows = rows.collect::<Option<Vec<_>>>().unwrap_or_default().into_iter();
    let Some(first) = rows.next() else {
        let given = if inputs.is_empty() { "none" } else { "a scalar" };
        return Err(Error::configuration("x", given, "a batch of examples"));
    };
    match rows.find(|&other| other != first) {
        Some(other) => {
            Err(Error::configuration("inputs", other, &format!("{first} examples in each, as in the first")))
        }
        None => Ok(first.max(0) as usize),
    }
}

fn shallow(inputs: &[Tensor]) -> Vec<Tensor> {
    inputs.iter().map(Tensor::shallow_clone).collect()
}

/// The inputs in parts of at most `rows` examples.
fn split(inputs: &[Tensor], rows: usize) -> Vec<Vec<Tensor>> {
    let mut each: Vec<_> = inputs.iter().map(|input| input.split(rows as i64, 0).into_iter()).collect();
    let mut parts = Vec::new();
    loop {
        let part: Vec<Tensor> = each.iter_mut().filter_map(Iterator::next).collect();
        if part.is_empty() {
            return parts;
        }
        parts.push(part);
    }
}

/// Draw after draw, each over all examples.
fn one_by_one(
    parameters: &[&RandomParameter],
    given: Option<&Draws>,
    draws: usize,
    parts: &[Vec<Tensor>],
    forward: Forward<'_>,
) -> Result<Prediction> {
    let pass = Pass::over(parameters, Mode::Function, given.map(Draws::shallow_clone));
    let mut all = Vec::new();
    for draw in 0..draws {
        if draw > 0 {
            pass.renew(1);
        }
        let outputs: Vec<Tensor> = parts.iter().map(|inputs| forward(inputs)).collect::<Result<_>>()?;
        all.push(match outputs.as_slice() {
            [whole] => whole.shallow_clone(),
            parts => Tensor::f_cat(parts, 0).map_err(torch)?,
        });
    }
    Ok(Prediction { outputs: Tensor::f_stack(&all, 0).map_err(torch)? })
}

/// Several draws in one forward. None where code on the way takes a single draw, of which there is none.
fn stacked(
    parameters: &[&RandomParameter],
    given: Option<&Draws>,
    draws: usize,
    parts: &[Vec<Tensor>],
    stack: Stack,
    forward: Forward<'_>,
) -> Result<Option<Tensor>> {
    let mut all = Vec::with_capacity(parts.len());
    for inputs in parts {
        let rows = inputs.first().and_then(|x| x.size().first().copied()).unwrap_or(1);
        let pass =
            Pass::over(parameters, Mode::Stacked(Stack { rows, ..stack }), given.map(Draws::shallow_clone));
        let mut of_part = Vec::new();
        for first in (0..draws as i64).step_by(stack.draws as usize) {
            let now = stack.draws.min(draws as i64 - first);
            if first > 0 || now < stack.draws {
                pass.renew(now);
            }
            let output = forward(inputs)?;
            if pass.took_one() {
                return Ok(None);
            }
            let mut shape = vec![now, rows];
            shape.extend(output.size().iter().skip(1));
            // What no random layer has touched is the same for all draws.
            let output = match output.size().first() {
                Some(&n) if n == rows && now > 1 => {
                    output.f_unsqueeze(0).and_then(|o| o.f_expand(&shape, false))
                }
                _ => output.f_reshape(&shape),
            };
            of_part.push(output.map_err(torch)?);
        }
        all.push(Tensor::f_cat(&of_part, 0).map_err(torch)?);
    }
    Tensor::f_cat(&all, 1).map(Some).map_err(torch)
}

fn torch(error: TchError) -> Error {
    Error::torch("outputs", &error)
}

/// What a net's weights say about how to compute it.
struct Weights {
    /// How many one draw has; and those of them that are drawn where outputs are drawn instead of a layer's weights.
    drawn: usize,
    drawn_in_marginal: usize,
    convolutional: bool,
    on_gpu: bool,
    /// Whether all their layers compute several draws at once.
    stackable: bool,
}

impl Weights {
    fn of(parameters: &[&RandomParameter], given: Option<&Draws>) -> Weights {
        let on_gpu = parameters.first().is_some_and(|parameter| parameter.mu().device().is_cuda());
        let mut all =
            Weights { drawn: 0, drawn_in_marginal: 0, convolutional: false, on_gpu, stackable: true };
        for parameter in parameters {
            let given = given.is_some_and(|draws| draws.of(parameter.id()).is_some());
            let size = if parameter.is_random() || given { parameter.num_weights() } else { 0 };
            all.drawn += size;
            all.drawn_in_marginal += if parameter.mu().dim() > 2 { size } else { 0 };
            all.convolutional |= parameter.mu().dim() > 2;
            all.stackable &= parameter.is_stackable() && (!given || parameter.stacks());
        }
        all
    }

    /// How many rows, of one draw or several, go through the net at a time.
    fn most_rows(&self, marginal: bool) -> usize {
        let [convolutional, others] = GPU_ROWS;
        match (self.on_gpu, self.convolutional) {
            (true, true) => convolutional,
            (true, false) => others,
            (false, true) => CONVOLUTIONAL_ROWS,
            (false, false) if marginal => MARGINAL_ROWS,
            (false, false) => ROWS,
        }
    }
}
