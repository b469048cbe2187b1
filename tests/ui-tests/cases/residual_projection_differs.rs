use illia::prelude::*;

bnn! {
    struct Net: [16] -> [32] {
        residual(project: Linear(24)) {
            fc: Linear(32) -> relu,
        },
    }
}

fn main() {}
