//! Likelihoods: what a net's output says about the target, and the predictive mixture over draws.
//!
//! An output and a target belong together element by element, after the batch axis; the log-likelihood of an example is
//! the sum over its elements, in nats. Over draws, the predictive density of an example is the mixture of its draws'
//! densities: log p(y | x, data) = log (1/S) sum_s p(y | f_s(x)).

mod bernoulli;
mod beta_nll;
mod categorical;
mod gaussian;
mod mixture;
mod padded;
mod poisson;
#[cfg(test)]
mod quantile_tests;
mod student_t;
#[cfg(test)]
mod tests;

pub use bernoulli::Bernoulli;
pub use beta_nll::BetaNll;
pub use categorical::Categorical;
pub use gaussian::{Gaussian, HeteroscedasticGaussian};
pub use padded::PaddedCategorical;
pub use poisson::Poisson;
pub use student_t::StudentT;

use tch::nn::Path;
use tch::{Kind, Tensor};

use crate::error::{Error, Result, Within, floating};
use crate::noise::{self, Key};
use crate::parameter::{full_name, inverse_softplus};

/// How uncertain a prediction is, `[batch]`, and where that comes from.
///
/// For classes in nats: the entropy of the mean probabilities (total), the mean of the draws' entropies (aleatoric), and
/// their difference, the mutual information between the label and the weights (epistemic; Depeweg et al. 2018). For
/// numbers as variances, after the law of total variance, summed over an example's elements.
#[derive(Debug)]
pub struct Uncertainty {
    /// All of it.
    pub total: Tensor,
    /// What would stay however much data there were: noise in the targets.
    pub aleatoric: Tensor,
    /// What the weights' posterior leaves open: it falls with data and rises away from it.
    pub epistemic: Tensor,
}

/// The distribution of a target given a net's output.
///
/// Outputs are `[batch, ..]`; the outputs of several draws, where a method takes those, `[draws, batch, ..]`.
///
/// ```
/// use illia_core::likelihood::Likelihood;
/// use illia_core::{Error, Result};
/// use tch::{Kind, Tensor};
///
/// /// Laplace's distribution of scale 1 around the net's output.
/// #[derive(Debug)]
/// struct Absolute;
///
/// impl Likelihood for Absolute {
///     fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
///         let off = (output - target).abs().flatten(1, -1);
///         Ok(-off.sum_dim_intlist([1i64].as_slice(), false, Kind::Float) - 2f64.ln() * output.size()[1] as f64)
///     }
///     fn mean(&self, output: &Tensor) -> Tensor {
///         output.shallow_clone()
///     }
///     fn variance(&self, output: &Tensor) -> Tensor {
///         output.full_like(2.0)
///     }
///     fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
///         let z = y - output;
///         Some(0.5 + z.sign() * (1.0 - (-z.abs()).exp()) * 0.5)
///     }
/// }
///
/// let zero = Tensor::from_slice(&[0f32]).reshape([1, 1]);
/// assert!((Absolute.log_likelihood(&zero, &zero)?.double_value(&[0]) + 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
pub trait Likelihood: std::fmt::Debug {
    /// log p(target | output) of each example, `[batch]`, in nats.
    ///
    /// # Errors
    /// [`Error::Shape`] if the target is not of the shape that belongs to the output;
    /// [`Error::Configuration`] for values that the distribution does not have.
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor>;

    /// E[y | output]: probabilities for classes. Any leading axes.
    fn mean(&self, output: &Tensor) -> Tensor;

    /// Var[y | output], in the shape of [`mean`](Self::mean).
    fn variance(&self, output: &Tensor) -> Tensor;

    /// P(y <= `y` | output), element by element; None for classes, which have no order.
    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor>;

    /// The variables that it is trained with, by their names in their store: a learned noise's. None by default.
    /// [`Fit`](crate::Fit) refuses one that it would not move, since it is in another store than the net's.
    fn named_variables(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    /// Whether the output says how large the noise is, beside the mean: a net that could follow every target would take all of it for signal, so
    /// that a [`Fit`](crate::Fit) with nothing set adds to the targets what the weights leave open. False by default.
    fn has_noise_of_its_own(&self) -> bool {
        false
    }

    /// One observation for each output, from the noise that `key` stands for, in the shape of [`mean`](Self::mean); class numbers
    /// `[batch, ..]` for classes. The outputs of several draws of a net give observations of the predictive mixture.
    ///
    /// Where a likelihood does not say otherwise, [`cdf`](Self::cdf) is inverted by bisection between Chebyshev's bounds.
    ///
    /// ```
    /// use illia_core::likelihood::{Likelihood, Poisson};
    /// use illia_core::noise::Stream;
    /// use tch::{Device, Kind, Tensor};
    ///
    /// let log_rates = Tensor::zeros([100, 1], (Kind::Float, Device::Cpu));
    /// let counts = Poisson.sample(&log_rates, Stream::new().next_key())?;
    /// assert!(Poisson.log_likelihood(&log_rates, &counts).is_ok());
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Configuration`] where there is neither a rule nor a `cdf`; [`Error::Shape`] for outputs that are none of this
    /// likelihood's.
    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        floating("output", output)?;
        let double = output.to_kind(Kind::Double);
        let (mean, variance) = (self.mean(&double), self.variance(&double));
        let q = noise::uniforms(key, &mean.size(), Kind::Double, mean.device());
        let q = q.clamp(SMALLEST_Q, 1.0 - SMALLEST_Q);
        Ok(mixture::inverse(&|y| self.cdf(&double, y), &mean, &variance, &q)?.to_kind(output.kind()))
    }

    /// The log of the predictive density of each example, `[batch]`, in nats: the mean of the draws' densities, taken
    /// as a log-sum-exp.
    ///
    /// # Errors
    /// As [`log_likelihood`](Self::log_likelihood).
    fn log_predictive(&self, outputs: &Tensor, target: &Tensor) -> Result<Tensor> {
        let draws = outputs.size().first().copied().unwrap_or(1).max(1);
        let targets = repeat(target, draws);
        let flat = outputs.f_flatten(0, 1).within("log_predictive")?;
        let each = self.log_likelihood(&flat, &targets)?.reshape([draws, -1]);
        Ok(each.logsumexp(0i64, false) - (draws as f64).ln())
    }

    /// The parts of the uncertainty of each example, from all draws' outputs; of numbers in double precision, where squares of
    /// what a float holds still have room.
    fn uncertainty(&self, outputs: &Tensor) -> Uncertainty {
        let outputs = outputs.to_kind(Kind::Double);
        let (mean, variance) = (self.mean(&outputs), self.variance(&outputs));
        let aleatoric = per_example(&variance.mean_dim(0i64, false, variance.kind()));
        let epistemic = per_example(&mean.var_dim(0i64, false, false));
        Uncertainty { total: &aleatoric + &epistemic, aleatoric, epistemic }
    }

    /// The `q`-quantile of the predictive mixture, one for each element, in double precision, noise included: the smallest number
    /// with at least `q` of the mixture up to it. Of counts it is a count.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless 0 < q < 1, and for likelihoods of classes.
    fn quantile(&self, outputs: &Tensor, q: f64) -> Result<Tensor> {
        let outputs = outputs.to_kind(Kind::Double);
        let (mean, variance) = (self.mean(&outputs), self.variance(&outputs));
        mixture::quantile(&|y| self.cdf(&outputs, y), &mean, &variance, q)
    }

    /// The central interval of the predictive mixture that holds `level` of the observations: (low, high), both within it. Of
    /// counts, whose probabilities are no continuum, it holds at least `level`.
    ///
    /// ```
    /// use illia_core::likelihood::{Likelihood, Poisson};
    /// use tch::Tensor;
    ///
    /// // At a rate of 0.5, 0 and 1 hold 0.91 of the counts, and 0 alone 0.61.
    /// let log_rate = Tensor::from_slice(&[0.5f32.ln()]).reshape([1, 1, 1]);
    /// let (low, high) = Poisson.interval(&log_rate, 0.9)?;
    /// assert_eq!((low.double_value(&[0, 0]), high.double_value(&[0, 0])), (0.0, 2.0));
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`quantile`](Self::quantile).
    fn interval(&self, outputs: &Tensor, level: f64) -> Result<(Tensor, Tensor)> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::configuration("level", level, "between 0 and 1"));
        }
        Ok((self.quantile(outputs, 0.5 - level / 2.0)?, self.quantile(outputs, 0.5 + level / 2.0)?))
    }
}

impl<L: Likelihood + ?Sized> Likelihood for &L {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        (**self).log_likelihood(output, target)
    }
    fn mean(&self, output: &Tensor) -> Tensor {
        (**self).mean(output)
    }
    fn variance(&self, output: &Tensor) -> Tensor {
        (**self).variance(output)
    }
    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        (**self).cdf(output, y)
    }
    fn has_noise_of_its_own(&self) -> bool {
        (**self).has_noise_of_its_own()
    }
    fn named_variables(&self) -> Vec<(String, Tensor)> {
        (**self).named_variables()
    }
    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        (**self).sample(output, key)
    }
    fn log_predictive(&self, outputs: &Tensor, target: &Tensor) -> Result<Tensor> {
        (**self).log_predictive(outputs, target)
    }
    fn uncertainty(&self, outputs: &Tensor) -> Uncertainty {
        (**self).uncertainty(outputs)
    }
    fn quantile(&self, outputs: &Tensor, q: f64) -> Result<Tensor> {
        (**self).quantile(outputs, q)
    }
    fn interval(&self, outputs: &Tensor, level: f64) -> Result<(Tensor, Tensor)> {
        (**self).interval(outputs, level)
    }
}

/// Uniforms are multiples of 2^-24; at 0 itself most distributions have no quantile.
const SMALLEST_Q: f64 = 1.0 / (1u32 << 24) as f64;

/// N(mean, std²), one number for each element, from the noise that `key` stands for.
fn normal(mean: &Tensor, std: &Tensor, key: Key) -> Tensor {
    mean + std * noise::normals(key, &mean.size(), mean.kind(), mean.device())
}

/// `target` for each draw, with the draws in the batch axis.
fn repeat(target: &Tensor, draws: i64) -> Tensor {
    let size = target.size();
    let mut each = vec![draws];
    each.extend(&size);
    let mut flat = vec![draws * size.first().copied().unwrap_or(1)];
    flat.extend(size.iter().skip(1));
    target.unsqueeze(0).expand(each, false).reshape(flat)
}

/// Sums everything after the batch axis: `[batch]`.
fn per_example(elements: &Tensor) -> Tensor {
    if elements.dim() < 2 {
        elements.shallow_clone()
    } else {
        elements.flatten(1, -1).sum_dim_intlist(-1, false, elements.kind())
    }
}

/// The target in the output's shape: the same shape, or without a last axis of one. Anything else is refused, since
/// `[batch]` against `[batch, 1]` would silently become `[batch, batch]`.
pub(crate) fn matched(layer: &str, output: &Tensor, target: &Tensor) -> Result<Tensor> {
    floating("output", output)?;
    let (expected, given) = (output.size(), target.size());
    let mut squeezed = expected.clone();
    if squeezed.len() > 1 && squeezed.last() == Some(&1) {
        squeezed.pop();
    }
    if given != expected && given != squeezed {
        let expected = format!("{expected:?} of targets, as the outputs");
        return Err(Error::Shape { layer: layer.to_owned(), expected, given });
    }
    Ok(target.reshape(&expected).to_kind(output.kind()))
}

/// A positive scale: given, or softplus of a variable.
#[derive(Debug)]
enum Scale {
    Fixed(f64),
    /// Softplus of the variable, with its name in its store.
    Learned(String, Tensor),
}

impl Scale {
    fn fixed(name: &str, value: f64) -> Result<Self> {
        positive(name, value)?;
        Ok(Scale::Fixed(value))
    }

    /// The variable `p.{name}_rho`.
    fn learned(p: &Path, name: &str, value: f64) -> Result<Self> {
        positive(name, value)?;
        let rho = Tensor::from(inverse_softplus(value)).to_kind(p.kind()).to_device(p.device());
        let variable = format!("{name}_rho");
        if p.get(&variable).is_some() {
            let allowed = "a path of its own for each likelihood; another one has this";
            return Err(Error::configuration("path", full_name(p, &variable), allowed));
        }
        let rho = p.f_var_copy(&variable, &rho).within(name)?;
        Ok(Scale::Learned(full_name(p, &variable), rho))
    }

    fn named_variables(&self) -> Vec<(String, Tensor)> {
        match self {
            Scale::Fixed(_) => Vec::new(),
            Scale::Learned(name, rho) => vec![(name.clone(), rho.shallow_clone())],
        }
    }

    fn like(&self, output: &Tensor) -> Tensor {
        match self {
            Scale::Fixed(value) => Tensor::from(*value).to_kind(output.kind()).to_device(output.device()),
            Scale::Learned(_, rho) => rho.softplus().to_kind(output.kind()),
        }
    }
}

fn positive(name: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::configuration(name, value, "a finite number above 0"))
}

/// -x log x, 0 at 0, in nats.
fn entropy_term(p: &Tensor) -> Tensor {
    p.special_entr()
}

/// P(standard normal <= z).
fn normal_cdf(z: &Tensor) -> Tensor {
    z.special_ndtr()
}

/// Refuses targets that are not finite, or outside of `low..=high`.
fn in_range(target: &Tensor, low: f64, high: f64, allowed: &str) -> Result<()> {
    if target.numel() == 0 {
        return Ok(());
    }
    let inside = target.ge(low).logical_and(&target.le(high)).logical_and(&target.isfinite());
    let outside = inside.logical_not();
    if outside.any().int64_value(&[]) == 0 {
        return Ok(());
    }
    let first = target.masked_select(&outside).to_kind(Kind::Double).double_value(&[0]);
    Err(Error::configuration("target", first, allowed))
}
