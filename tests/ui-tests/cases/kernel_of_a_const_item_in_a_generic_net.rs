use illia::prelude::*;

const PADDING: i64 = 0;

bnn! {
    struct Net<const WIDTH: i64>: [1, 8, 8] -> [WIDTH] {
        conv: Conv2d(WIDTH, kernel: 5, padding: PADDING),
        far: Conv2d(WIDTH, kernel: 5, padding: PADDING),
        global_avg_pool,
    }
}

fn main() {}
