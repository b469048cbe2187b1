use illia::prelude::*;

bnn! {
    struct Net: [4] -> [8] {
        residual(project: Linear(8) -> relu) { fc: Linear(8) },
        residual(project: flatten) { out: Linear(8) },
    }
}

fn main() {}
