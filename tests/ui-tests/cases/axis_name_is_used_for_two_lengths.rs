use illia::prelude::*;

bnn! {
    struct Net: [seq, 16] -> [seq, 8] {
        permute([1, 0]),
        conv: Conv1d(8, kernel: 3),
        permute([1, 0]),
    }
}

fn main() {}
