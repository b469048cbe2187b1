//! Mean and variance through a net in one pass, without a draw (Wu et al. 2019; Wright et al. 2024).
//!
//! Every value is taken as a Gaussian of its own, [`Moments`]: correlations between values are left out. Through linear maps
//! the moments are exact for independent inputs, whatever their distribution; through activations they are exact for a
//! Gaussian input, in closed form or to the stated error. What is left out shows after more than one hidden layer, whose
//! units share what comes before them.

mod activations;
mod pools;
mod quadrature;
#[cfg(test)]
mod tests;

pub use pools::Pool;

use tch::{TchError, Tensor};

use super::state_kind;
use crate::error::{Error, Result, Within, floating};

/// The mean and the variance of each element of a tensor, an activation or a random weight.
///
/// ```
/// use illia_core::infer::moments::Moments;
/// use tch::{Device, Kind, Tensor};
///
/// let ones = |shape: &[i64]| Tensor::ones(shape, (Kind::Float, Device::Cpu));
/// let weight = Moments::new(ones(&[3, 5]), ones(&[3, 5]) * 0.01)?;
/// let y = Moments::certain(&ones(&[4, 5]))?.linear(&weight, None)?.relu();
/// assert_eq!((y.mean().size(), y.variance().size()), (vec![4, 3], vec![4, 3]));
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Moments {
    mean: Tensor,
    /// None where it is 0 everywhere, which saves its products.
    variance: Option<Tensor>,
}

/// A map that is linear in input and weight: (x, weight, bias) to the output.
pub type Map<'a> = &'a dyn Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor, TchError>;

impl Moments {
    /// Of given means and variances of one shape; half precision is widened to single.
    ///
    /// # Errors
    /// [`Error::Shape`] for different shapes, [`Error::Configuration`] for other than floating-point numbers of one kind, and
    /// for a variance below 0 or NaN.
    pub fn new(mean: Tensor, variance: Tensor) -> Result<Self> {
        if mean.size() != variance.size() {
            let expected = format!("{:?}, as the mean", mean.size());
            return Err(Error::Shape { layer: "variance".to_owned(), expected, given: variance.size() });
        }
        floating("mean", &mean)?;
        if variance.kind() != mean.kind() || variance.device() != mean.device() {
            let value = format!("{:?} on {:?}", variance.kind(), variance.device());
            return Err(Error::configuration("variance", value, "the mean's kind and device"));
        }
        if variance.numel() > 0 && variance.ge(0.0).all().int64_value(&[]) == 0 {
            return Err(Error::configuration("variance", "a number below 0 or NaN", "numbers from 0"));
        }
        let kind = state_kind(&mean);
        Ok(Moments { mean: mean.to_kind(kind), variance: Some(variance.to_kind(kind)) })
    }

    /// Of values that are known: an input, the weights of a plain layer. Half precision is widened to single.
    ///
    /// # Errors
    /// [`Error::Configuration`] for other than floating-point numbers.
    pub fn certain(value: &Tensor) -> Result<Self> {
        floating("value", value)?;
        Ok(Moments { mean: value.to_kind(state_kind(value)), variance: None })
    }

    fn made(mean: Tensor, variance: Option<Tensor>) -> Self {
        Moments { mean, variance }
    }

    /// The means.
    pub fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// The variances, in the shape of the means.
    pub fn variance(&self) -> Tensor {
        self.variance.as_ref().map_or_else(|| self.mean.zeros_like(), Tensor::shallow_clone)
    }

    /// The standard deviations, in the shape of the means.
    pub fn std(&self) -> Tensor {
        self.variance().sqrt()
    }

    /// Through any map that is linear in its input and in its weight and that multiplies no two of its products by the same
    /// pair: linear layers, convolutions, transposed ones. With input (m, v), weight (W, S) and bias (b, t):
    ///
    /// ```text
    /// mean = map(m, W) + b;   variance = map(v, W² + S) + map(m², S) + t
    /// ```
    ///
    /// # Errors
    /// [`Error::Torch`] with `layer`'s name where libtorch refuses the shapes; [`Error::Configuration`] for a weight or bias of
    /// another kind than the input.
    pub fn linear_map(
        &self,
        layer: &str,
        weight: &Moments,
        bias: Option<&Moments>,
        map: Map,
    ) -> Result<Self> {
        for (name, part) in [("weight", Some(weight)), ("bias", bias)] {
            if let Some(part) = part.filter(|part| part.mean.kind() != self.mean.kind()) {
                let name = format!("{layer}.{name}");
                let allowed = format!("{:?}, the input's kind", self.mean.kind());
                return Err(Error::configuration(&name, format!("{:?}", part.mean.kind()), &allowed));
            }
        }
        let mean = map(&self.mean, &weight.mean, bias.map(Moments::mean)).within(layer)?;
        let mut terms = Vec::new();
        if let Some(v) = &self.variance {
            let second = weight.mean.square();
            terms.push((
                v.shallow_clone(),
                weight.variance.as_ref().map_or_else(|| second.copy(), |s| &second + s),
            ));
        }
        if let Some(s) = &weight.variance {
            terms.push((self.mean.square(), s.shallow_clone()));
        }
        let mut bias = bias.and_then(|bias| bias.variance.as_ref());
        if terms.is_empty() && bias.is_some() {
            terms.push((self.mean.zeros_like(), weight.mean.zeros_like()));
        }
        let mut variance: Option<Tensor> = None;
        for (x, w) in terms {
            let term = map(&x, &w, bias.take()).within(layer)?;
            variance = Some(variance.map_or_else(|| term.shallow_clone(), |sum| sum + &term));
        }
        Ok(Moments::made(mean, variance))
    }

    /// y = x Wᵀ + b: `[.., in]` through a weight `[out, in]` and a bias `[out]` to `[.., out]`.
    ///
    /// # Errors
    /// As [`linear_map`](Self::linear_map).
    pub fn linear(&self, weight: &Moments, bias: Option<&Moments>) -> Result<Self> {
        self.linear_map("linear", weight, bias, &|x, w, b| x.f_linear(w, b))
    }

    /// A convolution over one to three spatial axes: `[batch, in, spatial..]` through a kernel `[out, in / groups, kernel..]`
    /// and a bias `[out]`; stride, padding and dilation one number for each spatial axis.
    ///
    /// # Errors
    /// As [`linear_map`](Self::linear_map).
    pub fn conv(
        &self,
        weight: &Moments,
        bias: Option<&Moments>,
        [stride, padding, dilation]: [&[i64]; 3],
        groups: i64,
    ) -> Result<Self> {
        let none = vec![0; stride.len()];
        self.linear_map("conv", weight, bias, &|x, w, b| {
            x.f_convolution(w, b, stride, padding, dilation, false, &none, groups)
        })
    }

    /// x · scale + shift, element by element, with numbers that are known; they broadcast: norms in evaluation.
    ///
    /// # Errors
    /// [`Error::Torch`] for shapes that don't broadcast.
    pub fn affine(&self, scale: &Tensor, shift: &Tensor) -> Result<Self> {
        let mean = self.mean.f_mul(scale).and_then(|x| x.f_add(shift)).within("affine")?;
        let variance =
            self.variance.as_ref().map(|v| v.f_mul(&scale.square()).within("affine")).transpose()?;
        Ok(Moments::made(mean, variance))
    }

    /// The sum of two, taken as independent: a residual's end.
    ///
    /// # Errors
    /// [`Error::Shape`] for different shapes.
    pub fn plus(&self, other: &Moments) -> Result<Self> {
        if self.mean.size() != other.mean.size() {
            let expected = format!("{:?}, as the other", self.mean.size());
            return Err(Error::Shape { layer: "plus".to_owned(), expected, given: other.mean.size() });
        }
        let variance = match (&self.variance, &other.variance) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.as_ref().or(b.as_ref()).map(Tensor::shallow_clone),
        };
        Ok(Moments::made(&self.mean + &other.mean, variance))
    }

    /// Several side by side along `axis`.
    ///
    /// # Errors
    /// [`Error::Torch`] for shapes that don't fit.
    pub fn concat(parts: &[&Moments], axis: i64) -> Result<Self> {
        let all = |of: &dyn Fn(&Moments) -> Tensor| {
            let each: Vec<Tensor> = parts.iter().map(|part| of(part)).collect();
            Tensor::f_cat(&each, axis).within("concat")
        };
        let known = parts.iter().all(|part| part.variance.is_none());
        let variance = if known { None } else { Some(all(&Moments::variance)?) };
        Ok(Moments::made(all(&|part| part.mean.shallow_clone())?, variance))
    }

    /// The same elements elsewhere (`flatten`, `reshape`, `permute`, a slice): what `f` does to means and variances alike.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn rearranged(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Moments::made(f(&self.mean)?, self.variance.as_ref().map(f).transpose()?))
    }
}
