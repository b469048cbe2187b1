//! tch's own layers, whose weights are plain.

use tch::Tensor;
use tch::nn::{self, BatchNorm, GroupNorm, LayerNorm, ModuleT, Path};

use crate::error::{Error, Result};
use crate::graph::Value;

/// Normalisation over the last axes.
pub fn layer_norm(p: &Path<'_>, shape: &[i64], eps: f64, affine: bool) -> Result<LayerNorm> {
    let config = nn::LayerNormConfig {
        eps,
        elementwise_affine: affine,
        ws_init: nn::Init::Const(1.0),
        ..Default::default()
    };
    sizes(shape)?;
    Ok(nn::layer_norm(p, shape.to_vec(), config))
}

/// Normalisation over groups of channels.
pub fn group_norm(p: &Path<'_>, groups: i64, channels: i64, eps: f64, affine: bool) -> Result<GroupNorm> {
    let config = nn::GroupNormConfig { eps, affine, ws_init: nn::Init::Const(1.0), ..Default::default() };
    sizes(&[groups, channels])?;
    Ok(nn::group_norm(p, groups, channels, config))
}

/// Normalisation over the batch, for `axes` spatial axes.
pub fn batch_norm(
    p: &Path<'_>,
    axes: usize,
    channels: i64,
    eps: f64,
    momentum: f64,
    affine: bool,
) -> Result<BatchNorm> {
    let config =
        nn::BatchNormConfig { eps, momentum, affine, ws_init: nn::Init::Const(1.0), ..Default::default() };
    sizes(&[channels])?;
    Ok(match axes {
        1 => nn::batch_norm1d(p, channels, config),
        2 => nn::batch_norm2d(p, channels, config),
        _ => nn::batch_norm3d(p, channels, config),
    })
}

fn sizes(sizes: &[i64]) -> Result<()> {
    if sizes.iter().all(|&n| n > 0) {
        return Ok(());
    }
    Err(Error::configuration("size", format!("{sizes:?}"), "each at least 1"))
}

/// A normalisation layer of tch's.
pub trait Plain: ModuleT {
    /// A tensor of its numbers' kind, if it has any.
    fn numbers(&self) -> Option<&Tensor>;
    /// The layer in a graph.
    fn write(&self, x: &Value) -> Result<Value>;
}

impl Plain for LayerNorm {
    fn numbers(&self) -> Option<&Tensor> {
        self.ws.as_ref()
    }

    fn write(&self, x: &Value) -> Result<Value> {
        crate::nn::graph::layer_norm(self, x)
    }
}

impl Plain for GroupNorm {
    fn numbers(&self) -> Option<&Tensor> {
        self.ws.as_ref()
    }

    fn write(&self, x: &Value) -> Result<Value> {
        crate::nn::graph::group_norm(self, x)
    }
}

impl Plain for BatchNorm {
    fn numbers(&self) -> Option<&Tensor> {
        Some(&self.running_mean)
    }

    fn write(&self, x: &Value) -> Result<Value> {
        crate::nn::graph::batch_norm(self, x)
    }
}

/// Runs such a layer. Its shapes were checked before and the kinds are here, so that tch's `forward_t`, which has no `Result`,
/// does not stop.
pub fn plain(layer: &impl Plain, x: &Tensor, train: bool) -> Result<Tensor> {
    let wanted = layer.numbers().map(Tensor::kind);
    let message = match wanted {
        _ if !x.is_floating_point() => format!("takes real numbers, got {:?}", x.kind()),
        Some(kind) if kind != x.kind() => format!("has {kind:?} weights, got an input of {:?}", x.kind()),
        _ => return Ok(layer.forward_t(x, train)),
    };
    Err(Error::Torch { layer: "Norm".to_owned(), message })
}
