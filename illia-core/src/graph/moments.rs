//! Activations and maxima of Gaussian values: the closed forms of [`infer::moments`](crate::infer::moments), written as nodes.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::recording::{Attribute, Value};
use super::refused;
use crate::error::Result;

/// Beyond this many standard deviations from 0 a Gaussian lies on one side of it, to the last bit of a double.
const FAR: f64 = 40.0;

/// What the moments of a kink at 0 are made of, for X ~ N(m, v) and r = m / sqrt(v).
struct Kink {
    /// Phi(r) and Phi(-r).
    above: Value,
    below: Value,
    /// sqrt(v) phi(r).
    edge: Value,
    /// Var max(X, 0) / v - Phi(r).
    excess: Value,
}

impl Kink {
    fn new(m: &Value, v: &Value) -> Result<Kink> {
        let s = v.root()?;
        // 0 / 0 is taken as 0.
        let r = m.over(&s.larger(&s.number(1e-30)?)?)?;
        let r = r.larger(&r.number(-FAR)?)?;
        let r = Value::node("Min", &[&r, &r.number(FAR)?], vec![], r.axes.clone())?;
        let half = |r: &Value| r.scaled(FRAC_1_SQRT_2)?.error_function()?.shifted(1.0)?.scaled(0.5);
        let (above, below) = (half(&r)?, half(&r.negative()?)?);
        let phi = r.square()?.scaled(-0.5)?.exponential()?.scaled(1.0 / (2.0 * PI).sqrt())?;
        // r² Phi(r) Phi(-r) + r phi(r) (Phi(-r) - Phi(r)) - phi(r)²
        let first = r.square()?.times(&above)?.times(&below)?;
        let second = r.times(&phi)?.times(&below.minus(&above)?)?;
        let excess = first.plus(&second)?.minus(&phi.square()?)?;
        Ok(Kink { above, below, edge: s.times(&phi)?, excess })
    }
}

impl Value {
    fn at_least_0(&self) -> Result<Value> {
        self.larger(&self.number(0.0)?)
    }
}

/// max(x, 0), element by element.
pub fn relu(x: &Value) -> Result<Value> {
    if x.variance.is_none() { x.map("Relu", vec![]) } else { leaky_relu(x, 0.0) }
}

/// x, or `slope` x below 0.
pub fn leaky_relu(x: &Value, slope: f64) -> Result<Value> {
    let Some(v) = x.variance_part() else {
        return x.map("LeakyRelu", vec![("alpha", Attribute::Float(slope))]);
    };
    let (m, bend) = (x.mean_part(), 1.0 - slope);
    let kink = Kink::new(&m, &v)?;
    // slope x + (1 - slope) max(x, 0), and Cov(x, max(x, 0)) = v Phi(r) by Stein's lemma.
    let above = m.times(&kink.above)?.plus(&kink.edge)?;
    let mean = m.scaled(slope)?.plus(&above.scaled(bend)?)?;
    let share = kink.above.scaled(1.0 - slope * slope)?.plus(&kink.excess.scaled(bend * bend)?)?;
    let share = share.shifted(slope * slope)?.at_least_0()?;
    Ok(Value::joined(mean, Some(v.times(&share)?)))
}

/// x Phi(x), exact; of a random value draws have to be exported.
pub fn gelu(x: &Value) -> Result<Value> {
    without_moments(x, "gelu")?;
    let phi = x.scaled(FRAC_1_SQRT_2)?.error_function()?.shifted(1.0)?.scaled(0.5)?;
    x.times(&phi)
}

/// The hyperbolic tangent; of a random value draws have to be exported.
pub fn tanh(x: &Value) -> Result<Value> {
    without_moments(x, "tanh")?;
    x.map("Tanh", vec![])
}

/// The logistic function; of a random value draws have to be exported.
pub fn sigmoid(x: &Value) -> Result<Value> {
    without_moments(x, "sigmoid")?;
    x.map("Sigmoid", vec![])
}

fn without_moments(x: &Value, op: &str) -> Result<()> {
    match x.variance {
        None => Ok(()),
        Some(_) => Err(refused(
            "Moments",
            &format!("`{op}` of a random value has moments by quadrature alone; export draws"),
        )),
    }
}

/// The larger of two independent values (Clark 1961).
fn larger(a: &Value, b: &Value) -> Result<Value> {
    let ((m1, m2), (v1, v2)) = ((a.mean_part(), b.mean_part()), (a.variance_part(), b.variance_part()));
    let (Some(v1), Some(v2)) = (v1, v2) else {
        return Err(refused("Moments", "a maximum takes two random values"));
    };
    // b + max(a - b, 0).
    let whole = v1.plus(&v2)?;
    let kink = Kink::new(&m1.minus(&m2)?, &whole)?;
    let mean = m1.times(&kink.above)?.plus(&m2.times(&kink.below)?)?.plus(&kink.edge)?;
    let variance = v1.times(&kink.above)?.plus(&v2.times(&kink.below)?)?.plus(&whole.times(&kink.excess)?)?;
    Ok(Value::joined(mean, Some(variance.at_least_0()?)))
}

/// The largest of each window, folded over it as in [`Moments::max_pool`](crate::infer::moments::Moments::max_pool): values, and maxima on the
/// way, as if they were independent.
pub(super) fn max_pool(
    x: &Value,
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
) -> Result<Value> {
    if padding.iter().any(|&n| n > 0) || dilation.iter().any(|&n| n > 1) {
        return Err(refused(
            "Moments",
            "`max_pool` with padding or dilation has no closed form here; export draws",
        ));
    }
    let mut x = x.clone();
    for ((axis, &kernel), &stride) in (2usize..).zip(kernel).zip(stride) {
        let Some(Some(length)) = x.axes.get(axis).copied() else {
            return Err(refused(
                "Moments",
                "`max_pool` takes spatial axes whose lengths are known; export draws",
            ));
        };
        let places = (length - kernel) / stride + 1;
        let reach = (places - 1) * stride + 1;
        let at = |offset: i64| {
            x.each(|x| {
                let mut axes = x.axes.clone();
                if let Some(place) = axes.get_mut(axis) {
                    *place = Some(places);
                }
                let of = |n: i64| x.integers(&[n]);
                let inputs = [&of(offset)?, &of(offset + reach)?, &of(axis as i64)?, &of(stride)?];
                let [from, to, along, step] = inputs;
                Value::node("Slice", &[x, from, to, along, step], vec![], axes)
            })
        };
        let mut largest = at(0)?;
        for offset in 1..kernel {
            largest = larger(&largest, &at(offset)?)?;
        }
        x = largest;
    }
    Ok(x)
}
