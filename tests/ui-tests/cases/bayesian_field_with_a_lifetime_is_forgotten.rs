use illia::prelude::*;

struct Config<'a> {
    name: &'a str,
}

#[bayesian]
struct Model<'a> {
    layer: illia::nn::Linear,
    config: Config<'a>,
}

fn main() {}
