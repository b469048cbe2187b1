use illia::prelude::*;

bnn! {
    struct Net: [seq, 64] -> [seq, 64] {
        attend: my::Attention(heads: 4),
    }
}

fn main() {}
