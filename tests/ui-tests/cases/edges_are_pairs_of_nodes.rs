//! Edges are `[2, edges]` of node numbers.

use illia::prelude::*;

bnn! {
    struct Net: (x: [nodes, 4], edges: [edges, 2], weights: [2, edges]) -> [nodes, 2] {
        let h = x -> embed: Linear(8);
        let w = weights -> (|w| w * 2.0);
        h -> conv1: Gcn(8, edges: edges) -> relu,
        conv2: Gcn(8, edges: w),
        conv3: Gcn(2),
    }
}

fn main() {}
