use illia::prelude::*;

bnn! {
    struct Net: [seq, 8] -> [seq, 8] {
        reshape([len, 8]),
    }
}

fn main() {}
