//! Several draws in one forward against one after the other, and outputs' draws against weights' draws.

use illia::Predict;
use illia::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use illia::prelude::*;

/// Wide posteriors, so that draws differ by more than rounding.
fn posterior() -> Posterior {
    Posterior::Gaussian { mu: nn::Init::Randn { mean: 0.0, stdev: 0.4 }, rho: nn::Init::Const(-1.0) }
}

bnn! {
    struct Net: [1, 4, 4] -> [3] {
        posterior: (posterior());

        conv: Conv2d(2, kernel: 3) -> relu -> flatten,
        hidden: Linear(6) -> tanh,
        head: Linear(3),
    }
}

fn net() -> (nn::VarStore, Net) {
    illia::manual_seed(5);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root());
    (vs, net)
}

fn images(batch: i64) -> Tensor {
    Tensor::arange(batch * 16, (Kind::Float, Device::Cpu)).sin().reshape([batch, 1, 4, 4])
}

#[test]
fn draws_in_one_forward_are_those_of_single_forwards() {
    let (_vs, net) = net();
    for batch in [1, 5] {
        let x = images(batch);
        illia::manual_seed(9);
        let together = Predict::new().draws(7).run(&net, &x).unwrap();
        illia::manual_seed(9);
        let one_by_one = tch::no_grad(|| Tensor::stack(&[(); 7].map(|()| net.forward(&x)), 0));
        let off = (together.outputs() - one_by_one).abs().max().double_value(&[]);
        assert!(off < 1e-5, "{off:e}");
    }
}

#[test]
fn a_layer_that_takes_no_part_gets_its_draws_one_by_one() {
    illia::manual_seed(5);
    let vs = nn::VarStore::new(Device::Cpu);
    let table = EmbeddingConfig { posterior: posterior(), ..Default::default() };
    let table = Embedding::new(vs.root(), 4, 3, table);
    let tokens = Tensor::from_slice(&[0i64, 3, 3]).reshape([1, 3]);
    let outputs = Predict::new().draws(6).run(&table, &tokens).unwrap();
    assert_eq!(outputs.outputs().size(), [6, 1, 3, 3]);
    // One function: the same token has the same vector within a draw, and another in the next.
    let (second, third) = (outputs.outputs().select(2, 1), outputs.outputs().select(2, 2));
    assert_eq!(second, third);
    assert!(outputs.std().min().double_value(&[]) > 0.01);
}

/// Both modes have the same distribution for each example: mean and variance of every output within five standard
/// errors of their difference, and so are those of the squares of two outputs' sums, which see their correlation.
#[test]
fn marginal_draws_have_the_distribution_of_functions() {
    const DRAWS: usize = 8_000;
    let (_vs, net) = net();
    let x = images(2);
    let functions = Predict::new().draws(DRAWS).run(&net, &x).unwrap();
    let marginal = Predict::new().draws(DRAWS).marginal().run(&net, &x).unwrap();
    assert_eq!(marginal.outputs().size(), [DRAWS as i64, 2, 3]);
    let statistics = |outputs: &Tensor| {
        let outputs = outputs.to_kind(Kind::Double);
        let sum = outputs.sum_dim_intlist(-1, true, Kind::Double);
        let all = Tensor::cat(&[&outputs, &outputs.square(), &sum.square()], -1);
        let (variance, mean) = all.var_mean_dim(0, true, false);
        (mean, variance / DRAWS as f64)
    };
    let ((m1, v1), (m2, v2)) = (statistics(functions.outputs()), statistics(marginal.outputs()));
    let worst = ((m1 - m2) / (v1 + v2).sqrt()).abs().max().double_value(&[]);
    assert!(worst < 5.0, "{worst} standard errors");
}

#[test]
fn examples_share_a_function_but_no_marginal_draw() {
    illia::manual_seed(5);
    let vs = nn::VarStore::new(Device::Cpu);
    let layer = Linear::new(vs.root(), 3, 2, LinearConfig { posterior: posterior(), ..Default::default() });
    let x = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
    let apart = |how: Predict| {
        let outputs = how.draws(20).run(&layer, &x).unwrap();
        let (a, b) = (outputs.outputs().select(1, 0), outputs.outputs().select(1, 1));
        (a - b).abs().max().double_value(&[])
    };
    assert!(apart(Predict::new()) < 1e-6);
    assert!(apart(Predict::new().marginal()) > 0.1);
}
