//! Programs as a user writes them, of several nets each.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    /// Bai et al. (2018): convolutions that see the past alone, further apart from block to block.
    struct Causal<const IN: i64, const OUT: i64>(kernel: i64, apart: i64, p: f64): [IN, time] -> [OUT, time] {
        residual(project: Conv1d(OUT, kernel: 1)) {
            pad(before: (kernel - 1) * apart),
            conv1: Conv1d(OUT, kernel: kernel, dilation: apart) -> relu -> dropout(p),
            pad(before: kernel * apart - apart),
            conv2: Conv1d(OUT, kernel: kernel, dilation: apart) -> relu -> dropout(p),
        } -> relu,
    }
}

bnn! {
    struct Forecast(kernel: i64): [time, 3] -> [time, 1] {
        permute([1, 0]),
        near: Causal<3, 8>(kernel: kernel, apart: 1, p: 0.1),
        far: Causal<8, 8>(kernel: kernel, apart: 4, p: 0.1),
        permute([1, 0]),
        head: Linear(1),
    }
}

#[test]
fn a_causal_net_sees_the_past_alone() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Forecast::new(&vs.root(), 3);
    net.freeze();
    let x = Tensor::randn([1, 20, 3], CPU);
    let other = x.shallow_clone().narrow(1, 0, 12);
    let last = net.forward(&x).narrow(1, 0, 12);
    assert!(
        last.allclose(&net.forward(&other), 1e-5, 1e-6, false),
        "what comes after 12 changes what is before"
    );
    assert_eq!(net.forward(&x).size(), [1, 20, 1]);
}

bnn! {
    struct Read(words: i64, width: i64): [s] -> (read: [s, width], state: [1, width]) {
        embed: Embedding(width, vocabulary: words),
        let (read, state) = gru: Gru(width);
    }
}

bnn! {
    struct Write(words: i64, width: i64): (tokens: [t], read: [s, width], state: [1, width]) -> (next: [t, words], after: [1, width]) {
        let (h, after) = tokens -> embed: Embedding(width, vocabulary: words) -> gru: Gru(width, state: state);
        let next = h -> residual { look: CrossAttention(heads: 2, memory: read) } -> head: Linear(words);
    }
}

bnn! {
    /// Bahdanau et al. (2015), in short: nets that hand each other their states.
    struct Translate(from: i64, to: i64): (source: [s], target: [t]) -> (next: [t, to], state: [1, 16]) {
        let (read, begin) = source -> reader: Read(words: from, width: 16);
        let (next, state) = writer: Write(words: to, width: 16, tokens: target, read: read, state: begin);
    }
}

#[test]
fn states_go_from_net_to_net() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Translate::new(&vs.root(), 20, 30);
    let tokens = |high: i64, size: &[i64]| Tensor::randint(high, size, (Kind::Int64, Device::Cpu));
    let (next, state) = net.forward(&tokens(20, &[3, 7]), &tokens(30, &[3, 5]));
    assert_eq!((next.size(), state.size()), (vec![3, 5, 30], vec![3, 1, 16]));
    let table = net.to_string();
    assert!(table.contains("Read   [s, 16]") && table.contains("Write  [t, 30]"), "{table}");
}

bnn! {
    /// A word by its letters.
    struct Spelling(letters: i64): [length] -> [12] {
        embed: Embedding(6, vocabulary: letters),
        permute([1, 0]),
        conv: Conv1d(12, kernel: 3, padding: 1) -> relu,
        permute([1, 0]),
        max,
    }
}

bnn! {
    /// Ma & Hovy (2016): words by their letters and by themselves, both ways along the sentence.
    struct Tagger<const TAGS: i64>(words: i64, letters: i64): (sentence: [seq], spelt: [seq, length]) -> [seq, TAGS] {
        let spelling = spelt -> each { word: Spelling(letters: letters) };
        sentence -> embed: Embedding(20, vocabulary: words) -> concat(spelling, axis: 1),
        let (both, _, _) = lstm: Lstm(16, bidirectional: true);
        both -> dropout(0.2) -> head: Linear(TAGS),
    }
}

#[test]
fn words_by_their_letters() -> illia::Result<()> {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Tagger::<4>::new(&vs.root(), 50, 27);
    let sentence = Tensor::randint(50, [6, 5], (Kind::Int64, Device::Cpu));
    let spelt = Tensor::randint(27, [6, 5, 7], (Kind::Int64, Device::Cpu));
    let tags = sentence.remainder(4);
    let data = illia::data::Tensors::new(vec![sentence.shallow_clone(), spelt.shallow_clone()], tags)?;
    let fit = Fit::new(&likelihood::Categorical).epochs(2).batch_size(3);
    fit.run_with(&net, &vs, &data, |inputs, train| net.try_forward_t(&inputs[0], &inputs[1], train))?;
    let inputs = [sentence, spelt];
    let prediction = Predict::new().draws(3).run_with(&net, &inputs, |x| net.try_forward(&x[0], &x[1]))?;
    assert_eq!(prediction.mean().size(), [6, 5, 4]);
    Ok(())
}
