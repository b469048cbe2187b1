//! Multi-head attention with random projections (Vaswani et al. 2017, sections 3.2.1 and 3.2.2).
//!
//! With queries, keys and values from linear maps of the input, `q = x W_qᵀ + b_q` and so on, head i takes the columns
//! from i d/h on, `A_i = softmax(q_i k_iᵀ / sqrt(d / h))`, and the output is `[A_1 v_1 .. A_h v_h] W_oᵀ + b_o`. One draw of the
//! projections serves the whole batch and all of its positions; what lies between them is libtorch's fused
//! scaled-dot-product attention.

use std::borrow::Borrow;

use illia_shape::Axis;
use tch::nn::{ModuleT, Path};
use tch::{Kind, Tensor};

use super::{Linear, LinearConfig, shows, size, try_dropout};
use crate::error::{Error, Result, Within, fail, fail_at};
use crate::graph::Value;
use crate::module::{BayesianModule, Count, MEMORY};
use crate::parameter::{Estimator, Posterior, Prior};

/// The settings of [`SelfAttention`] and [`CrossAttention`].
#[derive(Debug, Clone, Copy)]
pub struct AttentionConfig {
    /// Whether a position attends to itself and those before it only; false by default. Of [`SelfAttention`] alone.
    pub causal: bool,
    /// The probability with which an attention weight is dropped in training, within [0, 1); 0 by default.
    pub dropout: f64,
    /// Whether the projections have a bias; true by default.
    pub bias: bool,
    /// The prior of weights and biases.
    pub prior: Prior,
    /// The biases' prior, if another one.
    pub bias_prior: Option<Prior>,
    /// The posterior of weights and biases.
    pub posterior: Posterior,
    /// How posterior and input become a projection.
    pub estimator: Estimator,
}

impl Default for AttentionConfig {
    fn default() -> Self {
        let LinearConfig { bias, prior, bias_prior, posterior, estimator } = LinearConfig::default();
        AttentionConfig { causal: false, dropout: 0.0, bias, prior, bias_prior, posterior, estimator }
    }
}

impl AttentionConfig {
    fn linear(&self) -> LinearConfig {
        let AttentionConfig { bias, prior, bias_prior, posterior, estimator, .. } = *self;
        LinearConfig { bias, prior, bias_prior, posterior, estimator }
    }

    fn validate(&self, features: i64, heads: i64) -> Result<()> {
        size("features", features, 1)?;
        if size("heads", heads, 1)? > features || features % heads != 0 {
            return Err(Error::configuration(
                "heads",
                heads,
                &format!("what divides the {features} features"),
            ));
        }
        if (0.0..1.0).contains(&self.dropout) {
            return Ok(());
        }
        Err(Error::configuration("dropout", self.dropout, "from 0 to below 1"))
    }
}

/// Attention of a sequence to itself: `[batch, seq, features]` to the same.
///
/// ```
/// use illia_core::nn::{AttentionConfig, SelfAttention};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let config = AttentionConfig { causal: true, ..Default::default() };
/// let attend = SelfAttention::new(vs.root() / "attend", 8, 2, config);
/// let x = Tensor::ones([4, 5, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(attend.try_forward_t(&x, None, false)?.size(), [4, 5, 8]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SelfAttention {
    /// Queries, keys and values in one: `[3 features, features]`, rows in this order.
    pub in_proj: Linear,
    /// What joins the heads: `[features, features]`.
    pub out_proj: Linear,
    pub(super) heads: i64,
    pub(super) causal: bool,
    dropout: f64,
}

impl SelfAttention {
    /// `heads` heads over `features` features.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, features: i64, heads: i64, config: AttentionConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, features, heads, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// `heads` heads over `features` features.
    ///
    /// # Errors
    /// [`Error::Configuration`] for sizes below 1, heads that do not divide the features, or a number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        features: i64,
        heads: i64,
        config: AttentionConfig,
    ) -> Result<Self> {
        config.validate(features, heads)?;
        let p = p.borrow();
        Ok(SelfAttention {
            in_proj: Linear::try_new(p / "in_proj", features, 3 * features, config.linear())?,
            out_proj: Linear::try_new(p / "out_proj", features, features, config.linear())?,
            heads,
            causal: config.causal,
            dropout: config.dropout,
        })
    }

    /// `[batch, seq, features]` to the same. `mask`, `[batch, seq]`, is 0 where nothing is attended to.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape of either.
    pub fn try_forward_t(&self, x: &Tensor, mask: Option<&Tensor>, train: bool) -> Result<Tensor> {
        let heads = self.heads(x, mask)?;
        let y = heads.attend(if train { self.dropout } else { 0.0 })?;
        self.out_proj.try_forward(&y)
    }

    /// The attention weights `[batch, heads, seq, seq]`: for each position (third axis) a distribution over those that it
    /// attends to.
    ///
    /// # Errors
    /// As [`try_forward_t`](Self::try_forward_t).
    pub fn try_attention(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        self.heads(x, mask)?.weights()
    }

    fn heads(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Heads> {
        let [_, _, _] = sequence("SelfAttention", x)?;
        let projected = self.in_proj.try_forward(x)?;
        let [q, k, v] = parts("SelfAttention", &projected)?;
        Heads::new("SelfAttention", [&q, &k, &v], self.heads, mask, self.causal)
    }
}

/// Attention of a sequence to another one, the memory: `[batch, seq, features]` to the same.
///
/// ```
/// use illia_core::nn::{AttentionConfig, CrossAttention};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let look = CrossAttention::new(vs.root() / "look", 8, 6, 2, AttentionConfig::default());
/// let float = (Kind::Float, Device::Cpu);
/// let (target, memory) = (Tensor::ones([4, 5, 8], float), Tensor::ones([4, 9, 6], float));
/// assert_eq!(look.try_forward_t(&target, &memory, None, false)?.size(), [4, 5, 8]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct CrossAttention {
    /// The queries, from the sequence: `[features, features]`.
    pub query: Linear,
    /// Keys and values in one, from the memory: `[2 features, memory features]`.
    pub key_value: Linear,
    /// What joins the heads: `[features, features]`.
    pub out_proj: Linear,
    pub(super) heads: i64,
    dropout: f64,
}

impl CrossAttention {
    /// `heads` heads over `features` features, which attend to a memory of `memory` features.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(
        p: impl Borrow<Path<'a>>,
        features: i64,
        memory: i64,
        heads: i64,
        config: AttentionConfig,
    ) -> Self {
        let p = p.borrow();
        Self::try_new(p, features, memory, heads, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// `heads` heads over `features` features, which attend to a memory of `memory` features.
    ///
    /// # Errors
    /// [`Error::Configuration`] for sizes below 1, heads that do not divide the features, `causal` (the two sequences have
    /// no common order), or a number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        features: i64,
        memory: i64,
        heads: i64,
        config: AttentionConfig,
    ) -> Result<Self> {
        config.validate(features, heads)?;
        size("memory", memory, 1)?;
        if config.causal {
            return Err(Error::configuration("causal", true, "false: the memory is another sequence"));
        }
        let p = p.borrow();
        Ok(CrossAttention {
            query: Linear::try_new(p / "query", features, features, config.linear())?,
            key_value: Linear::try_new(p / "key_value", memory, 2 * features, config.linear())?,
            out_proj: Linear::try_new(p / "out_proj", features, features, config.linear())?,
            heads,
            dropout: config.dropout,
        })
    }

    /// `x` `[batch, seq, features]` attends to `memory` `[batch, length, memory features]`. `mask`, `[batch, length]`, is 0
    /// where the memory has nothing.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape of any.
    pub fn try_forward_t(
        &self,
        x: &Tensor,
        memory: &Tensor,
        mask: Option<&Tensor>,
        train: bool,
    ) -> Result<Tensor> {
        let y = self.heads(x, memory, mask)?.attend(if train { self.dropout } else { 0.0 })?;
        self.out_proj.try_forward(&y)
    }

    /// The attention weights `[batch, heads, seq, length]`: for each position a distribution over the memory's.
    ///
    /// # Errors
    /// As [`try_forward_t`](Self::try_forward_t).
    pub fn try_attention(&self, x: &Tensor, memory: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        self.heads(x, memory, mask)?.weights()
    }

    fn heads(&self, x: &Tensor, memory: &Tensor, mask: Option<&Tensor>) -> Result<Heads> {
        let [batch, ..] = sequence("CrossAttention", x)?;
        let [others, length, features] = sequence("CrossAttention", memory)?;
        if others != batch {
            let expected = format!("[{batch}, {length}, {features}] of the memory");
            return Err(Error::Shape { layer: "CrossAttention".to_owned(), expected, given: memory.size() });
        }
        let q = self.query.try_forward(x)?;
        let [k, v] = parts("CrossAttention", &self.key_value.try_forward(memory)?)?;
        Heads::new("CrossAttention", [&q, &k, &v], self.heads, mask, false)
    }
}

/// The size of `[batch, seq, features]`.
fn sequence(layer: &str, x: &Tensor) -> Result<[i64; 3]> {
    <[i64; 3]>::try_from(x.size()).map_err(|given| Error::Shape {
        layer: layer.to_owned(),
        expected: "[batch, seq, features]".to_owned(),
        given,
    })
}

/// The last axis in equal parts.
fn parts<const N: usize>(layer: &str, x: &Tensor) -> Result<[Tensor; N]> {
    let parts = x.f_chunk(N as i64, -1).within(layer)?;
    parts.try_into().map_err(|_| Error::Torch {
        layer: layer.to_owned(),
        message: format!("{:?} has no {N} equal parts", x.size()),
    })
}

/// Queries, keys and values, `[batch, heads, seq, features / heads]`, and who may attend to whom.
struct Heads {
    layer: &'static str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    /// True where it is attended to, `[batch, 1, 1 or seq, length]`; a causal one without a mask is libtorch's own.
    allowed: Option<Tensor>,
    causal: bool,
}

impl Heads {
    fn new(
        layer: &'static str,
        [q, k, v]: [&Tensor; 3],
        heads: i64,
        mask: Option<&Tensor>,
        causal: bool,
    ) -> Result<Heads> {
        let split = |x: &Tensor| -> Result<Tensor> {
            let [batch, seq, features] = sequence(layer, x)?;
            x.f_view([batch, seq, heads, features / heads]).and_then(|x| x.f_transpose(1, 2)).within(layer)
        };
        let [batch, length, _] = sequence(layer, k)?;
        let allowed = match mask {
            None => None,
            Some(mask) if mask.size() != [batch, length] => {
                let expected = format!("[{batch}, {length}] of the mask");
                return Err(Error::Shape { layer: layer.to_owned(), expected, given: mask.size() });
            }
            Some(mask) => {
                let allowed =
                    mask.f_ne(0.0).and_then(|keep| keep.f_view([batch, 1, 1, length])).within(layer)?;
                Some(if causal { allowed.logical_and(&before(length, &allowed)) } else { allowed })
            }
        };
        Ok(Heads { layer, query: split(q)?, key: split(k)?, value: split(v)?, allowed, causal })
    }

    /// The heads' outputs side by side, `[batch, seq, features]`. Dropout is the library's own, whose seeds are kept.
    fn attend(&self, dropout: f64) -> Result<Tensor> {
        let Heads { layer, query, key, value, allowed, causal } = self;
        let heads = if dropout > 0.0 {
            try_dropout(&self.weights()?, dropout, true)?.f_matmul(value).within(layer)?
        } else {
            let causal = *causal && allowed.is_none();
            let allowed = allowed.as_ref();
            Tensor::f_scaled_dot_product_attention(query, key, value, allowed, 0.0, causal, None, false)
                .within(layer)?
        };
        heads.f_transpose(1, 2).and_then(|y| y.f_flatten(2, 3)).within(layer)
    }

    fn weights(&self) -> Result<Tensor> {
        let Heads { layer, query, key, allowed, causal, .. } = self;
        let width = query.size().last().copied().unwrap_or(1) as f64;
        let scores = query.f_matmul(&key.transpose(2, 3)).within(layer)? / width.sqrt();
        let length = key.size().get(2).copied().unwrap_or(0);
        let allowed = match allowed {
            Some(allowed) => allowed.shallow_clone(),
            None if *causal => before(length, &scores),
            None => return scores.f_softmax(-1, None::<Kind>).within(layer),
        };
        let scores = scores.f_masked_fill(&allowed.logical_not(), f64::NEG_INFINITY).within(layer)?;
        // Where nothing is attended to, the output is 0, as libtorch's.
        scores.f_softmax(-1, None::<Kind>).map(|weights| weights.nan_to_num(0.0, None, None)).within(layer)
    }
}

/// `[length, length]`: position i sees j <= i.
fn before(length: i64, like: &Tensor) -> Tensor {
    Tensor::ones([length, length], (Kind::Bool, like.device())).tril(0)
}

impl BayesianModule for SelfAttention {
    shows!(in_proj, out_proj);
    fn try_forward_module(&self, x: &Tensor, train: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward_t(x, None, train))
    }
    fn per_example(&self) -> bool {
        true
    }
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        let [.., seen, _] = output else { return None };
        let projected = self.in_proj.multiply_adds(output)?.plus(&self.out_proj.multiply_adds(output)?);
        Some(projected.plus(&scored(output, *seen)))
    }
    fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
        Some(self.written(inputs).map(|y| vec![y]))
    }
}

/// Every place's query with the key of every one that it sees, and the weights with the values.
fn scored(output: &[Axis], seen: Axis) -> Count {
    Count::product(output.iter().copied().chain([seen, Axis::Fixed(2)]))
}

impl BayesianModule for CrossAttention {
    shows!(query, key_value, out_proj);
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        let memory = self.key_value.multiply_adds(&[MEMORY, Axis::Fixed(self.key_value.outputs)])?;
        let projected = self.query.multiply_adds(output)?.plus(&self.out_proj.multiply_adds(output)?);
        Some(projected.plus(&memory).plus(&scored(output, MEMORY)))
    }
    fn per_example(&self) -> bool {
        true
    }
    fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
        Some(self.written(inputs).map(|y| vec![y]))
    }
}

impl ModuleT for SelfAttention {
    /// Without a mask.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward_t` is an error.
    fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
        self.try_forward_t(x, None, train).unwrap_or_else(|error| fail(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, nn::VarStore};

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn layer(vs: &VarStore, config: AttentionConfig) -> SelfAttention {
        let mut layer = SelfAttention::new(vs.root(), 12, 3, config);
        layer.freeze();
        layer
    }

    #[test]
    fn the_fused_attention_is_the_formula() {
        for causal in [false, true] {
            let vs = VarStore::new(Device::Cpu);
            let config =
                AttentionConfig { causal, posterior: crate::Posterior::fan_in(), ..Default::default() };
            let layer = layer(&vs, config);
            let x = Tensor::randn([2, 7, 12], CPU);
            let keep =
                Tensor::from_slice(&[1f32, 1., 1., 1., 1., 0., 0., 1., 1., 0., 1., 1., 1., 1.]).view([2, 7]);
            for mask in [None, Some(&keep)] {
                let a = layer.try_attention(&x, mask).unwrap();
                assert!(a.sum_dim_intlist([-1i64].as_slice(), false, None::<Kind>).allclose(
                    &Tensor::ones([2, 3, 7], CPU),
                    0.0,
                    1e-6,
                    false
                ));
                let v = layer
                    .in_proj
                    .try_forward(&x)
                    .unwrap()
                    .narrow(2, 24, 12)
                    .view([2, 7, 3, 4])
                    .transpose(1, 2);
                let heads = a.matmul(&v).transpose(1, 2).flatten(2, 3);
                let want = layer.out_proj.try_forward(&heads).unwrap();
                let y = layer.try_forward_t(&x, mask, false).unwrap();
                assert!(y.allclose(&want, 1e-5, 1e-6, false), "{causal}");
                if causal {
                    assert_eq!(a.triu(1).abs().max().double_value(&[]), 0.0, "nothing looks ahead");
                }
            }
        }
    }

    #[test]
    fn what_is_masked_makes_no_difference() {
        let vs = VarStore::new(Device::Cpu);
        let mut cross = CrossAttention::new(vs.root(), 8, 5, 2, AttentionConfig::default());
        cross.freeze();
        let (x, memory) = (Tensor::randn([2, 3, 8], CPU), Tensor::randn([2, 6, 5], CPU));
        let keep = Tensor::ones([2, 6], CPU);
        let _ = keep.narrow(1, 4, 2).fill_(0.0);
        let other = memory.copy();
        let _ = other.narrow(1, 4, 2).fill_(9.0);
        let run = |memory: &Tensor| cross.try_forward_t(&x, memory, Some(&keep), false).unwrap();
        assert_eq!(run(&memory).size(), [2, 3, 8]);
        assert!(run(&memory).allclose(&run(&other), 1e-6, 1e-7, false));
        let error = cross.try_forward_t(&x, &memory, Some(&keep.narrow(1, 0, 5)), false).unwrap_err();
        assert!(error.to_string().contains("[2, 6] of the mask"), "{error}");
    }

    #[test]
    fn dropout_keeps_the_mean() {
        let vs = VarStore::new(Device::Cpu);
        let layer = layer(&vs, AttentionConfig { dropout: 0.5, ..Default::default() });
        let x = Tensor::randn([1, 4, 12], CPU);
        let want = layer.try_forward_t(&x, None, false).unwrap();
        crate::manual_seed(5);
        let n = 4000;
        let draws: Vec<Tensor> = (0..n).map(|_| layer.try_forward_t(&x, None, true).unwrap()).collect();
        let draws = Tensor::stack(&draws, 0);
        let error = draws.mean_dim(0i64, false, None::<Kind>) - want;
        let std = draws.std_dim([0i64].as_slice(), true, false) / f64::from(n).sqrt();
        // Of 48 standard normals, beyond 4.5 with a probability of 3e-4.
        assert!((error / std).abs().max().double_value(&[]) < 4.5);
    }

    #[test]
    fn heads_divide_the_features() {
        let vs = VarStore::new(Device::Cpu);
        let error = SelfAttention::try_new(vs.root(), 12, 5, AttentionConfig::default()).unwrap_err();
        assert!(error.to_string().contains("divides the 12 features") && vs.is_empty(), "{error}");
    }
}
