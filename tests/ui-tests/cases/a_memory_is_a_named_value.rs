use illia::prelude::*;

bnn! {
    struct Net: [seq, 8] -> [seq, 8] {
        attend: CrossAttention(heads: 2),
    }
}

fn main() {}
