use illia::prelude::*;

bnn! {
    struct Net: [8] -> [8] {
        attend: SelfAttention(heads: 2),
    }
}

fn main() {}
