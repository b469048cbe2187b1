use illia::prelude::*;

bnn! {
    struct Inner: [t, 8] -> [t, 8] {
        fc: Linear(8),
    }
}

bnn! {
    struct Net: [t, 8] -> [t, 8] {
        inner: Inner,
        norm: BatchNorm1d,
    }
}

fn main() {}
