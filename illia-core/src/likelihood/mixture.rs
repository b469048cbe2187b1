//! Quantiles of the mixture over draws.

use tch::Tensor;

use crate::error::{Error, Result};

/// The `q`-quantile of the mixture whose components have the given `cdf`, `mean` and `variance`, all
/// `[draws, batch, ..]`; the result is `[batch, ..]`. By bisection on the mixture's cdf, to the float's resolution.
pub(super) fn quantile(
    cdf: &dyn Fn(&Tensor) -> Option<Tensor>,
    mean: &Tensor,
    variance: &Tensor,
    q: f64,
) -> Result<Tensor> {
    if !(q > 0.0 && q < 1.0) {
        return Err(Error::configuration("quantile", q, "above 0 and below 1"));
    }
    let at = |y: &Tensor| -> Result<Tensor> {
        let each = cdf(y).ok_or_else(|| {
            Error::configuration("likelihood", "one of classes", "one of numbers, which have an order")
        })?;
        Ok(each.mean_dim(0i64, false, each.kind()))
    };
    // Chebyshev: no component has more than v/t^2 beyond t from its mean, so beyond these no more than q or 1 - q.
    let reach = variance.sqrt() * (1.0 / q.min(1.0 - q)).sqrt();
    let mut low = (mean - &reach).amin(0i64, false);
    let mut high = (mean + &reach).amax(0i64, false);
    for _ in 0..BISECTIONS {
        let middle = (&low + &high) * 0.5;
        let below = at(&middle)?.lt(q);
        low = middle.where_self(&below, &low);
        high = high.where_self(&below, &middle);
    }
    Ok(high)
}

/// Each halves the bracket: 40 leave less than a float resolves.
const BISECTIONS: usize = 40;
