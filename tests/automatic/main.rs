//! What a fit finds where nobody chose a posterior, against the exact posterior of linear models.

mod noise;
#[path = "../../illia-core/src/files/scratch.rs"]
mod scratch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use illia::likelihood::{Bernoulli, Gaussian, Likelihood};
use illia::noise::Key;
use illia::prelude::*;
use illia::{RandomParameter, checkpoint};
use scratch::Scratch;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

bnn! {
    struct Line(features: i64): [features] -> [1] { head: Linear(1) }
}

/// `n` examples of `features` columns, a linear target with noise of 0.5.
fn linear(n: i64, features: i64) -> (Tensor, Tensor) {
    let x = Tensor::randn([n, features], FLOAT);
    let y = x.matmul(&Tensor::randn([features, 1], FLOAT)) + 0.5 + Tensor::randn([n, 1], FLOAT) * 0.5;
    (x, y)
}

fn head(net: &Line) -> (Tensor, Tensor) {
    let layer = &net.head;
    let Some(bias) = &layer.bias else { panic!("a bias") };
    let sigma = |parameter: &RandomParameter| parameter.sigma().map(|s| s.detach().flatten(0, -1));
    let (Some(of_weight), Some(of_bias)) = (sigma(&layer.weight), sigma(bias)) else { panic!("a sigma") };
    let mu = Tensor::cat(&[layer.weight.mu().detach().flatten(0, -1), bias.mu().detach()], 0);
    (mu.to_kind(Kind::Double), Tensor::cat(&[of_weight, of_bias], 0).to_kind(Kind::Double))
}

/// X with a column of ones, and the precision of the exact posterior under the default prior, N(0, 4 / fan in) and N(0, 4).
fn exact(x: &Tensor, noise: f64) -> (Tensor, Tensor) {
    let [n, features] = x.size()[..] else { panic!("a matrix") };
    let x = Tensor::cat(&[x.to_kind(Kind::Double), Tensor::ones([n, 1], DOUBLE)], 1);
    let prior = Tensor::full([features + 1], features as f64 / 4.0, DOUBLE);
    let _ = prior.narrow(0, features, 1).fill_(0.25);
    let precision = x.tr().matmul(&x) / (noise * noise) + prior.diag(0);
    (x, precision)
}

#[test]
fn a_linear_model_ends_at_the_exact_posterior() {
    illia::manual_seed(1);
    // Columns that belong together: of their sum the data say much, of their differences little.
    let (x, _) = linear(1000, 5);
    let x = &x * 0.3 + x.select(1, 0).unsqueeze(1);
    let y = x.matmul(&Tensor::randn([5, 1], FLOAT)) + 0.5 + Tensor::randn([1000, 1], FLOAT) * 0.5;
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Line::new(&vs.root(), 5);
    Fit::new(Gaussian::fixed(0.5).unwrap()).progress(false).run(&net, &vs, &x, &y).unwrap();
    let (mu, sigma) = head(&net);
    let (x, precision) = exact(&x, 0.5);
    let mean = precision.inverse().matmul(&(x.tr().matmul(&y.to_kind(Kind::Double)) / 0.25)).squeeze_dim(1);
    let off = ((&mu - &mean).abs() / &sigma).max().double_value(&[]);
    assert!(off < 0.3, "the mean is {off} standard deviations off");
    // The curvature is a sum over 17,000 drawn targets of x² g², with E[x⁴] = 3 and Var[g²] = 2: h is known to sqrt(6 / 17000),
    // sigma to half of that, 0.94 %. Five of them. Bias and weights are independent here, and nearly so in truth, as the columns'
    // means are within 0.03 of 0.
    let of_bias = precision.double_value(&[5, 5]).sqrt() * sigma.double_value(&[5]);
    assert!((of_bias - 1.0).abs() < 0.05, "{of_bias}");
    let exact = precision.narrow(0, 0, 5).narrow(1, 0, 5).inverse();
    let drawn =
        Tensor::cat(&(0..4000).map(|_| net.head.weight.draw().weights().detach()).collect::<Vec<_>>(), 0);
    let root = exact.linalg_cholesky(false);
    let white = root.linalg_solve_triangular(
        &(drawn.to_kind(Kind::Double) - net.head.weight.mu().to_kind(Kind::Double)).tr(),
        false,
        true,
        false,
    );
    // Of white noise the sample covariance is the identity, its elements known to sqrt(2 / 4000) at most: 2.2 %, and five of them,
    // beside the curvature's two sigmas of 0.94 % each.
    let off = (white.matmul(&white.tr()) / 4000.0 - Tensor::eye(5, DOUBLE)).abs().max().double_value(&[]);
    assert!(off < 0.11 + 0.1, "{off}");
    assert!(exact.double_value(&[0, 1]).abs() > 0.2 * exact.double_value(&[0, 0]), "they covary");
}

bnn! {
    struct Deep: [2] -> [3] { first: Linear(16) -> relu, head: Linear(3) }
}
bnn! {
    struct Variational: [2] -> [3] {
        posterior: Gaussian(rho: -4.0);
        first: Linear(16) -> relu,
        head: Linear(3),
    }
}

bnn! {
    struct Chosen: [2] -> [3] {
        prior: FanIn(scale: 2.0);
        first: Linear(16) -> relu,
        head: Linear(3),
    }
}

#[test]
fn a_short_run_says_that_the_prior_stayed_where_it_starts() {
    illia::manual_seed(8);
    let (x, y) = three_classes();
    let remarks = |fit: Fit<Categorical>| {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Deep::new(&vs.root());
        fit.progress(false).run(&net, &vs, &x, &y).unwrap().remarks
    };
    let [said] = &remarks(Fit::new(Categorical).epochs(3))[..] else { panic!("one remark") };
    assert!(
        said.starts_with("the prior's scale stayed where it starts") && said.contains("9 steps in 3"),
        "{said}"
    );
    assert_eq!(remarks(Fit::new(Categorical).epochs(300)), [""; 0]);
}

fn three_classes() -> (Tensor, Tensor) {
    let x = Tensor::randn([150, 2], FLOAT);
    let y = x.argmax(1, false) + x.select(1, 0).gt(0.0).to_kind(Kind::Int64);
    (x, y.clamp(0, 2))
}

#[test]
fn the_last_layer_is_spread_and_the_others_are_points() {
    illia::manual_seed(3);
    let (x, y) = three_classes();
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Deep::new(&vs.root());
    assert!(
        (net.forward(&x) - net.forward(&x)).abs().max().double_value(&[]) > 0.0,
        "it draws before any fit"
    );
    Fit::new(Categorical).epochs(30).progress(false).run(&net, &vs, &x, &y).unwrap();
    let relative = |p: &RandomParameter| {
        let Prior::Gaussian { std, .. } = p.prior() else { panic!("a Gaussian prior") };
        (p.sigma().unwrap().detach().max() / std).double_value(&[])
    };
    assert!(relative(&net.first.weight) < 0.002 && relative(&net.head.weight) > 0.05);
    // Everything means what it always does.
    assert!((net.forward(&x) - net.forward(&x)).abs().max().double_value(&[]) > 1e-3);
    net.kl_cost().nats.backward();
    assert!(
        vs.trainable_variables()
            .iter()
            .all(|v| v.grad().defined() && v.grad().abs().max().double_value(&[]) > 0.0)
    );
    net.freeze();
    assert_eq!(net.forward(&x), net.forward(&x));
}

/// The ELBO in nats of a logistic model of two parameters, slope and offset, N(mu, sigma²) under N(0, 4), by quadrature over each
/// example's logit, which is normal.
fn elbo(x: &[f64], y: &[f64], mu: [f64; 2], sigma: [f64; 2]) -> f64 {
    let expected = x.iter().zip(y).map(|(x, y)| {
        let (mean, std) = (mu[0] * x + mu[1], (sigma[0] * x).hypot(sigma[1]));
        let points = (-600..=600).map(|i| f64::from(i) / 100.0);
        let of = |z: f64| (-0.5 * z * z).exp() * -(-(2.0 * y - 1.0) * (mean + std * z)).exp().ln_1p();
        points.map(of).sum::<f64>() * 0.01 / (2.0 * std::f64::consts::PI).sqrt()
    });
    let kl = |mu: f64, sigma: f64| 0.5 * ((mu * mu + sigma * sigma) / 4.0 - 1.0) - (sigma / 2.0).ln();
    expected.sum::<f64>() - kl(mu[0], sigma[0]) - kl(mu[1], sigma[1])
}

/// [`Bernoulli`](illia::likelihood::Bernoulli), which asks for the end of the run when it is used the `last` time.
#[derive(Debug)]
struct Until {
    uses: Arc<AtomicUsize>,
    last: usize,
    flag: Arc<AtomicBool>,
}

impl Likelihood for Until {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> illia::Result<Tensor> {
        if self.uses.fetch_add(1, Ordering::Relaxed) + 1 == self.last {
            self.flag.store(true, Ordering::Relaxed);
        }
        Bernoulli.log_likelihood(output, target)
    }
    fn mean(&self, output: &Tensor) -> Tensor {
        Bernoulli.mean(output)
    }
    fn variance(&self, output: &Tensor) -> Tensor {
        Bernoulli.variance(output)
    }
    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        Bernoulli.cdf(output, y)
    }
    fn sample(&self, output: &Tensor, key: Key) -> illia::Result<Tensor> {
        Bernoulli.sample(output, key)
    }
}

#[test]
fn where_the_loss_is_no_parabola_the_last_layer_ends_above_laplaces_elbo() {
    illia::manual_seed(4);
    let x: Vec<f64> = (0..40).map(|i| f64::from(i - 20) / 5.0 + 0.1).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(*x > 0.0)).collect();
    let (mut mode, mut h) = ([0.0, 0.0], [0.25, 0.25]);
    for _ in 0..100_000 {
        let mut slope = [-0.25 * mode[0], -0.25 * mode[1]];
        h = [0.25, 0.25];
        for (x, y) in x.iter().zip(&y) {
            let p = 1.0 / (1.0 + (-mode[0] * x - mode[1]).exp());
            slope = [slope[0] + (y - p) * x, slope[1] + y - p];
            h = [h[0] + p * (1.0 - p) * x * x, h[1] + p * (1.0 - p)];
        }
        mode = [mode[0] + 0.01 * slope[0], mode[1] + 0.01 * slope[1]];
    }
    let laplace = elbo(&x, &y, mode, h.map(|h| h.sqrt().recip()));
    let column = |values: &[f64]| Tensor::from_slice(values).to_kind(Kind::Float).unsqueeze(1);
    let both = |t: &Tensor| [0, 1].map(|i| t.double_value(&[i]));
    // Ends when the likelihood is used the `last` time; says how often it was used, and the posterior.
    let fitted = |last: usize| {
        illia::manual_seed(4);
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Line::new(&vs.root(), 1);
        let (uses, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let until = Until { uses: Arc::clone(&uses), last, flag: Arc::clone(&flag) };
        let fit = Fit::new(until).interrupt(flag).progress(false);
        let history = fit.run(&net, &vs, &column(&x), &column(&y)).unwrap();
        let (mu, sigma) = head(&net);
        (uses.load(Ordering::Relaxed), history.interrupted, both(&mu), both(&sigma))
    };
    let (uses, interrupted, mu, sigma) = fitted(usize::MAX);
    assert!(!interrupted);
    let found = elbo(&x, &y, mu, sigma);
    // Quadrature is exact to 1e-6; of the best, small changes of the four numbers show that nothing is much above.
    assert!(found > laplace + 0.01, "{found} after Laplace's {laplace}");
    for (at, factor) in [(0, 1.1), (0, 0.9), (1, 1.1), (1, 0.9)] {
        let mut other = sigma;
        other[at] *= factor;
        assert!(elbo(&x, &y, mu, other) < found + 0.02);
    }
    // The last 1,500 uses are steps of that way, but for a look at the draws behind them: in its middle what was there before stays.
    let (used, interrupted, mu, sigma) = fitted(uses - 700);
    assert!(interrupted && used < uses - 690, "{used} of {uses}");
    let stayed = elbo(&x, &y, mu, sigma);
    assert!((stayed - laplace).abs() < 0.01, "{stayed} for Laplace's {laplace}");
}

/// The scale of the weights' prior after a fit, relative to the one before.
fn found(spread: f64) -> f64 {
    illia::manual_seed(5);
    let y = Tensor::randint(3, [300], (Kind::Int64, Device::Cpu));
    let x = Tensor::randn([300, 2], FLOAT) * spread;
    let x = x + Tensor::from_slice2(&[[2f32, 0.0], [-1.0, 1.7], [-1.0, -1.7]]).index_select(0, &y);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Deep::new(&vs.root());
    let before = net.first.weight.prior();
    Fit::new(Categorical).progress(false).run(&net, &vs, &x, &y).unwrap();
    let ratio = |p: &RandomParameter, before: Prior| match (p.prior(), before) {
        (Prior::Gaussian { std, .. }, Prior::Gaussian { std: before, .. }) => std / before,
        other => panic!("no Gaussians: {other:?}"),
    };
    let of_first = ratio(&net.first.weight, before);
    let at_start = Deep::new(&nn::VarStore::new(Device::Cpu).root());
    assert!(
        (ratio(&net.head.weight, at_start.head.weight.prior()) / of_first - 1.0).abs() < 1e-12,
        "one scale for all"
    );
    of_first
}

#[test]
fn data_that_ask_for_larger_weights_get_a_wider_prior() {
    let (apart, together) = (found(0.3), found(2.0));
    assert!(apart > 1.2 * together, "{apart} where classes are apart, {together} where they overlap");
}

#[test]
fn a_prior_that_was_chosen_stays() {
    illia::manual_seed(3);
    let (x, y) = three_classes();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Chosen::new(&vs.root());
    Fit::new(Categorical).epochs(200).progress(false).run(&net, &vs, &x, &y).unwrap();
    assert_eq!(net.first.weight.prior(), Prior::Gaussian { mean: 0.0, std: 2.0 / 2f64.sqrt() });
}

#[test]
fn a_posterior_that_was_chosen_is_trained_by_variational_inference() {
    illia::manual_seed(3);
    let (x, y) = three_classes();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Variational::new(&vs.root());
    Fit::new(Categorical).epochs(30).progress(false).run(&net, &vs, &x, &y).unwrap();
    let rho = net.first.weight.rho().unwrap();
    let moved = (rho + 4.0).abs();
    assert!(moved.max().double_value(&[]) > 0.1 && rho.std(true).double_value(&[]) > 0.0);
}

bnn! {
    struct Tagger: [seq, 4] -> [1] { lstm: Lstm(5) -> last, head: Linear(1) }
}
bnn! {
    struct Painter: [2, 3, 3] -> [1, 6, 6] {
        conv: Conv2d(3, kernel: 3, padding: 1) -> relu,
        head: ConvTranspose2d(1, kernel: 2, stride: 2),
    }
}

/// The last layer's spread is one that data have narrowed, whatever the layer and however few the examples.
fn narrowed<M: BayesianModule + ModuleT>(net: &M, vs: &nn::VarStore, x: &Tensor, y: &Tensor) {
    let noise = Gaussian::learned(vs.root() / "noise", 0.5).unwrap();
    Fit::new(&noise).epochs(20).progress(false).run(net, vs, x, y).unwrap();
    let all = net.named_parameters();
    let Some((name, head)) = all.iter().find(|(name, _)| name == "head.weight") else { panic!("a head") };
    let Prior::Gaussian { std, .. } = head.prior() else { panic!("a Gaussian prior") };
    let sigma = head.sigma().unwrap().detach();
    let (least, most) = (sigma.min().double_value(&[]), sigma.max().double_value(&[]));
    assert!(least > 0.01 * std && most < std && noise.std().is_finite(), "{name}: {least} to {most}");
    let prediction = Predict::new().draws(5).run(net, x).unwrap();
    assert!(prediction.outputs().isfinite().all().int64_value(&[]) != 0);
}

#[test]
fn behind_recurrence_transposed_and_from_one_example_on() {
    illia::manual_seed(4);
    for examples in [1, 40] {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Tagger::new(&(vs.root() / "net"));
        let x = Tensor::randn([examples, 6, 4], FLOAT);
        narrowed(&net, &vs, &x, &x.select(1, 5).narrow(1, 0, 1));
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Painter::new(&(vs.root() / "net"));
        let x = Tensor::randn([examples, 2, 3, 3], FLOAT);
        let y = x.narrow(1, 0, 1).upsample_nearest2d([6, 6], None, None);
        narrowed(&net, &vs, &x, &y);
    }
}

#[test]
fn inputs_and_targets_far_from_one_train_all_the_same() {
    illia::manual_seed(9);
    let x = Tensor::randn([200, 2], FLOAT) * 1e3 + 1e4;
    let y = (x.select(1, 0).unsqueeze(1) / 1e3).sin();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Small::new(&vs.root());
    // Curvatures of 1e14 beside weights of which the data say nothing.
    let history =
        Fit::new(Gaussian::fixed(1e-3).unwrap()).epochs(300).progress(false).run(&net, &vs, &x, &y).unwrap();
    assert!(!history.remarks.iter().any(|said| said.contains("scale stayed")), "{:?}", history.remarks);
    let prior = net.head.weight.prior();
    assert!(matches!(prior, illia::Prior::Gaussian { std, .. } if std.is_finite() && std > 0.0), "{prior:?}");
}

bnn! {
    struct Small: [2] -> [1] { first: Linear(16) -> relu, head: Linear(1) }
}

#[test]
fn a_net_of_more_weights_than_can_be_counted_keeps_its_prior() {
    illia::manual_seed(10);
    let (classes, rows) = (200, 4000);
    let x = Tensor::randn([rows, 200], FLOAT);
    let y = x.argmax(1, false);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Wide::new(&vs.root(), classes);
    let history = Fit::new(Categorical).epochs(12).progress(false).run(&net, &vs, &x, &y).unwrap();
    assert!(
        history.remarks.iter().any(|said| said.contains("could not be counted")),
        "{:?}",
        history.remarks
    );
    assert_eq!(net.first.bias.as_ref().unwrap().prior(), illia::Prior::Gaussian { mean: 0.0, std: 2.0 });
}

bnn! {
    struct Wide(classes: i64): [200] -> [classes] { first: Linear(300) -> relu, head: Linear(classes) }
}

bnn! {
    /// `Small` with the same names, whose last layer has no axes.
    struct Independent: [2] -> [1] {
        posterior: Gaussian(rho: -4.0);
        first: Linear(16) -> relu,
        head: Linear(1),
    }
}

#[test]
fn a_covariance_is_kept_in_files_and_files_without_one_are_read() {
    illia::manual_seed(11);
    let x = Tensor::randn([60, 2], FLOAT);
    let y = x.select(1, 0).unsqueeze(1).sin();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Small::new(&vs.root());
    Fit::new(Gaussian::fixed(0.1).unwrap()).epochs(50).progress(false).run(&net, &vs, &x, &y).unwrap();
    let axes = net.head.weight.axes().unwrap();
    assert!((axes.tr().matmul(axes) - Tensor::eye(16, FLOAT)).abs().max().double_value(&[]) < 1e-5);
    let folder = Scratch::new();
    let [turned, plain] = ["turned", "plain"].map(|name| folder.join(name));
    checkpoint::save(&net, &vs, &turned).unwrap();
    let again_vs = nn::VarStore::new(Device::Cpu);
    let mut again = Small::new(&again_vs.root());
    checkpoint::load(&mut again, &again_vs, &turned).unwrap();
    assert!(again.head.weight.axes().unwrap().equal(axes));
    assert!(again.head.weight.sigma().unwrap().equal(&net.head.weight.sigma().unwrap()));

    let own_vs = nn::VarStore::new(Device::Cpu);
    let mut own = Independent::new(&own_vs.root());
    checkpoint::save(&own, &own_vs, &plain).unwrap();
    checkpoint::load(&mut again, &again_vs, &plain).unwrap();
    assert!(again.head.weight.axes().is_none());
    assert!(again.head.weight.sigma().unwrap().equal(&own.head.weight.sigma().unwrap()));

    let refused = checkpoint::load(&mut own, &own_vs, &turned).unwrap_err().to_string();
    assert!(refused.contains("head.weight.axes"), "{refused}");
}

#[test]
fn what_is_pruned_stays_0_in_every_draw_after_another_fit() {
    illia::manual_seed(13);
    let x = Tensor::randn([60, 2], FLOAT);
    let y = x.select(1, 0).unsqueeze(1).sin();
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Small::new(&vs.root());
    let fit = || Fit::new(Gaussian::fixed(0.1).unwrap()).epochs(30).progress(false);
    fit().run(&net, &vs, &x, &y).unwrap();
    let mask = net.head.weight.mu().abs().lt(0.5);
    let count = mask.sum(Kind::Int64).int64_value(&[]);
    assert!(count > 0 && count < 16, "{count}");
    net.head.weight.prune(&mask).unwrap();
    fit().run(&net, &vs, &x, &y).unwrap();
    let drawn = net.head.weight.draw();
    assert_eq!(drawn.weights().masked_select(&mask).abs().max().double_value(&[]), 0.0);
    assert!(drawn.weights().ne(0.0).sum(Kind::Int64).int64_value(&[]) == 16 - count);
}

#[test]
fn a_file_whose_axes_are_not_orthogonal_is_refused() {
    illia::manual_seed(14);
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Small::new(&vs.root());
    let axes = vs.variables()["head.weight.axes"].shallow_clone();
    tch::no_grad(|| axes.shallow_clone().copy_(&(Tensor::eye(16, FLOAT) * 2.0)));
    let folder = Scratch::new();
    let file = folder.join("askew");
    checkpoint::save(&net, &vs, &file).unwrap();
    tch::no_grad(|| axes.shallow_clone().copy_(&Tensor::eye(16, FLOAT)));
    let refused = checkpoint::load(&mut net, &vs, &file).unwrap_err().to_string();
    assert!(refused.contains("`head.weight.axes` is no orthogonal matrix"), "{refused}");
    assert!(net.head.weight.axes().is_none(), "nothing was changed");
}
