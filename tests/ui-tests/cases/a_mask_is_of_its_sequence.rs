use illia::prelude::*;

bnn! {
    struct Net: (x: [seq, 8], keep: [words]) -> [seq, 8] {
        x -> attend: SelfAttention(heads: 2, mask: keep),
    }
}

fn main() {}
