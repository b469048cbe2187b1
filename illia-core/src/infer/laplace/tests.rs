//! The derivatives that layers note, against autograd; curvature against its definition.

use tch::nn::{Init, VarStore};

use super::*;
use crate::likelihood::{Categorical, HeteroscedasticGaussian, Likelihood};
use crate::nn::{
    ClassToken, Conv1d, Conv2d, Conv3d, ConvConfig, ConvTranspose1d, ConvTranspose2d, ConvTransposeConfig,
    Embedding, EmbeddingConfig, Linear, LinearConfig, PositionEmbedding, RmsNorm, RmsNormConfig, TokenConfig,
};
use crate::parameter::Posterior;

fn plain() -> Posterior {
    Posterior::Plain { init: Init::Randn { mean: 0.0, stdev: 0.5 } }
}

fn randn(size: &[i64]) -> Tensor {
    crate::noise::normals(Stream::new().next_key(), size, Kind::Double, Device::Cpu)
}

fn close(what: &str, ours: &Tensor, reference: &Tensor, tolerance: f64) {
    assert_eq!(ours.size(), reference.size(), "{what}: shape");
    let error = (ours - reference).abs().max().double_value(&[]) / reference.abs().max().double_value(&[]);
    assert!(error <= tolerance, "{what}: off by {error:e}");
}

/// Every example's gradients of every output by every parameter are autograd's.
fn check<M: BayesianModule>(what: &str, net: &M, x: &Tensor, forward: impl Fn(&Tensor) -> Result<Tensor>) {
    let run = Run {
        parameters: net.parameters(),
        treated: net.named_parameters(),
        forward: &|inputs| match inputs {
            [x] => forward(x),
            _ => unreachable!(),
        },
    };
    let ours = run.linearised(std::slice::from_ref(x)).unwrap();
    let outputs = forward(x).unwrap().flatten(1, -1);
    close(what, &ours.flat(), &outputs.detach(), 1e-12);
    for k in 0..outputs.size()[1] {
        let gradients = ours.gradients_of(k).unwrap();
        for (name, parameter) in net.named_parameters() {
            let what = format!("{what}: output {k} by {name}");
            let each = ours.gradient_by(parameter.id(), &gradients).unwrap();
            let matrix = ours.matrix_of(parameter.id()).unwrap();
            assert_eq!(each.size()[1..], [matrix.groups, matrix.outputs, matrix.inputs], "{what}");
            let each = matrix.to_parameter(&each, &parameter.mu().size());
            let of = |row| {
                let output = outputs.get(row).get(k);
                Tensor::run_backward(&[output], &[parameter.mu()], true, false).remove(0)
            };
            let reference: Vec<Tensor> = (0..x.size()[0]).map(of).collect();
            close(&what, &each, &Tensor::stack(&reference, 0), 1e-12);
        }
    }
}

fn store() -> VarStore {
    crate::manual_seed(3);
    VarStore::new(Device::Cpu)
}

#[test]
fn gradients_of_linear_layers_are_autograds() {
    let mut vs = store();
    let config = LinearConfig { posterior: plain(), ..Default::default() };
    let net = (
        Linear::new(vs.root() / "a", 3, 4, config),
        Linear::new(vs.root() / "b", 4, 4, LinearConfig { bias: false, ..config }),
    );
    vs.double();
    // A sequence, one layer used twice, and outputs that are more than a layer's.
    let forward = |x: &Tensor| {
        let h = net.0.try_forward(x)?.tanh();
        let h = net.1.try_forward(&h)?.tanh();
        Ok(net.1.try_forward(&h)?.square().mean_dim(1i64, false, Kind::Double))
    };
    check("linear", &net, &randn(&[5, 2, 3]), forward);
}

#[test]
fn gradients_of_convolutions_are_autograds() {
    let mut vs = store();
    let one = ConvConfig { padding: 2.into(), stride: 2.into(), posterior: plain(), ..Default::default() };
    let grouped = ConvConfig {
        groups: 2,
        dilation: (1, 2).into(),
        stride: (2, 1).into(),
        padding: (0, 1).into(),
        posterior: plain(),
        ..Default::default()
    };
    let three = ConvConfig { posterior: plain(), ..Default::default() };
    let net = (
        Conv1d::new(vs.root() / "one", 2, 3, 3, one),
        Conv2d::new(vs.root() / "two", 4, 6, (3, 2), grouped),
        Conv3d::new(vs.root() / "three", 1, 2, 2, three),
    );
    vs.double();
    let mean = |s: Tensor| s.tanh().flatten(2, -1).mean_dim(2i64, false, Kind::Double);
    check("1-D", &net.0, &randn(&[3, 2, 7]), |x| Ok(mean(net.0.try_forward(x)?)));
    check("2-D", &net.1, &randn(&[3, 4, 6, 5]), |x| Ok(mean(net.1.try_forward(x)?)));
    check("3-D", &net.2, &randn(&[2, 1, 3, 4, 3]), |x| Ok(mean(net.2.try_forward(x)?)));
}

#[test]
fn gradients_of_transposed_convolutions_are_autograds() {
    let mut vs = store();
    let one = ConvTransposeConfig {
        stride: 3.into(),
        padding: 1.into(),
        output_padding: 2.into(),
        posterior: plain(),
        ..Default::default()
    };
    // A padding beyond the kernel's reach cuts the spread inputs.
    let two = ConvTransposeConfig {
        stride: (2, 1).into(),
        padding: (2, 1).into(),
        dilation: (1, 2).into(),
        groups: 2,
        posterior: plain(),
        ..Default::default()
    };
    let net = (
        ConvTranspose1d::new(vs.root() / "one", 2, 3, 4, one),
        ConvTranspose2d::new(vs.root() / "two", 4, 6, (2, 3), two),
    );
    vs.double();
    let mean = |s: Tensor| s.tanh().flatten(2, -1).mean_dim(2i64, false, Kind::Double);
    check("1-D", &net.0, &randn(&[3, 2, 4]), |x| Ok(mean(net.0.try_forward(x)?)));
    check("2-D", &net.1, &randn(&[3, 4, 4, 3]), |x| Ok(mean(net.1.try_forward(x)?)));
}

#[test]
fn gradients_of_tables_and_gains_are_autograds() {
    let mut vs = store();
    let table = EmbeddingConfig { padding_idx: Some(2), posterior: plain(), ..Default::default() };
    let token = TokenConfig { posterior: plain(), ..Default::default() };
    let gain = RmsNormConfig { posterior: plain(), ..Default::default() };
    let net = (
        Embedding::new(vs.root() / "table", 6, 4, table),
        PositionEmbedding::new(vs.root() / "position", 7, 4, token),
        ClassToken::new(vs.root() / "class", 4, token),
        RmsNorm::new(vs.root() / "norm", 4, gain),
    );
    vs.double();
    let tokens = Tensor::from_slice(&[0i64, 2, 5, 5, 1, 2, 3, 4, 4, 2, 2, 0]).reshape([4, 3]);
    let forward = |x: &Tensor| {
        let h = net.2.try_forward(&net.1.try_forward(&net.0.try_forward(x)?)?)?;
        Ok(net.3.try_forward(&h.tanh())?.tanh().mean_dim(1i64, false, Kind::Double))
    };
    check("table", &net, &tokens, forward);
}

#[test]
fn a_likelihoods_curvature_is_the_squared_slope_in_expectation() {
    crate::manual_seed(5);
    let outputs = randn(&[4, 4]);
    for observed in [Observed::Numbers, Observed::Heteroscedastic, Observed::Classes] {
        let roots: Vec<Tensor> = (0..4).map(|k| observed.root(&outputs, k)).collect();
        let roots = Tensor::stack(&roots, 2);
        let curvature = roots.matmul(&roots.transpose(1, 2));
        // E over targets of the gradient of the log-likelihood times itself (Fisher's identity).
        let slope = |target: &Tensor| {
            let outputs = outputs.copy().set_requires_grad(true);
            let value = match observed {
                Observed::Classes => Categorical.log_likelihood(&outputs, target),
                Observed::Numbers => {
                    crate::likelihood::Gaussian::fixed(1.0).unwrap().log_likelihood(&outputs, target)
                }
                Observed::Heteroscedastic => HeteroscedasticGaussian.log_likelihood(&outputs, target),
            };
            let sum = value.unwrap().sum(Kind::Double);
            let slope = Tensor::run_backward(&[sum], &[&outputs], false, false).remove(0);
            slope.unsqueeze(2) * slope.unsqueeze(1)
        };
        let expected = match observed {
            Observed::Classes => {
                let p = outputs.softmax(-1, Kind::Double);
                let each = (0..4i64).map(|c| {
                    slope(&Tensor::full([4], c, (Kind::Int64, Device::Cpu)))
                        * p.select(1, c).reshape([4, 1, 1])
                });
                each.reduce(|a, b| a + b).unwrap()
            }
            // Three nodes for each number integrate polynomials up to the fifth degree exactly; the slopes' squares have four.
            _ => {
                let (mean, std) = match observed {
                    Observed::Numbers => (outputs.shallow_clone(), outputs.ones_like()),
                    _ => (outputs.narrow(1, 0, 2), HeteroscedasticGaussian.variance(&outputs).sqrt()),
                };
                let numbers = mean.size()[1];
                let nodes = [(0.0, 2.0 / 3.0), (3f64.sqrt(), 1.0 / 6.0), (-(3f64.sqrt()), 1.0 / 6.0)];
                let mut sum = outputs.new_zeros([4, 4, 4], (Kind::Double, Device::Cpu));
                for choice in 0..3usize.pow(numbers as u32) {
                    let digits: Vec<_> =
                        (0..numbers).map(|i| nodes[choice / 3usize.pow(i as u32) % 3]).collect();
                    let z = Tensor::from_slice(&digits.iter().map(|(z, _)| *z).collect::<Vec<_>>());
                    let weight: f64 = digits.iter().map(|(_, weight)| weight).product();
                    sum += slope(&(&mean + &std * z)) * weight;
                }
                sum
            }
        };
        close(&format!("{observed:?}"), &curvature, &expected, 1e-10);
        let summed = curvature.sum_dim_intlist(0i64, false, Kind::Double);
        close(&format!("{observed:?}, summed"), &observed.summed(&outputs), &summed, 1e-12);
        let diagonal = curvature.diagonal(0, 1, 2);
        close(&format!("{observed:?}, diagonal"), &observed.diagonal(&outputs), &diagonal, 1e-12);
    }
}
