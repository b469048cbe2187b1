use illia::prelude::*;

bnn! {
    struct Net: [seq, 6] -> [seq, 6] {
        attend: SelfAttention(heads: 4),
    }
}

fn main() {}
