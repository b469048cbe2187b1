//! Residual blocks, branches and repetition, within each other.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);
const TIMES: u32 = 3;

bnn! {
    struct Deep: [4, 6, 6] -> [3] {
        concat {
            {
                repeat 2 {
                    residual {
                        conv1: Conv2d(4, kernel: 3, padding: 1) -> relu,
                        conv2: Conv2d(4, kernel: 3, padding: 1),
                    } -> relu,
                },
            },
            { far: Conv2d(2, kernel: 5, padding: 2) },
            {},
        } -> relu,
        residual(project: Conv2d(5, kernel: 1, bias: false)) {
            conv1: Conv2d(5, kernel: 3, padding: 1),
        }
        global_avg_pool,
        repeat TIMES { fc: Linear(5) -> tanh, residual { inner: Linear(5) } }
        head: Linear(3),
    }
}

bnn! {
    struct Funnel: [784] -> [10] {
        repeat 3 { hidden: Linear(40) -> relu },
        repeat 2 { repeat 2 { small: Linear(20) -> relu, dropout(0.1) } },
        head: Linear(10),
    }
}

bnn! {
    struct Shrinking: [1, 28, 28] -> [4] {
        repeat 2 { conv: Conv2d(4, kernel: 3) -> relu -> max_pool(2) },
        global_avg_pool,
    }
}

bnn! {
    struct Parametric<const C: i64, const N: usize>: [C] -> [C] {
        repeat N { residual { fc: Linear(C * 2) -> relu, back: Linear(C) } },
    }
}

#[test]
fn within_each_other() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Deep::new(&vs.root());
    let x = Tensor::randn([2, 4, 6, 6], CPU);
    assert_eq!(net.forward(&x).size(), [2, 3]);
    let conv = |i: usize, o: usize, k: usize| i * o * k * k + o;
    let want =
        4 * conv(4, 4, 3) + conv(4, 2, 5) + 10 * 5 + conv(10, 5, 3) + 3 * 2 * (5 * 5 + 5) + (5 * 3 + 3);
    assert_eq!(net.kl_cost().num_params, want);
    net.freeze();
    assert!(net.is_frozen() && net.far.is_frozen() && net.fc.iter().all(|fc| fc.is_frozen()));
    assert!(net.forward(&x).allclose(&net.forward(&x), 0., 0., false));
    let names = vs.variables();
    for name in [
        "0.0.0.0.0.conv1.weight.mu",
        "0.0.0.1.0.conv2.bias.rho",
        "0.1.far.weight.mu",
        "1.project.weight.mu",
        "1.conv1.weight.mu",
        "3.2.fc.weight.mu",
        "3.0.1.inner.bias.mu",
        "head.weight.mu",
    ] {
        assert!(names.contains_key(name), "{name} among {:?}", names.keys());
    }
}

#[test]
fn the_traversal_names_what_the_variables_are_called() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Deep::new(&vs.root());
    let mut seen = Vec::new();
    seen.extend(net.named_parameters().into_iter().map(|(name, _)| format!("{name}.mu")));
    let mut variables: Vec<String> =
        vs.variables().into_keys().filter(|name| name.ends_with(".mu")).collect();
    variables.sort();
    seen.sort();
    assert_eq!(seen, variables);
}

#[test]
fn a_repeat_infers_each_of_its_inputs() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let net = Funnel::new(&(&p / "funnel"));
    assert_eq!(net.forward_t(&Tensor::randn([2, 784], CPU), true).size(), [2, 10]);
    let linear = |i: usize, o: usize| i * o + o;
    let want = linear(784, 40) + 2 * linear(40, 40) + linear(40, 20) + 3 * linear(20, 20) + linear(20, 10);
    assert_eq!(net.kl_cost().num_params, want);
    let shrinking = Shrinking::new(&(&p / "shrinking"));
    assert_eq!(shrinking.forward(&Tensor::randn([2, 1, 28, 28], CPU)).size(), [2, 4]);
    let parametric = Parametric::<6, 4>::new(&(&p / "parametric"));
    assert_eq!(parametric.forward(&Tensor::randn([2, 6], CPU)).size(), [2, 6]);
    assert_eq!(parametric.fc.len(), 4);
}
