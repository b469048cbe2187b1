//! Ops that take a sequence's or a set's elements together, of which a mask may say which there are.

use tch::{Kind, Tensor};

use crate::error::{Result, Within};

/// The mean over a sequence's steps, or over those where `mask` `[batch, seq]` is not 0; 0 where there is none.
pub fn mean(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    match mask {
        None => x.f_mean_dim(1i64, false, None::<Kind>).within("mean"),
        Some(mask) => {
            let kept = kept("mean", x, mask)?;
            let count = kept.to_kind(x.kind()).sum_dim_intlist(1i64, false, None::<Kind>).clamp_min(1.0);
            sum(x, Some(mask))?.f_div(&count).within("mean")
        }
    }
}

/// The sum over a set's elements, or over those where `mask` `[batch, n]` is not 0.
pub fn sum(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let x = match mask {
        None => x.shallow_clone(),
        Some(mask) => x.f_masked_fill(&kept("sum", x, mask)?.logical_not(), 0.0).within("sum")?,
    };
    x.f_sum_dim_intlist(1i64, false, None::<Kind>).within("sum")
}

/// The largest of a set's elements, feature by feature, or of those where `mask` `[batch, n]` is not 0; 0 where there is none.
pub fn max(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let Some(mask) = mask else { return x.f_amax(1i64, false).within("max") };
    let gone = kept("max", x, mask)?.logical_not();
    let largest =
        x.f_masked_fill(&gone, f64::NEG_INFINITY).and_then(|x| x.f_amax(1i64, false)).within("max")?;
    Ok(largest.masked_fill(&gone.all_dim(1, false).expand_as(&largest), 0.0))
}

/// Whether the elements of `x` `[batch, n, ..]` are there, `[batch, n, 1, ..]`.
fn kept(op: &str, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let mut size = x.size();
    size.truncate(2);
    if mask.size() != size {
        let expected = format!("{size:?} of the mask");
        return Err(crate::Error::Shape { layer: op.to_owned(), expected, given: mask.size() });
    }
    size.resize(x.dim(), 1);
    mask.f_ne(0.0).and_then(|mask| mask.f_view(size.as_slice())).within(op)
}
