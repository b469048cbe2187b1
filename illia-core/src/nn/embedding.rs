//! A table of random vectors, one for each token.

use std::borrow::Borrow;

use tch::nn::{Module, Path};
use tch::{Kind, Tensor};

use super::graph::one_to_one;
use super::{element_by_element, shows, size};
use crate::error::{Error, Result, Within, fail, fail_at};
use crate::graph::Value;
use crate::module::BayesianModule;
use crate::parameter::Posterior;
use crate::parameter::Prior;
use crate::parameter::{InputUnits, RandomParameter};
use crate::pass::Use;
use crate::pass::patches::one_hot;

/// The settings of an [`Embedding`].
#[derive(Debug, Clone, Copy)]
pub struct EmbeddingConfig {
    /// The token that stands for no token: its vector is zero and is no random parameter.
    pub padding_idx: Option<i64>,
    /// The norm that no looked-up vector may exceed: longer ones are scaled down to it.
    pub max_norm: Option<f64>,
    /// The p of the p-norm of `max_norm`; 2 by default.
    pub norm_type: f64,
    /// Whether gradients are divided by how often the token stands in the batch.
    pub scale_grad_by_freq: bool,
    /// Whether the gradient of the drawn table is a sparse tensor, where nothing but the lookup uses the table: in
    /// [`Trainer`](crate::Trainer)'s steps of one draw, without padding or `max_norm`. Elsewhere it is dense.
    pub sparse: bool,
    /// The prior of the table.
    pub prior: Prior,
    /// The posterior of the table.
    pub posterior: Posterior,
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        EmbeddingConfig {
            padding_idx: None,
            max_norm: None,
            norm_type: 2.0,
            scale_grad_by_freq: false,
            sparse: false,
            prior: Prior::default(),
            posterior: Posterior::default(),
        }
    }
}

/// Tokens `[..]` of an integer kind to vectors `[.., dim]`.
///
/// With a padding token the table's variables hold the other `vocabulary - 1` rows only: the
/// padding's row is zero, has neither gradient nor KL, and is not counted.
///
/// ```
/// use illia_core::nn::{Embedding, EmbeddingConfig};
/// use tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let config = EmbeddingConfig { padding_idx: Some(0), ..Default::default() };
/// let layer = Embedding::new(vs.root(), 100, 8, config);
/// let vectors = layer.forward(&Tensor::from_slice(&[5i64, 7, 0]));
/// assert_eq!(vectors.size(), [3, 8]);
/// assert_eq!(vectors.get(2).abs().sum(Kind::Float).double_value(&[]), 0.0);
/// ```
#[derive(Debug)]
pub struct Embedding {
    /// The table, `[vocabulary, dim]`, without the padding's row.
    pub weight: RandomParameter,
    pub(super) config: EmbeddingConfig,
    pub(super) vocabulary: i64,
    pub(super) dim: i64,
}

impl Embedding {
    /// A table of `vocabulary` vectors of `dim` numbers.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, vocabulary: i64, dim: i64, config: EmbeddingConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, vocabulary, dim, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A table of `vocabulary` vectors of `dim` numbers.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1, a padding token outside of the vocabulary, or a
    /// number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        vocabulary: i64,
        dim: i64,
        config: EmbeddingConfig,
    ) -> Result<Self> {
        size("vocabulary", vocabulary, 1)?;
        size("dim", dim, 1)?;
        if let Some(padding) = config.padding_idx
            && !(0..vocabulary).contains(&padding)
        {
            let allowed = format!("a token of the vocabulary, 0 to {}", vocabulary - 1);
            return Err(Error::configuration("padding_idx", padding, &allowed));
        }
        if let Some(norm) = config.max_norm
            && (norm.is_nan() || norm <= 0.0)
        {
            return Err(Error::configuration("max_norm", norm, "above 0"));
        }
        if config.norm_type.is_nan() || config.norm_type <= 0.0 {
            return Err(Error::configuration("norm_type", config.norm_type, "above 0"));
        }
        if config.sparse && config.scale_grad_by_freq {
            return Err(Error::configuration("sparse", true, "not together with scale_grad_by_freq"));
        }
        let rows = vocabulary - i64::from(config.padding_idx.is_some());
        let (shape, units) = ([rows, dim], InputUnits { axis: 0, groups: 1 });
        let EmbeddingConfig { prior, posterior, .. } = config;
        let mut weight = RandomParameter::of_input_units(p, "weight", &shape, dim, prior, posterior, units)?;
        weight.set_omitted_row(config.padding_idx);
        weight.set_noted();
        Ok(Embedding { weight, config, vocabulary, dim })
    }

    /// Tokens `[..]` to vectors `[.., dim]`.
    ///
    /// # Errors
    /// [`Error::Token`] for a token outside of the vocabulary; [`Error::Torch`] if the tokens are of
    /// no integer kind.
    pub fn try_forward(&self, tokens: &Tensor) -> Result<Tensor> {
        if !matches!(tokens.kind(), Kind::Int64 | Kind::Int | Kind::Int16 | Kind::Int8 | Kind::Uint8) {
            let message = format!("tokens are integers, got {:?}", tokens.kind());
            return Err(Error::Torch { layer: "Embedding".to_owned(), message });
        }
        let tokens = tokens.to_kind(Kind::Int64);
        self.check(&tokens)?;
        if self.weight.is_recorded() && self.config.max_norm.is_none() {
            return self.noted(&tokens);
        }
        let draw = self.weight.draw();
        let table = self.with_padding(draw.weights()).within("Embedding")?;
        let table = match self.config.max_norm {
            Some(max_norm) => self.renormalised(&table, max_norm),
            None => table,
        };
        let padding = self.config.padding_idx.unwrap_or(-1);
        let EmbeddingConfig { scale_grad_by_freq, sparse, .. } = self.config;
        // Other nodes of the graph take no sparse gradient.
        let sparse = sparse && table.is_leaf();
        Tensor::f_embedding(&table, &tokens, padding, scale_grad_by_freq, sparse).within("Embedding")
    }

    /// The lookup in a pass that notes it: a product of the table with a one for each token, none for the padding.
    fn noted(&self, tokens: &Tensor) -> Result<Tensor> {
        let weight = &self.weight;
        let table = self.with_padding(&weight.centre()).within("Embedding")?;
        let output = Tensor::f_embedding(&table, tokens, -1, false, false).within("Embedding")?;
        let the_use = Use { kind: "Embedding", weight, bias: None, feature_axis: 1, transposed: true };
        the_use.note(output, || match self.config.padding_idx {
            None => one_hot(tokens, self.vocabulary, &table),
            Some(padding) => {
                let hot = one_hot(tokens, self.vocabulary, &table)?;
                let before = hot.f_narrow(-1, 0, padding)?;
                Tensor::f_cat(&[before, hot.f_narrow(-1, padding + 1, self.vocabulary - 1 - padding)?], -1)
            }
        })
    }

    /// The table as an output layer, tied to the input's (Press & Wolf 2017): features `[.., dim]` to a number for each token,
    /// `[.., vocabulary]`, the products with its vector. Within a pass of one draw it is the draw of the lookup.
    ///
    /// # Errors
    /// [`Error::Shape`] if the last axis is not `dim`.
    pub fn try_tied(&self, x: &Tensor) -> Result<Tensor> {
        if x.size().last() != Some(&self.dim) {
            let expected = format!("[.., {}]", self.dim);
            return Err(Error::Shape { layer: "Tied".to_owned(), expected, given: x.size() });
        }
        let draw = self.weight.draw();
        let table = self.with_padding(draw.weights()).within("Tied")?;
        x.f_linear(&table, None::<Tensor>).within("Tied")
    }

    fn check(&self, tokens: &Tensor) -> Result<()> {
        if tokens.numel() == 0 {
            return Ok(());
        }
        let worst = [tokens.min(), tokens.max()].map(|t| t.int64_value(&[]));
        match worst.into_iter().find(|token| !(0..self.vocabulary).contains(token)) {
            None => Ok(()),
            Some(index) => {
                Err(Error::Token { layer: "Embedding".to_owned(), index, vocabulary: self.vocabulary })
            }
        }
    }

    /// The whole table, a row of zeros where the padding token is.
    pub(super) fn with_padding(&self, rows: &Tensor) -> Result<Tensor, tch::TchError> {
        let Some(padding) = self.config.padding_idx else {
            return Ok(rows.shallow_clone());
        };
        let zero = Tensor::f_zeros([1, self.dim], (rows.kind(), rows.device()))?;
        let before = rows.f_narrow(0, 0, padding)?;
        let after = rows.f_narrow(0, padding, self.vocabulary - 1 - padding)?;
        Tensor::f_cat(&[before, zero, after], 0)
    }

    /// Rows longer than `max_norm` scaled down to it. PyTorch does so in place on its parameter;
    /// a draw is a value, so here the draw is what is scaled, and the posterior stays.
    pub(super) fn renormalised(&self, table: &Tensor, max_norm: f64) -> Tensor {
        let norm = table.detach().norm_scalaropt_dim(self.config.norm_type, [1i64], true);
        table * (max_norm / (norm + 1e-7)).clamp_max(1.0)
    }
}

impl BayesianModule for Embedding {
    shows!(weight);
    element_by_element!();
    fn try_forward_module(&self, tokens: &Tensor, _: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward(tokens))
    }
    fn per_example(&self) -> bool {
        true
    }
    fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
        Some(one_to_one(inputs, |x| self.written(x)))
    }
}

impl Module for Embedding {
    /// # Panics
    /// With the layer and the token, where `try_forward` is an error.
    fn forward(&self, tokens: &Tensor) -> Tensor {
        self.try_forward(tokens).unwrap_or_else(|error| fail(error))
    }
}
