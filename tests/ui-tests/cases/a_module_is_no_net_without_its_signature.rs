use illia::prelude::*;

bnn! {
    struct Net: [4] -> [4] {
        linear: illia::nn::Linear,
    }
}

fn main() {}
