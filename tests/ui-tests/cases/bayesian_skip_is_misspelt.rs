use illia::prelude::*;

#[bayesian]
struct Model {
    head: illia::nn::Linear,
    #[bayesian(skipp)]
    temperature: f64,
}

fn main() {}
