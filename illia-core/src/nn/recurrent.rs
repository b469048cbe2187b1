//! Recurrent layers: one draw of the weights for the whole sequence, on libtorch's fused kernels.
//!
//! One weight has one draw for all steps of a sequence, as in Fortunato, Blundell & Vinyals (2017):
//! the function that a draw stands for is the same at each step.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::marker::PhantomData;

use illia_shape::Axis;
use tch::nn::{ModuleT, Path};
use tch::{TchError, Tensor};

use super::graph::one_to_one;
use super::{size, try_dropout};
use crate::error::{Error, Result, Within, fail, fail_at};
use crate::graph::Value;
use crate::module::{BayesianModule, Count, Visitor, VisitorMut};
use crate::parameter::Posterior;
use crate::parameter::Prior;
use crate::parameter::RandomParameter;

/// The settings of a recurrent layer.
#[derive(Debug, Clone, Copy)]
pub struct RecurrentConfig {
    /// How many layers lie on each other; 1 by default.
    pub layers: i64,
    /// Whether a second set of weights reads the sequence backwards; false by default.
    pub bidirectional: bool,
    /// Whether there are biases; true by default.
    pub bias: bool,
    /// The probability of dropout between the layers, in training; 0 by default.
    pub dropout: f64,
    /// The prior of weights and biases.
    pub prior: Prior,
    /// The biases' prior, if another one.
    pub bias_prior: Option<Prior>,
    /// The posterior of weights and biases.
    pub posterior: Posterior,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        RecurrentConfig {
            layers: 1,
            bidirectional: false,
            bias: true,
            dropout: 0.0,
            prior: Prior::default(),
            bias_prior: None,
            posterior: Posterior::default(),
        }
    }
}

/// What a recurrent layer returns for a sequence.
#[derive(Debug)]
pub struct RecurrentOutput {
    /// The last layer's state at each step, `[batch, seq, hidden * directions]`.
    pub output: Tensor,
    /// Each layer's and direction's state after its last step, `[layers * directions, batch, hidden]`.
    pub h: Tensor,
    /// The same for the cell's memory; an [`Lstm`] has one.
    pub c: Option<Tensor>,
}

/// The arithmetic of one kind of recurrent layer.
pub trait Cell: Debug + Send {
    /// The layer's name.
    const KIND: &'static str;
    /// How many gates the weights are stacked from.
    const GATES: i64;
    /// Whether the recurrent part has a bias that the input's bias does not stand for.
    const RECURRENT_BIAS: bool;
    /// Whether there is a memory besides the state.
    const MEMORY: bool;
    /// Runs libtorch's kernel over `[batch, seq, features]` from `state` (h, and c with a memory).
    #[doc(hidden)]
    fn run(
        x: &Tensor,
        state: &[Tensor],
        weights: &[Tensor],
        bias: bool,
        layers: i64,
        bidirectional: bool,
    ) -> Result<(Tensor, Tensor, Option<Tensor>), TchError>;
}

/// The long short-term memory's arithmetic (Hochreiter & Schmidhuber 1997): gates input, forget,
/// candidate, output.
#[derive(Debug)]
pub struct LstmCell;
/// The gated recurrent unit's arithmetic (Cho et al. 2014): gates reset, update, new.
#[derive(Debug)]
pub struct GruCell;
/// The plain recurrent layer's arithmetic, h' = tanh(W x + U h + b) (Elman 1990).
#[derive(Debug)]
pub struct RnnCell;

impl Cell for LstmCell {
    const KIND: &'static str = "Lstm";
    const GATES: i64 = 4;
    const RECURRENT_BIAS: bool = false;
    const MEMORY: bool = true;

    fn run(
        x: &Tensor,
        state: &[Tensor],
        weights: &[Tensor],
        bias: bool,
        layers: i64,
        bidirectional: bool,
    ) -> Result<(Tensor, Tensor, Option<Tensor>), TchError> {
        let (y, h, c) = x.f_lstm(state, weights, bias, layers, 0.0, keeps(x), bidirectional, true)?;
        Ok((y, h, Some(c)))
    }
}

/// Whether libtorch's kernel runs in training mode. Its dropout is 0, so the mode says one thing only: whether cuDNN keeps what a
/// backward pass needs, without which it refuses one.
fn keeps(x: &Tensor) -> bool {
    x.device().is_cuda()
}

/// The state's only tensor, for kernels that take just one.
fn only(state: &[Tensor]) -> Result<&Tensor, TchError> {
    state.first().ok_or_else(|| TchError::Shape("no state".to_owned()))
}

impl Cell for GruCell {
    const KIND: &'static str = "Gru";
    const GATES: i64 = 3;
    // The new gate's recurrent bias is within the reset gate's reach.
    const RECURRENT_BIAS: bool = true;
    const MEMORY: bool = false;

    fn run(
        x: &Tensor,
        state: &[Tensor],
        weights: &[Tensor],
        bias: bool,
        layers: i64,
        bidirectional: bool,
    ) -> Result<(Tensor, Tensor, Option<Tensor>), TchError> {
        let h = only(state)?;
        let (y, h) = x.f_gru(h, weights, bias, layers, 0.0, keeps(x), bidirectional, true)?;
        Ok((y, h, None))
    }
}

impl Cell for RnnCell {
    const KIND: &'static str = "Rnn";
    const GATES: i64 = 1;
    const RECURRENT_BIAS: bool = false;
    const MEMORY: bool = false;

    fn run(
        x: &Tensor,
        state: &[Tensor],
        weights: &[Tensor],
        bias: bool,
        layers: i64,
        bidirectional: bool,
    ) -> Result<(Tensor, Tensor, Option<Tensor>), TchError> {
        let h = only(state)?;
        let (y, h) = x.f_rnn_tanh(h, weights, bias, layers, 0.0, keeps(x), bidirectional, true)?;
        Ok((y, h, None))
    }
}

/// One layer in one direction.
#[derive(Debug)]
pub(super) struct Direction {
    /// `l0`, `l0_reverse`, `l1`, …: tch's suffixes.
    pub(super) suffix: String,
    /// `[gates * hidden, in]`.
    pub(super) weight_ih: RandomParameter,
    /// `[gates * hidden, hidden]`.
    pub(super) weight_hh: RandomParameter,
    /// `[gates * hidden]`. PyTorch's second bias is added to the first wherever it could be told
    /// apart only by its name; there is no second one then.
    pub(super) bias_ih: Option<RandomParameter>,
    pub(super) bias_hh: Option<RandomParameter>,
}

/// Far beyond any net; a slip of the pen would otherwise fill the memory layer by layer.
const MOST_LAYERS: i64 = 1000;

/// A recurrent layer: `[batch, seq, in]` to `[batch, seq, hidden * directions]`.
///
/// Variables are named as in tch: `weight_ih_l0.mu`, `weight_hh_l0.mu`, `bias_ih_l0.mu`, …, with
/// `_reverse` for the backward direction.
#[derive(Debug)]
pub struct Recurrent<C> {
    pub(super) directions: Vec<Direction>,
    pub(super) config: RecurrentConfig,
    inputs: i64,
    pub(super) hidden: i64,
    cell: PhantomData<C>,
}

/// A long short-term memory.
///
/// ```
/// use illia_core::nn::{Lstm, RecurrentConfig};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let config = RecurrentConfig { layers: 2, bidirectional: true, ..Default::default() };
/// let lstm = Lstm::new(vs.root(), 16, 32, config);
/// let x = Tensor::zeros([4, 7, 16], (Kind::Float, Device::Cpu));
/// assert_eq!(lstm.try_forward(&x)?.size(), [4, 7, 64]);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub type Lstm = Recurrent<LstmCell>;
/// A gated recurrent unit.
pub type Gru = Recurrent<GruCell>;
/// A plain recurrent layer with tanh.
pub type Rnn = Recurrent<RnnCell>;

impl<C: Cell> Recurrent<C> {
    /// A layer from `inputs` features to `hidden` ones.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, inputs: i64, hidden: i64, config: RecurrentConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, inputs, hidden, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A layer from `inputs` features to `hidden` ones.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1 or a number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        inputs: i64,
        hidden: i64,
        config: RecurrentConfig,
    ) -> Result<Self> {
        size("inputs", inputs, 1)?;
        size("hidden", hidden, 1)?;
        if !(1..=MOST_LAYERS).contains(&config.layers) {
            return Err(Error::configuration("layers", config.layers, &format!("from 1 to {MOST_LAYERS}")));
        }
        if !(0.0..1.0).contains(&config.dropout) {
            return Err(Error::configuration("dropout", config.dropout, "from 0 to below 1"));
        }
        let p = p.borrow();
        let suffixes: &[&str] = if config.bidirectional { &["", "_reverse"] } else { &[""] };
        let RecurrentConfig { prior, posterior, .. } = config;
        let bias_prior = config.bias_prior.unwrap_or(prior);
        let rows = C::GATES * hidden;
        let mut directions = Vec::new();
        for layer in 0..config.layers {
            let features = if layer == 0 { inputs } else { hidden * suffixes.len() as i64 };
            for suffix in suffixes {
                let suffix = format!("l{layer}{suffix}");
                let weight = |name: &str, columns: i64| {
                    let name = format!("{name}_{suffix}");
                    RandomParameter::new(p, &name, &[rows, columns], columns, prior, posterior)
                };
                let bias = |name: &str, wanted: bool| {
                    let name = format!("{name}_{suffix}");
                    let made = || RandomParameter::new(p, &name, &[rows], hidden, bias_prior, posterior);
                    wanted.then(made).transpose()
                };
                directions.push(Direction {
                    weight_ih: weight("weight_ih", features)?,
                    weight_hh: weight("weight_hh", hidden)?,
                    bias_ih: bias("bias_ih", config.bias)?,
                    bias_hh: bias("bias_hh", config.bias && C::RECURRENT_BIAS)?,
                    suffix,
                });
            }
        }
        Ok(Recurrent { directions, config, inputs, hidden, cell: PhantomData })
    }

    /// The number of features of the output: hidden, twice in both directions.
    pub fn outputs(&self) -> i64 {
        self.hidden * self.per_layer() as i64
    }

    fn per_layer(&self) -> usize {
        if self.config.bidirectional { 2 } else { 1 }
    }

    /// `[batch, seq, in]` to the last layer's states, in evaluation mode.
    ///
    /// ```
    /// # use illia_core::nn::{Gru, RecurrentConfig};
    /// # use tch::{Device, Kind, Tensor, nn};
    /// let vs = nn::VarStore::new(Device::Cpu);
    /// let gru = Gru::new(vs.root(), 3, 5, RecurrentConfig::default());
    /// assert_eq!(gru.forward(&Tensor::zeros([4, 7, 3], (Kind::Float, Device::Cpu))).size(), [4, 7, 5]);
    /// ```
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where [`try_forward`](Self::try_forward) is an error.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.try_forward(x).unwrap_or_else(|error| fail(error))
    }

    /// `[batch, seq, in]` to the last layer's states, in evaluation mode.
    ///
    /// # Errors
    /// As [`try_sequence`](Self::try_sequence).
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        self.try_forward_t(x, false)
    }

    /// `[batch, seq, in]` to the last layer's states `[batch, seq, hidden * directions]`.
    ///
    /// # Errors
    /// As [`try_sequence`](Self::try_sequence).
    pub fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        Ok(self.try_sequence(x, None, train)?.output)
    }

    /// Runs over `[batch, seq, in]` from `state`, or from zeros: (h, c) for an LSTM, only h
    /// else, each `[layers * directions, batch, hidden]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of axes or features; [`Error::Torch`] for a state that
    /// does not fit.
    pub fn try_sequence(&self, x: &Tensor, state: Option<&[Tensor]>, train: bool) -> Result<RecurrentOutput> {
        let size = x.size();
        let &[batch, seq, features] = size.as_slice() else {
            return Err(self.shape_error(size));
        };
        if features != self.inputs {
            return Err(self.shape_error(size));
        }
        let layers = self.config.layers;
        let rows = layers * self.per_layer() as i64;
        let zeros = || Tensor::f_zeros([rows, batch, self.hidden], (x.kind(), x.device())).within(C::KIND);
        let state = match state {
            Some(state) => state.iter().map(Tensor::shallow_clone).collect(),
            None if C::MEMORY => vec![zeros()?, zeros()?],
            None => vec![zeros()?],
        };
        if seq == 0 || batch == 0 {
            // libtorch's kernels refuse empty sequences; nothing happens in them.
            let output = Tensor::f_zeros([batch, seq, self.outputs()], (x.kind(), x.device()));
            let mut state = state.into_iter();
            let h = state.next().map_or_else(zeros, Ok)?;
            return Ok(RecurrentOutput { output: output.within(C::KIND)?, h, c: state.next() });
        }
        let weights: Vec<Vec<Tensor>> = self.directions.iter().map(Self::draw).collect();
        if self.config.dropout == 0.0 || !train || layers == 1 {
            let weights: Vec<Tensor> = weights.into_iter().flatten().collect();
            return self.run(x, &state, &weights, layers);
        }
        // Dropout comes from the keyed noise, so the layers run one by one.
        let mut x = x.shallow_clone();
        let (mut hs, mut cs) = (Vec::new(), Vec::new());
        let per_layer = self.per_layer() as i64;
        for (layer, weights) in (0..layers).zip(weights.chunks(self.per_layer())) {
            let part = |s: &Tensor| s.f_narrow(0, layer * per_layer, per_layer).within(C::KIND);
            let state = state.iter().map(part).collect::<Result<Vec<_>>>()?;
            let weights: Vec<Tensor> = weights.iter().flatten().map(Tensor::shallow_clone).collect();
            let last = layer + 1 == layers;
            let out = self.run(&x, &state, &weights, 1)?;
            x = if last { out.output } else { try_dropout(&out.output, self.config.dropout, train)? };
            hs.push(out.h);
            cs.extend(out.c);
        }
        let h = Tensor::f_cat(&hs, 0).within(C::KIND)?;
        let c = if cs.is_empty() { None } else { Some(Tensor::f_cat(&cs, 0).within(C::KIND)?) };
        Ok(RecurrentOutput { output: x, h, c })
    }

    /// [`try_sequence`](Self::try_sequence) with the examples first throughout: from `state`, `[batch, layers * directions, hidden]`
    /// each, or from zeros where there is none, to the output, h, and an LSTM's c.
    ///
    /// # Errors
    /// As [`try_sequence`](Self::try_sequence).
    pub fn try_states(&self, x: &Tensor, state: &[&Tensor], train: bool) -> Result<Vec<Tensor>> {
        let turn =
            |state: &Tensor| state.f_transpose(0, 1).and_then(|state| state.f_contiguous()).within(C::KIND);
        let rows = self.config.layers * self.per_layer() as i64;
        for given in state {
            if !matches!(given.size().as_slice(), [_, layers, hidden] if (*layers, *hidden) == (rows, self.hidden))
            {
                let expected = format!("[batch, {rows}, {}] of the state", self.hidden);
                return Err(Error::Shape { layer: C::KIND.to_owned(), expected, given: given.size() });
            }
        }
        let state = state.iter().map(|state| turn(state)).collect::<Result<Vec<_>>>()?;
        let out = self.try_sequence(x, if state.is_empty() { None } else { Some(&state) }, train)?;
        let mut all = vec![out.output, turn(&out.h)?];
        all.extend(out.c.as_ref().map(turn).transpose()?);
        Ok(all)
    }

    fn run(&self, x: &Tensor, state: &[Tensor], weights: &[Tensor], layers: i64) -> Result<RecurrentOutput> {
        let RecurrentConfig { bias, bidirectional, .. } = self.config;
        let (output, h, c) = C::run(x, state, weights, bias, layers, bidirectional).within(C::KIND)?;
        Ok(RecurrentOutput { output, h, c })
    }

    /// One draw of a direction's weights, in libtorch's order.
    fn draw(direction: &Direction) -> Vec<Tensor> {
        let drawn = |parameter: &RandomParameter| parameter.draw().weights().shallow_clone();
        let mut weights = vec![drawn(&direction.weight_ih), drawn(&direction.weight_hh)];
        if let Some(bias) = &direction.bias_ih {
            let bias = drawn(bias);
            let second = direction.bias_hh.as_ref().map_or_else(|| bias.zeros_like(), drawn);
            weights.extend([bias, second]);
        }
        weights
    }

    fn shape_error(&self, given: Vec<i64>) -> Error {
        let expected = format!("[batch, seq, {}]", self.inputs);
        Error::Shape { layer: C::KIND.to_owned(), expected, given }
    }
}

impl<C: Cell> BayesianModule for Recurrent<C> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        for Direction { suffix, weight_ih, weight_hh, bias_ih, bias_hh } in &self.directions {
            visitor.module(&format!("weight_ih_{suffix}"), weight_ih);
            visitor.module(&format!("weight_hh_{suffix}"), weight_hh);
            visitor.module(&format!("bias_ih_{suffix}"), bias_ih);
            visitor.module(&format!("bias_hh_{suffix}"), bias_hh);
        }
    }

    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        for Direction { suffix, weight_ih, weight_hh, bias_ih, bias_hh } in &mut self.directions {
            visitor.module(&format!("weight_ih_{suffix}"), weight_ih);
            visitor.module(&format!("weight_hh_{suffix}"), weight_hh);
            visitor.module(&format!("bias_ih_{suffix}"), bias_ih);
            visitor.module(&format!("bias_hh_{suffix}"), bias_hh);
        }
    }
    fn try_forward_module(&self, x: &Tensor, train: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward_t(x, train))
    }
    fn per_example(&self) -> bool {
        true
    }
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        let (_, steps) = output.split_last()?;
        let matrices = self.directions.iter().flat_map(|one| [&one.weight_ih, &one.weight_hh]);
        let weights = matrices.map(|matrix| matrix.mu().numel()).sum();
        Some(Count::product(steps.iter().copied()).times(&Count::of(weights)))
    }
    fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
        Some(one_to_one(inputs, |x| self.written(x)))
    }
}

impl<C: Cell> ModuleT for Recurrent<C> {
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward_t` is an error.
    fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
        self.try_forward_t(x, train).unwrap_or_else(|error| fail(error))
    }
}
