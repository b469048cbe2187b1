use illia::prelude::*;

use std::rc::Rc;

#[bayesian]
struct Tied {
    encoder: Rc<illia::nn::Linear>,
    decoder: Rc<illia::nn::Linear>,
}

fn main() {}
