//! The Python library's `LSTM`: tokens to one output, through embedding, LSTM and head.

use std::borrow::Borrow;

use tch::Tensor;
use tch::nn::{Module, Path};

use super::{Embedding, EmbeddingConfig, Linear, LinearConfig, Lstm, RecurrentConfig, shows};
use crate::error::{Error, Result, fail, fail_at};
use crate::module::BayesianModule;
use crate::parameter::Posterior;
use crate::parameter::Prior;

/// The settings of an [`LstmModel`].
#[derive(Debug, Clone, Copy, Default)]
pub struct LstmModelConfig {
    /// The token that stands for no token, if there is one.
    pub padding_idx: Option<i64>,
    /// The longest norm of an embedded token, if there is one.
    pub max_norm: Option<f64>,
    /// The prior of every parameter.
    pub prior: Prior,
    /// The posterior of every parameter.
    pub posterior: Posterior,
}

/// What an [`LstmModel`] returns.
#[derive(Debug)]
pub struct LstmModelOutput {
    /// The head on the last state, `[batch, out]`.
    pub output: Tensor,
    /// The last state, `[batch, hidden]`.
    pub h: Tensor,
    /// The last memory, `[batch, hidden]`.
    pub c: Tensor,
}

/// Embedding, one LSTM layer, and a linear head on its last state.
#[derive(Debug)]
pub struct LstmModel {
    /// The table of tokens, `[vocabulary, dim]`.
    pub embedding: Embedding,
    /// The recurrent layer.
    pub lstm: Lstm,
    /// From the last state to the output.
    pub head: Linear,
}

impl LstmModel {
    /// A model of `vocabulary` tokens embedded in `dim` numbers, with `hidden` units and `outputs`
    /// numbers out.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(
        p: impl Borrow<Path<'a>>,
        vocabulary: i64,
        dim: i64,
        hidden: i64,
        outputs: i64,
        config: LstmModelConfig,
    ) -> Self {
        let p = p.borrow();
        Self::try_new(p, vocabulary, dim, hidden, outputs, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A model of `vocabulary` tokens embedded in `dim` numbers, with `hidden` units and `outputs`
    /// numbers out.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1 or a number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        vocabulary: i64,
        dim: i64,
        hidden: i64,
        outputs: i64,
        config: LstmModelConfig,
    ) -> Result<Self> {
        let LstmModelConfig { padding_idx, max_norm, prior, posterior } = config;
        let p = p.borrow();
        let embedding = EmbeddingConfig { padding_idx, max_norm, prior, posterior, ..Default::default() };
        let lstm = RecurrentConfig { prior, posterior, ..Default::default() };
        let head = LinearConfig { prior, posterior, ..Default::default() };
        Ok(LstmModel {
            embedding: Embedding::try_new(p / "embedding", vocabulary, dim, embedding)?,
            lstm: Lstm::try_new(p / "lstm", dim, hidden, lstm)?,
            head: Linear::try_new(p / "head", hidden, outputs, head)?,
        })
    }

    /// Tokens `[batch, seq]` or, as the Python library has them, `[batch, seq, 1]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for other shapes; [`Error::Token`] for a token outside of the vocabulary.
    pub fn try_forward(&self, tokens: &Tensor) -> Result<LstmModelOutput> {
        let tokens = match tokens.size().as_slice() {
            [_, _, 1] => tokens.squeeze_dim(-1),
            [_, _] => tokens.shallow_clone(),
            _ => {
                return Err(Error::Shape {
                    layer: "LstmModel".to_owned(),
                    expected: "[batch, seq]".to_owned(),
                    given: tokens.size(),
                });
            }
        };
        let embedded = self.embedding.try_forward(&tokens).map_err(|e| e.at("embedding"))?;
        let states = self.lstm.try_sequence(&embedded, None, false).map_err(|e| e.at("lstm"))?;
        let h = states.h.squeeze_dim(0);
        let c = states.c.map_or_else(|| h.zeros_like(), |c| c.squeeze_dim(0));
        let output = self.head.try_forward(&h).map_err(|e| e.at("head"))?;
        Ok(LstmModelOutput { output, h, c })
    }
}

impl BayesianModule for LstmModel {
    shows!(embedding, lstm, head);
    fn try_forward_module(&self, tokens: &Tensor, _: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward(tokens).map(|states| states.output))
    }
    fn per_example(&self) -> bool {
        true
    }
}

impl Module for LstmModel {
    /// The output `[batch, out]` alone.
    ///
    /// # Panics
    /// Where `try_forward` is an error.
    fn forward(&self, tokens: &Tensor) -> Tensor {
        self.try_forward(tokens).unwrap_or_else(|error| fail(error)).output
    }
}
