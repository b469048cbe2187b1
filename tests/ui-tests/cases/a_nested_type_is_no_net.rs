use illia::prelude::*;

#[derive(Debug)]
struct Plain;

bnn! {
    struct Net: [8] -> [8] {
        inner: Plain,
    }
}

fn main() {}
