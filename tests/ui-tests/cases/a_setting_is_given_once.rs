use illia::prelude::*;

mod my {
    #[illia::bayesian]
    #[derive(Debug)]
    pub struct Band;

    #[derive(Default)]
    pub struct BandConfig {
        pub low: f64,
    }

    impl illia::Configured for Band {
        type Config = BandConfig;
    }

    impl Band {
        pub fn new(_: &tch::nn::Path, config: BandConfig) -> Self {
            let _ = config.low;
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
        band: my::Band(low: -1.0, low: 1.0): [4] -> [4],
        #[deterministic]
        bands: [my::Band(low: 0.0): [4] -> [4]; 2],
    }
}

fn main() {}
