//! Fitted posteriors against what is known of them.

use illia::bnn;
use illia::likelihood::Gaussian;
use illia::nn::{Linear, LinearConfig};
use illia::{
    Adam, Estimator, Fit, Posterior, Predict, Prior, RateSchedule, inverse_softplus, manual_seed, noise,
};
use tch::nn::{Init, VarStore};
use tch::{Device, Kind, Tensor};

fn normals(stream: u64, shape: &[i64]) -> Tensor {
    noise::normals(noise::Key { seed: 5, stream, draw: 0 }, shape, Kind::Float, Device::Cpu)
}

/// The exact posterior of Bayesian linear regression has precision X'X / s² + I / p² and mean precision⁻¹ X'y / s². The
/// mean-field Gaussian closest to it has the same mean and sigma_i = 1 / sqrt(precision_ii) (Bishop 2006, section 10.1.2).
#[test]
fn linear_regression_has_the_exact_posterior() {
    let (n, features, noise_std, prior_std) = (300, 5, 0.5, 2.0);
    let independent = normals(1, &[n, features]);
    // Columns that correlate, so that the mean-field solution is not the exact one.
    let x = &independent + independent.roll([1], [1]) * 0.6;
    let truth = Tensor::from_slice(&[1.0f32, -2.0, 1.5, 0.8, -1.2]).reshape([features, 1]);
    let y = x.matmul(&truth) + normals(2, &[n, 1]) * noise_std;
    for estimator in [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout] {
        tch::set_num_threads(1);
        manual_seed(21);
        let vs = VarStore::new(Device::Cpu);
        let config = LinearConfig {
            bias: false,
            prior: Prior::Gaussian { mean: 0.0, std: prior_std },
            posterior: Posterior::Gaussian { mu: Init::Const(0.0), rho: Init::Const(inverse_softplus(0.1)) },
            estimator,
            ..Default::default()
        };
        let net = Linear::new(vs.root(), features, 1, config);
        // Adam must forget the large gradients from before the mean was found (beta2), or sigma lags behind by a sixth
        // after thousands of steps; 16 draws a step quarter the estimator's noise.
        Fit::new(Gaussian::fixed(noise_std).unwrap())
            .optimiser(Adam { learning_rate: 0.01, beta2: 0.99, ..Adam::default() })
            .epochs(2500)
            .batch_size(n as usize)
            .draws(16)
            .learning_rate_schedule(RateSchedule::Cosine)
            .progress(false)
            .run(&net, &vs, &x, &y)
            .unwrap();
        let x64 = x.to_kind(Kind::Double);
        let precision = x64.tr().matmul(&x64) / noise_std.powi(2)
            + Tensor::eye(features, (Kind::Double, Device::Cpu)) / prior_std.powi(2);
        let mean = precision.inverse().matmul(&x64.tr().matmul(&y.to_kind(Kind::Double))) / noise_std.powi(2);
        let std = precision.diag(0).rsqrt();
        let sigma = net.weight.sigma().unwrap();
        for i in 0..features {
            let (fitted, exact) = (net.weight.mu().double_value(&[0, i]), mean.double_value(&[i, 0]));
            assert!((fitted / exact - 1.0).abs() < 0.02, "{estimator:?}, mean {i}: {fitted} against {exact}");
            let (fitted, exact) = (sigma.double_value(&[0, i]), std.double_value(&[i]));
            assert!((fitted / exact - 1.0).abs() < 0.05, "{estimator:?}, std {i}: {fitted} against {exact}");
        }
    }
}

bnn! {
    /// One hidden layer of bumps exp(-a²): a unit says nothing away from its bump, so the data leave those between them
    /// alone. (Mean-field posteriors of one layer of ReLU can't be less sure between the data than at them: Foong et al.
    /// 2020, theorem 1.)
    struct Bumps(sigma: Init): [1] -> [1] {
        estimator: LocalReparameterization;

        hidden: Linear(60, prior: Gaussian(std: 4.0), posterior: (spread(4.0, sigma))) -> (|x| (-x.square()).exp()),
        output: Linear(1, prior: Gaussian(std: 1.0), posterior: (spread(0.1, sigma))),
    }
}

fn spread(stdev: f64, rho: Init) -> Posterior {
    Posterior::Gaussian { mu: Init::Randn { mean: 0.0, stdev }, rho }
}

#[test]
fn a_sine_with_a_gap_is_unsure_in_the_gap() {
    tch::set_num_threads(1);
    manual_seed(22);
    let half = Tensor::linspace(0.5, 1.5, 60, (Kind::Float, Device::Cpu));
    let x = Tensor::cat(&[-&half, half], 0).unsqueeze(1);
    let y = (&x * 4.0).sin() + normals(3, &[120, 1]) * 0.1;
    let vs = VarStore::new(Device::Cpu);
    let sigma = Init::Const(inverse_softplus(0.05));
    let net = Bumps::new(&vs.root(), sigma);
    Fit::new(Gaussian::fixed(0.1).unwrap())
        .epochs(2000)
        .batch_size(120)
        .learning_rate(0.01)
        .learning_rate_schedule(RateSchedule::Cosine)
        .progress(false)
        .run(&net, &vs, &x, &y)
        .unwrap();
    let draws = Predict::new().draws(400);
    let at_data = draws.run(&net, &x).unwrap();
    let middle = Tensor::linspace(-0.25, 0.25, 21, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let in_gap = draws.run(&net, &middle).unwrap();
    let mean = |t: Tensor| t.mean(Kind::Double).double_value(&[]);
    let (at_data_std, in_gap_std) = (mean(at_data.std()), mean(in_gap.std()));
    assert!(in_gap_std > 2.0 * at_data_std, "{in_gap_std} in the gap, {at_data_std} at the data");
    // It has fitted the sine at all.
    let error = mean((at_data.mean() - (&x * 4.0).sin()).square()).sqrt();
    assert!(error < 0.1, "{error} off the sine");
}
