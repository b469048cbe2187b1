//! Quantiles of the mixture over draws, and of one distribution.

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
        let each = cdf(y).ok_or_else(no_order)?;
        Ok(each.mean_dim(0i64, false, each.kind()))
    };
    let reach = reach(variance, &mean.full_like(q));
    let (low, high) = ((mean - &reach).amin(0i64, false), (mean + &reach).amax(0i64, false));
    bisect(low, high, |y| Ok(at(y)?.lt(q)))
}

/// The point at which the distribution of this `cdf`, `mean` and `variance` has the part `q` below it, element by element: the
/// same, of one component, for a `q` of its own for each element, all within (0, 1).
pub(super) fn inverse(
    cdf: &dyn Fn(&Tensor) -> Option<Tensor>,
    mean: &Tensor,
    variance: &Tensor,
    q: &Tensor,
) -> Result<Tensor> {
    let reach = reach(variance, q);
    bisect(mean - &reach, mean + &reach, |y| Ok(cdf(y).ok_or_else(no_order)?.less_tensor(q)))
}

fn no_order() -> Error {
    Error::configuration("likelihood", "one of classes", "one of numbers, which have an order")
}

/// Chebyshev: no distribution has more than v/t^2 beyond t from its mean, so beyond these no more than q or 1 - q.
fn reach(variance: &Tensor, q: &Tensor) -> Tensor {
    variance.sqrt() / q.minimum(&(1.0 - q)).sqrt()
}

/// Where `below` turns false between `low` and `high`, from above.
fn bisect(mut low: Tensor, mut high: Tensor, below: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    for _ in 0..BISECTIONS {
        let middle = (&low + &high) * 0.5;
        let below = below(&middle)?;
        low = middle.where_self(&below, &low);
        high = high.where_self(&below, &middle);
    }
    Ok(high)
}

/// Each halves the bracket: 64 leave less than a double resolves, in brackets a thousand times as wide as what is looked for.
const BISECTIONS: usize = 64;
