use illia::prelude::*;

#[bayesian]
fn model() {}

fn main() {}
