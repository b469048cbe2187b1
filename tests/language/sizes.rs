//! Sizes from constants of any integer type, const fns, const parameters and arithmetic on them.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);
const HIDDEN: usize = 24;
const KERNEL: u8 = 3;
const CHANNELS: i32 = 6;

const fn twice(n: usize) -> usize {
    2 * n
}

mod config {
    pub const CLASSES: u64 = 5;
}

bnn! {
    struct Constants: [CHANNELS, 12, 12] -> [config::CLASSES] {
        conv: Conv2d(CHANNELS * 2, kernel: KERNEL, padding: KERNEL / 2, groups: CHANNELS) -> relu,
        same: Conv2d(12, kernel: (KERNEL, 1), padding: (1, 0)),
        flatten,
        fc1: Linear(CHANNELS * 2 * 144 => twice(HIDDEN)) -> relu,
        fc2: Linear({ HIDDEN }) -> relu,
        head: Linear(config::CLASSES),
    }
}

bnn! {
    struct Wide<const IN: usize, const H: i64>: [IN] -> [H] {
        up: Linear(H * 2) -> relu,
        mid: Linear(H * 2 => H + H) -> relu,
        down: Linear(H),
    }
}

bnn! {
    struct Image<const C: u32, const SIDE: usize>: [C, SIDE, SIDE] -> [C] {
        conv: Conv2d(C, kernel: 3, padding: 1) -> relu,
        conv2: Conv2d(C * 2, kernel: 3, stride: 2, padding: 1),
        flatten,
        head: Linear(C),
    }
}

bnn! {
    struct Outer<const H: i64>: [8] -> [H] {
        wide: Wide<8, H>,
        again: Wide<4, 4>,
    }
}

struct Sizes<const N: usize>;

impl<const N: usize> Sizes<N> {
    const HALF: usize = N / 2;
}

bnn! {
    struct Associated<const N: usize>: [N] -> [N] {
        down: Linear(Sizes::<N>::HALF) -> relu,
        up: Linear(N),
    }
}

#[test]
fn constants() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Constants::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([2, 6, 12, 12], CPU)).size(), [2, 5]);
    assert_eq!(net.fc1.bias.as_ref().map(|bias| bias.num_params()), Some(48));
}

#[test]
fn parameters() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let wide = Wide::<7, 5>::new(&(&p / "wide"));
    assert_eq!(wide.forward(&Tensor::randn([2, 7], CPU)).size(), [2, 5]);
    assert_eq!(wide.kl_cost().num_params, (7 * 10 + 10) + (10 * 10 + 10) + (10 * 5 + 5));
    let image = Image::<3, 9>::new(&(&p / "image"));
    assert_eq!(image.forward(&Tensor::randn([2, 3, 9, 9], CPU)).size(), [2, 3]);
    let outer = Outer::<4>::new(&(&p / "outer"));
    assert_eq!(outer.forward(&Tensor::randn([2, 8], CPU)).size(), [2, 4]);
    let associated = Associated::<6>::new(&(&p / "associated"));
    assert_eq!(associated.forward(&Tensor::randn([2, 6], CPU)).size(), [2, 6]);
    assert_eq!(Wide::<7, 5>::INPUT.to_string(), "[7]");
    assert_eq!(Image::<3, 9>::OUTPUT.to_string(), "[3]");
}
