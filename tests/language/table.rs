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
    assert!(table.contains(&format!("{random} random, {plain} plain\n")), "{table}");
    // A Gaussian weight has two numbers; each of the four convolutions goes over sixteen places.
    let kilobytes = (4 * (2 * random + plain)) as f64 / 1000.0;
    let end = format!("{kilobytes:.1} kB of variables; {} multiply-adds for an example", group(4 * 16 * 64));
    assert!(table.ends_with(&end), "{table}");
}

fn group(n: usize) -> String {
    format!("{},{:03}", n / 1000, n % 1000)
}

bnn! {
    struct Block: [n, 8] -> [n, 8] {
        residual { norm: LayerNorm, attend: SelfAttention(heads: 2) },
        residual { up: Linear(32) -> gelu, down: Linear(8) },
    }
}

bnn! {
    struct Gpt: [seq] -> [seq, 100] {
        embed: Embedding(8, vocabulary: 100),
        position: PositionEmbedding(max: 64),
        blocks: [Block; 3],
        head: Tied(embed),
    }
}

bnn! {
    struct Grown: [2, h, w] -> [4, h * 2, w * 2] {
        up: ConvTranspose2d(4, kernel: 2, stride: 2),
        conv: Conv2d(4, kernel: 3, padding: 1, groups: 2),
    }
}

bnn! {
    struct Film: [time, 3, 8, 8] -> [5] {
        frames: each { conv: Conv2d(4, kernel: 3, padding: 1, stride: 2) -> relu -> global_avg_pool },
        gru: Gru(6, bidirectional: true) -> last,
        head: Linear(5),
    }
}

bnn! {
    struct Twins: (left: [6], right: [6]) -> [1] {
        let a = left -> tower: Linear(8) -> tanh;
        let b = right -> tower -> tanh;
        a -> multiply(b) -> head: Linear(1),
    }
}

bnn! {
    struct Reader: (source: [s, 8], target: [t, 4]) -> [t, 4] {
        target -> look: CrossAttention(heads: 2, memory: source),
    }
}

/// What the table says of a net's products: in each line that has some, and in all.
fn multiply_adds(table: &str) -> String {
    table.rsplit("; ").next().unwrap_or_default().replace(" multiply-adds for an example", "")
}

#[test]
fn products_are_counted_by_layers_and_places() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    // Each place of three blocks: 3 * 8 and 8 rows of 8 around the attention, 32 rows of 8 twice; the queries with the keys, and the weights
    // with the values; then the table's 100 rows of 8.
    let block = 4 * 64 + 2 * 8 * 32;
    let gpt = format!("{} seq + {} seq²", group(3 * block + 800), 3 * 2 * 8);
    assert_eq!(multiply_adds(&Gpt::new(&(&p / "gpt")).to_string()), gpt);
    // Over the input's places where the image grows, over the output's elsewhere.
    let grown = format!("{} h w", 2 * 4 * 4 + 4 * 4 * 2 * 9);
    assert_eq!(multiply_adds(&Grown::new(&(&p / "grown")).to_string()), grown);
    let film = format!("{} + {} time", 12 * 5, group(16 * 4 * 27 + 2 * 3 * 6 * (4 + 6)));
    assert_eq!(multiply_adds(&Film::new(&(&p / "film")).to_string()), film);
    let twins = Twins::new(&(&p / "twins")).to_string();
    assert_eq!(multiply_adds(&twins), (2 * 48 + 8).to_string(), "{twins}");
    assert!(twins.contains("65 parameters"), "{twins}");
    let reader = Reader::new(&(&p / "reader")).to_string();
    assert_eq!(multiply_adds(&reader), "64 memory + 32 t + 8 memory t", "{reader}");
}
