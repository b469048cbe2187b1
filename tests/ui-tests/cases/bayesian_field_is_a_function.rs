use illia::prelude::*;

#[bayesian]
struct Net {
    fc: illia::nn::Linear,
    activation: fn(&Tensor) -> Tensor,
    scale: Box<dyn Fn(&Tensor) -> Tensor>,
}

fn main() {}
