//! What is random of the elements of an `each`: in training each example has its own function, the same for all of its elements.

use std::cell::Cell;

use illia::data::Tensors;
use illia::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Signs: [time, 3] -> [time, 2] {
        posterior: Gaussian(rho: 0.0);
        estimator: Flipout;

        each { fc: Linear(2, bias: false) },
    }
}

bnn! {
    struct Windows: [time, 1, 5] -> [time, 2, 3] {
        posterior: Gaussian(rho: 0.0);
        estimator: Flipout;

        each { conv: Conv1d(2, kernel: 3) },
    }
}

bnn! {
    struct Within: [scene, time, 3] -> [scene, time, 2] {
        posterior: Gaussian(rho: 0.0);
        estimator: Flipout;

        each { each { fc: Linear(2) } },
    }
}

bnn! {
    struct Factors: [time, 3] -> [time, 2] {
        posterior: GaussianDropout(std: 1.0);

        each { fc: Linear(2) },
    }
}

bnn! {
    struct Adapted: [time, 3] -> [time, 2] {
        each { fc: Linear(2, lora: (rank: 2, alpha: 2.0, rho: 0.0)) },
    }
}

bnn! {
    struct Local: [time, 3] -> [time, 2] {
        posterior: Gaussian(rho: 0.0);
        estimator: LocalReparameterization;

        each { fc: Linear(2, bias: false) },
    }
}

/// How far the outputs of a step of training lie apart for elements that are all alike: within an example, and between two examples.
fn apart<N: illia::Net + ModuleT>(net: &N, vs: &nn::VarStore, lead: &[i64], element: &[i64]) -> (f64, f64) {
    // An adapter's second factor starts at 0, where its first one is not seen.
    for (_, mut variable) in vs.variables().into_iter().filter(|(name, _)| name.ends_with("lora_b")) {
        let _ = tch::no_grad(|| variable.fill_(1.0));
    }
    let x = Tensor::randn(element, FLOAT).expand([&[2], lead, element].concat(), false).contiguous();
    let seen = Cell::new((f64::NAN, f64::NAN));
    let forward = |inputs: &[Tensor], train: bool| {
        let y = net.try_forward_t(&inputs[0], train)?;
        let elements = y.flatten(1, lead.len() as i64);
        let within = (&elements - elements.narrow(1, 0, 1)).abs().max().double_value(&[]);
        let between = (y.get(0) - y.get(1)).abs().max().double_value(&[]);
        seen.set((within, between));
        Ok(y.flatten(1, -1).mean_dim(1i64, false, None::<Kind>))
    };
    let data = Tensors::new(vec![x], Tensor::zeros([2], FLOAT)).expect("as many targets");
    let likelihood = likelihood::Gaussian::fixed(1.0).expect("above 0");
    let fit = Fit::new(likelihood).epochs(1).batch_size(2).progress(false);
    fit.run_with(net, vs, &data, forward).expect("a step");
    seen.get()
}

#[test]
fn an_examples_elements_share_their_function_and_examples_do_not() {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let all = [
        ("Signs", apart(&Signs::new(&(&p / "signs")), &vs, &[3], &[3])),
        ("Windows", apart(&Windows::new(&(&p / "windows")), &vs, &[3], &[1, 5])),
        ("Within", apart(&Within::new(&(&p / "within")), &vs, &[2, 3], &[3])),
        ("Factors", apart(&Factors::new(&(&p / "factors")), &vs, &[3], &[3])),
        ("Adapted", apart(&Adapted::new(&(&p / "adapted")), &vs, &[3], &[3])),
    ];
    for (name, (within, between)) in all {
        assert!(within < 1e-5, "{name}: {within} within an example");
        assert!(between > 1e-3, "{name}: {between} between examples");
    }
}

/// For elements that are alike: the variance of an example's mean over them, and the correlation of two examples'.
fn of_the_means(net: &impl ModuleT, draws: i64) -> (f64, f64) {
    let x = Tensor::ones([2, 3, 3], FLOAT);
    let draw = |_| tch::no_grad(|| net.forward_t(&x, true)).mean_dim(1i64, false, Kind::Double).select(1, 0);
    let means = Tensor::stack(&(0..draws).map(draw).collect::<Vec<_>>(), 0);
    let means = &means - means.mean_dim(0i64, true, Kind::Double);
    let products = means.tr().matmul(&means) / (draws - 1) as f64;
    let [a, b, both] = [[0, 0], [1, 1], [0, 1]].map(|at| products.double_value(&at));
    (a, both / (a * b).sqrt())
}

#[test]
fn the_mean_of_an_examples_elements_varies_as_one_function() {
    illia::manual_seed(4);
    let (n, vs) = (3000, nn::VarStore::new(Device::Cpu));
    // Three inputs of 1, each with a weight of sigma = softplus(0) = ln 2.
    let one = 3.0 * std::f64::consts::LN_2.powi(2);
    let errors = 5.0 / f64::from(n).sqrt();
    // Flipout has one function for the three elements; local reparameterisation leaves their covariance out.
    let signs = Signs::new(&(vs.root() / "signs"));
    let local = Local::new(&(vs.root() / "local"));
    for (name, found, variance) in [
        ("Flipout", of_the_means(&signs, n.into()), one),
        ("local reparameterisation", of_the_means(&local, n.into()), one / 3.0),
    ] {
        // A sample variance of normals has the relative standard error sqrt(2 / n). Of two examples with one Δ and signs of their own, three
        // inputs each, E[a² b²] / (E a² E b²) is 15 / 9, and their correlation's error sqrt(15 / 9 / n).
        let off = (found.0 / variance - 1.0).abs();
        assert!(off < errors * 2f64.sqrt(), "{name}: a variance of {}, not {variance}", found.0);
        assert!(
            found.1.abs() < errors * (15.0 / 9.0f64).sqrt(),
            "{name}: two examples are correlated by {}",
            found.1
        );
    }
}
