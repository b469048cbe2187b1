//! A crystal convolution's attributes are of its edges.

use illia::prelude::*;

bnn! {
    struct Net: (x: [nodes, 4], edges: [2, edges], lengths: [bonds, 3]) -> [nodes, 4] {
        x -> conv1: CgConv(edges: edges, attributes: lengths, aggregation: Max),
    }
}

fn main() {}
