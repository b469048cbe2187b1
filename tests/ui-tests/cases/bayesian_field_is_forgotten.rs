use illia::prelude::*;

#[bayesian]
struct Ensemble {
    members: Vec<illia::nn::Linear>,
    title: String,
}

fn main() {}
