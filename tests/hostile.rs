//! Every public function that takes tensors, with inputs that nobody meant: a result or an error, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use illia::conformal::{Adaptive, Aps, Conformal, Cqr, Lac, Mondrian, Outliers, Residual, Score};
use illia::infer::ivon::{Ivon, IvonGradients};
use illia::infer::moments::{Moments, Pool};
use illia::infer::sghmc::{Sghmc, Sgld};
use illia::infer::swag::Swag;
use illia::infer::{Named, diagnostics, normals_like};
use illia::likelihood::{
    Bernoulli, BetaNll, Categorical, Gaussian, HeteroscedasticGaussian, Likelihood, Poisson, StudentT,
};
use illia::nn::{
    Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, Embedding, Gru, Linear, Lstm, LstmModel,
    LstmModelConfig, Rnn,
};
use illia::noise::Key;
use illia::prelude::*;
use illia::{Elbo, Fit, HeldOut, Predict, Prediction, Temperature, metrics};

/// What a well-meant input looks like: its shape, and whether it holds whole numbers.
#[derive(Clone, Copy)]
struct Like<'a> {
    shape: &'a [i64],
    whole: bool,
}

const fn floats(shape: &[i64]) -> Like<'_> {
    Like { shape, whole: false }
}

const fn tokens(shape: &[i64]) -> Like<'_> {
    Like { shape, whole: true }
}

/// The well-meant input and what may come in its stead, each with its name.
fn inputs(like: Like) -> Vec<(&'static str, Tensor)> {
    let kind = if like.whole { Kind::Int64 } else { Kind::Float };
    let good = |shape: &[i64]| {
        let count: i64 = shape.iter().product();
        let values = Tensor::arange(count, (Kind::Float, Device::Cpu)).sin();
        let values = if like.whole { values.abs() * 1.9 } else { values };
        values.to_kind(kind).reshape(shape)
    };
    let resized = |axis: usize, size: i64| {
        let mut shape = like.shape.to_vec();
        shape[axis] = size;
        good(&shape)
    };
    let x = good(like.shape);
    let last = like.shape.len() - 1;
    let mut all = vec![
        ("good", x.shallow_clone()),
        ("batch 0", resized(0, 0)),
        ("batch 1", resized(0, 1)),
        ("last axis 0", resized(last, 0)),
        ("last axis 1", resized(last, 1)),
        ("last axis + 1", resized(last, like.shape[last] + 1)),
        ("a scalar", good(&[])),
        ("one axis", good(&[7])),
        ("an axis too many", Tensor::stack(&[&x, &x], 0).unsqueeze(0)),
        ("no element", good(&[0])),
        ("f64", x.to_kind(Kind::Double)),
        ("half", x.to_kind(Kind::Half)),
        ("bfloat16", x.to_kind(Kind::BFloat16)),
        ("int64", x.to_kind(Kind::Int64)),
        ("bool", x.to_kind(Kind::Bool)),
        ("complex", x.to_kind(Kind::ComplexFloat)),
        ("not contiguous", Tensor::stack(&[&x, &x], 1).select(1, 0)),
        ("reversed axes", x.permute((0..x.dim() as i64).rev().collect::<Vec<_>>())),
        ("expanded", resized(0, 1).expand(like.shape, false)),
        ("huge numbers", if like.whole { x.full_like(1i64 << 40) } else { x.full_like(3e38) }),
        ("negative numbers", x.abs() * -5),
        ("wants a gradient", if like.whole { x.shallow_clone() } else { x.copy().set_requires_grad(true) }),
    ];
    if last > 0 {
        all.push(("axis 1 of 0", resized(1, 0)));
    }
    if !like.whole {
        all.push(("NaN", x.full_like(f64::NAN)));
        all.push(("infinity", x.full_like(f64::INFINITY)));
        all.push(("minus infinity", x.full_like(f64::NEG_INFINITY)));
    }
    all
}

/// Collects the panics, so that one run shows them all.
#[derive(Default)]
struct Table {
    tried: usize,
    results: usize,
    panics: Vec<String>,
}

impl Table {
    fn call<T>(&mut self, what: &str, f: impl FnOnce() -> illia::Result<T>) {
        self.tried += 1;
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(result) => self.results += usize::from(result.is_ok()),
            Err(payload) => {
                let text = payload.downcast_ref::<String>().cloned().unwrap_or_default();
                self.panics.push(format!("{what}: {}", text.lines().next().unwrap_or_default()));
            }
        }
    }

    /// `f` on everything that may come instead of `like`; what is well meant must give a result.
    fn each<T>(&mut self, what: &str, like: Like, f: impl Fn(&Tensor) -> illia::Result<T>) {
        for (name, x) in inputs(like) {
            let before = self.results;
            self.call(&format!("{what}, {name}"), || f(&x));
            assert!(name != "good" || self.results > before, "{what} fails on a good input");
        }
    }

    fn finish(self) {
        assert!(self.panics.is_empty(), "{} panics:\n{}", self.panics.len(), self.panics.join("\n"));
        assert!(self.results > 0 && self.results < self.tried, "{} of {}", self.results, self.tried);
    }
}

const ESTIMATORS: [Estimator; 3] =
    [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout];

#[test]
fn layers() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let count = std::cell::Cell::new(0);
    // A path of its own for each layer.
    let next = || count.replace(count.get() + 1);
    let mut table = Table::default();
    for estimator in ESTIMATORS {
        let linear =
            Linear::new(&p / next(), 6, 4, illia::nn::LinearConfig { estimator, ..Default::default() });
        table.each("Linear", floats(&[3, 6]), |x| linear.try_forward(x));
        let config = illia::nn::ConvConfig { estimator, ..Default::default() };
        let conv = Conv1d::new(&p / next(), 2, 3, 3, config);
        table.each("Conv1d", floats(&[3, 2, 9]), |x| conv.try_forward(x));
        let conv =
            Conv2d::new(&p / next(), 2, 3, 3, illia::nn::ConvConfig { estimator, ..Default::default() });
        table.each("Conv2d", floats(&[3, 2, 9, 8]), |x| conv.try_forward(x));
        let conv =
            Conv3d::new(&p / next(), 2, 3, 3, illia::nn::ConvConfig { estimator, ..Default::default() });
        table.each("Conv3d", floats(&[3, 2, 5, 6, 7]), |x| conv.try_forward(x));
        let config = illia::nn::ConvTransposeConfig { estimator, ..Default::default() };
        let conv = ConvTranspose1d::new(&p / next(), 2, 3, 3, config);
        table.each("ConvTranspose1d", floats(&[3, 2, 9]), |x| conv.try_forward(x));
        let config = illia::nn::ConvTransposeConfig { estimator, ..Default::default() };
        let conv = ConvTranspose2d::new(&p / next(), 2, 3, 3, config);
        table.each("ConvTranspose2d", floats(&[3, 2, 9, 8]), |x| conv.try_forward(x));
    }
    for padding_idx in [None, Some(0), Some(6)] {
        let config = illia::nn::EmbeddingConfig { padding_idx, ..Default::default() };
        let embedding = Embedding::new(&p / next(), 7, 3, config);
        table.each("Embedding", tokens(&[3, 5]), |x| embedding.try_forward(x));
    }
    let lstm = Lstm::new(&p / next(), 4, 5, Default::default());
    table.each("Lstm", floats(&[3, 6, 4]), |x| lstm.try_forward(x));
    let gru = Gru::new(&p / next(), 4, 5, Default::default());
    table.each("Gru", floats(&[3, 6, 4]), |x| gru.try_forward(x));
    let rnn = Rnn::new(&p / next(), 4, 5, Default::default());
    table.each("Rnn", floats(&[3, 6, 4]), |x| rnn.try_forward(x));
    let model = LstmModel::new(&p / next(), 9, 4, 5, 2, LstmModelConfig::default());
    table.each("LstmModel", tokens(&[3, 6]), |x| model.try_forward(x));
    table.each("dropout", floats(&[3, 6]), |x| illia::nn::try_dropout(x, 0.5, true));
    for p in [-0.1, 1.0, f64::NAN] {
        assert!(illia::nn::try_dropout(&Tensor::ones([2], (Kind::Float, Device::Cpu)), p, true).is_err());
    }
    table.finish();
}

#[test]
fn impossible_sizes() {
    let mut table = Table::default();
    for size in [0, -1, i64::MIN, 1 << 60, i64::MAX] {
        let vs = nn::VarStore::new(Device::Cpu);
        let p = vs.root();
        table.call("Linear inputs", || Linear::try_new(&p, size, 3, Default::default()));
        table.call("Linear outputs", || Linear::try_new(&p, 3, size, Default::default()));
        table.call("Conv2d inputs", || Conv2d::try_new(&p, size, 3, 3, Default::default()));
        table.call("Conv2d outputs", || Conv2d::try_new(&p, 3, size, 3, Default::default()));
        table.call("Conv2d kernel", || Conv2d::try_new(&p, 3, 3, size, Default::default()));
        for config in [
            illia::nn::ConvConfig { groups: size, ..Default::default() },
            illia::nn::ConvConfig { stride: size.into(), ..Default::default() },
            illia::nn::ConvConfig { padding: size.into(), ..Default::default() },
            illia::nn::ConvConfig { dilation: size.into(), ..Default::default() },
        ] {
            let x = Tensor::ones([1, 4, 9, 9], (Kind::Float, Device::Cpu));
            table.call("Conv2d config", || Conv2d::try_new(&p, 4, 4, 3, config)?.try_forward(&x));
        }
        table.call("Embedding vocabulary", || Embedding::try_new(&p, size, 3, Default::default()));
        let config = illia::nn::EmbeddingConfig { padding_idx: Some(size), ..Default::default() };
        table.call("Embedding padding", || Embedding::try_new(&p, 3, 3, config));
        table.call("Lstm inputs", || Lstm::try_new(&p, size, 3, Default::default()));
        table.call("Lstm hidden", || Lstm::try_new(&p, 3, size, Default::default()));
        let config = illia::nn::RecurrentConfig { layers: size, ..Default::default() };
        table.call("Gru layers", || Gru::try_new(&p, 3, 3, config));
        table.call("LstmModel", || LstmModel::try_new(&p, 5, size, 3, 3, LstmModelConfig::default()));
    }
    assert!(table.panics.is_empty(), "{}", table.panics.join("\n"));
}

#[test]
fn likelihoods() {
    let vs = nn::VarStore::new(Device::Cpu);
    let gaussian = Gaussian::learned(vs.root(), 0.3).unwrap();
    let student = StudentT::fixed(4.0, 0.3).unwrap();
    let beta_nll = BetaNll::new(0.5).unwrap();
    let each: [(&dyn Likelihood, &[i64], Like); 7] = [
        (&Categorical, &[3, 4], tokens(&[3])),
        (&Bernoulli, &[3, 2], floats(&[3, 2])),
        (&Poisson, &[3, 2], floats(&[3, 2])),
        (&gaussian, &[3, 2], floats(&[3, 2])),
        (&HeteroscedasticGaussian, &[3, 4], floats(&[3, 2])),
        (&beta_nll, &[3, 4], floats(&[3, 2])),
        (&student, &[3, 2], floats(&[3, 2])),
    ];
    let mut table = Table::default();
    for (likelihood, output, target) in each {
        let what = format!("{likelihood:?}");
        let ones = |like: Like| {
            Tensor::ones(like.shape, (if like.whole { Kind::Int64 } else { Kind::Float }, Device::Cpu))
        };
        let good = ones(floats(output));
        table.each(&what, floats(output), |output| likelihood.log_likelihood(output, &ones(target)));
        let target_of = |x: &Tensor| likelihood.log_likelihood(&good, x);
        for (name, x) in inputs(target) {
            table.call(&format!("{what}, target, {name}"), || target_of(&x));
        }
        let draws = [&[5][..], output].concat();
        table.each(&format!("{what}, draws"), floats(&draws), |outputs| {
            let prediction = Prediction::from_outputs(outputs.shallow_clone())?;
            let _ = prediction.quantile(0.3)?;
            let _ = prediction.interval(0.9)?;
            let _ = (prediction.mean(), prediction.std(), prediction.predictive_mean(likelihood));
            let _ = prediction.uncertainty(likelihood);
            let _ = likelihood.interval(outputs, 0.9);
            prediction.log_predictive(likelihood, &ones(target))
        });
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Gaussian::fixed(bad).is_err() && StudentT::fixed(4.0, bad).is_err());
        assert!(StudentT::fixed(bad, 1.0).is_err());
    }
    table.finish();
}

#[test]
fn predicting_and_fitting() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 6, 4, Default::default());
    let y = Tensor::from_slice(&[0i64, 1, 2]);
    let x = Tensor::ones([3, 6], (Kind::Float, Device::Cpu));
    let mut table = Table::default();
    table.each("Predict", floats(&[3, 6]), |x| Predict::new().draws(3).run(&net, x));
    table.each("Fit, x", floats(&[3, 6]), |x| Fit::new(Categorical).epochs(1).run(&net, &vs, x, &y));
    let known = tokens(&[3]);
    table.each("Fit, y", known, |y| Fit::new(Categorical).epochs(1).run(&net, &vs, &x, y));
    table.each("Elbo", known, |y| Elbo::new(Categorical, 10)?.loss(&net, &x, y));
    let finite = vs.variables().values().all(|v| v.isfinite().all().int64_value(&[]) == 1);
    assert!(finite, "what could not be fitted has changed nothing");
    assert!(Predict::new().draws(0).run(&net, &x).is_err());
    assert!(Predict::new().batch_size(0).run(&net, &x).is_err());
    assert!(Fit::new(Categorical).epochs(0).run(&net, &vs, &x, &y).is_err());
    assert!(Fit::new(Categorical).batch_size(0).run(&net, &vs, &x, &y).is_err());
    assert!(Fit::new(Categorical).learning_rate(f64::NAN).run(&net, &vs, &x, &y).is_err());
    table.finish();
}

#[test]
fn numbers_of_merit() {
    let labels = Tensor::from_slice(&[0i64, 1, 1]);
    let p = Tensor::from_slice(&[0.5f32, 0.5, 0.2, 0.8, 0.9, 0.1]).reshape([3, 2]);
    let scores = Tensor::from_slice(&[0.1f32, 0.4, 0.3]);
    let mut table = Table::default();
    type OfClasses = fn(&Tensor, &Tensor) -> illia::Result<f64>;
    let of_classes: [(&str, OfClasses); 7] = [
        ("accuracy", metrics::accuracy),
        ("nll", metrics::nll),
        ("brier", metrics::brier),
        ("ece", |p, y| metrics::ece(p, y, 15)),
        ("mce", |p, y| metrics::mce(p, y, 15)),
        ("adaptive_ece", |p, y| metrics::adaptive_ece(p, y, 15)),
        ("classwise_ece", |p, y| metrics::classwise_ece(p, y, 15)),
    ];
    for (name, metric) in of_classes {
        for (case, x) in inputs(floats(&[3, 2])) {
            table.call(&format!("{name}, {case}"), || metric(&x, &labels));
        }
        table.each(&format!("{name}, labels"), tokens(&[3]), |y| metric(&p, y));
    }
    type OfScores = fn(&Tensor, &Tensor) -> illia::Result<f64>;
    let of_scores: [(&str, OfScores); 7] = [
        ("auroc", metrics::auroc),
        ("aupr", metrics::aupr),
        ("fpr_at_95_tpr", metrics::fpr_at_95_tpr),
        ("rmse", metrics::rmse),
        ("interval_coverage", |x, y| metrics::interval_coverage(x, &(x + 1), y)),
        ("nll_gaussian", |x, y| metrics::nll_gaussian(x, &x.ones_like(), y)),
        ("risk_coverage", |x, y| metrics::risk_coverage(x, y).map(|curve| curve.area())),
    ];
    for (name, metric) in of_scores {
        table.each(name, floats(&[3]), |x| metric(x, &scores));
        table.each(&format!("{name}, second"), floats(&[3]), |x| metric(&scores, x));
    }
    table.each("crps_draws", floats(&[4, 3]), |x| metrics::crps_draws(x, &scores));
    table.each("crps_fair", floats(&[4, 3]), |x| metrics::crps_fair(x, &scores));
    table.each("interval_width", floats(&[3]), |x| metrics::interval_width(x, &(x + 1)));
    table.each("interval_of_draws", floats(&[4, 3]), |x| metrics::interval_of_draws(x, 0.9));
    table.each("temperature", floats(&[3, 2]), |x| Temperature::fit(x, &labels));
    table.finish();
}

#[test]
fn methods() {
    let weights = |w: &Tensor| Named::from([("w".to_owned(), w.shallow_clone())]);
    let like = floats(&[2, 3]);
    let (_, good) = inputs(like).remove(0);
    let (good, key) = (weights(&good), Key { seed: 1, stream: 2, draw: 3 });
    let mut table = Table::default();
    table.each("Swag", like, |x| {
        let mut state = Swag { rank: 2, ..Swag::default() }.init(&weights(x))?;
        state.collect(&weights(x))?;
        state.draw(key)
    });
    table.each("Swag::collect", like, |x| Swag::default().init(&good)?.collect(&weights(x)));
    let sghmc = Sghmc::default();
    table.each("Sghmc", like, |x| {
        let position = weights(&x.copy());
        sghmc.update(&mut sghmc.init(&position)?, &position, &position, &normals_like(&position, key))
    });
    table.each("Sghmc, gradient", like, |x| {
        sghmc.update(&mut sghmc.init(&good)?, &weights(&good["w"].copy()), &weights(x), &good)
    });
    table.each("Sgld", like, |x| Sgld::default().update(&weights(&good["w"].copy()), &weights(x), &good));
    let ivon = Ivon::default();
    table.each("Ivon", like, |x| ivon.offset(&ivon.init(&weights(x))?, &weights(x)));
    table.each("Ivon, gradient", like, |x| {
        let mut gradients = IvonGradients::new();
        gradients.add(&weights(x), &good)?;
        ivon.update(&mut ivon.init(&good)?, &gradients)
    });
    table.each("r_hat", floats(&[4, 10]), diagnostics::r_hat);
    table.each("ess", floats(&[4, 10]), diagnostics::bulk_effective_sample_size);
    table.finish();
}

#[test]
fn moments() {
    let gaussian = |x: &Tensor| Moments::new(x.shallow_clone(), x.shallow_clone() * x);
    let of = |shape| gaussian(&inputs(floats(shape)).remove(0).1);
    let (weight, kernel) = (of(&[4, 3]).unwrap(), of(&[5, 2, 3, 3]).unwrap());
    let mut table = Table::default();
    type Activation = fn(&Moments) -> Moments;
    let activations: [(&str, Activation); 5] = [
        ("relu", Moments::relu),
        ("leaky_relu", |x| x.leaky_relu(0.1)),
        ("gelu", Moments::gelu),
        ("sigmoid", Moments::sigmoid),
        ("tanh", Moments::tanh),
    ];
    for (name, activation) in activations {
        table.each(name, floats(&[2, 3]), |x| gaussian(x).map(|x| activation(&x)));
        table.each(&format!("{name} of certain"), floats(&[2, 3]), |x| {
            Moments::certain(x).map(|x| activation(&x))
        });
    }
    let pool = Pool { kernel: &[2, 2], stride: &[1, 2], padding: &[0, 1] };
    let one = [1, 1].as_slice();
    table.each("linear", floats(&[2, 3]), |x| gaussian(x)?.linear(&weight, None));
    table.each("weight", floats(&[4, 3]), |x| weight.linear(&gaussian(x)?, None));
    table.each("bias", floats(&[4]), |x| weight.linear(&weight, Some(&gaussian(x)?)));
    let image = floats(&[3, 2, 6, 5]);
    table.each("conv", image, |x| gaussian(x)?.conv(&kernel, None, [one; 3], 1));
    table.each("max_pool", image, |x| gaussian(x)?.max_pool(pool));
    table.each("avg_pool", image, |x| gaussian(x)?.avg_pool(pool));
    table.each("adaptive_avg_pool", image, |x| gaussian(x)?.adaptive_avg_pool(&[2, 3]));
    table.each("global_avg_pool", image, |x| gaussian(x)?.global_avg_pool());
    table.each("plus", floats(&[4, 3]), |x| weight.plus(&gaussian(x)?));
    table.each("max", floats(&[4, 3]), |x| weight.max(&gaussian(x)?));
    table.each("concat", floats(&[4, 3]), |x| Moments::concat(&[&weight, &gaussian(x)?], -1));
    table.each("affine", floats(&[3]), |x| weight.affine(x, x));
    table.finish();
}

#[test]
fn guarantees() {
    fn each<S: Score>(table: &mut Table, name: &str, score: fn() -> S, outputs: Like, target: Like) {
        let (good_outputs, good_target) = (inputs(outputs).remove(0).1, inputs(target).remove(0).1);
        let fit = |outputs: &Tensor, target: &Tensor| {
            let set = HeldOut::new(outputs.shallow_clone(), target.shallow_clone())?;
            Conformal::fit(score(), set, 0.3)
        };
        table.each(&format!("{name}, outputs"), outputs, |x| fit(x, &good_target));
        table.each(&format!("{name}, target"), target, |y| fit(&good_outputs, y));
        let fitted = fit(&good_outputs, &good_target).unwrap();
        table.each(&format!("{name}, new outputs"), outputs, |x| fitted.predict(x));
        table.each(&format!("{name}, by group"), outputs, |x| {
            let set = HeldOut::new(good_outputs.shallow_clone(), good_target.shallow_clone())?;
            Mondrian::fit(score(), set, &[0, 1, 1, 0], 0.3)?.predict(x, &[0, 1, 2, 0])
        });
        table.each(&format!("{name}, adaptive"), outputs, |x| {
            let set = HeldOut::new(good_outputs.shallow_clone(), good_target.shallow_clone())?;
            Adaptive::fit(score(), set, 0.3, 0.1, 3)?.observe(x, &good_target)
        });
    }
    let mut table = Table::default();
    each(&mut table, "Residual", || Residual, floats(&[4]), floats(&[4]));
    each(&mut table, "Cqr", || Cqr, floats(&[4, 2]), floats(&[4]));
    let p = |x: &Tensor| HeldOut::new(x.f_softmax(-1, None).unwrap_or_else(|_| x.shallow_clone()), labels());
    fn labels() -> Tensor {
        Tensor::from_slice(&[0i64, 1, 1, 0])
    }
    table.each("Lac", floats(&[4, 3]), |x| Conformal::fit(Lac, p(x)?, 0.3));
    table.each("Aps", floats(&[4, 3]), |x| {
        Conformal::fit(Aps::new(), p(x)?, 0.3)?.predict(&p(x)?.into_parts().0)
    });
    table.each("Outliers", floats(&[4]), |x| {
        Outliers::fit(HeldOut::unlabelled(x.shallow_clone())?, |x| Ok(x.shallow_clone()))?.p_values(x)
    });
    table.finish();
}
