//! A draw is one function: at every use of a layer, for all examples, whatever the forward does with its axes.

use illia::likelihood::Gaussian;
use illia::nn::{Conv2d, ConvConfig, Linear, LinearConfig};
use illia::prelude::*;
use illia::{Elbo, Error, Fit, Predict, Trainer};

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Wide, so that two draws differ by more than rounding.
fn wide() -> Posterior {
    Posterior::Gaussian { mu: nn::Init::Randn { mean: 0.0, stdev: 0.5 }, rho: nn::Init::Const(-1.0) }
}

fn linear(p: nn::Path, inputs: i64, outputs: i64, estimator: Estimator) -> Linear {
    Linear::new(p, inputs, outputs, LinearConfig { posterior: wide(), estimator, ..Default::default() })
}

/// A layer and what the forward makes of it.
#[bayesian]
#[derive(Debug)]
struct With {
    layer: Linear,
    #[bayesian(skip)]
    forward: fn(&Linear, &Tensor) -> Tensor,
}

impl Module for With {
    fn forward(&self, x: &Tensor) -> Tensor {
        (self.forward)(&self.layer, x)
    }
}

fn with(estimator: Estimator, forward: fn(&Linear, &Tensor) -> Tensor) -> (nn::VarStore, With) {
    illia::manual_seed(2);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = With { layer: linear(vs.root() / "layer", 3, 3, estimator), forward };
    (vs, net)
}

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

const TWICE: fn(&Linear, &Tensor) -> Tensor = |layer, x| layer.forward(x) - layer.forward(x);

#[test]
fn a_layer_used_twice_is_the_same_function_twice() {
    let (vs, net) = with(Estimator::Reparameterization, TWICE);
    let (x, y) = (Tensor::randn([8, 3], FLOATS), Tensor::zeros([8, 3], FLOATS));
    let prediction = Predict::new().draws(50).run(&net, &x).unwrap();
    assert!(largest(prediction.outputs()) < 1e-5);
    // The likelihood of a perfect fit, log N(0; 0, 1) three times, in each way to train.
    let perfect = 3.0 * 0.5 * (2.0 * std::f64::consts::PI).ln();
    let noise = Gaussian::fixed(1.0).unwrap();
    let elbo = Elbo::new(&noise, 8).unwrap().draws(3).loss(&net, &x, &y).unwrap();
    assert!((elbo.nll.double_value(&[]) - perfect).abs() < 1e-4);
    for draws in [1, 2] {
        let history = Fit::new(&noise).epochs(1).batch_size(8).draws(draws).run(&net, &vs, &x, &y).unwrap();
        assert!((history.epochs[0].nll - perfect).abs() < 1e-4, "{draws}");
    }
}

#[test]
fn a_dropout_posterior_has_one_mask_a_step() {
    let vs = nn::VarStore::new(Device::Cpu);
    let config = LinearConfig { posterior: Posterior::dropout(0.5), ..Default::default() };
    let net = With { layer: Linear::new(vs.root(), 3, 3, config), forward: TWICE };
    let x = Tensor::randn([8, 3], FLOATS);
    let mut trainer = Trainer::new(illia::Adam::default(), 8).unwrap();
    for _ in 0..8 {
        trainer
            .step(&net, &vs, 1.0, || {
                let off = net.forward(&x);
                assert!(largest(&off) < 1e-6);
                Ok(off.square().sum(Kind::Float))
            })
            .unwrap();
    }
}

#[test]
fn all_examples_see_one_function_whatever_the_estimator() {
    for estimator in [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout] {
        let (_vs, net) = with(estimator, |layer, x| layer.forward(x));
        let outputs = Predict::new().draws(20).run(&net, &Tensor::ones([5, 3], FLOATS)).unwrap();
        let first = outputs.outputs().narrow(1, 0, 1);
        assert!(largest(&(outputs.outputs() - first)) < 1e-6, "{estimator:?}");
    }
}

/// What the local estimator leaves out in training, the covariance of a map's pixels, is in every prediction.
#[test]
fn a_convolutions_pixels_vary_together_whatever_the_estimator() {
    let spread = |estimator| {
        illia::manual_seed(3);
        let vs = nn::VarStore::new(Device::Cpu);
        let conv = ConvConfig { posterior: wide(), estimator, ..Default::default() };
        let conv = Conv2d::new(vs.root(), 1, 1, 1, conv);
        let x = Tensor::ones([1, 1, 8, 8], FLOATS);
        let means = Predict::new()
            .draws(2000)
            .run(&conv, &x)
            .unwrap()
            .map(|o| o.mean_dim(&[3i64, 4][..], false, None));
        means.std().double_value(&[0, 0])
    };
    let (one, other) = (spread(Estimator::Reparameterization), spread(Estimator::LocalReparameterization));
    // A standard deviation over n draws is known to 1 / sqrt(2 n); five standard errors of the two's difference.
    assert!((one / other - 1.0).abs() < 5.0 / 2000f64.sqrt(), "{one} and {other}");
}

/// With 2 examples, 8 draws and a sequence of 16, axes are as long as the stacked batch.
#[test]
fn the_batch_axis_may_be_anywhere_within_a_forward() {
    let forwards: [fn(&Linear, &Tensor) -> Tensor; 2] = [
        |layer, x| layer.forward(&x.transpose(0, 1)).transpose(0, 1),
        |layer, x| layer.forward(&Tensor::ones([16, 3], FLOATS)).unsqueeze(0) + x,
    ];
    for forward in forwards {
        let (_vs, net) = with(Estimator::Reparameterization, forward);
        let outputs = Predict::new().draws(8).run(&net, &Tensor::ones([2, 16, 3], FLOATS)).unwrap();
        assert_eq!(outputs.outputs().size(), [8, 2, 16, 3]);
        let first = outputs.outputs().narrow(1, 0, 1).narrow(2, 0, 1);
        assert!(largest(&(outputs.outputs() - first)) < 1e-5);
        assert!(outputs.std().min().double_value(&[]) > 1e-3);
    }
}

#[test]
fn a_forward_that_mixes_the_batch_gets_all_of_it_or_says_so() {
    let (_vs, net) = with(Estimator::Reparameterization, |layer, x| {
        let y = layer.forward(x);
        &y - y.mean_dim(0i64, true, None)
    });
    let x = Tensor::randn([40, 3], FLOATS);
    for how in [Predict::new(), Predict::new().marginal()] {
        let outputs = how.draws(10).run(&net, &x).unwrap();
        assert!(largest(&outputs.outputs().mean_dim(1i64, false, None)) < 1e-5);
    }
    let refused = Predict::new().draws(10).batch_size(20).run(&net, &x).unwrap_err();
    assert!(matches!(&refused, Error::Configuration { name, .. } if name == "batch_size"), "{refused}");
}

#[test]
fn a_forward_may_insist_on_its_results() {
    let (_vs, net) = with(Estimator::Reparameterization, |layer, x| {
        layer.try_forward(&x.reshape([-1, 3])).unwrap().reshape(x.size())
    });
    let outputs = Predict::new().draws(10).run(&net, &Tensor::ones([4, 5, 3], FLOATS)).unwrap();
    assert!(largest(&(outputs.outputs() - outputs.outputs().narrow(1, 0, 1))) < 1e-6);
}

#[test]
fn a_prediction_within_a_step_leaves_the_step_as_it_was() {
    let (vs, net) = with(Estimator::Reparameterization, |layer, x| layer.forward(x));
    let (x, y) = (Tensor::ones([4, 3], FLOATS), Tensor::full([4, 3], 2.0, FLOATS));
    let mut trainer = Trainer::new(illia::Adam::default(), 4).unwrap();
    let before = net.layer.weight.mu().detach().copy();
    for _ in 0..5 {
        let nll = || {
            let output = net.forward(&x);
            Predict::new().draws(3).run(&net, &x)?;
            Ok((output - &y).square().mean(Kind::Float))
        };
        trainer.step(&net, &vs, 0.0, nll).unwrap();
    }
    // Without the KL only the likelihood moves them.
    assert!(largest(&(net.layer.weight.mu() - before)) > 1e-3);
}

#[bayesian]
#[derive(Debug)]
struct Hidden {
    seen: Linear,
    hidden: nn::Sequential,
}

impl Module for Hidden {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.hidden.forward(&self.seen.forward(x))
    }
}

#[test]
fn a_random_layer_that_the_traversal_misses_is_named_before_it_is_missed() {
    let vs = nn::VarStore::new(Device::Cpu);
    let layer = |name| linear(vs.root() / name, 3, 3, Estimator::Reparameterization);
    let (x, y) = (Tensor::ones([4, 3], FLOATS), Tensor::ones([4, 3], FLOATS));
    let noise = Gaussian::fixed(1.0).unwrap();
    let net = Hidden { seen: layer("a"), hidden: nn::seq().add(layer("b")) };
    let refused = Fit::new(&noise).epochs(1).run(&net, &vs, &x, &y).unwrap_err().to_string();
    assert!(refused.contains("nn::Sequential"), "{refused}");
    // Plain ones may be anywhere.
    let net = Hidden {
        seen: layer("c"),
        hidden: nn::seq().add(nn::linear(vs.root() / "d", 3, 3, Default::default())),
    };
    Fit::new(&noise).epochs(1).run(&net, &vs, &x, &y).unwrap();
}

/// In a depthwise convolution each channel is an input unit, and so is each token of a table.
#[test]
fn dropout_drops_input_units() {
    let vs = nn::VarStore::new(Device::Cpu);
    let posterior = Posterior::Dropout { p: 0.5, mu: nn::Init::Const(1.0) };
    let conv = ConvConfig { groups: 8, posterior, bias: false, ..Default::default() };
    let conv = Conv2d::new(vs.root() / "conv", 8, 16, 1, conv);
    let table = illia::nn::EmbeddingConfig { posterior, ..Default::default() };
    let table = illia::nn::Embedding::new(vs.root() / "table", 8, 5, table);
    illia::manual_seed(1);
    let mut counts = [0.0; 2];
    for _ in 0..400 {
        let kernel = conv.weight.draw().weights().reshape([8, 2]);
        assert_eq!(kernel.select(1, 0), kernel.select(1, 1), "one coin for both outputs of a channel");
        let rows = table.weight.draw().weights().shallow_clone();
        assert_eq!(rows.select(1, 0), rows.select(1, 4), "one coin for a token's whole vector");
        for (count, drawn) in counts.iter_mut().zip([kernel, rows]) {
            *count += drawn.select(1, 0).eq(0.0).to_kind(Kind::Float).std(true).double_value(&[]);
        }
    }
    // Eight independent fair coins have a standard deviation of about a half among them; one coin for all has none.
    assert!(counts.iter().all(|count| count / 400.0 > 0.4), "{counts:?}");
}
