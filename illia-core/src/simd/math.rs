//! Elementary functions that the compiler can vectorise: no branches, no calls, no tables.
//!
//! Polynomials and reductions are those of Cephes (S. Moshier, single precision) unless stated.

// Coefficients stand as they were fitted; the nearest f32 is meant.
#![allow(clippy::excessive_precision)]

/// The natural logarithm of a positive normal number; nothing sensible for others.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    // x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)): adding this to the bits carries into the exponent from sqrt(1/2) on.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_add(0x3f80_0000 - SQRT_HALF);
    let exponent = ((bits >> 23) as i32 - 127) as f32;
    let f = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF) - 1.0;
    let z = f * f;
    let mut p = 7.037_683_6e-2;
    p = p * f - 1.151_461e-1;
    p = p * f + 1.167_699_9e-1;
    p = p * f - 1.242_014_1e-1;
    p = p * f + 1.424_932_3e-1;
    p = p * f - 1.666_805_8e-1;
    p = p * f + 2.000_071_5e-1;
    p = p * f - 2.499_999_4e-1;
    p = p * f + 3.333_333e-1;
    // ln 2 in two parts, the first exact in few bits.
    let small = p * f * z + exponent * -2.121_944_4e-4 - 0.5 * z;
    exponent * 0.693_359_4 + (f + small)
}

/// -2 ln(x / 2^31) for x between 1/2 and 2^31; exactly 0 there.
///
/// As [`ln`], shorter: ln(1 + f) / f by a minimax polynomial, good to 2e-7, with the factor in its coefficients.
#[inline(always)]
pub(crate) fn neg_two_ln_of_31_bits(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_add(0x3f80_0000 - SQRT_HALF);
    let exponent = ((bits >> 23) as i32 - (127 + 31)) as f32;
    let f = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF) - 1.0;
    let mut p = 2.021_416_8e-1;
    p = p * f - 3.244_528_4e-1;
    p = p * f + 3.450_159_8e-1;
    p = p * f - 3.980_031_5e-1;
    p = p * f + 4.993_982_1e-1;
    p = p * f - 6.667_011_8e-1;
    p = p * f + 1.000_007_3;
    p = p * f - 1.999_999_9;
    exponent * (-2.0 * std::f32::consts::LN_2) + p * f
}

/// The sine and cosine of an angle between -π/4 and π/4, by minimax polynomials in its square good to 4e-9 and 4e-8.
#[inline(always)]
pub(crate) fn sin_cos(x: f32) -> (f32, f32) {
    let z = x * x;
    let s = ((-1.950_182e-4 * z + 8.332_016e-3) * z - 1.666_665e-1) * z + 1.0;
    let c = ((-1.357_940_5e-3 * z + 4.165_442e-2) * z - 4.999_984_4e-1) * z + 1.0;
    (s * x, c)
}

/// The least x of which [`exp`] is not another's: e^-87 is nearly the least float of full precision.
pub(crate) const LEAST_EXPONENT: f32 = -87.0;

/// e^x for x up to 88; below -87 that of -87. NaN stays NaN.
///
/// 2^n e^f with |f| <= ln(2) / 2; the polynomial is a minimax fit of (e^f - 1 - f) / f^2, good to 3e-9.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // Not `max`, which would turn NaN into a number.
    let x = if x < LEAST_EXPONENT { LEAST_EXPONENT } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let f = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.395_053_3e-3;
    p = p * f + 8.368_882e-3;
    p = p * f + 4.166_620_5e-2;
    p = p * f + 1.666_652e-1;
    p = p * f + 0.5;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    (p * f * f + f + 1.0) * power
}

/// sigma = softplus(rho) = log(1 + e^rho), and e^-|rho|, from which its slope follows. NaN stays NaN.
///
/// log(1 + e) / e by a minimax polynomial on [0, 1], good to 3e-8: no loss of digits where sigma is small.
#[inline(always)]
pub(crate) fn softplus(rho: f32) -> (f32, f32) {
    let e = exp(-rho.abs());
    // In pairs, then pairs of pairs: a short chain, where Horner's would wait for every product.
    let e2 = e * e;
    let e4 = e2 * e2;
    let low = (3.332_034_4e-1 - 2.485_294_6e-1 * e) * e2 + (1.0 - 4.999_955_3e-1 * e);
    let high = (7.921_065_2e-2 - 3.011_091_4e-2 * e) * e2 + (1.914_511_4e-1 - 1.374_661_5e-1 * e);
    let p = (5.384_051e-3 * e4 + high) * e4 + low;
    ((if rho > 0.0 { rho } else { 0.0 }) + p * e, e)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error relative to `max(|exact|, floor)` over `n` points between `from` and `to`.
    fn worst(n: i32, from: f64, to: f64, ours: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        (0..=n)
            .map(|i| (from + (to - from) * f64::from(i) / f64::from(n)) as f32)
            .map(|x| (f64::from(ours(x)) - exact(f64::from(x))).abs() / exact(f64::from(x)).abs().max(1e-30))
            .fold(0.0, f64::max)
    }

    #[test]
    fn logarithm() {
        // near 1 too, where the result is small
        assert!(worst(100_000, 0.5, 2.0, ln, f64::ln) < 2e-7);
        assert!(worst(100_000, -80.0, 80.0, |x| ln(x.exp()), |x| f64::from((x as f32).exp()).ln()) < 2e-7);
        assert_eq!(ln(1.0), 0.0);
        let (ours, exact) = (neg_two_ln_of_31_bits, |x: f64| -2.0 * (x / 2f64.powi(31)).ln());
        assert!(worst(100_000, 0.5, 1e6, ours, exact) < 3e-7);
        assert!(worst(100_000, 1e6, 2_147_483_520.0, ours, exact) < 3e-7);
        assert_eq!(ours(2_147_483_648.0), 0.0);
    }

    #[test]
    fn exponential_and_softplus() {
        assert!(worst(100_000, -87.0, 88.0, exp, f64::exp) < 3e-7);
        assert!(worst(100_000, -80.0, 80.0, |x| softplus(x).0, |x| x.exp().ln_1p()) < 3e-7);
        assert!(exp(f32::NAN).is_nan() && softplus(f32::NAN).0.is_nan());
        assert!(softplus(-1e9).0 > 0.0 && softplus(1e9).0 == 1e9);
    }

    #[test]
    fn circle() {
        let quarter = std::f64::consts::FRAC_PI_4;
        assert!(worst(100_000, -quarter, quarter, |x| sin_cos(x).0, f64::sin) < 2e-7);
        assert!(worst(100_000, -quarter, quarter, |x| sin_cos(x).1, f64::cos) < 2e-7);
    }
}
