use illia::prelude::*;

fn narrow() -> Prior {
    Prior::Gaussian { mean: 0.0, std: 0.01 }
}

bnn! {
    struct Net: [8] -> [2] {
        prior: narrow();

        head: Linear(2),
    }
}

fn main() {
    let _ = narrow();
}
