//! How a layer that is linear in its weights turns posterior and input into a random output, by its estimator.

use tch::Tensor;

use super::linear_map::LinearMap;
use super::stack::{self, Mode};
use super::{note, stacked};
use crate::error::{Result, Within};
use crate::parameter::{Estimator, Factors, RandomParameter};

impl Estimator {
    /// The random output of `layer` for `x`.
    pub(crate) fn forward<L: LinearMap>(
        self,
        layer: &L,
        x: &Tensor,
        weight: &RandomParameter,
        bias: Option<&RandomParameter>,
    ) -> Result<Tensor> {
        if let Some(stack) = weight.stack().or_else(|| bias.and_then(RandomParameter::stack)) {
            return stacked::forward(layer, x, weight, bias, stack);
        }
        if weight.is_recorded() || bias.is_some_and(RandomParameter::is_recorded) {
            return note::forward(layer, x, weight, bias);
        }
        if let Some(factors) = self.factors(weight, L::TRANSPOSED) {
            return self.through_factors(layer, x, weight, bias, &factors);
        }
        let chosen = self.resolved(weight);
        if chosen != Estimator::Reparameterization
            && let Some(std) = weight.factor_std()
        {
            let shape = of_examples(layer, x, std.numel() as i64);
            let along = std.numel() as i64;
            let along: Vec<i64> =
                std::iter::once(along).chain((1..layer.feature_axis()).map(|_| 1)).collect();
            let factors = std.view(along.as_slice()) * weight.example_noise(&shape, x) + 1.0;
            let b = bias.map(RandomParameter::draw);
            return layer.map(&(x * factors), weight.mu(), b.as_ref().map(|b| b.weights())).within(L::KIND);
        }
        let moments = match chosen {
            Estimator::Reparameterization => None,
            _ => weight.moments(),
        };
        let Some((mu, sigma)) = moments else {
            let w = weight.draw();
            let b = bias.map(RandomParameter::draw);
            return layer.map(x, w.weights(), b.as_ref().map(|b| b.weights())).within(L::KIND);
        };
        let bias_moments = bias.and_then(RandomParameter::moments);
        match chosen {
            Estimator::LocalReparameterization => {
                // A bias that is no Gaussian (frozen, a point) only shifts the mean.
                let drawn = match &bias_moments {
                    None => bias.map(RandomParameter::draw),
                    Some(_) => None,
                };
                let bias_mean = match (&bias_moments, &drawn) {
                    (Some((mu, _)), _) => Some(mu),
                    (None, Some(draw)) => Some(draw.weights()),
                    (None, None) => None,
                };
                let mean = layer.map(x, &mu, bias_mean).within(L::KIND)?;
                let bias_variance = bias_moments.as_ref().map(|(_, sigma)| sigma.square());
                let along = weight.seen_along(x).within(L::KIND)?.square();
                let variance = layer.map(&along, &sigma.square(), bias_variance.as_ref()).within(L::KIND)?;
                let eps = weight.output_noise(&mean);
                // An all-zero input has no variance, and the root's slope there is infinite.
                Ok(mean + variance.clamp_min(SMALLEST_VARIANCE).sqrt() * eps)
            }
            _ => {
                let b = bias.map(RandomParameter::draw);
                let mean = layer.map(x, &mu, b.as_ref().map(|b| b.weights())).within(L::KIND)?;
                let delta = sigma * weight.weight_noise();
                let (inputs, outputs) = signs(layer, x, weight, layer.outputs());
                // Signs where the noise is independent: those of the elements would take their covariance away.
                let along = weight.seen_along(x).within(L::KIND)? * inputs;
                let turned = layer.map(&along, &delta, None).within(L::KIND)?;
                Ok(mean + turned * outputs)
            }
        }
    }

    /// What [`Automatic`](Self::Automatic) stands for where the weight is used.
    fn resolved(self, weight: &RandomParameter) -> Estimator {
        match (self, stack::mode_of(weight)) {
            (Estimator::Automatic, Some(Mode::Train { automatic, .. })) if automatic != self => automatic,
            (Estimator::Automatic, _) => Estimator::Reparameterization,
            (chosen, _) => chosen,
        }
    }

    /// The factors of an adapter that this estimator takes one after the other, so that no graph goes through a whole weight.
    fn factors(self, weight: &RandomParameter, transposed: bool) -> Option<Factors> {
        // Where the kernels are of groups, or stand the other way round, the factors are not maps of their own.
        let whole = !transposed && weight.variables().input_units.groups == 1;
        if self == Estimator::Reparameterization || !whole { None } else { weight.factors() }
    }

    /// W₀ x + b + B (A x), with A's output drawn: by the moments of its elements for local reparameterisation, else by one draw
    /// with signs for each example (Wang et al. 2024, section 3.3), which leaves an example one function through all its places.
    fn through_factors<L: LinearMap>(
        self,
        layer: &L,
        x: &Tensor,
        weight: &RandomParameter,
        bias: Option<&RandomParameter>,
        factors: &Factors,
    ) -> Result<Tensor> {
        let Factors { a, sigma, b } = factors;
        let bias = bias.map(RandomParameter::draw);
        let own = layer.map(x, weight.mu(), bias.as_ref().map(|bias| bias.weights())).within(L::KIND)?;
        let mut shape = weight.mu().size();
        if let (Some(outputs), Some(rank)) = (shape.first_mut(), a.size().first()) {
            *outputs = *rank;
        }
        let through = |x: &Tensor, a: &Tensor| layer.map(x, &a.view(shape.as_slice()), None).within(L::KIND);
        let mean = through(x, a)?;
        let inner = if self == Estimator::LocalReparameterization {
            let variance = through(&x.square(), &sigma.square())?;
            let eps = weight.output_noise(&mean);
            mean + variance.clamp_min(SMALLEST_VARIANCE).sqrt() * eps
        } else {
            let (inputs, outputs) = signs(layer, x, weight, a.size().first().copied().unwrap_or(1));
            mean + through(&(x * inputs), &(sigma * weight.noise_of(&a.size())))? * outputs
        };
        let axis = -(layer.feature_axis() as i64);
        let raised = inner.movedim_int(axis, -1).f_matmul(&b.tr()).within(L::KIND)?;
        Ok(own + raised.movedim_int(-1, axis))
    }
}

impl RandomParameter {
    /// What a weight's spread sees of an input `[.., inputs]`: its part along each of the axes.
    pub(crate) fn seen_along(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        self.axes().map_or_else(|| Ok(x.shallow_clone()), |axes| x.f_matmul(axes))
    }
}

/// Well below any variance that matters in f32, well above where its root loses all precision.
const SMALLEST_VARIANCE: f64 = 1e-16;

/// The shape of so many numbers for each example of `x`, along the features' axis.
fn of_examples<L: LinearMap>(layer: &L, x: &Tensor, features: i64) -> Vec<i64> {
    let size = x.size();
    let lead = size.len().saturating_sub(layer.example_rank(x));
    let feature = size.len().saturating_sub(layer.feature_axis());
    let axis = |(i, &n): (usize, &i64)| match i {
        _ if i == feature => features,
        _ if i < lead => n,
        _ => 1,
    };
    size.iter().enumerate().map(axis).collect()
}

/// Random signs for each example's input and output features: never one for each pixel or step, which
/// would not be a product with one perturbation of the weights.
fn signs<L: LinearMap>(layer: &L, x: &Tensor, weight: &RandomParameter, outputs: i64) -> (Tensor, Tensor) {
    let size = x.size();
    let inputs = size.get(size.len().saturating_sub(layer.feature_axis())).copied().unwrap_or(1);
    let signs = |features| weight.signs(&of_examples(layer, x, features), x);
    (signs(inputs), signs(outputs))
}
