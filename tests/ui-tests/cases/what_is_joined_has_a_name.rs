use illia::prelude::*;

bnn! {
    struct Net(scale: f64): (a: [4], b: [4], c: [4]) -> [4] {
        a -> fc: Linear(4) -> add(b -> relu),
        other: Linear(4) -> add(b, c) -> multiply(scale),
        last: Linear(4) -> subtract(c) -> add(other),
    }
}

fn main() {}
