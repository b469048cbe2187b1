//! Sequences: a dynamic axis, tokens, a recurrent layer.
use illia::prelude::*;

bnn! {
    pub struct Names: [seq] -> [18] {
        embed: Embedding(32, vocabulary: 58, padding_idx: 0),
        lstm: Lstm(64, layers: 2, bidirectional: true) -> last,
        head: Linear(18) -> log_softmax,
    }
}

bnn! {
    struct Tagger: [seq, 16] -> [seq, 5] {
        gru: Gru(32),
        head: Linear(5),
    }
}

fn main() {
    let vs = nn::VarStore::new(Device::Cpu);
    let names = Names::new(&(vs.root() / "names"));
    let tagger = Tagger::new(&(vs.root() / "tagger"));
    for seq in [1, 7, 20] {
        let tokens = Tensor::randint(58, [3, seq], (Kind::Int64, Device::Cpu));
        let y = names.forward(&tokens);
        assert_eq!(y.size(), [3, 18]);
        assert!(y.exp().sum_dim_intlist(-1, false, Kind::Float).allclose(
            &Tensor::ones([3], (Kind::Float, Device::Cpu)),
            1e-5,
            1e-5,
            false
        ));
        assert_eq!(
            tagger.forward(&Tensor::randn([3, seq, 16], (Kind::Float, Device::Cpu))).size(),
            [3, seq, 5]
        );
    }
    println!("{names}\n{tagger}");
}
