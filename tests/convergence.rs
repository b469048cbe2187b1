//! What a run says of itself: how far it came, whether it arrived, and what it did otherwise than one might think.

use illia::likelihood::Gaussian;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Adam, History, Sgd};

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn curve() -> (Tensor, Tensor) {
    let x = Tensor::linspace(-1.0, 1.0, 200, FLOATS).unsqueeze(1);
    let y = (&x * 3.0).sin()
        + illia::noise::normals(illia::noise::Stream::new().next_key(), &[200, 1], Kind::Float, Device::Cpu)
            * 0.1;
    (x, y)
}

bnn! {
    struct Curve(posterior: Posterior): [1] -> [1] {
        prior: FanIn;
        posterior: (posterior);
        hidden: Linear(20) -> tanh,
        head: Linear(1),
    }
}

fn fitted(posterior: Posterior, fit: impl Fn(Fit<Gaussian>) -> Fit<Gaussian>) -> History {
    illia::manual_seed(1);
    let (x, y) = curve();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::new(&vs.root(), posterior);
    fit(Fit::new(Gaussian::fixed(0.1).unwrap()).progress(false)).run(&net, &vs, &x, &y).unwrap()
}

/// Adam moves rho by about one step size a step: 80 steps of 1e-3 leave a spread of 1e-3 where it was, and the objective, whose step
/// size has fallen to 0, looks settled.
#[test]
fn sigmas_that_have_not_arrived_are_told() {
    let history = fitted(Posterior::python(), |fit| fit.epochs(20).optimiser(Adam::default()));
    let convergence = &history.convergence;
    assert!(convergence.sigma_at_start.is_some_and(|share| share > 0.9), "{convergence}");
    assert!(convergence.sigma_moved.is_some_and(|moved| moved < 0.1), "{convergence}");
    // The KL's pull, which nothing holds against yet.
    assert!(convergence.sigma_pull.is_some_and(|pull| pull > 0.5 && pull < 1.1), "{convergence}");
    assert!(history.advice.as_ref().is_some_and(|a| a.contains("epochs")), "{:?}", history.advice);
    assert!(convergence.to_string().contains("log sigma moved by 0.0"));
}

#[test]
fn a_run_that_has_arrived_is_left_in_peace() {
    let history = fitted(
        Posterior::Gaussian { mu: nn::Init::Randn { mean: 0.0, stdev: 0.7 }, rho: nn::Init::Const(-3.0) },
        |fit| fit.epochs(1500).learning_rate(1e-2),
    );
    let convergence = &history.convergence;
    assert_eq!(history.advice, None, "{convergence}");
    assert!(convergence.sigma_at_start.is_some_and(|share| share < 0.3), "{convergence}");
    assert!(convergence.sigma_pull.is_some_and(|pull| pull < 0.2), "{convergence}");
    assert!(convergence.gradient_noise.is_some_and(|noise| noise > 0.8), "{convergence}");
    assert!(
        convergence.slope.abs() < 4.0 * convergence.slope_error && convergence.mu_moved > 0.1,
        "{convergence}"
    );
    assert!(convergence.last_loss < convergence.best_loss + 0.05, "{convergence}");
}

/// The first steps of a linear model follow one gradient.
#[test]
fn gradients_that_agree_are_no_noise() {
    let history = fitted(Posterior::point(), |fit| fit.epochs(2).batch_size(100).learning_rate(1e-3));
    let convergence = &history.convergence;
    assert!(convergence.gradient_noise.is_some_and(|noise| noise < 0.3), "{convergence}");
    assert_eq!((convergence.sigma_moved, convergence.sigma_pull), (None, None));
    // Four steps of 1e-3 on weights of size 1.
    assert!(convergence.mu_moved < 0.02 && convergence.mu_at_start > 0.5, "{convergence}");
    let plain = fitted(Posterior::fan_in(), |fit| {
        fit.epochs(2).optimiser(Sgd { learning_rate: 1e-3, ..Sgd::default() })
    });
    assert_eq!((plain.convergence.gradient_noise, plain.convergence.sigma_pull), (None, None));
    assert!(plain.convergence.sigma_moved.is_some());
}

/// A likelihood of one's own that says no more than it must.
#[derive(Debug)]
struct Squares;

impl Likelihood for Squares {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> illia::Result<Tensor> {
        Ok((output - target).square().sum_dim_intlist(1i64, false, None) * -50.0)
    }
    fn mean(&self, output: &Tensor) -> Tensor {
        output.shallow_clone()
    }
    fn variance(&self, output: &Tensor) -> Tensor {
        output.full_like(0.01)
    }
    fn cdf(&self, _: &Tensor, _: &Tensor) -> Option<Tensor> {
        None
    }
}

bnn! {
    struct Nothing: [1] -> [1] { prior: FanIn(scale: 2.0); hidden: Linear(8) -> relu, head: Linear(1) }
}
bnn! {
    struct LearnedPrior: [1] -> [1] { hidden: Linear(8, prior: LearnedGaussian(std: 0.5)) -> relu, head: Linear(1) }
}
bnn! {
    struct Recurrent: [seq, 1] -> [1] { lstm: Lstm(1) -> last }
}

#[bayesian]
#[derive(Debug)]
struct OwnArithmetic {
    head: Linear,
}

impl Module for OwnArithmetic {
    fn forward(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.head.weight.draw().weights().tr())
    }
}

#[test]
fn what_became_of_a_posterior_that_nobody_chose_is_said() {
    illia::manual_seed(2);
    let (x, y) = curve();
    let remarks = |history: illia::Result<History>| history.unwrap().remarks;
    let fit = |likelihood| Fit::new(likelihood).epochs(2).progress(false);
    let noise = Gaussian::fixed(0.1).unwrap();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Nothing::new(&(vs.root() / "a"));
    assert!(remarks(fit(&noise as &dyn Likelihood).run(&net, &vs, &x, &y)).is_empty());
    let said = remarks(fit(&Squares as &dyn Likelihood).run(&net, &vs, &x, &y));
    assert!(matches!(&said[..], [one] if one.contains("draws no observations")), "{said:?}");
    let net = OwnArithmetic {
        head: Linear::new(vs.root() / "b", 1, 1, LinearConfig { bias: false, ..Default::default() }),
    };
    let said = remarks(fit(&noise as &dyn Likelihood).run(&net, &vs, &x, &y));
    assert!(
        matches!(&said[..], [one] if one.contains("`b.weight`") && one.contains("end as points")),
        "{said:?}"
    );
    let net = LearnedPrior::new(&(vs.root() / "c"));
    let said = remarks(fit(&noise as &dyn Likelihood).run(&net, &vs, &x, &y));
    assert!(
        matches!(&said[..], [one] if one.contains("the prior of `hidden.weight`") && one.contains("variational")),
        "{said:?}"
    );
    let net = Recurrent::new(&(vs.root() / "d"));
    let said = remarks(fit(&noise as &dyn Likelihood).run(&net, &vs, &x.unsqueeze(1), &y));
    assert!(matches!(&said[..], [one] if one.contains("`lstm.") && one.contains("variational")), "{said:?}");
}
