use illia::prelude::*;

#[bayesian]
#[derive(Debug)]
struct Tower(illia::nn::Linear);

impl Tower {
    fn new(p: &nn::Path) -> Option<Self> {
        Some(Tower(illia::nn::Linear::new(p, 4, 4, Default::default())))
    }
}

impl Module for Tower {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.0.forward(x)
    }
}

bnn! {
    struct Net: [4] -> [4] {
        tower: Tower: [4] -> [4],
    }
}

fn main() {}
