//! What holds for every net and every mistake.

use illia::Draws;
use illia::data::Tensors;
use illia::infer::laplace::{FittedLaplace, Laplace, Priors, Structure, Subset};
use illia::nn::{Linear, LinearConfig, Lstm, RecurrentConfig};
use illia::prelude::*;

use super::exact::randn;
use super::scratch::Scratch;

const STRUCTURES: [Structure; 4] =
    [Structure::Full, Structure::Kronecker, Structure::Diagonal, Structure::LowRank(45)];

bnn! {
    struct Digits: [1, 6, 6] -> [3] {
        conv: Conv2d(2, kernel: 3) -> relu,
        flatten,
        fc: Linear(5, estimator: LocalReparameterization) -> relu,
        head: Linear(3),
    }
}

fn digits() -> (nn::VarStore, Digits, Tensors) {
    illia::manual_seed(2);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Digits::new(&vs.root());
    let x = randn(&[20, 1, 6, 6]).to_kind(Kind::Float);
    let y = Tensor::arange(20, (Kind::Int64, Device::Cpu)).remainder(3);
    (vs, net, Tensors::new(vec![x], y).unwrap())
}

fn message<T>(result: illia::Result<T>) -> String {
    result.err().map(|error| error.to_string()).expect("an error")
}

#[test]
fn random_parameters_are_held_at_their_means_and_left_alone() {
    let (_vs, mut net, data) = digits();
    illia::manual_seed(4);
    let random = Laplace::classification().fit(&net, &data).unwrap();
    let x = &data.inputs()[0];
    let next = net.forward(x);
    // The net's own noise is where it would have been.
    illia::manual_seed(4);
    let _stream = illia::noise::Stream::new();
    assert_eq!(next, net.forward(x));
    net.freeze_at_mean();
    let frozen = Laplace::classification().fit(&net, &data).unwrap();
    assert_eq!(random.precision(), frozen.precision());
    assert_eq!(random.marginals(&net, x).unwrap().mean, net.forward(x).detach());
}

#[test]
fn the_size_of_a_batch_changes_nothing() {
    let (_vs, net, data) = digits();
    for structure in STRUCTURES {
        for subset in [Subset::All, Subset::LastLayer] {
            let fit = |batch_size| {
                let laplace = Laplace::classification().structure(structure).subset(subset.clone());
                laplace.batch_size(batch_size).fit(&net, &data).unwrap().precision()
            };
            for (whole, parts) in fit(20).iter().zip(fit(3)) {
                let scale = whole.abs().max().double_value(&[]);
                assert!((whole - parts).abs().max().double_value(&[]) < 1e-5 * scale, "{structure:?}");
            }
        }
    }
}

#[test]
fn the_last_layers_short_way_is_the_long_way() {
    let (_vs, net, data) = digits();
    let x = &data.inputs()[0];
    for structure in STRUCTURES {
        let laplace = Laplace::classification().structure(structure).subset(Subset::LastLayer).per_example();
        let short = laplace.fit(&net, &data).unwrap();
        // Nothing tells here that the outputs are the layer's.
        let long_way = |inputs: &[Tensor]| Ok(net.try_forward(&inputs[0])? * 1.0);
        let long = laplace.fit_with(&net, &data, long_way).unwrap();
        for (short, long) in short.precision().iter().zip(long.precision()) {
            let scale = long.abs().max().double_value(&[]);
            assert!((short - long).abs().max().double_value(&[]) < 1e-5 * scale, "{structure:?}");
        }
        let long = short.functional_with(&net, std::slice::from_ref(x), long_way).unwrap();
        let short_covariance = short.functional(&net, x).unwrap().covariance;
        let scale = long.covariance.abs().max().double_value(&[]);
        let off = (short_covariance - &long.covariance).abs().max().double_value(&[]);
        assert!(off < 1e-5 * scale, "{structure:?}: {off}");
        illia::manual_seed(9);
        let by_short = short.predict(&net, x, 5).unwrap();
        illia::manual_seed(9);
        let by_long = short.predict_with(&net, std::slice::from_ref(x), 5, long_way).unwrap();
        let off = (by_short.outputs() - by_long.outputs()).abs().max().double_value(&[]);
        assert!(off < 1e-4, "{structure:?}: {off}");
    }
}

#[test]
fn three_thousand_classes_fit_in_memory() {
    illia::manual_seed(6);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 16, 3000, LinearConfig::default());
    let x = randn(&[64, 16]).to_kind(Kind::Float);
    let y = Tensor::arange(64, (Kind::Int64, Device::Cpu));
    let data = Tensors::new(vec![x.shallow_clone()], y).unwrap();
    // The whole covariance of these examples would take 64 * 3000² * 8 bytes = 4.6 GB, the Jacobians as much times 16.
    let fitted = Laplace::classification()
        .structure(Structure::Diagonal)
        .subset(Subset::LastLayer)
        .fit(&net, &data)
        .unwrap();
    let marginals = fitted.marginals(&net, &x).unwrap();
    assert_eq!(marginals.variance.size(), [64, 3000]);
    assert!(marginals.variance.min().double_value(&[]) > 0.0);
    let total = marginals.probit().sum_dim_intlist(1i64, false, Kind::Double);
    assert!((total - 1.0).abs().max().double_value(&[]) < 1e-9);
    assert_eq!(fitted.predict(&net, &x, 3).unwrap().outputs().size(), [3, 64, 3000]);
}

#[test]
fn a_prediction_is_like_any_other() {
    let (_vs, net, data) = digits();
    let (x, y) = (&data.inputs()[0], data.target());
    let mut fitted = Laplace::classification().fit(&net, &data).unwrap();
    fitted.set(&fitted.optimum(Priors::PerLayer, false).unwrap()).unwrap();
    illia::manual_seed(1);
    let prediction = fitted.predict(&net, x, 50).unwrap();
    assert_eq!(prediction.outputs().size(), [50, 20, 3]);
    assert_eq!(prediction.log_predictive(&Categorical, y).unwrap().size(), [20]);
    assert!(prediction.uncertainty(&Categorical).epistemic.min().double_value(&[]) > 0.0);
    illia::manual_seed(1);
    assert_eq!(prediction.outputs(), fitted.predict(&net, x, 50).unwrap().outputs(), "the same seed");
    let draws: Draws = fitted.draws(&net, 7).unwrap();
    assert_eq!(Predict::new().run_draws(&net, &draws, x).unwrap().outputs().size(), [7, 20, 3]);
}

#[test]
fn noise_that_the_net_predicts_has_a_curvature_too() {
    illia::manual_seed(8);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 3, 2, LinearConfig::default());
    let data = Tensors::new(vec![randn(&[9, 3]).to_kind(Kind::Float)], randn(&[9, 1])).unwrap();
    let fitted = Laplace::heteroscedastic().structure(Structure::Full).fit(&net, &data).unwrap();
    // One number and its scale are apart in a normal's Fisher information, and so are the weights of either.
    let hessian = fitted.hessian().remove(0);
    let between = hessian.narrow(0, 0, 3).narrow(1, 3, 3);
    assert_eq!(between.abs().max().double_value(&[]), 0.0);
    assert!(message(fitted.optimum(Priors::One, true)).contains("sigma_noise"));
}

#[test]
fn a_file_holds_everything() {
    let (_vs, net, data) = digits();
    let x = &data.inputs()[0];
    let folder = Scratch::new();
    for structure in STRUCTURES {
        let path = folder.join(format!("{structure:?}.safetensors"));
        let mut fitted = Laplace::classification().structure(structure).fit(&net, &data).unwrap();
        fitted.set(&fitted.optimum(Priors::PerParameter, false).unwrap()).unwrap();
        fitted.save(&path).unwrap();
        let loaded = FittedLaplace::load(&net, &path).unwrap();
        assert_eq!(loaded.names(), fitted.names());
        assert_eq!(loaded.prior_precision(), fitted.prior_precision());
        assert_eq!(loaded.precision(), fitted.precision());
        assert_eq!(loaded.evidence().unwrap(), fitted.evidence().unwrap());
        let variance = |laplace: &FittedLaplace| laplace.marginals(&net, x).unwrap().variance;
        assert_eq!(variance(&loaded), variance(&fitted));
        illia::manual_seed(3);
        let from = fitted.predict(&net, x, 4).unwrap();
        illia::manual_seed(3);
        assert_eq!(loaded.predict(&net, x, 4).unwrap().outputs(), from.outputs());

        // One bit anywhere, and it is not that file any more.
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() - 9;
        bytes[middle] ^= 1;
        let broken = folder.join("broken.safetensors");
        std::fs::write(&broken, bytes).unwrap();
        assert!(message(FittedLaplace::load(&net, &broken)).contains("checksum"));
    }
    let path = folder.join("Full.safetensors");
    let (_other, other, _) = digits();
    let _ = tch::no_grad(|| other.head.weight.mu().shallow_clone().fill_(0.5));
    assert!(message(FittedLaplace::load(&other, &path)).contains("other weights"));
    let model = folder.join("model.safetensors");
    illia::checkpoint::save(&net, &_vs, &model).unwrap();
    assert!(message(FittedLaplace::load(&net, &model)).contains("which no Laplace approximation has"));
    assert!(message(FittedLaplace::load(&net, folder.join("none"))).contains("no such checkpoint"));
}

#[bayesian]
#[derive(Debug)]
struct Recurrent {
    lstm: Lstm,
    head: Linear,
}

impl ModuleT for Recurrent {
    fn forward_t(&self, x: &Tensor, _: bool) -> Tensor {
        self.head.forward(&self.lstm.try_forward(x).unwrap().select(1, -1))
    }
}

#[test]
fn a_mistake_is_one_sentence_and_changes_nothing() {
    let (_vs, net, data) = digits();
    let laplace = Laplace::classification;
    let x = &data.inputs()[0];
    assert!(message(laplace().prior_precision(0.0).fit(&net, &data)).contains("prior_precision = 0"));
    assert!(message(Laplace::regression(f64::NAN).fit(&net, &data)).contains("sigma_noise"));
    assert!(message(laplace().batch_size(0).fit(&net, &data)).contains("batch_size"));
    let named = |name: &str| laplace().subset(Subset::Named(vec![name.to_owned()]));
    assert!(message(named("hea").fit(&net, &data)).contains("hea"));
    assert_eq!(named("fc").fit(&net, &data).unwrap().names(), ["fc.weight", "fc.bias"]);
    assert_eq!(named("conv.bias").fit(&net, &data).unwrap().names(), ["conv.bias"]);
    let empty = Tensors::new(vec![x.narrow(0, 0, 0)], data.target().narrow(0, 0, 0)).unwrap();
    assert!(message(laplace().fit(&net, &empty)).contains("no rows"));
    let labels = Tensors::new(vec![x.shallow_clone()], data.target() + 1).unwrap();
    assert!(message(laplace().fit(&net, &labels)).contains("a class from 0 to 2"));
    let infinite = Tensors::new(vec![x * f64::INFINITY], data.target().shallow_clone()).unwrap();
    assert!(message(laplace().fit(&net, &infinite)).contains("finite"));

    let mut fitted = laplace().fit(&net, &data).unwrap();
    assert!(
        message(fitted.set_prior_precision(&[1.0, -1.0, 1.0, 1.0, 1.0, 1.0]))
            .contains("prior_precision = -1")
    );
    assert!(message(fitted.set_prior_precision(&[1.0, 2.0])).contains("one for each of 6 parameters"));
    assert!(message(fitted.set_sigma_noise(2.0)).contains("sigma_noise"));
    assert_eq!((fitted.prior_precision(), fitted.sigma_noise()), ([1.0; 6].as_slice(), 1.0));
    assert!(message(fitted.predict(&net, x, 0)).contains("draws"));
    assert!(message(fitted.draws(&net, 0)).contains("draws"));
    let _ = tch::no_grad(|| net.head.bias.as_ref().unwrap().mu().shallow_clone().fill_(3.0));
    assert!(message(fitted.marginals(&net, x)).contains("fit again"));
}

#[test]
fn a_layer_without_a_rule_is_named_before_anything_is_computed() {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let lstm = Lstm::new(vs.root() / "lstm", 3, 4, RecurrentConfig::default());
    let net = Recurrent { lstm, head: Linear::new(vs.root() / "head", 4, 2, LinearConfig::default()) };
    let x = randn(&[6, 5, 3]).to_kind(Kind::Float);
    let data = Tensors::new(vec![x.shallow_clone()], Tensor::zeros([6], (Kind::Int64, Device::Cpu))).unwrap();
    let alone = Laplace::classification().per_example();
    assert!(message(alone.fit(&net, &data)).contains("`lstm.weight_ih_l0`"));
    assert!(message(Laplace::classification().fit(&net, &data)).contains("per_example()"));
    // The last layer has one, and the layers before it are what they are.
    let fitted = alone.subset(Subset::LastLayer).fit(&net, &data).unwrap();
    assert_eq!(fitted.names(), ["head.weight", "head.bias"]);
    assert_eq!(fitted.predict(&net, &x, 2).unwrap().outputs().size(), [2, 6, 2]);
}
