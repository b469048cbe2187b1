use illia::prelude::*;

struct Schedule {
    _steps: Vec<usize>,
}

#[bayesian]
struct Model {
    head: illia::nn::Linear,
    schedule: Schedule,
}

fn main() {}
