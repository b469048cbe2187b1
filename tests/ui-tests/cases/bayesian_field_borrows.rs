use illia::prelude::*;

#[bayesian]
struct Model<'a> {
    own: illia::nn::Linear,
    tied: &'a illia::nn::Linear,
}

fn main() {}
