//! Every way to a posterior: trained on the GPU, and compared with the CPU where nothing is random or all noise is given.

use illia::data::Tensors;
use illia::infer::chain::Chain;
use illia::infer::ensemble::Ensemble;
use illia::infer::laplace::{Laplace, Priors, Structure, Subset};
use illia::infer::moments::Moments;
use illia::infer::sghmc::Sgld;
use illia::infer::swag::Swag;
use illia::infer::{draws_of, normals_like, weights};
use illia::likelihood::{Gaussian, HeteroscedasticGaussian};
use illia::nn::Linear;
use illia::noise::Stream;
use illia::prelude::*;
use illia::{Adam, AdamW, HeldOut, Ivon, Sgd, Temperature, Trainer, metrics, prune};

use super::{FLOAT, close, copied, gpu};

bnn! {
    struct Net(posterior: Posterior, prior: Prior, estimator: Estimator): [4] -> [3] {
        posterior: (posterior);
        prior: (prior);
        estimator: (estimator);
        first: Linear(16) -> tanh,
        head: Linear(3),
    }
}

const WIDE: Posterior =
    Posterior::Gaussian { mu: nn::Init::Randn { mean: 0.0, stdev: 0.4 }, rho: nn::Init::Const(-1.0) };

/// A net with what is not said left at its default, in a store on the device.
fn net(device: Device, posterior: Posterior) -> (nn::VarStore, Net) {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(device);
    let net = Net::new(&vs.root(), posterior, Prior::default(), Estimator::default());
    (vs, net)
}

/// The same net on the CPU and on the device, with the CPU's variables.
fn both(device: Device, posterior: Posterior) -> [(nn::VarStore, Net); 2] {
    let (cpu, mut other) = (net(Device::Cpu, posterior), net(device, posterior));
    copied(&cpu.0, &mut other.0);
    [cpu, other]
}

/// Sixty examples of three classes.
fn classes(device: Device) -> (Tensor, Tensor) {
    let x = (Tensor::arange(240, FLOAT) * 0.7).sin().reshape([60, 4]);
    let y = x.narrow(1, 0, 3).argmax(1, false);
    (x.to_device(device), y.to_device(device))
}

fn numbers(device: Device) -> (Tensor, Tensor) {
    let (x, _) = classes(Device::Cpu);
    let y = x.narrow(1, 0, 3) * x.narrow(1, 1, 3);
    (x.to_device(device), y.to_device(device))
}

fn fit(epochs: usize) -> Fit<Categorical> {
    Fit::new(Categorical).epochs(epochs).batch_size(16).progress(false)
}

/// That a prediction's draws on the device have the mean and the spread of the CPU's, which are of other noise.
fn same_law(device: Device, vs: &nn::VarStore, net: &Net, posterior: Posterior) {
    const DRAWS: usize = 4000;
    let (mut cpu_vs, cpu) = self::net(Device::Cpu, posterior);
    copied(vs, &mut cpu_vs);
    let (x, _) = classes(device);
    for predict in [Predict::new(), Predict::new().marginal()] {
        let theirs = predict.draws(DRAWS).run(net, &x).unwrap();
        let ours = predict.draws(DRAWS).run(&cpu, &x.to_device(Device::Cpu)).unwrap();
        assert_eq!(theirs.outputs().device(), device);
        let std = ours.std().clamp_min(1e-6);
        let of_means = (theirs.mean().to_device(Device::Cpu) - ours.mean()).abs() / &std;
        let of_stds = (theirs.std().to_device(Device::Cpu) / &std - 1.0).abs();
        // Of 180 outputs, whose differences of means have a standard deviation of sqrt(2 / draws) of theirs: six of them. A spread's
        // own error is smaller, but for tails; twice that.
        let six = 6.0 * (2.0 / DRAWS as f64).sqrt();
        assert!(of_means.max().double_value(&[]) < six, "means off by {}", of_means.max());
        assert!(of_stds.max().double_value(&[]) < 2.0 * six, "spreads off by {}", of_stds.max());
    }
}

#[test]
fn the_step_of_each_estimator_is_plain_autograds() {
    let Some(device) = gpu("the_step_of_each_estimator_is_plain_autograds") else { return };
    let (x, y) = classes(device);
    let priors = [
        Prior::Gaussian { mean: 0.5, std: 2.0 },
        Prior::LearnedGaussian { std: 0.2 },
        Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.1 },
    ];
    for estimator in [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout] {
        for prior in priors {
            let [fast, plain] = [true, false].map(|fast| {
                illia::manual_seed(3);
                let vs = nn::VarStore::new(device);
                let net = Net::new(&vs.root(), Posterior::fan_in(), prior, estimator);
                illia::manual_seed(4);
                if fast {
                    let mut trainer =
                        Trainer::new(Adam { learning_rate: 1e-2, ..Adam::default() }, 60).unwrap();
                    for _ in 0..5 {
                        let nll = || {
                            Ok(-Categorical
                                .log_likelihood(&net.try_forward_t(&x, true)?, &y)?
                                .mean(Kind::Float))
                        };
                        trainer.step(&net, &vs, 0.5, nll).unwrap();
                    }
                } else {
                    let mut optimiser = nn::Adam::default().build(&vs, 1e-2).unwrap();
                    let elbo = Elbo::new(Categorical, 60).unwrap().kl_weight(0.5);
                    for _ in 0..5 {
                        optimiser.backward_step(&elbo.loss(&net, &x, &y).unwrap().loss);
                    }
                }
                vs.variables()
            });
            for (name, fast) in fast {
                let off = (fast - &plain[&name]).abs().max().double_value(&[]);
                assert!(off < 5e-6, "{prior:?}, {estimator:?}, {name}: off by {off:e}");
            }
        }
    }
}

#[test]
fn families_train_and_draw_as_on_the_cpu() {
    let Some(device) = gpu("families_train_and_draw_as_on_the_cpu") else { return };
    let (x, y) = classes(device);
    for posterior in [
        WIDE,
        Posterior::fan_in(),
        Posterior::dropout(0.3),
        Posterior::gaussian_dropout(1.0),
        Posterior::lora(2, 4.0),
    ] {
        let (vs, net) = net(device, posterior);
        let history = fit(20).run(&net, &vs, &x, &y).unwrap();
        let [first, .., last] = history.epochs.as_slice() else { panic!("epochs") };
        assert!(last.loss < first.loss, "{posterior:?}: from {} to {}", first.loss, last.loss);
        same_law(device, &vs, &net, posterior);
    }
}

/// Without noise the GPU's run is the CPU's, to rounding. (What is found where nothing is said follows from targets that are drawn.)
#[test]
fn what_is_not_random_trains_as_on_the_cpu() {
    let Some(device) = gpu("what_is_not_random_trains_as_on_the_cpu") else { return };
    for posterior in [Posterior::plain(), Posterior::point()] {
        let optimisers = [
            ("SGD", fit(30).optimiser(Sgd { learning_rate: 0.1, ..Sgd::default() })),
            ("Adam", fit(30)),
            ("AdamW", fit(30).optimiser(AdamW::default())),
        ];
        for (optimiser, fit) in optimisers {
            let [cpu, other] = both(device, posterior).map(|(vs, net)| {
                let (x, y) = classes(vs.device());
                illia::manual_seed(5);
                fit.run(&net, &vs, &x, &y).unwrap();
                vs.variables()
            });
            for (name, ours) in &cpu {
                close(&format!("{posterior:?} {optimiser} {name}"), &other[name], device, ours, 2e-3);
            }
        }
    }
}

#[test]
fn nothing_said_ends_in_a_posterior() {
    let Some(device) = gpu("nothing_said_ends_in_a_posterior") else { return };
    // Long enough for the prior's scale and for the mode to settle.
    for seed in [1, 2] {
        let (vs, net) = net(device, Posterior::Automatic);
        illia::manual_seed(seed);
        let (x, y) = numbers(device);
        let noise = Gaussian::learned(&(vs.root() / "noise"), 0.5).unwrap();
        let history = Fit::new(&noise).batch_size(16).progress(false).run(&net, &vs, &x, &y).unwrap();
        let sigma = net.head.weight.sigma().expect("a spread").max().double_value(&[]);
        assert!(sigma > 0.0 && history.epochs.last().is_some_and(|e| e.nll < 1.0), "{sigma}, {history:?}");
        let prediction = Predict::new().draws(50).run(&net, &x).unwrap();
        assert!(prediction.std().max().double_value(&[]) > 0.0);
        same_law(device, &vs, &net, Posterior::Automatic);
    }
}

#[test]
fn ivon_trains() {
    let Some(device) = gpu("ivon_trains") else { return };
    let (x, y) = classes(device);
    let (vs, net) = net(device, Posterior::fan_in());
    let ivon = Ivon { learning_rate: 0.1, effective_sample_size: 60.0, ..Ivon::default() };
    let history = fit(30).optimiser(ivon).run(&net, &vs, &x, &y).unwrap();
    let (first, last) = (&history.epochs[0], &history.epochs[29]);
    assert!(last.nll < first.nll, "from {} to {}", first.nll, last.nll);
    same_law(device, &vs, &net, Posterior::fan_in());
}

#[test]
fn laplace_of_each_structure() {
    let Some(device) = gpu("laplace_of_each_structure") else { return };
    let structures = [Structure::Full, Structure::Kronecker, Structure::Diagonal, Structure::LowRank(20)];
    for structure in structures {
        for subset in [Subset::All, Subset::LastLayer] {
            let [cpu, other] = both(device, Posterior::point()).map(|(vs, net)| {
                let device = vs.device();
                let (x, y) = classes(device);
                // The data may lie elsewhere.
                let (rows, targets) = classes(Device::Cpu);
                let laplace = Laplace::classification().structure(structure).subset(subset.clone());
                let data = Tensors::new(vec![rows], targets).unwrap();
                let mut fitted = laplace.fit(&net, &data).unwrap();
                let best = fitted.optimum(Priors::PerParameter, false).unwrap();
                fitted.set(&best).unwrap();
                let marginals = fitted.marginals(&net, &x).unwrap();
                let functional = fitted.functional(&net, &x).unwrap();
                let draws = fitted.draws(&net, 20).unwrap();
                let at_draws = Predict::new().run_draws(&net, &draws, &x).unwrap();
                let linear = fitted.predict(&net, &x, 20).unwrap();
                let folder = super::scratch::Scratch::new();
                let path = folder.join("laplace.safetensors");
                fitted.save(&path).unwrap();
                let again = illia::infer::laplace::FittedLaplace::load(&net, &path).unwrap();
                let loaded = again.marginals(&net, &x).unwrap();
                assert!((loaded.variance - &marginals.variance).abs().max().double_value(&[]) < 1e-9);
                for outputs in [at_draws.outputs(), linear.outputs()] {
                    assert_eq!((outputs.device(), outputs.isfinite().all().int64_value(&[])), (device, 1));
                }
                assert!(
                    Categorical
                        .log_likelihood(&marginals.probit(), &y)
                        .unwrap()
                        .mean(None)
                        .double_value(&[])
                        .is_finite()
                );
                let evidence = fitted.evidence().unwrap().log_marginal_likelihood();
                (marginals.mean, marginals.variance, functional.covariance, evidence)
            });
            let what = format!("{structure:?} {subset:?}");
            close(&what, &other.0, device, &cpu.0, 1e-5);
            close(&what, &other.1, device, &cpu.1, 1e-2);
            close(&what, &other.2, device, &cpu.2, 1e-2);
            assert!((other.3 / cpu.3 - 1.0).abs() < 1e-3, "{what}: {} and {}", other.3, cpu.3);
        }
    }
}

#[test]
fn swag_and_chains_take_the_cpus_noise() {
    let Some(device) = gpu("swag_and_chains_take_the_cpus_noise") else { return };
    let [cpu, other] = both(device, Posterior::point()).map(|(vs, net)| {
        let (x, y) = classes(vs.device());
        illia::manual_seed(6);
        let mut swag = Swag { rank: 4, ..Swag::default() }.init(&weights(&net)).unwrap();
        for _ in 0..6 {
            fit(1).optimiser(Sgd { learning_rate: 0.05, ..Sgd::default() }).run(&net, &vs, &x, &y).unwrap();
            swag.collect(&weights(&net)).unwrap();
        }
        let of_swag = Predict::new().run_draws(&net, &swag.draws(&net, 8).unwrap(), &x).unwrap();

        let chain = Chain { burn_in: 20, every: 5, draws: 4, batch_size: 60, ..Chain::default() };
        let of_chain = chain.run(&net, &Categorical, &x, &y).unwrap();
        let of_chain = Predict::new().run_draws(&net, &of_chain, &x).unwrap();

        let position = weights(&net);
        let gradient = position.iter().map(|(name, w)| (name.clone(), -w)).collect();
        Sgld::default()
            .update(&position, &gradient, &normals_like(&position, Stream::new().next_key()))
            .unwrap();
        let of_sgld = Predict::new().run_draws(&net, &draws_of(&net, &[position]).unwrap(), &x).unwrap();
        [of_swag, of_chain, of_sgld].map(|prediction| prediction.outputs().shallow_clone())
    });
    for (what, (other, cpu)) in ["SWAG", "SGHMC", "SGLD"].into_iter().zip(other.iter().zip(&cpu)) {
        close(what, other, device, cpu, 2e-3);
    }
}

#[test]
fn minibatches_of_a_chain_are_drawn_where_the_data_are() {
    let Some(device) = gpu("minibatches_of_a_chain_are_drawn_where_the_data_are") else { return };
    let (_vs, net) = net(device, Posterior::point());
    let (x, y) = classes(device);
    let chain = Chain { burn_in: 10, every: 2, draws: 3, batch_size: 16, ..Chain::default() };
    assert_eq!(chain.run(&net, &Categorical, &x, &y).unwrap().len(), 3);
}

/// Members are trained on threads of their own, which share the GPU and its generator.
#[test]
fn an_ensembles_members_do_not_disturb_each_other() {
    let Some(device) = gpu("an_ensembles_members_do_not_disturb_each_other") else { return };
    let (x, y) = classes(device);
    let outputs = || {
        let make = |p: &nn::Path<'_>| Net::try_new(p, WIDE, Prior::default(), Estimator::Reparameterization);
        let mut ensemble = Ensemble::new(4, 7, device, make).unwrap();
        let data = [x.shallow_clone(), y.shallow_clone()];
        ensemble
            .each(&data, |member, data| fit(5).run(&member.net, &member.vs, &data[0], &data[1]).map(drop))
            .unwrap();
        illia::manual_seed(8);
        ensemble.predict(&Predict::new().draws(5), &x).unwrap().outputs().shallow_clone()
    };
    let (first, second) = (outputs(), outputs());
    assert_eq!(first.size(), [20, 60, 3]);
    assert_eq!((first - second).abs().max().double_value(&[]), 0.0);
}

fn through(x: &Moments, layer: &Linear) -> Moments {
    let of = |parameter: &illia::RandomParameter| {
        Moments::new(parameter.mu().detach(), parameter.sigma().expect("a spread").detach().square()).unwrap()
    };
    x.linear(&of(&layer.weight), layer.bias.as_ref().map(of).as_ref()).unwrap()
}

#[test]
fn moments_need_no_draw() {
    let Some(device) = gpu("moments_need_no_draw") else { return };
    let [cpu, other] = both(device, WIDE).map(|(vs, net)| {
        let x = classes(vs.device()).0;
        through(&through(&Moments::certain(&x).unwrap(), &net.first).relu(), &net.head)
    });
    close("mean", other.mean(), device, cpu.mean(), 1e-5);
    close("variance", &other.variance(), device, &cpu.variance(), 1e-5);
}

#[test]
fn likelihoods_and_metrics() {
    let Some(device) = gpu("likelihoods_and_metrics") else { return };
    let outputs = (Tensor::arange(3 * 60 * 3, FLOAT) * 0.3).cos().reshape([3, 60, 3]);
    let all = |device: Device| {
        let (outputs, (_, labels), (_, y)) = (outputs.to_device(device), classes(device), numbers(device));
        let vs = nn::VarStore::new(device);
        let held = HeldOut::new(outputs.select(0, 0), labels.shallow_clone()).unwrap();
        let temperature = Temperature::fit_held_out(held).unwrap();
        let p = outputs.softmax(-1, Kind::Float).mean_dim(0i64, false, None);
        let learned = Gaussian::learned(&(vs.root() / "noise"), 0.7).unwrap();
        let draws = illia::Prediction::from_outputs(outputs.shallow_clone()).unwrap();
        let (low, high) = draws.interval(0.9).unwrap();
        let mut all = vec![
            Categorical.log_predictive(&outputs, &labels).unwrap(),
            Categorical.uncertainty(&outputs).epistemic,
            learned.log_predictive(&outputs, &y).unwrap().detach(),
            HeteroscedasticGaussian.log_predictive(&Tensor::cat(&[&outputs, &outputs], -1), &y).unwrap(),
            Poisson
                .log_predictive(&outputs, &labels.unsqueeze(1).expand([60, 3], false).to_kind(Kind::Float))
                .unwrap(),
            Bernoulli.log_predictive(&outputs, &y.gt(0.0).to_kind(Kind::Float)).unwrap(),
            low,
            high,
        ];
        let metrics = [
            temperature.value(),
            metrics::nll(&p, &labels).unwrap(),
            metrics::ece(&p, &labels, 10).unwrap(),
            metrics::crps_draws(&outputs, &y).unwrap(),
        ];
        all.push(Tensor::from_slice(&metrics).to_kind(Kind::Float).to_device(device));
        all
    };
    for (i, (theirs, ours)) in all(device).iter().zip(all(Device::Cpu)).enumerate() {
        close(&i.to_string(), theirs, device, &ours, 1e-4);
    }
}

#[test]
fn pruned_weights_stay_out() {
    let Some(device) = gpu("pruned_weights_stay_out") else { return };
    let (x, y) = classes(device);
    let (vs, mut net) = net(device, Posterior::fan_in());
    let pruned = prune(&mut net, 0.5).unwrap().pruned;
    fit(3).run(&net, &vs, &x, &y).unwrap();
    let zeros: i64 = [net.first.weight.mu(), net.head.weight.mu()]
        .map(|mu| mu.eq(0.0).sum(Kind::Int64).int64_value(&[]))
        .iter()
        .sum();
    assert!(zeros > 0 && zeros as usize <= pruned, "{zeros} of {pruned}");
}

#[test]
fn draws_in_one_forward_are_those_of_single_forwards() {
    let Some(device) = gpu("draws_in_one_forward_are_those_of_single_forwards") else { return };
    let (_vs, net) = net(device, WIDE);
    let (x, _) = classes(device);
    illia::manual_seed(9);
    let together = Predict::new().draws(7).run(&net, &x).unwrap();
    illia::manual_seed(9);
    let one_by_one = tch::no_grad(|| Tensor::stack(&[(); 7].map(|()| net.forward(&x)), 0));
    close("draws", together.outputs(), device, &one_by_one.to_device(Device::Cpu), 1e-5);
}
