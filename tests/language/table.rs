//! What a net prints.

use illia::prelude::*;

bnn! {
    struct Small: [1, 6, 6] -> [2] {
        estimator: LocalReparameterization;

        conv: Conv2d(2, kernel: 3) -> relu -> max_pool(2),
        norm: BatchNorm2d,
        flatten,
        #[deterministic]
        fc: Linear(4) -> relu,
        repeat 2 { hidden: Linear(4, estimator: Flipout) -> (|x| x * 0.5) },
        head: Linear(2) -> log_softmax,
    }
}

#[test]
fn a_line_for_each_layer_and_each_change_of_shape() {
    let vs = nn::VarStore::new(Device::Cpu);
    let table = Small::new(&vs.root()).to_string();
    let expected = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/language/table.txt"))
        .unwrap_or_default();
    assert_eq!(table, expected.trim_end(), "\n{table}");
}

bnn! {
    struct Inner: [8, 4, 4] -> [8, 4, 4] {
        norm: BatchNorm2d,
        conv: Conv2d(8, kernel: 1),
    }
}

bnn! {
    struct Plain: [8, 4, 4] -> [8, 4, 4] {
        repeat 2 { norm: BatchNorm2d -> relu },
        inner: Inner,
        blocks: [Inner; 3],
    }
}

#[test]
fn every_plain_weight_is_counted() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Plain::new(&vs.root());
    let random = 4 * (8 * 8 + 8);
    let plain = 2 * 16 + 4 * 16;
    assert_eq!(net.kl_cost().num_params, random);
    let table = net.to_string();
    assert!(table.ends_with(&format!("{random} random, {plain} plain")), "{table}");
}
