//! `lora`: a pretrained weight that stays, and what is learnt on it.

use std::collections::HashMap;

use illia::checkpoint::{self, Names};
use illia::prelude::*;

use crate::scratch::Scratch;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Adapted(rank: i64): [seq] -> [3] {
        posterior: Plain;

        embed: Embedding(8, vocabulary: 20, lora: (rank: rank, alpha: 8.0)),
        residual { norm: LayerNorm, attend: SelfAttention(heads: 2, lora: (rank: 2, alpha: 4.0, rho: -3.0)) },
        gru: Gru(6, lora: (rank: 2, alpha: 2.0)),
        permute([1, 0]),
        conv: Conv1d(4, kernel: 3, padding: 1, lora: (rank: 1, alpha: 1.0)) -> permute([1, 0]) -> mean,
        head: Linear(3, posterior: Gaussian(rho: -4.0)),
    }
}

bnn! {
    struct Base: [seq] -> [3] {
        posterior: Plain;

        embed: Embedding(8, vocabulary: 20),
        residual { norm: LayerNorm, attend: SelfAttention(heads: 2) },
        gru: Gru(6),
        permute([1, 0]),
        conv: Conv1d(4, kernel: 3, padding: 1) -> permute([1, 0]) -> mean,
        head: Linear(3),
    }
}

bnn! {
    struct Everywhere: [4] -> [2] {
        posterior: Lora(rank: 2, alpha: 4.0);

        fc: Linear(8) -> relu,
        head: Linear(2, posterior: Point),
    }
}

fn tokens() -> Tensor {
    Tensor::arange(12, (Kind::Int64, Device::Cpu)).reshape([2, 6])
}

/// A pretrained net's file, and a net with adapters that has it.
fn pretrained() -> (Base, nn::VarStore, Adapted) {
    let base_vs = nn::VarStore::new(Device::Cpu);
    let base = Base::new(&base_vs.root());
    let folder = Scratch::new();
    let path = folder.join("base.safetensors");
    base_vs.save(&path).expect("a file");
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Adapted::new(&vs.root(), 3);
    Names::new().load(&vs, &path).expect("the file's weights");
    (base, vs, net)
}

#[test]
fn starts_at_the_pretrained_net() {
    let (base, vs, mut net) = pretrained();
    net.head.freeze_at_mean();
    assert!(net.forward(&tokens()).allclose(&base.forward(&tokens()), 1e-5, 1e-6, false));
    let trained: HashMap<String, Tensor> =
        vs.variables().into_iter().filter(|(_, v)| v.requires_grad()).collect();
    assert!(!trained.contains_key("embed.weight.mu") && !trained.contains_key("1.attend.in_proj.bias"));
    assert!(
        trained.contains_key("embed.weight.lora_b") && trained.contains_key("gru.weight_hh_l0.lora_a_rho")
    );
    // A of each: [3, 8] of the embedding, [2, 8] twice, [2, 8] and [2, 6] of the recurrent layer, [1, 6 * 3] of the convolution.
    assert_eq!(net.kl_cost().num_params, 3 * 8 + 2 * 2 * 8 + 2 * 8 + 2 * 6 + 6 * 3 + 4 * 3 + 3);
    let table = net.to_string();
    assert!(table.contains("Lora(3, 8, -6)") && table.contains("Lora(2, 4, ~-3)"), "{table}");
}

#[test]
fn training_moves_the_factors_alone_and_prediction_spreads() {
    let (_, vs, net) = pretrained();
    let before: HashMap<String, Tensor> =
        vs.variables().into_iter().map(|(name, v)| (name, v.copy())).collect();
    let (x, y) = (
        Tensor::randint(20, [16, 6], (Kind::Int64, Device::Cpu)),
        Tensor::randint(3, [16], (Kind::Int64, Device::Cpu)),
    );
    Fit::new(Categorical).epochs(3).batch_size(8).progress(false).run(&net, &vs, &x, &y).expect("a run");
    for (name, variable) in vs.variables() {
        let moved = variable != before[&name];
        let plain_norm = name.starts_with("1.norm");
        assert_eq!(moved, name.contains("lora") || name.starts_with("head") || plain_norm, "{name}");
    }
    let spread = Predict::new().draws(8).run(&net, &x).expect("a prediction");
    let outputs = spread.outputs().std_dim([0i64].as_slice(), true, false);
    assert!(outputs.min().double_value(&[]) > 0.0);
    // A checkpoint holds all of it.
    let folder = Scratch::new();
    let path = folder.join("model.safetensors");
    checkpoint::save(&net, &vs, &path).expect("a file");
    let other = nn::VarStore::new(Device::Cpu);
    let mut copy = Adapted::new(&other.root(), 3);
    checkpoint::load(&mut copy, &other, &path).expect("the same net");
    assert_eq!(other.variables()["gru.weight_ih_l0.lora_b"], vs.variables()["gru.weight_ih_l0.lora_b"]);
    let narrow = nn::VarStore::new(Device::Cpu);
    assert!(checkpoint::load(&mut Adapted::new(&narrow.root(), 2), &narrow, &path).is_err());
}

#[test]
fn a_frozen_net_is_one_merged_net() {
    let (_, vs, mut net) = pretrained();
    for (name, variable) in vs.variables() {
        if name.ends_with("lora_b") {
            tch::no_grad(|| variable.shallow_clone().copy_(&Tensor::randn(variable.size(), FLOAT)));
        }
    }
    let y = net.forward(&tokens());
    net.freeze();
    assert!(net.forward(&tokens()).allclose(&y, 1e-5, 1e-6, false));
    net.unfreeze();
    assert!(!net.forward(&tokens()).allclose(&y, 1e-3, 1e-3, false));
}

#[test]
fn a_net_of_adapters_and_its_deterministic_twin() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Everywhere::new(&vs.root());
    assert!(matches!(net.fc.weight.posterior(), Posterior::Lora { rank: 2, .. }));
    assert_eq!(net.kl_cost().num_params, 2 * 4 + 8 * 2 + 2);
    let twin = Everywhere::deterministic(&(vs.root() / "twin"));
    assert_eq!(twin.kl_cost().num_params, 0);
    assert!(twin.fc.weight.mu().requires_grad());
    let error = Adapted::try_new(&nn::VarStore::new(Device::Cpu).root(), 0).expect_err("a rank of 0");
    assert_eq!(error.to_string(), "embed: `rank` of `lora` must be at least 1, got 0");
}
