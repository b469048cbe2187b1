//! One case of reference numbers for Laplace's approximation: `golden_methods/README.md`, kind `laplace`.

use std::collections::HashMap;

use crate::device::device;
use illia::data::Tensors;
use illia::infer::laplace::{FittedLaplace, Laplace, Priors, Structure, Subset};
use illia::nn::{Conv2d, ConvConfig, Linear, LinearConfig};
use illia::prelude::*;
use illia::{Visitor, VisitorMut};
use serde_json::Value;

const STRUCTURES: [(&str, Structure); 3] =
    [("full", Structure::Full), ("kron", Structure::Kronecker), ("diag", Structure::Diagonal)];

/// A step of the case's net; layers go by their places.
#[derive(Debug)]
enum Step {
    Linear(Linear),
    Conv(Conv2d),
    Tanh,
    Flatten,
}

#[derive(Debug)]
struct Chain(Vec<Step>);

impl Chain {
    fn new(p: &nn::Path, layers: &Value) -> Chain {
        // Plain weights, as in the reference.
        let posterior = Posterior::Plain { init: nn::Init::Const(0.0) };
        let steps = layers.as_array().unwrap().iter().enumerate().map(|(i, layer)| {
            let size = |name: &str| layer[name].as_i64().unwrap();
            match layer["kind"].as_str().unwrap() {
                "linear" => {
                    let config = LinearConfig { posterior, ..Default::default() };
                    Step::Linear(Linear::new(p / i, size("in"), size("out"), config))
                }
                "conv2d" => {
                    let (stride, padding) = (size("stride").into(), size("padding").into());
                    let config = ConvConfig { posterior, stride, padding, ..Default::default() };
                    Step::Conv(Conv2d::new(p / i, size("in"), size("out"), size("kernel"), config))
                }
                "tanh" => Step::Tanh,
                "flatten" => Step::Flatten,
                other => panic!("unknown layer {other}"),
            }
        });
        Chain(steps.collect())
    }
}

impl BayesianModule for Chain {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Linear(layer) => visitor.module(&i.to_string(), layer),
                Step::Conv(layer) => visitor.module(&i.to_string(), layer),
                Step::Tanh | Step::Flatten => {}
            }
        }
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        for (i, step) in self.0.iter_mut().enumerate() {
            match step {
                Step::Linear(layer) => visitor.module(&i.to_string(), layer),
                Step::Conv(layer) => visitor.module(&i.to_string(), layer),
                Step::Tanh | Step::Flatten => {}
            }
        }
    }
    fn per_example(&self) -> bool {
        true
    }
}

impl ModuleT for Chain {
    fn forward_t(&self, x: &Tensor, _: bool) -> Tensor {
        self.0.iter().fold(x.shallow_clone(), |x, step| match step {
            Step::Linear(layer) => layer.forward(&x),
            Step::Conv(layer) => layer.forward(&x),
            // In place, to show that what layers noted is not overwritten.
            Step::Tanh => x.copy().tanh_(),
            Step::Flatten => x.flatten(1, -1),
        })
    }
}

struct Case<'a> {
    tensors: &'a HashMap<String, Tensor>,
    kind: Kind,
}

impl Case<'_> {
    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("the case has no tensor {name}"))
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        Vec::try_from(self.tensor(name).to_kind(Kind::Double)).unwrap()
    }

    /// Within `single` in single precision, and `double` in double.
    fn close(&self, what: &str, ours: &Tensor, single: f64, double: f64) {
        let reference = self.tensor(what).to_kind(Kind::Double);
        let ours = ours.to_kind(Kind::Double).to_device(reference.device());
        assert_eq!(ours.size(), reference.size(), "{what}: shape");
        let tolerance = if self.kind == Kind::Double { double } else { single };
        let scale = reference.abs().max().double_value(&[]);
        let difference = (ours - reference).abs().max().double_value(&[]);
        let error = difference / if scale > 0.0 { scale } else { 1.0 };
        assert!(error <= tolerance, "{what}: off by {error:e} in {:?}", self.kind);
    }

    fn number(&self, what: &str, ours: f64, single: f64) {
        self.close(what, &Tensor::from_slice(&[ours]), single, 1e-9);
    }
}

/// Checks the case in the precision that `tensors` have.
pub fn check(tensors: &HashMap<String, Tensor>, settings: &Value, kind: Kind) {
    let case = Case { tensors, kind };
    let mut vs = nn::VarStore::new(device());
    let net = Chain::new(&vs.root(), &settings["layers"]);
    if kind == Kind::Double {
        vs.double();
    }
    tch::no_grad(|| {
        for (name, mut variable) in vs.variables() {
            variable.copy_(case.tensor(&format!("weight.{name}")));
        }
    });
    let regression = settings["likelihood"] == "regression";
    let mut laplace = match regression {
        true => Laplace::regression(case.numbers("sigma_noise")[0]),
        false => Laplace::classification(),
    };
    // Two batches and a rest.
    laplace = laplace.batch_size(case.tensor("x").size()[0] as usize * 2 / 5);
    let data =
        Tensors::new(vec![case.tensor("x").shallow_clone()], case.tensor("y").shallow_clone()).unwrap();
    for (part, subset) in [("all", Subset::All), ("last_layer", Subset::LastLayer)] {
        for (name, structure) in STRUCTURES {
            let laplace = laplace.clone().subset(subset.clone()).structure(structure);
            let fitted = laplace.fit(&net, &data).unwrap();
            one(&case, &format!("{part}.{name}"), fitted, &net, regression);
        }
    }
}

fn one(case: &Case, prefix: &str, mut fitted: FittedLaplace, net: &Chain, regression: bool) {
    let of = |name: &str| format!("{prefix}.{name}");
    match fitted.structure() {
        Structure::Kronecker => {}
        _ => case.close(&of("H"), &Tensor::cat(&fitted.hessian(), 0), 1e-5, 1e-9),
    }
    let prior = case.numbers("prior_precision");
    match prior.as_slice() {
        [one] => fitted.set_prior_precision(&[*one]).unwrap(),
        each => fitted.set_prior_precision(&each[each.len() - fitted.names().len()..]).unwrap(),
    }
    if fitted.structure() == Structure::Kronecker {
        for (name, precision) in fitted.names().into_iter().zip(fitted.precision()) {
            case.close(&of(&format!("precision.{name}")), &precision, 1e-5, 1e-9);
        }
    }

    let x = case.tensor("x_test");
    let functional = fitted.functional(net, x).unwrap();
    case.close(&of("f_mean"), &functional.mean, 1e-5, 1e-9);
    case.close(&of("f_cov"), &functional.covariance, 5e-4, 1e-9);
    let marginals = fitted.marginals(net, x).unwrap();
    let diagonal = functional.covariance.diagonal(0, 1, 2);
    assert!((&marginals.variance / diagonal - 1.0).abs().max().double_value(&[]) < 1e-9);
    if !regression {
        case.close(&of("probit"), &marginals.probit(), 1e-5, 1e-9);
    }

    let evidence = fitted.evidence().unwrap();
    case.number(&of("log_likelihood"), evidence.log_likelihood, 1e-4);
    case.number(&of("scatter"), evidence.scatter, 1e-4);
    case.number(&of("log_det_ratio"), evidence.log_det_ratio, 1e-4);
    case.number(&of("log_marginal_likelihood"), evidence.log_marginal_likelihood(), 1e-4);

    let grid = case.numbers("grid");
    let sigma = fitted.sigma_noise();
    let on_grid: Vec<f64> =
        grid.iter().map(|&prior| fitted.log_marginal_likelihood(&[prior], sigma).unwrap()).collect();
    case.close(&of("grid.log_marginal_likelihood"), &Tensor::from_slice(&on_grid), 1e-4, 1e-9);
    let best = (0..grid.len()).max_by(|&a, &b| on_grid[a].total_cmp(&on_grid[b])).unwrap();
    case.number(&of("grid.best"), grid[best], 1e-6);

    let best = fitted.optimum(Priors::One, false).unwrap();
    case.close(&of("best.prior_precision"), &Tensor::from_slice(&best.prior_precision[..1]), 1e-2, 1e-6);
    case.number(&of("best.log_marginal_likelihood"), best.log_marginal_likelihood, 1e-4);
}
