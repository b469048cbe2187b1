//! Every case of reference numbers from the Python library: outputs and KL within 1e-5, gradients within 1e-4,
//! relative to the largest number of the tensor compared.
//!
//! `ILLIA_GOLDEN=DIR cargo test --test golden` checks the cases of another folder.

mod device;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use device::device;
use illia::nn::{Conv, ConvConfig, Embedding, EmbeddingConfig, Linear, LstmModel, LstmModelConfig, Size};
use illia::prelude::*;
use serde_json::Value;

const FORWARD: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;

/// The tensors of one case and the layer's description.
struct Case {
    tensors: HashMap<String, Tensor>,
    layer: Value,
}

impl Case {
    fn read(path: &Path) -> Case {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let case = &header.metadata().as_ref().expect("the file has metadata")["case"];
        let tensors = Tensor::read_safetensors(path).unwrap().into_iter();
        let tensors = tensors.map(|(name, tensor)| (name, tensor.to_device(device()))).collect();
        Case { tensors, layer: serde_json::from_str(case).unwrap() }
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("the case has no tensor {name}"))
    }

    fn int(&self, name: &str) -> i64 {
        self.layer[name].as_i64().unwrap_or_else(|| panic!("{name} is no integer in {}", self.layer))
    }

    /// An integer or an array of them.
    fn size<const D: usize>(&self, name: &str) -> Size<D> {
        match &self.layer[name] {
            Value::Array(each) => Size(std::array::from_fn(|i| each[i].as_i64().unwrap())),
            _ => self.int(name).into(),
        }
    }

    /// What `field` (`mu`, `eps`, `rho.grad`, …) of one of the project's parameters is in the case's terms.
    fn reference(&self, parameter: &str, field: &str) -> Tensor {
        let of = |name: &str| self.tensor(&format!("{name}_distribution.{field}")).shallow_clone();
        // The original's gates apart, each over [x, h]; libtorch's kernel wants them stacked.
        let gates =
            |kind: &str| Tensor::cat(&["i", "f", "c", "o"].map(|gate| of(&format!("{kind}{gate}"))), 0);
        let inputs = || self.int("embeddings_dim");
        match parameter {
            "weight" => of("weights"),
            "bias" => of("bias"),
            "embedding.weight" => of("embedding.weights"),
            "lstm.weight_ih_l0" => gates("w").narrow(1, 0, inputs()),
            "lstm.weight_hh_l0" => gates("w").narrow(1, inputs(), self.int("hidden_size")),
            "lstm.bias_ih_l0" => gates("b"),
            "head.weight" => of("wv"),
            "head.bias" => of("bv"),
            other => panic!("the layer has an unexpected parameter {other}"),
        }
    }

    /// What a defect of the original adds: its Conv2d adds the bias once in libtorch's convolution
    /// and once more after it, which the gradients of the bias show too. The project adds it once.
    fn defect(&self, what: &str) -> Tensor {
        if self.layer["kind"] != "Conv2d" {
            return Tensor::from(0f32);
        }
        let of = |field: &str| self.tensor(&format!("bias_distribution.{field}"));
        let per_channel = self.tensor("y").numel() as f64 / of("w").numel() as f64;
        match what {
            "y" => of("w").reshape([1, -1, 1, 1]),
            "bias.mu.grad" => of("w").full_like(per_channel),
            "bias.rho.grad" => of("eps") * of("rho").sigmoid() * per_channel,
            _ => Tensor::from(0f32),
        }
    }

    /// The one prior of a parameter, which for stacked gates has to be the same for all.
    fn prior(&self, parameter: &str) -> Prior {
        let name = match parameter {
            "weight" => "weights",
            "bias" => "bias",
            "embedding.weight" => "embedding.weights",
            "lstm.weight_ih_l0" | "lstm.weight_hh_l0" => "wi",
            "lstm.bias_ih_l0" => "bi",
            "head.weight" => "wv",
            _ => "bv",
        };
        let prior = self.tensor(&format!("{name}_distribution.prior"));
        Prior::Gaussian { mean: prior.double_value(&[0]), std: prior.double_value(&[1]) }
    }

    /// Gives the module the case's posterior and prior, and holds it at the case's noise.
    fn set(&self, module: &mut dyn BayesianModule) {
        module.each_parameter_mut(&mut |name, parameter| {
            tch::no_grad(|| {
                parameter.mu().shallow_clone().copy_(&self.reference(name, "mu"));
                parameter.rho().unwrap().shallow_clone().copy_(&self.reference(name, "rho"));
            });
            parameter.set_prior(self.prior(name)).unwrap();
            parameter.hold(&self.reference(name, "eps")).unwrap();
        });
    }

    /// Checks outputs, KL, counts and gradients of `module` run by `forward`.
    fn check<M: BayesianModule>(
        &self,
        mut module: M,
        forward: impl Fn(&M, &Tensor) -> Vec<(&'static str, Tensor)>,
    ) {
        self.set(&mut module);
        let outputs = forward(&module, self.tensor("x"));
        for (name, output) in &outputs {
            close(name, output, &(self.tensor(name) - self.defect(name)), FORWARD);
        }
        let kl = module.kl_cost_monte_carlo();
        close("kl", &kl.nats.reshape([1]), self.tensor("kl"), FORWARD);
        assert_eq!(kl.num_params as i64, self.tensor("num_params").int64_value(&[0]), "num_params");

        (outputs[0].1.sum(Kind::Float) + kl.nats).backward();
        for (name, parameter) in module.named_parameters() {
            let draw = parameter.draw();
            close(&format!("{name}.w"), draw.weights(), &self.reference(&name, "w"), FORWARD);
            let gradients = [("mu.grad", parameter.mu()), ("rho.grad", parameter.rho().unwrap())];
            for (field, variable) in gradients {
                let what = format!("{name}.{field}");
                let reference = self.reference(&name, field) - self.defect(&what);
                close(&what, &variable.grad(), &reference, GRADIENT);
            }
        }
    }
}

fn close(what: &str, ours: &Tensor, reference: &Tensor, tolerance: f64) {
    assert_eq!(ours.size(), reference.size(), "{what}: shape");
    let difference = (ours - reference).abs().max().double_value(&[]);
    let scale = reference.abs().max().double_value(&[]);
    assert!(difference <= tolerance * scale, "{what}: off by {difference:e} at a scale of {scale:e}");
}

fn convolution<const D: usize>(case: &Case, p: nn::Path) {
    let stride: Size<D> = case.size("stride");
    let layer = |name: &str, stride| {
        let config = ConvConfig::<D> {
            stride,
            padding: case.size("padding"),
            dilation: case.size("dilation"),
            groups: case.int("groups"),
            ..Default::default()
        };
        let kernel: Size<D> = case.size("kernel_size");
        Conv::new(&p / name, case.int("input_channels"), case.int("output_channels"), kernel, config)
    };
    let forward = |layer: &Conv<D>, x: &Tensor| vec![("y", layer.forward(x))];
    if D == 1 {
        return case.check(layer("conv", stride), forward);
    }
    // The original's Conv2d has a second defect: it forgets the stride. The reference is what stride 1 gives; with the
    // case's stride, each stride-th row and column of it.
    case.check(layer("unit", 1.into()), forward);
    let mut strided = layer("strided", stride);
    case.set(&mut strided);
    let mut reference = case.tensor("y") - case.defect("y");
    for (axis, step) in stride.0.into_iter().enumerate() {
        reference = reference.slice(2 + axis as i64, None, None, step);
    }
    close("strided y", &strided.forward(case.tensor("x")), &reference, FORWARD);
}

fn check(path: &Path) {
    let case = Case::read(path);
    let vs = nn::VarStore::new(device());
    let p = vs.root();
    match case.layer["kind"].as_str() {
        Some("Linear") => {
            let layer = Linear::new(p, case.int("input_size"), case.int("output_size"), Default::default());
            case.check(layer, |layer, x| vec![("y", layer.forward(x))]);
        }
        Some("Conv1d") => convolution::<1>(&case, p),
        Some("Conv2d") => convolution::<2>(&case, p),
        Some("Embedding") => {
            let config =
                EmbeddingConfig { padding_idx: case.layer["padding_idx"].as_i64(), ..Default::default() };
            let layer = Embedding::new(p, case.int("num_embeddings"), case.int("embeddings_dim"), config);
            case.check(layer, |layer, x| vec![("y", layer.forward(x))]);
        }
        Some("LSTM") => {
            let size = |name| case.int(name);
            let (vocabulary, dim) = (size("num_embeddings"), size("embeddings_dim"));
            let (hidden, outputs) = (size("hidden_size"), size("output_size"));
            let model = LstmModel::new(p, vocabulary, dim, hidden, outputs, LstmModelConfig::default());
            case.check(model, |model, x| {
                let out = model.try_forward(x).unwrap();
                vec![("y", out.output), ("h", out.h), ("c", out.c)]
            });
        }
        kind => panic!("{}: unknown kind {kind:?}", path.display()),
    }
}

#[test]
fn golden() {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = std::env::var_os("ILLIA_GOLDEN").map_or_else(own, PathBuf::from);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{} holds no case", folder.display());
    for case in &cases {
        println!("{}", case.display());
        check(case);
    }
}
