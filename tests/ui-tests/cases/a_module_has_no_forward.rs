use illia::prelude::*;

mod my {
    #[illia::bayesian]
    #[derive(Debug)]
    pub struct Band;

    impl Band {
        pub fn new(_: &tch::nn::Path) -> Self {
            Band
        }
    }
}

bnn! {
    struct Net: [4] -> [4] {
        band: my::Band: [4] -> [4],
    }
}

fn main() {}
