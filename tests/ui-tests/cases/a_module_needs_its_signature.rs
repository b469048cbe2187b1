use illia::prelude::*;

bnn! {
    struct Net: [seq, 64] -> [seq, 64] {
        attend: my::Attention(4),
    }
}

fn main() {}
