//! What is done to gradients that are too large.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is done to a gradient that is too large, before the optimiser sees it: first by value, then by norm.
///
/// The gradients are those of the likelihood and of what autograd adds, by the weights as drawn; the KL's closed form is not
/// among them.
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{Clip, Fit};
///
/// let fit = Fit::new(Categorical).clip(Clip { norm: Some(1.0), ..Clip::default() });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// No element beyond plus or minus this.
    pub value: Option<f64>,
    /// All gradients together scaled down to this Euclidean norm (Pascanu et al. 2013).
    pub norm: Option<f64>,
    /// All gradients together scaled down to this many times their usual norm, which is the root of the mean square over the
    /// hundred steps before or so. One step in thousands that is a hundred times as large as all others moves an adaptive
    /// optimiser's memory out of range for thousands of steps; no single `norm` is right for all objectives.
    pub spike: Option<f64>,
}

impl Default for Clip {
    /// Spikes at 10 times the usual norm; nothing else.
    fn default() -> Self {
        Clip { value: None, norm: None, spike: Some(10.0) }
    }
}

impl Clip {
    /// Leaves all gradients as they are.
    pub fn none() -> Self {
        Clip { value: None, norm: None, spike: None }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let bounds = [("clip value", self.value), ("clip norm", self.norm), ("clip spike", self.spike)];
        for (name, bound) in bounds {
            if let Some(bound) = bound.filter(|bound| bound.is_nan() || *bound <= 0.0) {
                return Err(Error::configuration(name, bound, "above 0"));
            }
        }
        Ok(())
    }

    /// The longest that a gradient may be in this step.
    fn longest(&self, usual: &UsualNorm) -> f64 {
        let spike = self.spike.zip(usual.get()).map(|(times, usual)| times * usual);
        self.norm.into_iter().chain(spike).fold(f64::INFINITY, f64::min)
    }

    /// What a gradient whose elements' squares sum to `squares` is multiplied by, which is then part of what is usual.
    pub(super) fn factor(&self, squares: f64, usual: &mut UsualNorm) -> Option<f64> {
        let longest = self.longest(usual);
        usual.add(squares.min(longest * longest));
        (squares > longest * longest).then(|| longest / squares.sqrt())
    }
}

/// How large gradients are, from those of the steps before: the running mean of their squared norm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsualNorm {
    /// Of the squares, with its start at zero in it.
    square: f64,
    steps: u32,
}

/// What the mean keeps at each step.
const DECAY: f64 = 0.99;
/// Steps before which nothing is usual.
const FIRST: u32 = 20;

impl UsualNorm {
    /// None while too little is known, and where all gradients were 0.
    pub(crate) fn get(&self) -> Option<f64> {
        let mean = self.square / (1.0 - DECAY.powi(self.steps.min(1 << 16) as i32));
        (self.steps >= FIRST && mean > 0.0).then(|| mean.sqrt())
    }

    fn add(&mut self, square: f64) {
        self.square = DECAY * self.square + (1.0 - DECAY) * square;
        self.steps = self.steps.saturating_add(1);
    }
}
