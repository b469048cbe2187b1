//! Windows over the spatial axes of `[batch, channels, spatial..]`.

use tch::{Kind, Tensor};

use super::recording::{Attribute, Value};
use super::refused;
use crate::error::{Error, Result, Within};

/// One setting for each spatial axis.
fn spread(settings: &[i64], x: &Value) -> Vec<i64> {
    match settings {
        [one] => vec![*one; x.rank().saturating_sub(2)],
        _ => settings.to_vec(),
    }
}

/// The attributes of a window: ONNX takes the padding of all beginnings, then of all ends.
pub(crate) fn window(
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: Option<&[i64]>,
) -> Vec<(&'static str, Attribute)> {
    let mut attributes = vec![
        ("kernel_shape", Attribute::Ints(kernel.to_vec())),
        ("strides", Attribute::Ints(stride.to_vec())),
        ("pads", Attribute::Ints(padding.iter().chain(padding).copied().collect())),
    ];
    attributes.extend(dilation.map(|dilation| ("dilations", Attribute::Ints(dilation.to_vec()))));
    attributes
}

impl Value {
    /// The axes behind a window, of `channels` channels.
    pub(crate) fn windowed(
        &self,
        channels: Option<i64>,
        kernel: &[i64],
        stride: &[i64],
        padding: &[i64],
        dilation: &[i64],
    ) -> Vec<Option<i64>> {
        let settings = kernel.iter().zip(stride).zip(padding.iter().zip(dilation));
        let spatial = self.axes.iter().skip(2).zip(settings);
        let each = spatial.map(|(n, ((k, s), (p, d)))| n.map(|n| illia_shape::window(n, *k, *s, *p, *d)));
        [self.axes.first().copied().flatten(), channels].into_iter().chain(each).collect()
    }

    fn channels(&self) -> Option<i64> {
        self.axes.get(1).copied().flatten()
    }
}

/// The largest element of each window.
pub fn max_pool(
    x: &Value,
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
) -> Result<Value> {
    let of = |settings: &[i64]| spread(settings, x);
    let (kernel, stride, padding, dilation) = (of(kernel), of(stride), of(padding), of(dilation));
    if x.variance.is_some() {
        return super::moments::max_pool(x, &kernel, &stride, &padding, &dilation);
    }
    let axes = x.windowed(x.channels(), &kernel, &stride, &padding, &dilation);
    let dilation = dilation.iter().any(|&n| n > 1).then_some(dilation.as_slice());
    Value::node("MaxPool", &[x], window(&kernel, &stride, &padding, dilation), axes)
}

/// The mean of each window, zeros of the padding included.
pub fn avg_pool(x: &Value, kernel: &[i64], stride: &[i64], padding: &[i64]) -> Result<Value> {
    let of = |settings: &[i64]| spread(settings, x);
    let (kernel, stride, padding) = (of(kernel), of(stride), of(padding));
    let ones = vec![1; kernel.len()];
    let pool = |x: &Value| {
        let mut attributes = window(&kernel, &stride, &padding, None);
        attributes.push(("count_include_pad", Attribute::Int(1)));
        let axes = x.windowed(x.channels(), &kernel, &stride, &padding, &ones);
        Value::node("AveragePool", &[x], attributes, axes)
    };
    let count: i64 = kernel.iter().product();
    let variance = x.variance_part().map(|v| pool(&v)?.scaled(1.0 / count as f64)).transpose()?;
    Ok(Value::joined(pool(&x.mean_part())?, variance))
}

/// The mean of as many windows as are asked for, one axis after the other: each is a product with the windows' shares.
pub fn adaptive_avg_pool(x: &Value, sizes: &[i64]) -> Result<Value> {
    let sizes = spread(sizes, x);
    if sizes.iter().all(|&n| n == 1) {
        let axes: Vec<i64> = (2..x.rank() as i64).collect();
        return over_all(x, &axes, true);
    }
    let mut x = x.clone();
    for (axis, n) in (2..).zip(sizes) {
        let Some(Some(length)) = x.axes.get(axis).copied() else {
            return Err(refused(
                "AdaptivePool",
                "takes spatial axes whose lengths are known, or gives 1 of each",
            ));
        };
        let shares = shares(length, n)?;
        let mut order: Vec<i64> = (0..x.rank() as i64).collect();
        order.swap(axis, x.rank() - 1);
        let along = |x: &Value, shares: &Tensor| -> Result<Value> {
            let shares = x.numbers("shares", shares);
            x.transposed(&order)?.matmul(&shares)?.transposed(&order)
        };
        let variance = x.variance_part().map(|v| along(&v, &shares.square())).transpose()?;
        x = Value::joined(along(&x.mean_part(), &shares)?, variance);
    }
    Ok(x)
}

/// `[length, n]`: what each place has in the mean of window i, which holds from floor(i length / n) to below ceil((i + 1) length / n).
fn shares(length: i64, n: i64) -> Result<Tensor> {
    let shares = Tensor::f_zeros([length, n], (Kind::Double, tch::Device::Cpu)).within("AdaptivePool")?;
    for i in 0..n {
        let (from, to) = (i * length / n, ((i + 1) * length + n - 1) / n);
        let place =
            shares.f_narrow(0, from, to - from).and_then(|s| s.f_narrow(1, i, 1)).within("AdaptivePool")?;
        let _ = place.shallow_clone().f_fill_(1.0 / (to - from) as f64).within("AdaptivePool")?;
    }
    Ok(shares)
}

/// The mean over all spatial axes: `[batch, channels, ..]` to `[batch, channels]`.
pub fn global_avg_pool(x: &Value) -> Result<Value> {
    let axes: Vec<i64> = (2..x.rank() as i64).collect();
    if axes.is_empty() {
        return Ok(x.clone());
    }
    over_all(x, &axes, false)
}

fn over_all(x: &Value, axes: &[i64], keep: bool) -> Result<Value> {
    let mean = x.mean_part().mean_over(axes, keep)?;
    let Some(v) = x.variance_part() else { return Ok(mean) };
    let count = x.axes.iter().skip(2).try_fold(1, |product, axis| axis.map(|n| product * n));
    let Some(count) = count else {
        return Err(refused(
            "Moments",
            "a mean over axes of unknown lengths has no closed form; export draws",
        ));
    };
    Ok(Value::joined(mean, Some(v.mean_over(axes, keep)?.scaled(1.0 / count as f64)?)))
}

/// Each element so many times along each spatial axis: the nearest neighbour.
pub fn upsample(x: &Value, factors: &[i64]) -> Result<Value> {
    let factors = spread(factors, x);
    x.each(|x| {
        let known = |(axis, factor): (&Option<i64>, &i64)| axis.map(|n| n * factor);
        let mut axes: Vec<Option<i64>> = x.axes.iter().take(2).copied().collect();
        axes.extend(x.axes.iter().skip(2).zip(&factors).map(known));
        let scales: Vec<f32> = [1.0, 1.0].into_iter().chain(factors.iter().map(|&n| n as f32)).collect();
        let scales = x.tensor("scales", Tensor::from_slice(&scales));
        let attributes = vec![
            ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
            ("mode", Attribute::Text("nearest")),
            ("nearest_mode", Attribute::Text("floor")),
        ];
        let made = Value::nodes("Resize", &[Some(x), None, Some(&scales)], attributes, &[Some(axes)])?.pop();
        made.ok_or_else(|| Error::configuration("upsample", "nothing", "an output"))
    })
}
