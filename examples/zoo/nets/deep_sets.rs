//! Deep Sets.

use illia::prelude::*;

bnn! {
    /// Zaheer et al. (2017), theorem 2: a function of a set's sum, `keep` its elements.
    pub struct DeepSets(features: i64, width: i64): (set: [n, features], keep: [n]) -> [1] {
        set -> phi1: Linear(width) -> relu -> phi2: Linear(width) -> relu -> sum(mask: keep),
        rho1: Linear(width) -> relu,
        rho2: Linear(1),
    }
}
