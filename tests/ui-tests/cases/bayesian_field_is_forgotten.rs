use illia::prelude::*;

#[bayesian]
struct Ensemble {
    members: Vec<illia::nn::Linear>,
    title: String,
    author: &'static str,
    sizes: Vec<(i64, f64)>,
}

fn main() {}
