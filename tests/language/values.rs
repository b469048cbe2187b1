//! Named values, and nets of several inputs and outputs.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Towers: (user: [6], item: [4]) -> [1] {
        let u = user -> left: Linear(8) -> relu;
        let v = item -> right: Linear(8) -> relu;
        u -> concat(v),
        head: Linear(1),
    }
}

bnn! {
    struct Heads: [8] -> (class: [5], value: [1]) {
        let h = trunk: Linear(16) -> relu;
        let class = classify: Linear(5);
        let value = h -> regress: Linear(1);
    }
}

bnn! {
    /// Both as layers: inputs by name, outputs taken apart.
    struct Whole: (person: [6], thing: [4]) -> [6] {
        score: Towers(item: thing, user: person),
        widen: Linear(8),
        let (kind, much) = heads: Heads;
        kind -> concat(much),
    }
}

bnn! {
    /// One chain of values, ops and named layers; a sum that broadcasts; a step once more.
    struct Chain: (a: [4, 10], b: [4, 10]) -> [8, 10] {
        let c = b -> concat(a) -> two: Conv1d(8, kernel: 3, padding: 1) -> relu -> three: Conv1d(8, kernel: 1);
        let gate = { mean, wide: Linear(10) -> sigmoid };
        c -> multiply(gate) -> add(c),
        three,
    }
}

bnn! {
    struct Shared: [8] -> [8] {
        a: Linear(8) -> tanh,
        b: Linear(8),
        a,
        a -> relu,
    }
}

bnn! {
    struct Axes: (x: [s, 4], y: [t, 4]) -> [rows, 4] {
        x -> concat(y, axis: 0),
    }
}

bnn! {
    struct Bilinear<const N: i64>(extra: i64): (x: [N], y: [extra]) -> (sum: [N], both: [N + extra + N]) {
        let grown = y -> grow: Linear(N);
        let sum = x -> add(grown) -> identity;
        let both = x -> concat(y, grown);
    }
}

fn numel(net: &impl BayesianModule) -> usize {
    net.kl_cost().num_params
}

#[test]
fn several_inputs_and_outputs() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let towers = Towers::new(&(&p / "towers"));
    let (user, item) = (Tensor::randn([3, 6], CPU), Tensor::randn([3, 4], CPU));
    assert_eq!(towers.forward(&user, &item).size(), [3, 1]);
    assert_eq!(numel(&towers), (6 * 8 + 8) + (4 * 8 + 8) + 17);
    let error = towers.try_forward(&item, &user).expect_err("the other way round").to_string();
    assert!(error.contains("Towers (user)") && error.contains("[batch, 6]"), "{error}");
    let error = towers.try_forward(&user, &item.narrow(0, 0, 2)).expect_err("two of three").to_string();
    assert!(error.contains("Towers (item)") && error.contains("3 examples"), "{error}");
    assert!(towers.to_string().starts_with("Towers: (user: [6], item: [4]) -> [1]"));
    assert_eq!(Towers::INPUTS.len(), 2);
    assert!(towers.per_example() && towers.try_forward_module(&user, false).is_none());

    let (class, value) = Heads::new(&(&p / "heads")).forward_t(&Tensor::randn([2, 8], CPU), true);
    assert_eq!((class.size(), value.size()), (vec![2, 5], vec![2, 1]));

    let mut whole = Whole::new(&(&p / "whole"));
    assert_eq!(whole.forward(&user, &item).size(), [3, 6]);
    whole.freeze();
    let direct = {
        let score = whole.score.forward(&user, &item);
        let (class, value) = whole.heads.forward(&whole.widen.forward(&score));
        Tensor::cat(&[class, value], 1)
    };
    assert!(whole.forward(&user, &item).allclose(&direct, 1e-6, 1e-7, false));
    assert!(vs.variables().contains_key("whole.score.left.weight.mu"));
}

#[test]
fn a_chain_joins_values_ops_and_layers_in_any_order() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Chain::new(&vs.root());
    net.freeze();
    let (a, b) = (Tensor::randn([2, 4, 10], CPU), Tensor::randn([2, 4, 10], CPU));
    let c = net.three.forward(&net.two.forward(&Tensor::cat(&[&b, &a], 1)).relu());
    let gate = net.wide.forward(&c.mean_dim(1i64, false, Kind::Float)).sigmoid().unsqueeze(1);
    let want = net.three.forward(&(&c * gate + &c));
    assert!(net.forward(&a, &b).allclose(&want, 1e-5, 1e-6, false));
    let weights = (8 * 8 * 3 + 8) + (8 * 8 + 8) + (10 * 10 + 10);
    assert_eq!(numel(&net), weights, "a step used twice is counted once");
}

#[test]
fn a_step_used_again_is_the_same_layer() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Shared::new(&vs.root());
    net.freeze();
    let x = Tensor::randn([2, 8], CPU);
    let y = net.a.forward(&net.a.forward(&net.b.forward(&net.a.forward(&x).tanh()))).relu();
    assert!(net.forward(&x).allclose(&y, 1e-5, 1e-6, false));
    // Mean and spread of two weights and two biases, and the axes of the layer that comes last.
    assert_eq!((numel(&net), vs.len()), (2 * 72, 9));
}

#[test]
fn values_join_along_an_axis_of_any_length() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Axes::new(&vs.root());
    let y = net.forward(&Tensor::randn([2, 3, 4], CPU), &Tensor::randn([2, 5, 4], CPU));
    assert_eq!(y.size(), [2, 8, 4]);
}

#[test]
fn arguments_and_several_values_together() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Bilinear::<3>::new(&vs.root(), 2);
    let (sum, both) = net.forward(&Tensor::randn([4, 3], CPU), &Tensor::randn([4, 2], CPU));
    assert_eq!((sum.size(), both.size()), (vec![4, 3], vec![4, 8]));
    assert!(net.to_string().starts_with("Bilinear: (x: [3], y: [2]) -> (sum: [3], both: [8])"));
}

bnn! {
    struct Score(width: i64): (user: [6], item: [4]) -> [1] {
        user -> concat(item) -> fc: Linear(width) -> tanh,
        head: Linear(1),
    }
}

bnn! {
    /// Burges et al. (2005): which of two is rather for someone, by one net that scores both.
    struct Rank: (who: [6], left: [4], right: [4]) -> [1] {
        let other = score: Score(width: 8, user: who, item: right);
        let negative = other -> (|x| -x);
        let chosen = score(user: who, item: left);
        chosen -> add(negative) -> sigmoid,
    }
}

#[test]
fn a_net_of_several_inputs_is_used_again_on_other_values() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Rank::new(&vs.root());
    assert_eq!(net.kl_cost().num_params, 10 * 8 + 8 + 8 + 1);
    net.freeze();
    let float = (Kind::Float, Device::Cpu);
    let (who, left, right) =
        (Tensor::randn([3, 6], float), Tensor::randn([3, 4], float), Tensor::randn([3, 4], float));
    let want = (net.score.forward(&who, &left) - net.score.forward(&who, &right)).sigmoid();
    assert!(net.forward(&who, &left, &right).allclose(&want, 1e-5, 1e-6, false));
}
