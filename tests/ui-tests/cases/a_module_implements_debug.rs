use illia::prelude::*;

mod my {
    #[illia::bayesian]
    pub struct Band;

    impl Band {
        pub fn new(_: &tch::nn::Path) -> Self {
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
    #[derive(Debug)]
    struct Net: [4] -> [4] {
        band: my::Band: [4] -> [4],
        bands: [my::Band: [4] -> [4]; 2],
    }
}

fn main() {}
