//! `each { .. }`: steps on every element of the first axis.

use tch::Tensor;

use crate::error::{Result, Within};
use crate::pass::Elements;

/// Elements under way through their steps: `[batch, n, ..]` goes as `[batch * n, ..]`.
pub struct Each {
    /// The axes that are one on the way.
    lead: [i64; 2],
    _elements: Elements,
}

impl Each {
    /// The elements of `x`; what is drawn for an example is drawn once for them all as long as this lives.
    pub fn of(x: &Tensor) -> Result<(Each, Tensor)> {
        let elements = x.f_flatten(0, 1).within("each")?;
        let lead = [0, 1].map(|axis| x.size().get(axis).copied().unwrap_or(1));
        Ok((Each { lead, _elements: Elements::of_each(lead[1]) }, elements))
    }

    /// What the steps made of them, as examples again.
    pub fn together(&self, y: &Tensor) -> Result<Tensor> {
        let size: Vec<i64> = self.lead.into_iter().chain(y.size().into_iter().skip(1)).collect();
        y.f_reshape(size).within("each")
    }
}
