//! A crystal graph network.

use illia::prelude::*;

bnn! {
    /// Xie & Grossman (2018), figure 1, without the batch norms: `width` 64, 3 convolutions, `hidden` 128.
    pub struct Crystals(features: i64, distances: i64, width: i64, hidden: i64):
        (atoms: [nodes, features], bonds: [2, edges], lengths: [edges, distances], keep: [nodes]) -> [1] {
        atoms -> embed: Linear(width),
        convs: repeat 3 { conv: CgConv(edges: bonds, attributes: lengths) },
        mean(mask: keep) -> softplus,
        fc: Linear(hidden) -> softplus,
        head: Linear(1),
    }
}
