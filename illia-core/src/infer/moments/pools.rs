//! Moments of averages and maxima over windows.

use tch::{Kind, Tensor};

use super::Moments;
use super::activations::Kink;
use crate::error::{Error, Result, Within};

/// The settings of a pool: one number for each spatial axis.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a> {
    /// The window.
    pub kernel: &'a [i64],
    /// Its step.
    pub stride: &'a [i64],
    /// What is added on both sides.
    pub padding: &'a [i64],
}

impl Pool<'_> {
    /// The first of the spatial axes of a tensor of `rank` axes.
    fn first_axis(&self, name: &str, rank: usize) -> Result<usize> {
        let axes = self.kernel.len();
        let allowed = "one number from 1 for each spatial axis";
        if axes == 0 || self.kernel.iter().chain(self.stride).any(|&n| n < 1) {
            return Err(Error::configuration(name, format!("{:?}", self.kernel), allowed));
        }
        if self.stride.len() != axes || self.padding.len() != axes || rank < axes {
            return Err(Error::configuration(name, format!("{self:?}"), allowed));
        }
        Ok(rank - axes)
    }
}

impl Moments {
    /// The larger of two independent values, in closed form (Clark 1961).
    ///
    /// # Errors
    /// [`Error::Shape`] for different shapes.
    pub fn max(&self, other: &Moments) -> Result<Self> {
        if self.mean.size() != other.mean.size() {
            let expected = format!("{:?}, as the other", self.mean.size());
            return Err(Error::Shape { layer: "max".to_owned(), expected, given: other.mean.size() });
        }
        if self.variance.is_none() && other.variance.is_none() {
            return Ok(Moments::made(self.mean.maximum(&other.mean), None));
        }
        let (v1, v2) = (self.variance(), other.variance());
        // b + max(a - b, 0).
        let whole = &v1 + &v2;
        let kink = Kink::new(&(&self.mean - &other.mean), &whole);
        let mean = &self.mean * &kink.above + &other.mean * &kink.below + &kink.edge;
        let variance = v1 * &kink.above + v2 * &kink.below + whole * &kink.excess;
        Ok(Moments::made(mean, Some(variance.clamp_min(0.0))))
    }

    /// The largest of each window over the last axes, by folding [`max`](Self::max) over it as if its values, and every maximum
    /// on the way, were independent Gaussians. Padding is never the largest.
    ///
    /// Two values are exact; the largest of 4 equal Gaussians gets a standard deviation 3 % too small and a mean off by a
    /// thousandth of it, of 9 one that is 9 % too small and a mean off by 2 % of it.
    ///
    /// # Errors
    /// [`Error::Configuration`] for settings that don't belong to the spatial axes, [`Error::Torch`] for windows that don't fit.
    pub fn max_pool(&self, pool: Pool) -> Result<Self> {
        let first = pool.first_axis("max_pool", self.mean.dim())?;
        let mut padding: Vec<i64> = Vec::new();
        padding.extend(pool.padding.iter().rev().flat_map(|&n| [n, n]));
        let pad = |x: &Tensor, value: f64| x.f_pad(&padding, "constant", value).within("max_pool");
        let variance = self.variance.as_ref().map(|v| pad(v, 0.0)).transpose()?;
        let mut values = Moments::made(pad(&self.mean, LOWEST)?, variance);
        for (axis, (&kernel, &stride)) in (first as i64..).zip(pool.kernel.iter().zip(pool.stride)) {
            let size = values.mean.size().get(axis as usize).copied().unwrap_or(0);
            if size < kernel {
                let reason = format!("a window of {kernel} on {size}");
                return Err(Error::configuration("max_pool", reason, "windows that fit the padded input"));
            }
            let reach = (size - kernel) / stride * stride + 1;
            let at = |offset: i64| {
                values.rearranged(|x| x.f_slice(axis, offset, offset + reach, stride).within("max_pool"))
            };
            values = (1..kernel).try_fold(at(0)?, |largest, offset| largest.max(&at(offset)?))?;
        }
        Ok(values)
    }

    /// The mean of each window over the last axes (of 1-D to 3-D images `[batch, channels, spatial..]`), padding counted as
    /// zeros: exact for independent values.
    ///
    /// # Errors
    /// As [`max_pool`](Self::max_pool).
    pub fn avg_pool(&self, pool: Pool) -> Result<Self> {
        pool.first_axis("avg_pool", self.mean.dim())?;
        let Pool { kernel, stride, padding } = pool;
        let mean = |x: &Tensor| {
            match kernel.len() {
                1 => x.f_avg_pool1d(kernel, stride, padding, false, true),
                2 => x.f_avg_pool2d(kernel, stride, padding, false, true, None::<i64>),
                _ => x.f_avg_pool3d(kernel, stride, padding, false, true, None::<i64>),
            }
            .within("avg_pool")
        };
        let count = kernel.iter().product::<i64>() as f64;
        let variance = self.variance.as_ref().map(|v| Ok::<_, Error>(mean(v)? / count)).transpose()?;
        Ok(Moments::made(mean(&self.mean)?, variance))
    }

    /// The mean of as many windows as are asked for, one number for each of the last axes; exact for independent values.
    ///
    /// # Errors
    /// As [`max_pool`](Self::max_pool).
    pub fn adaptive_avg_pool(&self, sizes: &[i64]) -> Result<Self> {
        let one = vec![0; sizes.len()];
        let pool = Pool { kernel: sizes, stride: sizes, padding: &one };
        let first = pool.first_axis("adaptive_avg_pool", self.mean.dim())?;
        let mean = |x: &Tensor| {
            match sizes.len() {
                1 => x.f_adaptive_avg_pool1d(sizes),
                2 => x.f_adaptive_avg_pool2d(sizes),
                _ => x.f_adaptive_avg_pool3d(sizes),
            }
            .within("adaptive_avg_pool")
        };
        let Some(v) = &self.variance else { return Ok(Moments::made(mean(&self.mean)?, None)) };
        // Window i of n over a length l holds from floor(i l / n) to below ceil((i + 1) l / n).
        let mut variance = mean(v)?;
        let rank = variance.dim();
        for (axis, (&n, l)) in (first..).zip(sizes.iter().zip(self.mean.size().into_iter().skip(first))) {
            let counts: Vec<i64> = (0..n).map(|i| ((i + 1) * l + n - 1) / n - i * l / n).collect();
            let mut shape = vec![1; rank];
            if let Some(place) = shape.get_mut(axis) {
                *place = n;
            }
            let counts = Tensor::from_slice(&counts).to_kind(v.kind()).to_device(v.device());
            variance /= counts.reshape(shape);
        }
        Ok(Moments::made(mean(&self.mean)?, Some(variance)))
    }

    /// The mean over all axes after the first two: `[batch, channels, spatial..]` to `[batch, channels]`; exact for independent
    /// values.
    ///
    /// # Errors
    /// [`Error::Torch`] where libtorch refuses.
    pub fn global_avg_pool(&self) -> Result<Self> {
        let axes: Vec<i64> = (2..self.mean.dim() as i64).collect();
        if axes.is_empty() {
            return self.rearranged(|x| Ok(x.shallow_clone()));
        }
        let count = self.mean.size().into_iter().skip(2).product::<i64>().max(1) as f64;
        let mean = |x: &Tensor| x.f_mean_dim(axes.as_slice(), false, None::<Kind>).within("global_avg_pool");
        let variance = self.variance.as_ref().map(|v| Ok::<_, Error>(mean(v)? / count)).transpose()?;
        Ok(Moments::made(mean(&self.mean)?, variance))
    }
}

/// What stands for minus infinity in padding: its square is never taken, and it times 0 is 0.
const LOWEST: f64 = -1e30;
