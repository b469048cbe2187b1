use illia::prelude::*;

bnn! {
    struct Net: (x: [nodes, 4], memory: [t, 4], edges: [2, e]) -> [nodes, 4] {
        let h = encode(x);
        encode: Linear(x, 4),
        look: CrossAttention(heads: 2, memory),
        conv: Gcn(4, edges),
    }
}

fn main() {}
