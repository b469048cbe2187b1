use illia::prelude::*;

bnn! {
    struct Net(scale: f64): [4] -> [2] {
        self.fc = Linear(4),
        (|x| x * self.scale),
        head: Linear(2),
    }
}

fn main() {}
