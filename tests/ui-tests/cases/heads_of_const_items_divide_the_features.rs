use illia::prelude::*;

const WIDTH: i64 = 6;
const HEADS: usize = 4;

bnn! {
    struct Net: [seq, WIDTH] -> [seq, WIDTH] {
        attend: SelfAttention(heads: HEADS),
    }
}

fn main() {}
