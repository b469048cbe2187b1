//! Does not build, and must not: arithmetic on const parameters is decided when they have values, which `cargo check` alone does
//! not give them outside of another net.

use illia::prelude::*;

bnn! {
    /// Right for no width: 2 H is not H + 2, but for H = 2.
    pub struct Wide<const H: i64>: [H] -> [H] {
        up: Linear(H * 2) -> relu,
        down: Linear(H + 2 => H),
    }
}

/// Fits.
pub fn two(p: &nn::Path<'_>) -> Wide<2> {
    Wide::new(p)
}

/// Does not.
pub fn sixteen(p: &nn::Path<'_>) -> Wide<16> {
    Wide::new(p)
}
