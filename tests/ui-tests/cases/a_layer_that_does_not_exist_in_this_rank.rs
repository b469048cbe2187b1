use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8, 8] -> [2] {
        up: ConvTranspose4d(2, kernel: 2),
        global_avg_pool,
    }
}

bnn! {
    struct Other: [1, 8, 8] -> [2] {
        conv: Conv(2),
        global_avg_pool,
    }
}

fn main() {}
