//! The nets of `examples/zoo` against reference implementations: with a reference's weights, its outputs.
//!
//! `tests/golden_zoo/make.py` made the files.

#[path = "../examples/zoo/nets/mod.rs"]
mod nets;

mod device;

use std::collections::HashMap;
use std::path::PathBuf;

use device::device;
use illia::checkpoint::Names;
use illia::prelude::*;
use nets::{
    bert::Bert, crystals::Crystals, deep_sets::DeepSets, densenet::DenseNet121, gpt2::Gpt2, lenet::LeNet,
    mobilenet::MobileNetV2, resnet18::ResNet18, resnet50::ResNet50, tagger::Tagger, transformer::Transformer,
    two_tower::TwoTower, unet::UNet, vgg::Vgg11, vit::Vit, wavenet::WaveNet,
};

/// One file: its weights go into a net, which must give its outputs for its inputs.
struct Case {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
    vs: nn::VarStore,
}

impl Case {
    fn of(name: &str) -> Case {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden_zoo/{name}.safetensors"));
        let tensors = Tensor::read_safetensors(&path).expect("a file").into_iter();
        let tensors = tensors.map(|(name, tensor)| (name, tensor.to_device(device()))).collect();
        Case { path, tensors, vs: nn::VarStore::new(device()) }
    }

    fn input(&self, i: usize) -> &Tensor {
        &self.tensors[&format!("input.{i}")]
    }

    fn load(&self, names: Names) {
        let names = names.ignore("input").ignore("output");
        names.load(&self.vs, &self.path).unwrap_or_else(|error| panic!("{error}"));
    }

    fn check(&self, outputs: &[&Tensor]) {
        for (i, y) in outputs.iter().enumerate() {
            let want = &self.tensors[&format!("output.{i}")];
            assert_eq!(y.size(), want.size());
            let scale = want.abs().max().double_value(&[]);
            let off = (*y - want).abs().max().double_value(&[]);
            // Sums of some thousand products in single precision, in another order.
            assert!(off < 2e-5 * scale.max(1.0), "{}: {off} off, of {scale}", self.path.display());
        }
    }
}

#[test]
fn each_has_as_many_weights_as_its_original() {
    for (name, make, original) in nets::ZOO {
        let vs = nn::VarStore::new(Device::Cpu);
        make(&vs.root());
        let weights: usize = vs.trainable_variables().iter().map(Tensor::numel).sum();
        assert_eq!(weights, original, "{name}");
    }
}

#[test]
fn lenet_5() {
    let case = Case::of("lenet");
    let net = LeNet::deterministic(&case.vs.root(), 2);
    case.load(Names::new());
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn vgg_11() {
    let case = Case::of("vgg11");
    let net = Vgg11::deterministic(&case.vs.root(), 2, 8, 5);
    let theirs = [0, 3, 6, 8, 11, 13, 16, 18].map(|i| format!("features.{i}"));
    let mut names = Names::new();
    for (i, theirs) in theirs.iter().enumerate() {
        names = names.row(&format!("conv{}", i + 1), &[theirs]);
    }
    case.load(
        names.row("fc1", &["classifier.0"]).row("fc2", &["classifier.3"]).row("head", &["classifier.6"]),
    );
    case.check(&[&net.forward(case.input(0))]);
}

/// A stage of a ResNet: its first block and those of its shape.
fn stage(
    mut names: Names,
    theirs: usize,
    first: Option<&str>,
    rest: &[String],
    convolutions: usize,
) -> Names {
    let blocks = first.map(str::to_owned).into_iter().chain(rest.iter().cloned());
    for (i, ours) in blocks.enumerate() {
        for k in 1..=convolutions {
            let theirs = |what: &str| format!("layer{theirs}.{i}.{what}{k}");
            names = names.row(&format!("{ours}.block.conv{k}"), &[&theirs("conv")]);
            names = names.row(&format!("{ours}.block.norm{k}"), &[&theirs("bn")]);
        }
        let shortcut = format!("layer{theirs}.{i}.downsample");
        names = names.row(&format!("{ours}.block.project.conv"), &[&format!("{shortcut}.0")]);
        names = names.row(&format!("{ours}.block.project.norm"), &[&format!("{shortcut}.1")]);
    }
    names
}

fn around(names: Names) -> Names {
    names.row("stem", &["conv1"]).row("norm", &["bn1"]).row("head", &["fc"])
}

#[test]
fn resnet_18() {
    let case = Case::of("resnet18");
    let net = ResNet18::deterministic(&case.vs.root(), 4, 5, 64);
    let mut names = stage(around(Names::new()), 1, None, &["same1.0".into(), "same1.1".into()], 2);
    for i in 2..=4 {
        names = stage(names, i, Some(&format!("down{i}")), &[format!("same{i}")], 2);
    }
    case.load(names);
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn resnet_50() {
    let case = Case::of("resnet50");
    let net = ResNet50::deterministic(&case.vs.root(), 2, 5, 64);
    let mut names = around(Names::new());
    for (i, blocks) in [(1, 2), (2, 3), (3, 5), (4, 2)] {
        let rest: Vec<String> = (0..blocks).map(|block| format!("same{i}.{block}")).collect();
        names = stage(names, i, Some(&format!("down{i}")), &rest, 3);
    }
    case.load(names);
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn densenet_121() {
    let case = Case::of("densenet");
    let net = DenseNet121::deterministic(&case.vs.root(), 2, 5, 64);
    let mut names = Names::new().row("stem", &["features.conv0"]).row("head", &["classifier"]);
    for (block, layers) in [(1, 6), (2, 12), (3, 24), (4, 16)] {
        for layer in 0..layers {
            for part in ["norm1", "conv1", "norm2", "conv2"] {
                let theirs = format!("features.denseblock{block}.denselayer{}.{part}", layer + 1);
                names = names.row(&format!("block{block}.{layer}.0.1.{part}"), &[&theirs]);
            }
        }
        for part in ["norm", "conv"] {
            let theirs = format!("features.transition{block}.{part}");
            names = names.row(&format!("trans{block}.{part}"), &[&theirs]);
        }
    }
    case.load(names.row("norm0", &["features.norm0"]).row("norm5", &["features.norm5"]));
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn mobilenet_v2() {
    let case = Case::of("mobilenet");
    let net = MobileNetV2::deterministic(&case.vs.root(), 1, 1280, 5, 64);
    let mut names = Names::new();
    let pairs = [("stem", "norm", "0"), ("depth", "norm_depth", "1.conv.0"), ("conv", "norm_last", "18")];
    for (conv, norm, theirs) in pairs {
        names =
            names.row(conv, &[&format!("features.{theirs}.0")]).row(norm, &[&format!("features.{theirs}.1")]);
    }
    names = names.row("shrink", &["features.1.conv.1"]).row("norm_shrink", &["features.1.conv.2"]);
    let mut theirs = 2;
    for (i, kept) in [(2, 1), (3, 2), (4, 3), (5, 2), (6, 2), (7, 0)] {
        let mut blocks = vec![format!("change{i}")];
        blocks.extend(
            (0..kept)
                .map(|k| if kept == 1 { format!("keep{i}.block") } else { format!("keep{i}.{k}.block") }),
        );
        for ours in blocks {
            let parts = [
                ("expand", "0.0"),
                ("norm1", "0.1"),
                ("depth", "1.0"),
                ("norm2", "1.1"),
                ("shrink", "2"),
                ("norm3", "3"),
            ];
            for (part, place) in parts {
                names = names.row(&format!("{ours}.{part}"), &[&format!("features.{theirs}.conv.{place}")]);
            }
            theirs += 1;
        }
    }
    case.load(names.row("head", &["classifier.1"]));
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn u_net() {
    let case = Case::of("unet");
    let net = UNet::deterministic(&case.vs.root(), 1, 2);
    // Blocks without a name go by their places.
    let mut names = Names::new();
    for layer in (1..=4).flat_map(|i| [format!("a{i}"), format!("b{i}")]) {
        names = names.row(&format!("*.{layer}"), &[&layer]);
    }
    case.load(names);
    let row = case.input(0);
    let y = net.forward(&(row + row.transpose(2, 3)));
    assert_eq!(y.size(), [1, 2, 388, 388]);
    case.check(&[&y.slice(2, None, None, 16).slice(3, None, None, 16)]);
}

#[test]
fn wavenet() {
    let case = Case::of("wavenet");
    let net = WaveNet::deterministic(&case.vs.root(), 6, 8, 5);
    let mut names = Names::new();
    for i in 1..=4 {
        for (ours, theirs) in [("filter", "filter"), ("gate", "gate"), ("out", "out"), ("skip", "out_skip")] {
            names = names.row(&format!("{ours}{i}"), &[&format!("layer{i}.{theirs}")]);
        }
    }
    case.load(names);
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn a_bidirectional_tagger() {
    let case = Case::of("tagger");
    let net = Tagger::deterministic(&case.vs.root(), 20, 6, 5, 4);
    let mut names = Names::new();
    for second in ["l0", "l0_reverse", "l1", "l1_reverse"] {
        names = names.ignore(&format!("lstm.bias_hh_{second}"));
    }
    case.load(names);
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn an_encoder_decoder_transformer() {
    let case = Case::of("transformer");
    let net = Transformer::deterministic(&case.vs.root(), 8, 2, 16, 2);
    let mut names = Names::new();
    for (ours, theirs, norms) in [("encoder", "encoder", 2), ("decoder", "decoder", 3)] {
        let of = |part: &str| format!("{theirs}.layers.*.{part}");
        for kind in ["weight", "bias"] {
            names = names.row(
                &format!("{ours}.*.own.attend.in_proj.{kind}"),
                &[&of(&format!("self_attn.in_proj_{kind}"))],
            );
        }
        names = names
            .row(&format!("{ours}.*.own.attend.out_proj"), &[&of("self_attn.out_proj")])
            .row(&format!("{ours}.*.feed.up"), &[&of("linear1")])
            .row(&format!("{ours}.*.feed.down"), &[&of("linear2")]);
        for i in 1..=norms {
            names = names.row(&format!("{ours}.*.norm{i}"), &[&of(&format!("norm{i}"))]);
        }
    }
    case.load(
        names
            .row("decoder.*.across.look.query", &["decoder.layers.*.query"])
            .row("decoder.*.across.look.key_value", &["decoder.layers.*.key_value"])
            .row("decoder.*.across.look.out_proj", &["decoder.layers.*.multihead_attn.out_proj"])
            .row("norm_source", &["encoder.norm"])
            .row("norm_target", &["decoder.norm"])
            .ignore("decoder.layers.*.multihead_attn"),
    );
    case.check(&[&net.forward(case.input(0), case.input(1), case.input(2))]);
}

#[test]
fn gpt_2() {
    let case = Case::of("gpt2");
    let net = Gpt2::deterministic(&case.vs.root(), 16, 2, 2, 50, 16);
    case.load(
        Names::new()
            .row("wte", &["transformer.wte"])
            .row("wpe", &["transformer.wpe"])
            .row("ln_f", &["transformer.ln_f"])
            .row("h.*.attn.ln", &["transformer.h.*.ln_1"])
            .row("h.*.mlp.ln", &["transformer.h.*.ln_2"])
            .transposed("h.*.attn.attend.in_proj", &["transformer.h.*.attn.c_attn"])
            .transposed("h.*.attn.attend.out_proj", &["transformer.h.*.attn.c_proj"])
            .transposed("h.*.mlp.up", &["transformer.h.*.mlp.c_fc"])
            .transposed("h.*.mlp.down", &["transformer.h.*.mlp.c_proj"])
            .ignore("lm_head"),
    );
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn bert() {
    let case = Case::of("bert");
    let net = Bert::deterministic(&case.vs.root(), 16, 2, 2, 50, 16);
    let of = |rest: &str| format!("encoder.layer.*.{rest}");
    let (query, key, value) =
        (of("attention.self.query"), of("attention.self.key"), of("attention.self.value"));
    case.load(
        Names::new()
            .row("embed", &["embeddings.word_embeddings"])
            .row("embed_type", &["embeddings.token_type_embeddings"])
            .row("position", &["embeddings.position_embeddings"])
            .row("norm", &["embeddings.LayerNorm"])
            .row("layer.*.attention.attend.in_proj", &[&query, &key, &value])
            .row("layer.*.attention.attend.out_proj", &[&of("attention.output.dense")])
            .row("layer.*.norm_attention", &[&of("attention.output.LayerNorm")])
            .row("layer.*.feed.up", &[&of("intermediate.dense")])
            .row("layer.*.feed.down", &[&of("output.dense")])
            .row("layer.*.norm_feed", &[&of("output.LayerNorm")])
            .row("pooler", &["pooler.dense"]),
    );
    let (states, pooled) = net.forward(case.input(0), case.input(1), case.input(2));
    case.check(&[&states, &pooled]);
}

#[test]
fn a_vision_transformer() {
    let case = Case::of("vit");
    let net = Vit::deterministic(&case.vs.root(), 8, 2, 2, 4, 16, 5);
    let of = |rest: &str| format!("encoder.layers.encoder_layer_*.{rest}");
    let mut names = Names::new()
        .row("patches", &["conv_proj"])
        .row("class.weight", &["class_token"])
        .row("position.weight", &["encoder.pos_embedding"])
        .row("ln", &["encoder.ln"])
        .row("head", &["heads.head"]);
    for i in 0..2 {
        let of = |rest: &str| of(rest).replace('*', &i.to_string());
        for kind in ["weight", "bias"] {
            let theirs = of(&format!("self_attention.in_proj_{kind}"));
            names = names.row(&format!("encoder.{i}.attention.attend.in_proj.{kind}"), &[&theirs]);
        }
        names = names
            .row(&format!("encoder.{i}.attention.ln"), &[&of("ln_1")])
            .row(&format!("encoder.{i}.attention.attend.out_proj"), &[&of("self_attention.out_proj")])
            .row(&format!("encoder.{i}.mlp.ln"), &[&of("ln_2")])
            .row(&format!("encoder.{i}.mlp.up"), &[&of("mlp.0")])
            .row(&format!("encoder.{i}.mlp.down"), &[&of("mlp.3")]);
    }
    case.load(names);
    case.check(&[&net.forward(case.input(0))]);
}

#[test]
fn two_towers() {
    let case = Case::of("two_tower");
    let net = TwoTower::deterministic(&case.vs.root(), 4, 5, 3);
    case.load(Names::new());
    case.check(&[&net.forward(case.input(0), case.input(1), case.input(2), case.input(3))]);
}

#[test]
fn deep_sets() {
    let case = Case::of("deep_sets");
    let net = DeepSets::deterministic(&case.vs.root(), 3, 8);
    case.load(Names::new());
    case.check(&[&net.forward(case.input(0), case.input(1))]);
}

#[test]
fn a_crystal_graph_network() {
    let case = Case::of("crystals");
    let net = Crystals::deterministic(&case.vs.root(), 4, 3, 6, 8);
    case.load(Names::new().row("convs.*.conv", &["convs.*"]));
    let one = |i: usize| case.input(i).unsqueeze(0);
    let keep = Tensor::ones([1, 4], (Kind::Float, device()));
    case.check(&[&net.forward(&one(0), &one(1), &one(2), &keep).squeeze_dim(0)]);
}
