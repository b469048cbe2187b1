use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        prior: 0.1;
        posterior: Gaussian(mean: 0.0, std: 0.1);
        lora: (rank: 2, alpha: 4.0);

        fc: Linear(4, lora: (r: 2, lora_alpha: 4.0)),
        head: Linear(2),
    }
}

fn main() {}
