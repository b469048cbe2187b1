use illia::prelude::*;

mod my {
    #[illia::bayesian]
    #[derive(Debug)]
    pub struct Band;

    impl Band {
        pub fn new(_: &tch::nn::Path, _low: f64, _high: f64) -> Self {
            Band
        }
    }

    impl tch::nn::Module for Band {
        fn forward(&self, x: &tch::Tensor) -> tch::Tensor {
            x.clamp(-1.0, 1.0)
        }
    }
}

bnn! {
    struct Net: [4] -> [4] {
        band: my::Band(high: 1.0, low: -1.0): [4] -> [4],
    }
}

fn main() {}
