//! A norm is random where it has a posterior.

use illia::prelude::*;

bnn! {
    struct Net: [4, 8] -> [4, 8] {
        norm1: LayerNorm(prior: Gaussian(std: 0.5)),
        norm2: BatchNorm1d(affine: false, posterior: Point),
    }
}

fn main() {}
