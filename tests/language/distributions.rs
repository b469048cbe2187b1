//! Priors, posteriors and estimators: of the net, of a layer.

use illia::prelude::*;

const WIDE: Prior = Prior::Gaussian { mean: 0.0, std: 2.0 };

bnn! {
    struct Defaults: [4] -> [2] {
        prior: Laplace(scale: 0.5);
        posterior: Gaussian(mu: 0.0, rho: -5);
        estimator: Flipout;

        fc1: Linear(8) -> relu,
        fc2: Linear(8, prior: StudentT(dof: 4), posterior: Point, estimator: Reparameterization) -> relu,
        fc3: Linear(8, prior: WIDE, bias_prior: ScaleMixture, posterior: Dropout(p: 0.2)) -> relu,
        #[deterministic]
        fc4: Linear(8, bias: false) -> relu,
        fc5: Linear(8, prior: (Prior::Laplace { scale: 0.25 }), posterior: Gaussian(mu: nn::Init::Const(0.5))),
        fc6: Linear(8, posterior: GaussianDropout),
        fc7: Linear(8, posterior: GaussianDropout(std: 0.5, rho: nn::Init::Const(-1.0))),
        head: Linear(2, prior: LearnedGaussian(std: 0.3), posterior: FanIn),
    }
}

#[test]
fn of_the_net_and_of_a_layer() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Defaults::new(&vs.root());
    assert_eq!(net.fc1.weight.prior(), Prior::Laplace { scale: 0.5 });
    assert_eq!(net.fc1.estimator, Estimator::Flipout);
    let rho = net.fc1.weight.rho().expect("a Gaussian posterior").mean(Kind::Float).double_value(&[]);
    // 32 numbers of standard deviation 0.1: five standard errors are 0.09.
    assert!((rho + 5.0).abs() < 0.09, "rho starts at {rho}");
    assert_eq!(net.fc2.weight.prior(), Prior::StudentT { dof: 4.0, scale: 0.1 });
    assert_eq!(net.fc2.estimator, Estimator::Reparameterization);
    assert!(matches!(net.fc2.weight.posterior(), Posterior::Point { .. }));
    assert_eq!(net.fc3.weight.prior(), WIDE);
    let bias = net.fc3.bias.as_ref().expect("a bias");
    assert_eq!(bias.prior(), Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.0025 });
    assert!(matches!(net.fc3.weight.posterior(), Posterior::Dropout { p, .. } if p == 0.2));
    assert!(!net.fc4.weight.is_random() && net.fc4.bias.is_none());
    assert_eq!(net.fc5.weight.mu().min().double_value(&[]), 0.5);
    assert!(matches!(net.fc6.weight.posterior(), Posterior::GaussianDropout { std: 3.0, .. }));
    let factors = net.fc7.weight.variables().get("input_rho").expect("one for each input");
    assert_eq!((factors.size(), factors.max().double_value(&[])), (vec![1, 8], -1.0));
    assert_eq!(net.head.weight.prior(), Prior::LearnedGaussian { std: 0.3 });
    assert_eq!(net.head.estimator, Estimator::Flipout);
}

bnn! {
    #[derive(Debug)]
    struct Starts(start: nn::Init, rho: f64, of_head: Posterior): [4] -> [2] {
        fc: Linear(4) -> relu,
        head: Linear(2, posterior: Gaussian(mu: start, rho: rho)),
        last: Linear(2, posterior: of_head),
    }
}

#[test]
fn a_start_known_when_the_net_is_made() {
    let vs = nn::VarStore::new(Device::Cpu);
    let start = nn::Init::Const(0.25);
    let refused = Starts::try_new(&vs.root(), start, f64::NAN, Posterior::point()).expect_err("no number");
    assert!(refused.to_string().starts_with("head: rho = Randn { mean: NaN"), "{refused}");
    assert!(Starts::try_new(&vs.root(), start, -3.0, Posterior::dropout(1.5)).is_err());
    assert!(vs.is_empty(), "nothing half made");
    let net = Starts::new(&vs.root(), start, -3.0, Posterior::point());
    assert_eq!(net.head.weight.mu().min().double_value(&[]), 0.25);
    assert!(matches!(net.last.weight.posterior(), Posterior::Point { .. }));
}
