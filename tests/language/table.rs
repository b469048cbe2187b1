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
