//! Tokens, recurrent layers, axes known only at run time.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Sentiment: [seq] -> [2] {
        embed: Embedding(16, vocabulary: 100),
        concat {
            { forward: Gru(8) },
            { backward: Rnn(4, bias: false) },
        },
        mean,
        head: Linear(2) -> softmax,
    }
}

bnn! {
    struct Spotter: [len, 6] -> [len, 3] {
        permute([1, 0]),
        conv1: Conv1d(12, kernel: 5, padding: 2) -> relu,
        conv2: Conv1d(12, kernel: 3, dilation: 4, padding: 4) -> relu,
        permute([1, 0]),
        head: Linear(12 => 3) -> log_softmax,
    }
}

bnn! {
    struct Shrunk: [4, len] -> [8, out] {
        conv1: Conv1d(8, kernel: 3) -> relu -> max_pool(2),
    }
}

bnn! {
    struct Heads: [seq, 24] -> [seq, 24] {
        reshape([seq, 4, 6]),
        permute([1, 0, 2]),
        fc: Linear(6),
        permute([1, 0, 2]),
        reshape([seq, 24]),
    }
}

#[test]
fn any_length() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let (sentiment, spotter) = (Sentiment::new(&(&p / "a")), Spotter::new(&(&p / "b")));
    let (shrunk, heads) = (Shrunk::new(&(&p / "c")), Heads::new(&(&p / "d")));
    for length in [5, 12, 31] {
        let tokens = Tensor::randint(100, [3, length], (Kind::Int64, Device::Cpu));
        assert_eq!(sentiment.forward(&tokens).size(), [3, 2]);
        assert_eq!(spotter.forward(&Tensor::randn([3, length, 6], CPU)).size(), [3, length, 3]);
        assert_eq!(shrunk.forward(&Tensor::randn([3, 4, length], CPU)).size(), [3, 8, (length - 2) / 2]);
        assert_eq!(heads.forward(&Tensor::randn([3, length, 24], CPU)).size(), [3, length, 24]);
    }
    assert_eq!(sentiment.to_string().lines().next(), Some("Sentiment: [seq] -> [2]"));
}

#[test]
fn a_token_outside_of_the_vocabulary_is_an_error_of_the_layer() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Sentiment::new(&vs.root());
    let tokens = Tensor::from_slice(&[3i64, 100]).reshape([1, 2]);
    let error = net.try_forward(&tokens).expect_err("no such token").to_string();
    assert_eq!(error, "embed: token 100 is outside the vocabulary of 100");
}

bnn! {
    struct Square: [n, n] -> [n] {
        mean,
    }
}

#[test]
fn one_name_is_one_length_at_run_time_too() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Square::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([2, 3, 3], CPU)).size(), [2, 3]);
    assert!(net.try_forward(&Tensor::randn([2, 3, 4], CPU)).is_err());
}
