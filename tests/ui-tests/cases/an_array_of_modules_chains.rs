//! Each module of an array takes what the one before gives.

use illia::prelude::*;

mod my {
    use illia::prelude::*;

    #[bayesian]
    #[derive(Debug)]
    pub struct Widen(illia::nn::Linear);

    impl Widen {
        pub fn new(p: &nn::Path) -> Self {
            Widen(illia::nn::Linear::new(p, 4, 8, Default::default()))
        }
    }

    impl Module for Widen {
        fn forward(&self, x: &Tensor) -> Tensor {
            self.0.forward(x)
        }
    }
}

bnn! {
    struct Net: [4] -> [2] {
        widen: [my::Widen: [4] -> [8]; 2],
        head: Linear(2),
    }
}

fn main() {}
