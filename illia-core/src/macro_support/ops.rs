//! The ops of a chain, on tensors with their batch.

use illia_shape::{Shape, feature_axis};
use tch::{Device, Kind, TchError, Tensor};

use super::Axes;
use crate::error::{Result, Within};
pub use crate::nn::try_dropout as dropout;
use crate::pass::of_all_draws;

macro_rules! activations {
    ($($name:ident => $torch:ident),*) => {$(
        #[doc = concat!("`", stringify!($name), "`, element by element.")]
        pub fn $name(x: &Tensor) -> Result<Tensor> {
            x.$torch().within(stringify!($name))
        }
    )*};
}

activations!(relu => f_relu, silu => f_silu, tanh => f_tanh, sigmoid => f_sigmoid, softplus => f_softplus);

/// x Φ(x) (Hendrycks & Gimpel 2016), exact.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    x.f_gelu("none").within("gelu")
}

/// [`gelu`] by its approximation with tanh, which GPT-2 has.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    x.f_gelu("tanh").within("gelu_tanh")
}

/// x within 0 and 6 (Sandler et al. 2018).
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    x.f_clamp(0.0, 6.0).within("relu6")
}

/// x, or `slope` x below 0.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    // libtorch's own takes the slope of a second tensor only.
    x.f_clamp_min(0.0).and_then(|above| Ok(above + x.f_clamp_max(0.0)? * slope)).within("leaky_relu")
}

/// x, or `alpha` (exp(x) - 1) below 0.
pub fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    x.f_clamp_min(0.0).and_then(|above| Ok(above + x.f_clamp_max(0.0)?.f_expm1()? * alpha)).within("elu")
}

/// An axis counted without the batch, from the front; negative ones from the end.
pub(super) fn with_batch(axis: i64) -> i64 {
    if axis < 0 { axis } else { axis + 1 }
}

/// Probabilities along an axis.
pub fn softmax(x: &Tensor, axis: i64) -> Result<Tensor> {
    x.f_softmax(with_batch(axis), None::<Kind>).within("softmax")
}

/// Logarithms of probabilities along an axis.
pub fn log_softmax(x: &Tensor, axis: i64) -> Result<Tensor> {
    x.f_log_softmax(with_batch(axis), None::<Kind>).within("log_softmax")
}

/// The largest element of each window; the spatial axes are those after `[batch, channels]`.
pub fn max_pool(
    x: &Tensor,
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
) -> Result<Tensor> {
    let of = |settings: &[i64]| spread(settings, x);
    let (kernel, stride, padding, dilation) = (of(kernel), of(stride), of(padding), of(dilation));
    if x.device() == Device::Cpu
        && !x.requires_grad()
        && padding.iter().all(|&n| n == 0)
        && dilation.iter().all(|&n| n == 1)
        && kernel.iter().all(|&n| n <= SMALL_WINDOW)
        && let Some(largest) = max_by_axis(x, &kernel, &stride)
    {
        return largest.within("max_pool");
    }
    match x.dim() {
        ..=3 => x.f_max_pool1d(kernel, stride, padding, dilation, false),
        4 => x.f_max_pool2d(kernel, stride, padding, dilation, false),
        _ => x.f_max_pool3d(kernel, stride, padding, dilation, false),
    }
    .within("max_pool")
}

/// Windows along one axis for which a few passes over memory are faster than libtorch's kernel.
const SMALL_WINDOW: i64 = 4;

/// The largest element of each window without padding, one axis after the other: libtorch's own kernel, which keeps where the
/// largest stands for the gradient, is not vectorised on the CPU and takes most of a prediction. None if a window does not fit.
fn max_by_axis(x: &Tensor, kernel: &[i64], stride: &[i64]) -> Option<Result<Tensor, TchError>> {
    let size = x.size();
    let first = size.len().checked_sub(kernel.len())?;
    let mut x = x.shallow_clone();
    for (axis, (&kernel, &stride)) in (first..).zip(kernel.iter().zip(stride)) {
        let windows = (size.get(axis)? - kernel) / stride + 1;
        if *size.get(axis)? < kernel || kernel < 1 {
            return None;
        }
        let at = |offset: i64| x.f_slice(axis as i64, offset, offset + (windows - 1) * stride + 1, stride);
        let largest = (1..kernel).try_fold(at(0).ok()?, |largest, offset| largest.f_maximum(&at(offset)?));
        match largest {
            Ok(largest) => x = largest,
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(x))
}

/// The mean of each window, zeros of the padding included.
pub fn avg_pool(x: &Tensor, kernel: &[i64], stride: &[i64], padding: &[i64]) -> Result<Tensor> {
    let of = |settings: &[i64]| spread(settings, x);
    let (kernel, stride, padding) = (of(kernel), of(stride), of(padding));
    match x.dim() {
        ..=3 => x.f_avg_pool1d(kernel, stride, padding, false, true),
        4 => x.f_avg_pool2d(kernel, stride, padding, false, true, None::<i64>),
        _ => x.f_avg_pool3d(kernel, stride, padding, false, true, None::<i64>),
    }
    .within("avg_pool")
}

/// The mean of as many windows as are asked for.
pub fn adaptive_avg_pool(x: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    let sizes = spread(sizes, x);
    match x.dim() {
        ..=3 => x.f_adaptive_avg_pool1d(sizes),
        4 => x.f_adaptive_avg_pool2d(sizes),
        _ => x.f_adaptive_avg_pool3d(sizes),
    }
    .within("adaptive_avg_pool")
}

/// One setting for each spatial axis.
pub(super) fn spread(settings: &[i64], x: &Tensor) -> Vec<i64> {
    match settings {
        [one] => vec![*one; x.dim().saturating_sub(2)],
        _ => settings.to_vec(),
    }
}

/// The mean over all spatial axes: `[batch, channels, ..]` to `[batch, channels]`.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    let axes: Vec<i64> = (2..x.dim() as i64).collect();
    if axes.is_empty() {
        return Ok(x.shallow_clone());
    }
    x.f_mean_dim(axes, false, None::<Kind>).within("global_avg_pool")
}

/// All axes but the batch in one.
pub fn flatten(x: &Tensor) -> Result<Tensor> {
    if x.dim() < 2 {
        return x.f_unsqueeze(-1).within("flatten");
    }
    x.f_flatten(1, -1).within("flatten")
}

/// The same elements in another shape; named axes have the length that they have in this pass.
pub fn reshape(x: &Tensor, shape: &[i64]) -> Result<Tensor> {
    let batch = x.size().first().copied().unwrap_or(1);
    let mut size = vec![batch];
    size.extend_from_slice(shape);
    x.f_reshape(size).within("reshape")
}

/// The axes in another order, counted without the batch.
pub fn permute(x: &Tensor, order: &[i64]) -> Result<Tensor> {
    let mut with_batch = vec![0];
    with_batch.extend(order.iter().map(|axis| axis + 1));
    x.f_permute(with_batch).within("permute")
}

/// The last step of a sequence.
pub fn last(x: &Tensor) -> Result<Tensor> {
    x.f_select(1, -1).within("last")
}

/// The first step of a sequence.
pub fn first(x: &Tensor) -> Result<Tensor> {
    x.f_select(1, 0).within("first")
}

/// A function of the user's own. If it changes the shape, then as its author says.
pub fn apply(
    name: &str,
    function: impl Fn(&Tensor) -> Tensor,
    x: &Tensor,
    shape: Option<Shape>,
    axes: &mut Axes,
) -> Result<Tensor> {
    let y = function(&of_all_draws(x));
    checked(name, y, shape, x, axes)
}

/// The output of a function or a module written by hand, which must be of the shape it was declared with.
pub fn checked(name: &str, y: Tensor, shape: Option<Shape>, x: &Tensor, axes: &mut Axes) -> Result<Tensor> {
    match shape {
        Some(shape) => axes.check(name, shape, &y)?,
        None if y.size() == x.size() => {}
        None => {
            let expected = format!("{:?} from the function, as it was given", x.size());
            return Err(crate::Error::Shape { layer: name.to_owned(), expected, given: y.size() });
        }
    }
    Ok(y)
}

/// x + y: where a residual block's two ways meet.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    of_all_draws(x).f_add(&of_all_draws(y)).within("residual")
}

/// x and a named value, their axes aligned at the end, the batch's in front.
fn aligned(x: &Tensor, value: &Tensor) -> Result<[Tensor; 2], TchError> {
    let (x, value) = (&of_all_draws(x), &of_all_draws(value));
    let rank = x.dim().max(value.dim());
    let at = |x: &Tensor| {
        let mut size = x.size();
        while size.len() < rank && !size.is_empty() {
            size.insert(1, 1);
        }
        x.f_reshape(size)
    };
    Ok([at(x)?, at(value)?])
}

/// x + value, broadcast.
pub fn add_value(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    aligned(x, value).and_then(|[x, value]| x.f_add(&value)).within("add")
}

/// x times value, element by element, broadcast.
pub fn multiply_value(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    aligned(x, value).and_then(|[x, value]| x.f_mul(&value)).within("multiply")
}

/// Values joined along an axis, counted without the batch.
pub fn concat_along(axis: i64, values: &[Tensor]) -> Result<Tensor> {
    let values: Vec<Tensor> = values.iter().map(of_all_draws).collect();
    Tensor::f_cat(&values, axis + 1).within("concat")
}

/// The branches joined along their feature axis.
pub fn concat(shape: Shape, branches: &[Tensor]) -> Result<Tensor> {
    let branches: Vec<Tensor> = branches.iter().map(of_all_draws).collect();
    Tensor::f_cat(&branches, feature_axis(shape) as i64 + 1).within("concat")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_without_a_gradient_are_libtorchs_own() {
        for (size, kernel, stride) in [
            (vec![2, 3, 11], vec![2], vec![2]),
            (vec![2, 3, 10], vec![3], vec![1]),
            (vec![2, 3, 9, 12], vec![2, 2], vec![2, 2]),
            (vec![2, 3, 9, 12], vec![3, 2], vec![2, 3]),
            (vec![2, 3, 5, 6, 7], vec![2, 3, 4], vec![2, 3, 1]),
        ] {
            let x =
                Tensor::arange(size.iter().product::<i64>(), (Kind::Float, Device::Cpu)).sin().reshape(&size);
            let _ = x.flatten(0, -1).get(17).fill_(f64::NAN);
            let zeros = vec![0; kernel.len()];
            let ones = vec![1; kernel.len()];
            let pool = |x: &Tensor| max_pool(x, &kernel, &stride, &zeros, &ones).unwrap();
            let (ours, theirs) = (pool(&x), pool(&x.copy().set_requires_grad(true)));
            assert_eq!(ours.size(), theirs.size());
            assert!(ours.allclose(&theirs, 0.0, 0.0, true), "{size:?} {kernel:?} {stride:?}");
        }
    }
}
