//! Moments of activations of a Gaussian.

use std::f64::consts::{PI, SQRT_2};

use tch::Tensor;

use super::Moments;
use super::quadrature::{HERMITE, LEGENDRE};
use crate::error::Result;

/// Beyond this many standard deviations from 0 a Gaussian lies on one side of it, to the last bit of a double.
const FAR: f64 = 40.0;

/// What the moments of a kink at 0 are made of, for X ~ N(m, v) and r = m / sqrt(v).
pub(super) struct Kink {
    /// Phi(r) = P(X > 0).
    pub above: Tensor,
    /// Phi(-r), to full relative precision.
    pub below: Tensor,
    /// sqrt(v) phi(r).
    pub edge: Tensor,
    /// Var max(X, 0) / v - Phi(r): r² Phi(r) Phi(-r) + r phi(r) (Phi(-r) - Phi(r)) - phi(r)², without the difference of the
    /// squares of means.
    pub excess: Tensor,
}

impl Kink {
    pub(super) fn new(m: &Tensor, v: &Tensor) -> Self {
        let s = v.sqrt();
        // 0 / 0 is taken as 0.
        let r = (m / s.clamp_min(1e-30)).clamp(-FAR, FAR);
        let (above, below) = (r.special_ndtr(), (-&r).special_ndtr());
        let phi = density(&r);
        let excess = r.square() * &above * &below + &r * &phi * (&below - &above) - phi.square();
        Kink { above, below, edge: s * phi, excess }
    }
}

/// The standard normal density.
fn density(z: &Tensor) -> Tensor {
    (z.square() * -0.5).exp() / (2.0 * PI).sqrt()
}

/// The logistic function as a mixture of normal distribution functions, sum_i p_i Phi(s_i x): (p_i, s_i) with an error of at
/// most 2.2e-9 (Monahan & Stefanski 1992), the derivative's at most 1.4e-8.
const LOGISTIC: [(f64, f64); 8] = [
    (0.003246343272134, 1.365340806296348),
    (0.051517477033972, 1.059523971016916),
    (0.195077912673858, 0.830791313765644),
    (0.315569823632818, 0.650732166639391),
    (0.274149576158423, 0.508135425366489),
    (0.131076880695470, 0.396313345166341),
    (0.027912418727972, 0.308904252267995),
    (0.001449567805354, 0.238212616409306),
];

/// sum_i p_i s_i^power f(s_i m / sqrt(1 + s_i² v)) / sqrt(1 + s_i² v)^power.
fn logistic(m: &Tensor, v: &Tensor, power: i32, f: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let mut sum = m.zeros_like();
    for (p, s) in LOGISTIC {
        let scale = (v * (s * s) + 1.0).rsqrt() * s;
        sum += f(&(m * &scale)) * if power == 0 { scale.ones_like() } else { scale } * p;
    }
    sum
}

/// Variances below this have the logistic function's variance by quadrature: no difference of large numbers, and smooth enough
/// for its nodes.
const NARROW: f64 = 1.0;

/// The variance of the logistic function of N(m, v), whose mean is `mean` and mean from the other side `rest` (1 - mean).
fn logistic_variance(m: &Tensor, v: &Tensor, mean: &Tensor, rest: &Tensor) -> Tensor {
    // σ² = σ - σ', and E σ' is the mixture's density.
    let wide = mean * rest - logistic(m, v, 1, density);
    let (_, narrow) = expectation(m, &v.clamp_max(NARROW), |x| x.sigmoid());
    narrow.where_self(&v.lt(NARROW), &wide.clamp_min(0.0))
}

/// Mean and variance of f(X), X ~ N(m, v), by Gauss-Hermite quadrature.
fn expectation(m: &Tensor, v: &Tensor, f: impl Fn(&Tensor) -> Tensor) -> (Tensor, Tensor) {
    let (s, centre) = (v.sqrt(), f(m));
    let (mut first, mut second) = (m.zeros_like(), m.zeros_like());
    for (node, weight) in HERMITE.iter() {
        // From the centre, so that a small variance is no difference of large numbers.
        let off = f(&(m + &s * *node)) - &centre;
        first += &off * *weight;
        second += off.square() * *weight;
    }
    let variance = (second - first.square()).clamp_min(0.0);
    (centre + first, variance)
}

impl Moments {
    /// What `certain` makes of means without variance, else what `random` makes of (m, v).
    fn activation(
        &self,
        certain: impl Fn(&Tensor) -> Tensor,
        random: impl Fn(&Tensor, &Tensor) -> (Tensor, Tensor),
    ) -> Self {
        match &self.variance {
            None => Moments::made(certain(&self.mean), None),
            Some(v) => {
                let (mean, variance) = random(&self.mean, v);
                Moments::made(mean, Some(variance))
            }
        }
    }

    /// max(x, 0), in closed form (Frey & Hinton 1999; Wu et al. 2019).
    #[must_use]
    pub fn relu(&self) -> Self {
        self.leaky_relu(0.0)
    }

    /// x above 0, `slope` x below, in closed form.
    #[must_use]
    pub fn leaky_relu(&self, slope: f64) -> Self {
        let bend = 1.0 - slope;
        self.activation(
            |x| x.clamp_min(0.0) + x.clamp_max(0.0) * slope,
            |m, v| {
                let kink = Kink::new(m, v);
                // slope x + (1 - slope) max(x, 0), and Cov(x, max(x, 0)) = v Phi(r) by Stein's lemma.
                let mean = m * slope + (m * &kink.above + &kink.edge) * bend;
                let share =
                    &kink.above * (1.0 - slope * slope) + &kink.excess * (bend * bend) + slope * slope;
                (mean, v * share.clamp_min(0.0))
            },
        )
    }

    /// x Phi(x), in closed form but for one integral over a bounded interval, by quadrature.
    #[must_use]
    pub fn gelu(&self) -> Self {
        self.activation(|x| x.gelu("none"), gelu)
    }

    /// 1 / (1 + exp(-x)), by the logistic function's mixture of probits, which has closed forms, and for variances below 1 by
    /// quadrature; absolute errors of mean and variance below 3e-8.
    #[must_use]
    pub fn sigmoid(&self) -> Self {
        self.activation(Tensor::sigmoid, |m, v| {
            let mean = logistic(m, v, 0, Tensor::special_ndtr);
            let rest = logistic(&-m, v, 0, Tensor::special_ndtr);
            let variance = logistic_variance(m, v, &mean, &rest);
            (mean, variance)
        })
    }

    /// The hyperbolic tangent, 2 sigmoid(2 x) - 1; absolute errors below 5e-9 for the mean and 1.2e-7 for the variance.
    #[must_use]
    pub fn tanh(&self) -> Self {
        self.activation(Tensor::tanh, |m, v| {
            let (m, v) = (m * 2.0, v * 4.0);
            let mean = logistic(&m, &v, 0, |z| (z / SQRT_2).erf());
            let variance = logistic_variance(&m, &v, &((&mean + 1.0) / 2.0), &((1.0 - &mean) / 2.0)) * 4.0;
            (mean, variance)
        })
    }

    /// Any function of one number, by Gauss-Hermite quadrature with 16 nodes: exact for polynomials up to degree 15 (their
    /// squares up to 31), good for functions that are smooth at the scale of the standard deviation, poor across a kink or a
    /// step much narrower than that.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if `f` changes the shape.
    pub fn elementwise(&self, f: impl Fn(&Tensor) -> Tensor) -> Result<Self> {
        let given = f(&self.mean).size();
        if given != self.mean.size() {
            let expected = format!("{:?} of a function of one number", self.mean.size());
            return Err(crate::Error::Shape { layer: "elementwise".to_owned(), expected, given });
        }
        Ok(self.activation(&f, |m, v| expectation(m, v, &f)))
    }
}

/// Mean and variance of X Phi(X). With h = m / sqrt(1 + v), a = 1 / sqrt(1 + 2 v), c = phi(h) / sqrt(1 + v), Stein's lemma (E[X g] =
/// m E[g] + v E[g']), used twice, gives
///
/// ```text
/// mean = m Phi(h) + v c
/// E[X² Phi²] = (m² + v) P + 2 v (m c Phi(a h) + c (m / (1 + v) Phi(a h) + v a / (1 + v)^½ phi(a h)))
/// ```
///
/// where P = E[Phi(X)²] is a bivariate normal probability, Phi(h) - 2 T(h, a) with Owen's T. Since 2 T(h, 1) = Phi(h) Phi(-h), P =
/// Phi(h)² + D with D = 1/π times the integral from a to 1 of exp(-h² (1 + t²) / 2) / (1 + t²): no large numbers cancel.
fn gelu(m: &Tensor, v: &Tensor) -> (Tensor, Tensor) {
    let wide = (v + 1.0).rsqrt();
    let h = m * &wide;
    let a = (v * 2.0 + 1.0).rsqrt();
    let (phi_h, c) = (h.special_ndtr(), density(&h) * &wide);
    // 1 - a without its rounding.
    let width = v * 2.0 * a.square() / (&a + 1.0);
    let mut d = m.zeros_like();
    for (node, weight) in LEGENDRE.iter() {
        let t = &a + &width * *node;
        let one = t.square() + 1.0;
        d += (h.square() * &one * -0.5).exp() / one * *weight;
    }
    let d = d * &width / PI;
    let p = phi_h.square() + &d;
    let ah = &a * &h;
    let phi_ah = ah.special_ndtr();
    let vc = v * &c;
    let inner = m * wide.square() * &phi_ah + v * &a * &wide * density(&ah);
    let variance =
        m.square() * d + v * p + m * &vc * (&phi_ah - &phi_h) * 2.0 + &vc * inner * 2.0 - vc.square();
    (m * phi_h + vc, variance.clamp_min(0.0))
}
