use illia::prelude::*;
use illia::{LearningRate, likelihood::Gaussian, likelihood::HeteroscedasticGaussian};

bnn! {
    struct Net(features: i64, hidden: i64, layers: usize, outputs: i64, prior: Prior, posterior: Posterior, estimator: Estimator): [features] -> [outputs] {
        prior: (prior);
        posterior: (posterior);
        estimator: (estimator);
        first: Linear(hidden) -> relu,
        repeat layers { inner: Linear(hidden) -> relu },
        head: Linear(outputs),
    }
}
bnn! {
    struct Tanh(features: i64, hidden: i64, layers: usize, outputs: i64, prior: Prior, posterior: Posterior, estimator: Estimator): [features] -> [outputs] {
        prior: (prior);
        posterior: (posterior);
        estimator: (estimator);
        first: Linear(hidden) -> tanh,
        repeat layers { inner: Linear(hidden) -> tanh },
        head: Linear(outputs),
    }
}
bnn! {
    struct One(features: i64, hidden: i64, outputs: i64, prior: Prior, posterior: Posterior, estimator: Estimator): [features] -> [outputs] {
        prior: (prior);
        posterior: (posterior);
        estimator: (estimator);
        first: Linear(hidden) -> relu,
        head: Linear(outputs),
    }
}
bnn! {
    struct Line(features: i64, prior: Prior, posterior: Posterior, estimator: Estimator): [features] -> [1] {
        prior: (prior);
        posterior: (posterior);
        estimator: (estimator);
        head: Linear(1),
    }
}

struct How {
    prior: Prior,
    posterior: Posterior,
    estimator: Estimator,
    lr: f64,
    steps: usize,
    warm: f64,
    draws: usize,
}

const F: (Kind, Device) = (Kind::Float, Device::Cpu);

fn fit<L: Likelihood>(how: &How, likelihood: L, n: usize) -> Fit<L> {
    let steps_per_epoch = n.div_ceil(64);
    let epochs = (how.steps / steps_per_epoch).max(1);
    let kl = if how.warm > 0.0 {
        KlSchedule::WarmUp { epochs: how.warm * epochs as f64 }
    } else {
        KlSchedule::Constant(1.0)
    };
    Fit::new(likelihood)
        .epochs(epochs)
        .batch_size(64)
        .learning_rate(how.lr)
        .learning_rate_schedule(LearningRate::Cosine)
        .kl(kl)
        .draws(how.draws)
        .progress(false)
}

fn linear(how: &How, n: i64, d: i64, seed: u64) -> String {
    illia::manual_seed(seed);
    let w = Tensor::randn([d, 1], F);
    let x = Tensor::randn([n, d], F);
    let y = x.matmul(&w) + 0.5 + Tensor::randn([n, 1], F) * 0.5;
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Line::new(&vs.root(), d, how.prior, how.posterior, how.estimator);
    let noise = Gaussian::fixed(0.5).unwrap();
    let t = std::time::Instant::now();
    fit(how, noise, n as usize).run(&net, &vs, &x, &y).unwrap();
    let s = t.elapsed().as_secs_f64();
    // exact under N(0,1)
    let xd = Tensor::cat(&[x.to_kind(Kind::Double), Tensor::ones([n, 1], (Kind::Double, Device::Cpu))], 1);
    let prec = xd.tr().matmul(&xd) / 0.25 + Tensor::eye(d + 1, (Kind::Double, Device::Cpu));
    let cov = prec.inverse();
    let m = cov.matmul(&xd.tr().matmul(&y.to_kind(Kind::Double))) / 0.25;
    let at = Tensor::randn([50, d], F);
    let a = Tensor::cat(&[at.to_kind(Kind::Double), Tensor::ones([50, 1], (Kind::Double, Device::Cpu))], 1);
    let mean = a.matmul(&m).squeeze();
    let std = (a.matmul(&cov) * &a).sum_dim_intlist(1i64, false, None).sqrt();
    let q = &net.head;
    let got_mean = a
        .matmul(
            &Tensor::cat(&[q.weight.mu().squeeze_dim(0), q.bias.as_ref().unwrap().mu().shallow_clone()], 0)
                .to_kind(Kind::Double)
                .unsqueeze(1),
        )
        .squeeze();
    let var = Tensor::cat(
        &[q.weight.sigma().unwrap().squeeze_dim(0), q.bias.as_ref().unwrap().sigma().unwrap()],
        0,
    )
    .to_kind(Kind::Double)
    .square();
    let got_std = (a.square().matmul(&var.unsqueeze(1))).squeeze().sqrt();
    let off = ((&got_mean - &mean).abs() / &std).max().double_value(&[]);
    let ratio = (&got_std / &std).mean(Kind::Double).double_value(&[]);
    format!("linear N={n} d={d}: mean off {off:.2} sd, std ratio {ratio:.3}, {s:.1} s")
}

fn classes(
    name: &str,
    how: &How,
    x: &Tensor,
    y: &Tensor,
    xt: &Tensor,
    yt: &Tensor,
    k: i64,
    bayes: f64,
    layers: usize,
    width: i64,
) -> String {
    let vs = nn::VarStore::new(Device::Cpu);
    let d = x.size()[1];
    let net = Net::new(&vs.root(), d, width, layers, k, how.prior, how.posterior, how.estimator);
    let t = std::time::Instant::now();
    let h = fit(how, Categorical, x.size()[0] as usize).run(&net, &vs, x, y).unwrap();
    let s = t.elapsed().as_secs_f64();
    let p = Predict::new().draws(100).run(&net, xt).unwrap();
    let probs = p.predictive_mean(&Categorical);
    let acc = illia::metrics::accuracy(&probs, yt).unwrap();
    let nll = illia::metrics::nll(&probs, yt).unwrap();
    let ece = illia::metrics::ece(&probs, yt, 15).unwrap();
    format!(
        "{name}: accuracy {acc:.3} nll {nll:.3} (bayes {bayes:.3}) ece {ece:.3} kl {:.1} {s:.1} s",
        h.epochs.last().unwrap().kl
    )
}

fn moons(how: &How, seed: u64) -> String {
    illia::manual_seed(seed);
    let make = |n: i64| {
        let half = n / 2;
        let t = Tensor::rand([half], F) * std::f64::consts::PI;
        let a = Tensor::stack(&[t.cos(), t.sin()], 1);
        let t = Tensor::rand([half], F) * std::f64::consts::PI;
        let b = Tensor::stack(&[1.0 - t.cos(), 0.5 - t.sin()], 1);
        let x = Tensor::cat(&[a, b], 0) + Tensor::randn([n, 2], F) * 0.15;
        let y = Tensor::cat(
            &[
                Tensor::zeros([half], (Kind::Int64, Device::Cpu)),
                Tensor::ones([half], (Kind::Int64, Device::Cpu)),
            ],
            0,
        );
        (x, y)
    };
    let (x, y) = make(300);
    let (xt, yt) = make(2000);
    classes("moons", how, &x, &y, &xt, &yt, 2, 0.0, 1, 32)
}

fn ten(how: &How, seed: u64) -> String {
    illia::manual_seed(seed);
    let centres = Tensor::randn([10, 5], F) * 1.3;
    let make = |n: i64| {
        let y = Tensor::randint(10, [n], (Kind::Int64, Device::Cpu));
        (centres.index_select(0, &y) + Tensor::randn([n, 5], F), y)
    };
    let (x, y) = make(500);
    let (xt, yt) = make(2000);
    let d2 = (xt.unsqueeze(1) - centres.unsqueeze(0)).square().sum_dim_intlist(2i64, false, None) * -0.5;
    let bayes = d2.cross_entropy_for_logits(&yt).double_value(&[]);
    classes("ten", how, &x, &y, &xt, &yt, 10, bayes, 1, 64)
}

fn curve(name: &str, how: &How, layers: usize, width: i64, tanh: bool, seed: u64) -> String {
    illia::manual_seed(seed);
    let f = |x: &Tensor| (x * 3.0).sin() + x * 0.3;
    let x = Tensor::rand([250, 1], F) * 2.0 - 1.0;
    let y = f(&x) + Tensor::randn([250, 1], F) * 0.2;
    let xt = Tensor::rand([1000, 1], F) * 2.0 - 1.0;
    let yt = f(&xt) + Tensor::randn([1000, 1], F) * 0.2;
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(&vs.root(), 0.5).unwrap();
    let t = std::time::Instant::now();
    let prediction;
    if layers == 0 {
        let net = One::new(&(vs.root() / "net"), 1, width, 1, how.prior, how.posterior, how.estimator);
        fit(how, &noise, 250).run(&net, &vs, &x, &y).unwrap();
        prediction = Predict::new().draws(200).run(&net, &xt).unwrap();
    } else if tanh {
        let net =
            Tanh::new(&(vs.root() / "net"), 1, width, layers, 1, how.prior, how.posterior, how.estimator);
        fit(how, &noise, 250).run(&net, &vs, &x, &y).unwrap();
        prediction = Predict::new().draws(200).run(&net, &xt).unwrap();
    } else {
        let net =
            Net::new(&(vs.root() / "net"), 1, width, layers, 1, how.prior, how.posterior, how.estimator);
        fit(how, &noise, 250).run(&net, &vs, &x, &y).unwrap();
        prediction = Predict::new().draws(200).run(&net, &xt).unwrap();
    }
    let s = t.elapsed().as_secs_f64();
    let rmse = (prediction.mean() - f(&xt)).square().mean(Kind::Float).sqrt().double_value(&[]);
    let (lo, hi) = noise.interval(prediction.outputs(), 0.9).unwrap();
    let cover = yt
        .ge_tensor(&lo)
        .logical_and(&yt.le_tensor(&hi))
        .to_kind(Kind::Float)
        .mean(Kind::Float)
        .double_value(&[]);
    let (lo, hi) = prediction.interval(0.9).unwrap();
    let fc = f(&xt)
        .ge_tensor(&lo)
        .logical_and(&f(&xt).le_tensor(&hi))
        .to_kind(Kind::Float)
        .mean(Kind::Float)
        .double_value(&[]);
    format!("{name}: rmse {rmse:.3} coverage {cover:.3} of f {fc:.3} noise {:.3} {s:.1} s", noise.std())
}

fn hetero(how: &How, layers: usize, width: i64, seed: u64) -> String {
    illia::manual_seed(seed);
    let f = |x: &Tensor| (x * 4.0).sin();
    let make = |n: i64| {
        let x = Tensor::rand([n, 1], F) * 2.0 - 1.0;
        let x = x.where_self(&x.abs().gt(0.2), &(&x + x.sign() * 0.3));
        let y = f(&x) + Tensor::randn([n, 1], F) * (0.05 + 0.2 * x.abs());
        (x, y)
    };
    let (x, y) = make(400);
    let (xt, yt) = make(1000);
    let vs = nn::VarStore::new(Device::Cpu);
    let t = std::time::Instant::now();
    let p = if layers == 0 {
        let net = One::new(&vs.root(), 1, width, 2, how.prior, how.posterior, how.estimator);
        if let Err(e) = fit(how, HeteroscedasticGaussian::default(), 400).run(&net, &vs, &x, &y) {
            return format!("hetero {layers}x{width}: {e}");
        }
        Predict::new().draws(100).run(&net, &xt).unwrap()
    } else {
        let net = Net::new(&vs.root(), 1, width, layers, 2, how.prior, how.posterior, how.estimator);
        if let Err(e) = fit(how, HeteroscedasticGaussian::default(), 400).run(&net, &vs, &x, &y) {
            return format!("hetero {layers}x{width}: {e}");
        }
        Predict::new().draws(100).run(&net, &xt).unwrap()
    };
    let s = t.elapsed().as_secs_f64();
    let l = HeteroscedasticGaussian::default();
    let rmse = (p.predictive_mean(&l) - f(&xt)).square().mean(Kind::Float).sqrt().double_value(&[]);
    let (lo, hi) = l.interval(p.outputs(), 0.9).unwrap();
    let cover = yt
        .ge_tensor(&lo)
        .logical_and(&yt.le_tensor(&hi))
        .to_kind(Kind::Float)
        .mean(Kind::Float)
        .double_value(&[]);
    format!("hetero {layers}x{width}: rmse {rmse:.3} coverage {cover:.3} {s:.1} s")
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let get = |name: &str, d: &str| {
        args.iter().position(|a| a == name).map_or(d.to_owned(), |i| args[i + 1].clone())
    };
    let prior = match get("--prior", "learned").as_str() {
        "learned" => Prior::LearnedGaussian { std: get("--std", "0.3").parse().unwrap() },
        "fan_in" => Prior::FanIn { scale: get("--std", "1").parse().unwrap() },
        s => Prior::Gaussian { mean: 0.0, std: s.parse().unwrap() },
    };
    let rho: f64 = get("--rho", "-4").parse().unwrap();
    let nn_mu = match Posterior::fan_in() {
        Posterior::Gaussian { mu, .. } => mu,
        _ => unreachable!(),
    };
    let posterior = Posterior::Gaussian { mu: nn_mu, rho: nn::Init::Const(rho) };
    let estimator = match get("--estimator", "reparam").as_str() {
        "local" => Estimator::LocalReparameterization,
        "flipout" => Estimator::Flipout,
        _ => Estimator::Reparameterization,
    };
    let how = How {
        prior,
        posterior,
        estimator,
        lr: get("--lr", "0.01").parse().unwrap(),
        steps: get("--steps", "3000").parse().unwrap(),
        warm: get("--warm", "0").parse().unwrap(),
        draws: get("--draws", "1").parse().unwrap(),
    };
    let seed = get("--seed", "1").parse().unwrap();
    let only = get("--only", "");
    let run = |name: &str, f: &dyn Fn() -> String| {
        if only.is_empty() || only.split(',').any(|o| name.starts_with(o)) {
            println!("{}", f())
        }
    };
    run("linear", &|| linear(&how, 100, 5, seed));
    run("linear", &|| linear(&how, 100, 50, seed));
    run("linear", &|| linear(&how, 1000, 5, seed));
    run("linear", &|| linear(&how, 10000, 50, seed));
    run("moons", &|| moons(&how, seed));
    run("ten", &|| ten(&how, seed));
    run("curve", &|| curve("curve relu 64", &how, 0, 64, false, seed));
    run("smooth", &|| curve("smooth tanh 2x50", &how, 1, 50, true, seed));
    for (l, w) in [(0, 16), (0, 256), (1, 64), (2, 64)] {
        run("hetero", &|| hetero(&how, l, w, seed));
    }
}
