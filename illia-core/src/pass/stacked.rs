//! Several draws in one forward: the draws' examples lie behind each other in the batch axis, or are the same for all.

use tch::Tensor;

use super::linear_map::LinearMap;
use super::{Stack, sample};
use crate::error::{Error, Result, Within};
use crate::parameter::RandomParameter;

/// The output of `layer`, `[draws * rows, ..]`, for `x` `[draws * rows, ..]`, of which each draw's rows go through that draw's
/// weights, or `[rows, ..]`, which goes through those of all.
///
/// In the marginal mode a layer that maps one vector for each example samples its outputs instead (Kingma, Salimans &
/// Welling 2015, equation 6): for each example alone that is the same distribution.
pub(crate) fn forward<L: LinearMap>(
    layer: &L,
    x: &Tensor,
    weight: &RandomParameter,
    bias: Option<&RandomParameter>,
    stack: Stack,
) -> Result<Tensor> {
    let rows = x.size().first().copied();
    let shared = rows == Some(stack.rows);
    if !shared && rows != Some(stack.draws * stack.rows) {
        let expected =
            format!("[{}, ..]: the examples' axis comes first where each is treated by itself", stack.rows);
        return Err(Error::Shape { layer: L::KIND.to_owned(), expected, given: x.size() });
    }
    if stack.marginal && x.dim() == 2 && layer.example_rank(x) == 1 && is_gaussian(weight, bias) {
        return marginal(layer, x, weight, bias, stack, shared).within(L::KIND);
    }
    let weights = weight.stacked_draws(stack.draws);
    let biases = bias.map(|bias| bias.stacked_draws(stack.draws));
    if let Some(outputs) = layer.map_draws(x, &weights, biases.as_ref(), stack.rows, shared) {
        return outputs.within(L::KIND);
    }
    let mut outputs = Vec::with_capacity(stack.draws.max(0) as usize);
    for draw in 0..stack.draws {
        let rows = if shared { x.shallow_clone() } else { x.narrow(0, draw * stack.rows, stack.rows) };
        let bias = biases.as_ref().map(|biases| biases.select(0, draw));
        outputs.push(layer.map(&rows, &weights.select(0, draw), bias.as_ref()).within(L::KIND)?);
    }
    match outputs.as_slice() {
        [only] => Ok(only.shallow_clone()),
        all => Tensor::f_cat(all, 0).within(L::KIND),
    }
}

fn is_gaussian(weight: &RandomParameter, bias: Option<&RandomParameter>) -> bool {
    weight.has_moments() && bias.is_none_or(RandomParameter::has_moments)
}

fn marginal<L: LinearMap>(
    layer: &L,
    x: &Tensor,
    weight: &RandomParameter,
    bias: Option<&RandomParameter>,
    stack: Stack,
    shared: bool,
) -> Result<Tensor, tch::TchError> {
    let moments = |x: &Tensor| {
        let (mu, sigma) =
            weight.moments().unwrap_or_else(|| (weight.mu().shallow_clone(), weight.mu().zeros_like()));
        let (bias_mu, bias_sigma) = bias.and_then(RandomParameter::moments).unzip();
        let mean = layer.map(x, &mu, bias_mu.as_ref())?;
        let variance = bias_sigma.map(|sigma| sigma.square());
        let variance = layer.map(&weight.seen_along(x)?.square(), &sigma.square(), variance.as_ref())?;
        Ok::<_, tch::TchError>((mean, variance))
    };
    if !shared {
        let (mean, variance) = moments(x)?;
        return Ok(sample::normal(mean, &variance, weight.next_key()));
    }
    // What is the same for every draw has the same moments for every draw.
    let (mean, std) = weight.once_for_all_draws(|| {
        let (mean, variance) = moments(x)?;
        Ok::<_, tch::TchError>((mean, variance.sqrt()))
    })?;
    let mut shape = vec![stack.draws];
    shape.extend(mean.size());
    let eps = weight.noise_of(&shape);
    Ok((eps * std + mean).flatten(0, 1))
}
