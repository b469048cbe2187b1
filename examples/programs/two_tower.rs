//! `#[bayesian]` on structs of the user's own: generics, collections, skipped fields, plain layers.
use illia::prelude::*;
use std::collections::BTreeMap;

bnn! {
    struct Tower<const IN: i64>: [IN] -> [16] {
        fc1: Linear(32) -> relu,
        fc2: Linear(16),
    }
}

#[bayesian]
struct Ensemble<M> {
    members: Vec<M>,
    #[bayesian(skip)]
    title: String,
}

#[bayesian]
struct TwoTower {
    user: Tower<20>,
    item: Option<Tower<12>>,
    experts: Ensemble<illia::nn::Linear>,
    by_country: BTreeMap<String, illia::nn::Linear>,
    norm: nn::LayerNorm,
    #[bayesian(skip)]
    temperature: f64,
}

#[bayesian]
enum Either {
    Small(Tower<4>),
    Big { net: Box<TwoTower> },
}

fn main() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let linear = |name: &str, i, o| illia::nn::Linear::new(&(&p / name), i, o, Default::default());
    let net = TwoTower {
        user: Tower::new(&(&p / "user")),
        item: Some(Tower::new(&(&p / "item"))),
        experts: Ensemble {
            members: vec![linear("e0", 16, 1), linear("e1", 16, 1)],
            title: "experts".into(),
        },
        by_country: BTreeMap::from([("se".to_string(), linear("se", 16, 2))]),
        norm: nn::layer_norm(&p / "norm", vec![16], Default::default()),
        temperature: 0.5,
    };
    let tower = |i: usize| i * 32 + 32 + 32 * 16 + 16;
    let want = tower(20) + tower(12) + 2 * 17 + 34;
    assert_eq!(net.kl_cost().num_params, want, "{} at {}", net.experts.title, net.temperature);

    let mut either = Either::Big { net: Box::new(net) };
    either.freeze();
    let Either::Big { net } = &either else { unreachable!() };
    assert!(net.user.is_frozen() && net.experts.members[1].is_frozen() && net.by_country["se"].is_frozen());
    let x = Tensor::randn([5, 20], (Kind::Float, Device::Cpu));
    assert!(net.norm.forward(&net.user.forward(&x)).allclose(
        &net.norm.forward(&net.user.forward(&x)),
        0.,
        0.,
        false
    ));
    assert_eq!(either.kl_cost().num_params, want);
    either.unfreeze();
    assert!(!either.is_frozen());
    let small = Either::Small(Tower::new(&(&p / "small")));
    assert_eq!(small.kl_cost().num_params, tower(4));
    println!("ok");
}
