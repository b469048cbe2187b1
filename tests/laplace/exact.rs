//! What is known exactly: linear models, where the approximation is none, and the maxima of the evidence.

use illia::data::Tensors;
use illia::infer::laplace::{FittedLaplace, Laplace, Priors, Structure};
use illia::nn::{Linear, LinearConfig};
use illia::noise::{self, Stream};
use illia::prelude::*;

const STRUCTURES: [Structure; 4] =
    [Structure::Full, Structure::Kronecker, Structure::Diagonal, Structure::LowRank(10)];

pub fn randn(size: &[i64]) -> Tensor {
    noise::normals(Stream::new().next_key(), size, Kind::Double, Device::Cpu)
}

fn close(what: &str, ours: &Tensor, exact: &Tensor, tolerance: f64) {
    assert_eq!(ours.size(), exact.size(), "{what}: shape");
    let error = (ours - exact).abs().max().double_value(&[]) / exact.abs().max().double_value(&[]);
    assert!(error <= tolerance, "{what}: off by {error:e}");
}

fn near(what: &str, ours: f64, exact: f64, tolerance: f64) {
    assert!((ours - exact).abs() <= tolerance * exact.abs(), "{what}: {ours} is not {exact}");
}

/// y = w x + noise, at the posterior's mean.
struct Regression {
    net: Linear,
    x: Tensor,
    y: Tensor,
    data: Tensors,
    sigma: f64,
    prior: f64,
}

impl Regression {
    fn new() -> Regression {
        illia::manual_seed(11);
        let (sigma, prior) = (0.3, 2.0);
        let x = randn(&[30, 4]);
        let y = x.matmul(&randn(&[4, 1])) + randn(&[30, 1]) * sigma;
        let mut vs = nn::VarStore::new(Device::Cpu);
        let posterior = Posterior::Point { mu: nn::Init::Const(0.0) };
        let net = Linear::new(vs.root(), 4, 1, LinearConfig { bias: false, posterior, ..Default::default() });
        vs.double();
        let options = (Kind::Double, Device::Cpu);
        let precision = x.tr().matmul(&x) / (sigma * sigma) + Tensor::eye(4, options) * prior;
        let mean = precision.inverse().matmul(&x.tr().matmul(&y)) / (sigma * sigma);
        tch::no_grad(|| net.weight.mu().shallow_clone().copy_(&mean.tr()));
        let data = Tensors::new(vec![x.shallow_clone()], y.shallow_clone()).unwrap();
        Regression { net, x, y, data, sigma, prior }
    }

    fn precision(&self) -> Tensor {
        let gram = self.x.tr().matmul(&self.x) / (self.sigma * self.sigma);
        gram + Tensor::eye(4, (Kind::Double, Device::Cpu)) * self.prior
    }

    fn fit(&self, structure: Structure) -> FittedLaplace {
        let laplace = Laplace::regression(self.sigma).prior_precision(self.prior).structure(structure);
        laplace.batch_size(7).fit(&self.net, &self.data).unwrap()
    }

    /// log N(y; 0, σ² I + X Xᵀ / prior).
    fn evidence(&self, prior: f64, sigma: f64) -> f64 {
        let n = self.x.size()[0];
        let noise = Tensor::eye(n, (Kind::Double, Device::Cpu)) * (sigma * sigma);
        let covariance = self.x.matmul(&self.x.tr()) / prior + noise;
        let quadratic = self.y.tr().matmul(&covariance.inverse()).matmul(&self.y).double_value(&[0, 0]);
        let log_det = covariance.logdet().double_value(&[]);
        -0.5 * (quadratic + log_det + n as f64 * (2.0 * std::f64::consts::PI).ln())
    }
}

#[test]
fn of_a_linear_model_posterior_and_evidence_are_exact() {
    let exact = Regression::new();
    let x = randn(&[6, 4]);
    let covariance =
        x.matmul(&exact.precision().inverse()).matmul(&x.tr()).diagonal(0, 0, 1).reshape([6, 1, 1]);
    // With one output the Kronecker product is the whole matrix too.
    for structure in [Structure::Full, Structure::Kronecker] {
        let fitted = exact.fit(structure);
        close("precision", &fitted.precision()[0], &exact.precision(), 1e-10);
        close("covariance", &fitted.functional(&exact.net, &x).unwrap().covariance, &covariance, 1e-10);
        let evidence = fitted.evidence().unwrap().log_marginal_likelihood();
        near("evidence", evidence, exact.evidence(exact.prior, exact.sigma), 1e-10);
    }
    let diagonal = exact.fit(Structure::Diagonal);
    close("diagonal", &diagonal.precision()[0], &exact.precision().diagonal(0, 0, 1).copy(), 1e-10);
}

#[test]
fn draws_have_the_posteriors_mean_and_covariance() {
    let exact = Regression::new();
    let fitted = exact.fit(Structure::Full);
    let draws = 20_000;
    let x = randn(&[3, 4]);
    let covariance = x.matmul(&exact.precision().inverse()).matmul(&x.tr());
    let mean = exact.net.forward(&x).squeeze_dim(1);
    let of_weights = fitted.draws(&exact.net, draws).unwrap();
    // A linear model is its own linearisation: both kinds of draws are of the same functions.
    for outputs in [
        fitted.predict(&exact.net, &x, draws).unwrap(),
        Predict::new().run_draws(&exact.net, &of_weights, &x).unwrap(),
    ] {
        let deviations = outputs.outputs().squeeze_dim(2) - &mean;
        let n = draws as f64;
        let std = covariance.diagonal(0, 0, 1).sqrt();
        // Five standard errors: std / sqrt(n) of a mean, and of a covariance at most std std sqrt(2 / n).
        let off = (deviations.mean_dim(0i64, false, Kind::Double) / &std).abs().max().double_value(&[]);
        assert!(off < 5.0 / n.sqrt(), "{off}");
        let ours = deviations.tr().matmul(&deviations) / n;
        let off = (ours - &covariance) / (std.unsqueeze(1) * std.unsqueeze(0));
        let off = off.abs().max().double_value(&[]);
        assert!(off < 5.0 * (2.0 / n).sqrt(), "{off}");
    }
}

/// Two hidden layers around points, for which nothing is known but what the evidence says itself.
fn hidden() -> (Net, Tensors) {
    illia::manual_seed(5);
    let mut vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root());
    vs.double();
    let x = randn(&[40, 3]);
    let y = (x.narrow(1, 0, 1) * 2.0).sin() + randn(&[40, 1]) * 0.1;
    (net, Tensors::new(vec![x], Tensor::cat(&[&y, &(-&y)], 1)).unwrap())
}

bnn! {
    struct Net: [3] -> [2] {
        posterior: Point;
        first: Linear(5) -> tanh,
        second: Linear(4) -> tanh,
        head: Linear(2),
    }
}

#[test]
fn an_optimum_is_better_than_everything_around_it() {
    let (net, data) = hidden();
    for structure in STRUCTURES {
        let mut fitted = Laplace::regression(0.7).structure(structure).fit(&net, &data).unwrap();
        for (priors, several) in [(Priors::One, 1), (Priors::PerLayer, 3), (Priors::PerParameter, 6)] {
            for sigma_noise in [false, true] {
                let what = format!("{structure:?}, {priors:?}, noise {sigma_noise}");
                let best = fitted.optimum(priors, sigma_noise).unwrap();
                let mut different = best.prior_precision.clone();
                different.dedup();
                assert_eq!(different.len(), several, "{what}");
                let at = |prior: &[f64], sigma| fitted.log_marginal_likelihood(prior, sigma).unwrap();
                let top = best.log_marginal_likelihood;
                near(&what, at(&best.prior_precision, best.sigma_noise), top, 1e-12);
                // A maximum is flat: 1 % to either side of it costs, and costs little.
                for factor in [0.99, 1.01] {
                    for value in &different {
                        let moved: Vec<f64> = best
                            .prior_precision
                            .iter()
                            .map(|p| if p == value { p * factor } else { *p })
                            .collect();
                        let there = at(&moved, best.sigma_noise);
                        assert!(there < top && top - there < 0.01, "{what}: {there} beside {top}");
                    }
                    if sigma_noise {
                        let there = at(&best.prior_precision, best.sigma_noise * factor);
                        assert!(there < top && top - there < 0.1, "{what}: {there} beside {top}");
                    }
                }
            }
        }
        let best = fitted.optimum(Priors::PerLayer, true).unwrap();
        fitted.set(&best).unwrap();
        near(
            "set",
            fitted.evidence().unwrap().log_marginal_likelihood(),
            best.log_marginal_likelihood,
            1e-12,
        );
        // From a good place it does not move on.
        let again = fitted.optimum(Priors::PerLayer, true).unwrap();
        near("again", again.log_marginal_likelihood, best.log_marginal_likelihood, 1e-9);
    }
}

#[test]
fn the_linear_predictions_draws_agree_with_its_closed_form() {
    let (net, data) = hidden();
    let x = randn(&[4, 3]);
    for structure in STRUCTURES {
        let fitted = Laplace::regression(0.1).structure(structure).fit(&net, &data).unwrap();
        let functional = fitted.functional(&net, &x).unwrap();
        let marginals = fitted.marginals(&net, &x).unwrap();
        let diagonal = functional.covariance.diagonal(0, 1, 2).copy();
        close("variance", &marginals.variance, &diagonal, 1e-10);
        let draws = 20_000;
        let outputs = fitted.predict(&net, &x, draws).unwrap();
        let deviations = outputs.outputs() - &functional.mean;
        let ours = (deviations.unsqueeze(3) * deviations.unsqueeze(2)).mean_dim(0i64, false, Kind::Double);
        let std = diagonal.sqrt();
        let off = (ours - &functional.covariance) / (std.unsqueeze(2) * std.unsqueeze(1));
        assert!(off.abs().max().double_value(&[]) < 5.0 * (2.0 / draws as f64).sqrt(), "{structure:?}");
    }
}

#[test]
fn low_rank_is_the_whole_where_there_is_no_more_and_below_it_elsewhere() {
    let (net, data) = hidden();
    let x = randn(&[4, 3]);
    let fit =
        |structure| Laplace::regression(0.1).structure(structure).batch_size(9).fit(&net, &data).unwrap();
    let (whole, all) = (fit(Structure::Full), fit(Structure::LowRank(54)));
    close("hessian", &all.hessian()[0], &whole.hessian()[0], 1e-10);
    for prior in [vec![0.3], vec![0.1, 1.0, 10.0, 0.5, 2.0, 5.0]] {
        let covariance = |mut laplace: FittedLaplace| {
            laplace.set_prior_precision(&prior).unwrap();
            laplace.functional(&net, &x).unwrap().covariance
        };
        close(
            "covariance",
            &covariance(fit(Structure::LowRank(54))),
            &covariance(fit(Structure::Full)),
            1e-8,
        );
        let at = |laplace: &FittedLaplace| laplace.log_marginal_likelihood(&prior, 0.2).unwrap();
        near("evidence", at(&all), at(&whole), 1e-9);
    }
    // What is left out is curvature: no direction has too much of it, and no output too little variance.
    let few = fit(Structure::LowRank(10));
    let left_out = &whole.hessian()[0] - &few.hessian()[0];
    let (low, high) = {
        let values = left_out.linalg_eigvalsh("L");
        (values.min().double_value(&[]), values.max().double_value(&[]))
    };
    assert!(high > 0.0 && low > -1e-10 * high, "{low} to {high}");
    let variance = |laplace: &FittedLaplace| laplace.marginals(&net, &x).unwrap().variance;
    assert!((variance(&few) - variance(&whole)).min().double_value(&[]) > 0.0);
}
