//! Every case of reference numbers for methods, layers and metrics: in single precision within the tolerances of
//! `golden_methods/README.md`, in double precision within 1e-9.
//!
//! `ILLIA_GOLDEN_METHODS=DIR cargo test --test golden_methods` checks the cases of another folder.

mod device;
#[path = "laplace/golden.rs"]
mod laplace;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use device::device;
use illia::infer::ivon::{Ivon, IvonGradients};
use illia::infer::moments::Moments;
use illia::infer::sghmc::{Sghmc, SghmcState};
use illia::infer::swag::Swag;
use illia::infer::{Named, Numbers};
use illia::likelihood::Gaussian;
use illia::metrics;
use illia::nn::{Aggregation, AttentionConfig, CgConv, CgConvConfig, SelfAttention};
use illia::prelude::*;
use serde_json::Value;

type Check = fn(&Case);

/// What a case's kind is checked by.
const KINDS: [(&str, Check); 8] = [
    ("ivon", ivon),
    ("swag", swag),
    ("sghmc", sghmc),
    ("attention", attention),
    ("cgconv", cgconv),
    ("moments", moments),
    ("metrics", metrics),
    ("laplace", |case| laplace::check(&case.tensors, &case.settings, case.kind)),
];

/// The tensors of one case in one precision, and its settings.
struct Case {
    tensors: HashMap<String, Tensor>,
    settings: Value,
    kind: Kind,
}

impl Case {
    fn read(path: &Path, kind: Kind) -> Case {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let case = &header.metadata().as_ref().expect("the file has metadata")["case"];
        let cast = |t: Tensor| if t.kind() == Kind::Double { t.to_kind(kind) } else { t }.to_device(device());
        let tensors = Tensor::read_safetensors(path).unwrap().into_iter();
        let tensors = tensors.map(|(name, tensor)| (name, cast(tensor))).collect();
        Case { tensors, settings: serde_json::from_str(case).unwrap(), kind }
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("the case has no tensor {name}"))
    }

    fn number(&self, name: &str) -> f64 {
        self.settings[name].as_f64().unwrap_or_else(|| panic!("{name} is no number in {}", self.settings))
    }

    fn int(&self, name: &str) -> i64 {
        self.settings[name].as_i64().unwrap_or_else(|| panic!("{name} is no integer in {}", self.settings))
    }

    fn flag(&self, name: &str) -> bool {
        self.settings[name].as_bool().unwrap_or_else(|| panic!("{name} is no flag in {}", self.settings))
    }

    /// The tensors called `prefix.NAME`, by NAME; `row` of each if one is given.
    fn named(&self, prefix: &str, row: Option<i64>) -> Named {
        let own = |(name, tensor): (&String, &Tensor)| {
            let name = name.strip_prefix(prefix)?.strip_prefix('.')?;
            Some((name.to_owned(), row.map_or_else(|| tensor.shallow_clone(), |row| tensor.get(row))))
        };
        self.tensors.iter().filter_map(own).collect()
    }

    /// Checks a tensor against the case's: `max |a - b| / max |b|`, and within `tolerance` in single precision.
    fn close(&self, what: &str, ours: &Tensor, reference: &Tensor, tolerance: f64) {
        assert_eq!(ours.size(), reference.size(), "{what}: shape");
        let tolerance = if self.kind == Kind::Double { 1e-9 } else { tolerance };
        let difference = (ours.to_device(reference.device()) - reference).abs().max().double_value(&[]);
        let scale = Some(reference.abs().max().double_value(&[])).filter(|scale| *scale > 0.0);
        let error = difference / scale.unwrap_or(1.0);
        assert!(error <= tolerance, "{what}: off by {error:e} in {:?}", self.kind);
    }

    fn close_named(&self, what: &str, ours: &Named, reference: &Named, tolerance: f64) {
        assert!(!reference.is_empty() && ours.keys().eq(reference.keys()), "{what}: {:?}", ours.keys());
        for (name, reference) in reference {
            self.close(&format!("{what}.{name}"), &ours[name], reference, tolerance);
        }
    }

    /// Checks a number against the case's tensor of that name.
    fn close_number(&self, name: &str, ours: f64) {
        self.close(name, &Tensor::from_slice(&[ours]), self.tensor(name), FORWARD);
    }
}

const FORWARD: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;

/// The multilayer perceptron of a case at given weights.
fn perceptron(case: &Case, weights: &Named) -> Tensor {
    assert_eq!(case.settings["activation"], "tanh");
    let layers = case.settings["sizes"].as_array().unwrap().len() - 1;
    let of = |layer: usize, part: &str| &weights[&format!("{}.{part}", 2 * layer)];
    (0..layers).fold(case.tensor("x").shallow_clone(), |x, layer| {
        let s = x.linear(of(layer, "weight"), Some(of(layer, "bias")));
        if layer + 1 < layers { s.tanh() } else { s }
    })
}

fn ivon(case: &Case) {
    assert_eq!(case.settings["hess_approx"], "price");
    let ivon = Ivon {
        learning_rate: case.number("lr"),
        effective_sample_size: case.number("ess"),
        hess_init: case.number("hess_init"),
        beta1: case.number("beta1"),
        beta2: case.number("beta2"),
        weight_decay: case.number("weight_decay"),
        clip_radius: case.settings["clip_radius"].as_f64(),
        rescale_lr: case.flag("rescale_lr"),
        debias: case.flag("debias"),
    };
    let mut state = ivon.init(&case.named("w0", None)).unwrap();
    for t in 0..case.int("steps") {
        let (eps, reference) = (case.named("eps", Some(t)), case.named("grad", Some(t)));
        let mut gradients = IvonGradients::new();
        for m in 0..case.int("mc_samples") {
            let of_draw = |all: &Named| all.iter().map(|(name, each)| (name.clone(), each.get(m))).collect();
            let offset = ivon.offset(&state, &of_draw(&eps)).unwrap();
            let leaf = |(name, mean): (&String, &Tensor)| {
                (name.clone(), (mean + &offset[name]).detach().set_requires_grad(true))
            };
            let weights: Named = state.mean().iter().map(leaf).collect();
            let residuals = case.tensor("y") - perceptron(case, &weights);
            let loss = residuals.square().sum(case.kind) * (0.5 / residuals.size()[0] as f64);
            loss.backward();
            let gradient: Named = weights.iter().map(|(name, w)| (name.clone(), w.grad())).collect();
            case.close("loss", &loss, &case.tensor("loss").get(t).get(m), FORWARD);
            case.close_named("grad", &gradient, &of_draw(&reference), FORWARD);
            gradients.add(&gradient, &offset).unwrap();
        }
        ivon.update(&mut state, &gradients).unwrap();
        case.close_named("momentum", state.momentum(), &case.named("momentum", Some(t)), FORWARD);
        case.close_named("hess", state.hess(), &case.named("hess", Some(t)), FORWARD);
        case.close_named("mean", state.mean(), &case.named("mean", Some(t)), FORWARD);
    }
    case.close_named("std", &ivon.std(&state), &case.named("std", None), FORWARD);
}

fn swag(case: &Case) {
    let swag = Swag { rank: case.int("rank") as usize, variance_floor: case.number("var_clamp") };
    let mut state = swag.init(&case.named("snapshots", Some(0))).unwrap();
    for k in 0..case.int("snapshots") {
        state.collect(&case.named("snapshots", Some(k))).unwrap();
    }
    case.close_named("mean", state.mean(), &case.named("mean", None), FORWARD);
    case.close_named("var", &state.variance(), &case.named("var", None), 1e-4);
    case.close_named("deviation", &state.deviations(), &case.named("deviation", None), FORWARD);
    for d in 0..case.int("draws") {
        let z1 = case.named("z1", Some(d));
        let draw = state.draw_given(&z1, &case.tensor("z2").get(d)).unwrap();
        case.close_named("draw", &draw, &case.named("draw", Some(d)), FORWARD);
        let draw = state.draw_diagonal_given(&z1).unwrap();
        case.close_named("draw_diag", &draw, &case.named("draw_diag", Some(d)), FORWARD);
    }
}

fn sghmc(case: &Case) {
    let sghmc = Sghmc {
        learning_rate: case.number("lr"),
        alpha: case.number("alpha"),
        beta: case.number("beta"),
        sigma: case.number("sigma"),
        temperature: case.number("temperature"),
    };
    let named = |tensor: Tensor| Named::from([("theta".to_owned(), tensor)]);
    let start = |name: &str| named(case.tensor(name).copy());
    let gradient = |position: &Named, t: i64| {
        let away = &position["theta"] - case.tensor("mu");
        named(case.tensor("grad_noise").get(t) - case.tensor("A").mv(&away))
    };
    let (theta, chen) = (start("theta0"), start("theta0"));
    let mut state = SghmcState::with_momentum(&start("momentum0")).unwrap();
    let mut chen_state = SghmcState::with_momentum(&start("momentum0")).unwrap();
    for t in 0..case.int("steps") {
        let z = named(case.tensor("z").get(t));
        sghmc.update(&mut state, &theta, &gradient(&theta, t), &z).unwrap();
        // Algorithm 2 of Chen et al.: the gradient where the drift has led.
        sghmc.drift(&chen_state, &chen).unwrap();
        sghmc.kick(&mut chen_state, &gradient(&chen, t), &z).unwrap();
        for (prefix, position, state) in [("", &theta, &state), ("chen.", &chen, &chen_state)] {
            let of = |part: &str| case.tensor(&format!("{prefix}{part}")).get(t);
            case.close(&format!("{prefix}theta"), &position["theta"], &of("theta"), FORWARD);
            case.close(&format!("{prefix}momentum"), &state.momentum()["theta"], &of("momentum"), FORWARD);
        }
    }
}

/// A store of variables in the case's precision.
fn variables(case: &Case) -> nn::VarStore {
    let mut vs = nn::VarStore::new(device());
    vs.set_kind(case.kind);
    vs
}

/// What the case calls a parameter of a layer's (`in_proj.weight`), and which of its tensors.
fn of_parameter<'a>(case: &'a Case, parameter: &str, field: &str) -> &'a Tensor {
    let name = parameter.replace(".weight", ".weights");
    case.tensor(&format!("{name}_distribution.{field}"))
}

/// Gives a layer the case's posterior and prior, and holds it at the case's noise.
fn set(case: &Case, layer: &mut dyn BayesianModule) {
    layer.each_parameter_mut(&mut |name, parameter| {
        let of = |field: &str| of_parameter(case, name, field);
        tch::no_grad(|| {
            parameter.mu().shallow_clone().copy_(of("mu"));
            parameter.rho().unwrap().shallow_clone().copy_(of("rho"));
        });
        let (mean, std) = (of("prior").double_value(&[0]), of("prior").double_value(&[1]));
        parameter.set_prior(Prior::Gaussian { mean, std }).unwrap();
        parameter.hold(of("eps")).unwrap();
    });
}

/// Checks a layer's output, KL, counts, draws and gradients.
fn check_layer(case: &Case, layer: &dyn BayesianModule, y: &Tensor) {
    case.close("y", y, case.tensor("y"), FORWARD);
    let kl = layer.kl_cost_monte_carlo();
    case.close("kl", &kl.nats.reshape([1]), case.tensor("kl"), FORWARD);
    assert_eq!(kl.num_params as i64, case.tensor("num_params").int64_value(&[0]), "num_params");
    (y.sum(None) + kl.nats).backward();
    for (name, parameter) in layer.named_parameters() {
        let draw = parameter.draw();
        case.close(&format!("{name}.w"), draw.weights(), of_parameter(case, &name, "w"), FORWARD);
        for (field, variable) in [("mu.grad", parameter.mu()), ("rho.grad", parameter.rho().unwrap())] {
            let reference = of_parameter(case, &name, field);
            case.close(&format!("{name}.{field}"), &variable.grad(), reference, GRADIENT);
        }
    }
}

fn attention(case: &Case) {
    let vs = variables(case);
    let config = AttentionConfig { causal: case.flag("causal"), ..Default::default() };
    let mut layer = SelfAttention::new(vs.root(), case.int("embed_dim"), case.int("heads"), config);
    set(case, &mut layer);
    let x = case.tensor("x");
    case.close("attention", &layer.try_attention(x, None).unwrap(), case.tensor("attention"), FORWARD);
    check_layer(case, &layer, &layer.try_forward_t(x, None, false).unwrap());
}

fn cgconv(case: &Case) {
    let vs = variables(case);
    let aggregation = match case.settings["aggr"].as_str() {
        Some("add") => Aggregation::Sum,
        Some("mean") => Aggregation::Mean,
        other => panic!("unknown aggregation {other:?}"),
    };
    let config = CgConvConfig { aggregation, ..Default::default() };
    let (channels, dim) = (case.int("channels"), case.int("dim"));
    let mut layer = CgConv::new(vs.root(), channels, dim, config);
    set(case, &mut layer);
    let attributes = (dim > 0).then(|| case.tensor("edge_attr"));
    let y = layer.try_forward(case.tensor("x"), case.tensor("edge_index"), attributes).unwrap();
    check_layer(case, &layer, &y);
}

fn moments(case: &Case) {
    assert_eq!(case.settings["activation"], "relu");
    let gaussian = |name: String| {
        let std = case.tensor(&format!("{name}.rho")).softplus();
        Moments::new(case.tensor(&format!("{name}.mu")).shallow_clone(), std.square()).unwrap()
    };
    let check = |what: &str, ours: &Moments| {
        let of = |part: &str| case.tensor(&format!("{what}{part}"));
        case.close(&format!("{what}mean"), ours.mean(), of("mean"), FORWARD);
        case.close(&format!("{what}var"), &ours.variance(), of("var"), FORWARD);
    };
    let layers = case.settings["sizes"].as_array().unwrap().len() - 1;
    let mut x = Moments::certain(case.tensor("x")).unwrap();
    for l in 0..layers {
        let weight = gaussian(format!("{l}.weights_distribution"));
        let bias = gaussian(format!("{l}.bias_distribution"));
        x = x.linear(&weight, Some(&bias)).unwrap();
        check(&format!("{l}.linear."), &x);
        if l + 1 < layers {
            x = x.relu();
            check(&format!("{l}.relu."), &x);
        }
    }
    check("", &x);
    if case.flag("exact") {
        // Five standard errors of the Monte Carlo reference.
        let within = |ours: &Tensor, what: &str| {
            let off = (ours - case.tensor(&format!("mc.{what}"))) / case.tensor(&format!("mc.{what}_se"));
            assert!(off.abs().max().double_value(&[]) < 5.0, "mc.{what}");
        };
        within(x.mean(), "mean");
        within(&x.std(), "std");
    }
}

fn metrics(case: &Case) {
    match case.settings["task"].as_str() {
        Some("classification") => classification(case),
        Some("ood") => detection(case),
        Some("regression") => regression(case),
        task => panic!("metrics of an unknown task {task:?}"),
    }
}

fn classification(case: &Case) {
    let (probs, labels) = (case.tensor("probs"), case.tensor("labels"));
    let bins = case.int("bins") as usize;
    let p = probs.mean_dim(0i64, false, None);
    case.close("mean_probs", &p, case.tensor("mean_probs"), FORWARD);
    let mut scores = Numbers::new();
    let mut score = |name: &str, value: illia::Result<f64>| scores.insert(name.to_owned(), value.unwrap());
    score("accuracy", metrics::accuracy(&p, labels));
    score("nll", metrics::nll(&p, labels));
    score("brier", metrics::brier(&p, labels));
    score("ece", metrics::ece(&p, labels, bins));
    score("mce", metrics::mce(&p, labels, bins));
    score("classwise_ece", metrics::classwise_ece(&p, labels, bins));
    score("adaptive_ece", metrics::adaptive_ece(&p, labels, bins));

    let (confidence, class) = p.max_dim(1, false);
    let wrong = class.ne_tensor(labels).to_kind(case.kind);
    let curve = metrics::risk_coverage(&-confidence, &wrong).unwrap();
    case.close("risk", &Tensor::from_slice(&curve.risk), case.tensor("risk"), FORWARD);
    score("aurc", Ok(curve.area()));
    score("aurc_trapezoid", Ok(curve.area_trapezoid()));

    let parts = Categorical.uncertainty(&probs.log());
    for (name, part) in
        [("total", parts.total), ("aleatoric", parts.aleatoric), ("epistemic", parts.epistemic)]
    {
        case.close(name, &part, case.tensor(name), FORWARD);
        score(&format!("{name}_mean"), Ok(part.mean(None).double_value(&[])));
    }
    for (name, value) in scores {
        case.close_number(&name, value);
    }
}

fn detection(case: &Case) {
    let (inside, outside) = (case.tensor("score_in"), case.tensor("score_out"));
    case.close_number("auroc", metrics::auroc(inside, outside).unwrap());
    case.close_number("aupr", metrics::aupr(inside, outside).unwrap());
    case.close_number("fpr95", metrics::fpr_at_95_tpr(inside, outside).unwrap());
    case.close_number("aupr_in", metrics::aupr(&-outside, &-inside).unwrap());
    case.close_number("fpr95_in", metrics::fpr_at_95_tpr(&-outside, &-inside).unwrap());
}

fn regression(case: &Case) {
    let (f, y, draws) = (case.tensor("f"), case.tensor("y"), case.tensor("draws"));
    let noise = Gaussian::fixed(case.tensor("noise_std").double_value(&[0])).unwrap();
    let mean = noise.mean(f).mean_dim(0i64, false, None);
    let parts = noise.uncertainty(f);
    case.close("mean", &mean, case.tensor("mean"), FORWARD);
    case.close("epistemic_var", &parts.epistemic, case.tensor("epistemic_var"), FORWARD);
    case.close("total_var", &parts.total, case.tensor("total_var"), FORWARD);
    case.close_number("rmse", metrics::rmse(&mean, y).unwrap());
    case.close_number("nll_gaussian", metrics::nll_gaussian(&mean, &parts.total, y).unwrap());
    let log_predictive = noise.log_predictive(f, y).unwrap();
    case.close_number("nll_mixture", -log_predictive.mean(None).double_value(&[]));
    case.close("crps", &metrics::crps_draws_each(draws, y).unwrap(), case.tensor("crps"), FORWARD);
    case.close("crps_fair", &metrics::crps_fair_each(draws, y).unwrap(), case.tensor("crps_fair"), FORWARD);
    case.close_number("crps_mean", metrics::crps_draws(draws, y).unwrap());
    case.close_number("crps_fair_mean", metrics::crps_fair(draws, y).unwrap());
    for (i, level) in (0..).zip(Vec::<f64>::try_from(case.tensor("levels").to_kind(Kind::Double)).unwrap()) {
        let of = |name: &str| case.tensor(name).get(i);
        let (low, high) = metrics::interval_of_draws(draws, level).unwrap();
        case.close("lower", &low, &of("lower"), FORWARD);
        case.close("upper", &high, &of("upper"), FORWARD);
        let covered = metrics::interval_coverage(&low, &high, y).unwrap();
        case.close("coverage", &Tensor::from(covered), &of("coverage"), FORWARD);
        let width = metrics::interval_width(&low, &high).unwrap();
        case.close("width", &Tensor::from(width), &of("width"), FORWARD);
    }
}

fn check(path: &Path) {
    for precision in [Kind::Float, Kind::Double] {
        let case = Case::read(path, precision);
        let kind = case.settings["kind"].as_str().unwrap_or_default();
        match KINDS.iter().find(|(name, _)| *name == kind) {
            Some((_, check)) => check(&case),
            None => panic!("unknown kind {kind:?}"),
        }
    }
}

#[test]
fn golden_methods() {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden_methods");
    let folder = std::env::var_os("ILLIA_GOLDEN_METHODS").map_or_else(own, PathBuf::from);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{} holds no case", folder.display());
    let failed: Vec<String> = cases.iter().filter_map(|case| failure(case)).collect();
    assert!(failed.is_empty(), "{} of {} cases fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// What is wrong with a case, so that one run shows all of them.
fn failure(path: &Path) -> Option<String> {
    println!("{}", path.display());
    let payload = std::panic::catch_unwind(|| check(path)).err()?;
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(format!("{}: {}", path.display(), text.unwrap_or_default()))
}
