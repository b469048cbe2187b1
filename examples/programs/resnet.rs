//! Blocks: residual, projection, concat, repeat, arrays, and nets within nets.
use illia::prelude::*;

bnn! {
    struct Block<const C: i64>: [C, 8, 8] -> [C, 8, 8] {
        residual {
            conv1: Conv2d(C, kernel: 3, padding: 1) -> relu,
            conv2: Conv2d(C, kernel: 3, padding: 1),
        } -> relu,
    }
}

bnn! {
    pub struct Net: [1, 8, 8] -> [10] {
        stem: Conv2d(8, kernel: 3, padding: 1) -> relu,
        blocks: [Block<8>; 3],
        residual(project: Conv2d(16, kernel: 1)) {
            widen: Conv2d(16, kernel: 3, padding: 1) -> relu,
        },
        concat {
            { near: Conv2d(4, kernel: 1) },
            { far: Conv2d(4, kernel: 5, padding: 2) -> relu },
        },
        global_avg_pool,
        repeat 2 { hidden: Linear(8) -> tanh },
        head: Linear(10),
    }
}

fn main() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Net::new(&vs.root());
    let x = Tensor::randn([2, 1, 8, 8], (Kind::Float, Device::Cpu));
    assert_eq!(net.forward(&x).size(), [2, 10]);
    let conv = |i: usize, o: usize, k: usize| i * o * k * k + o;
    let want = conv(1, 8, 3)
        + 3 * 2 * conv(8, 8, 3)
        + conv(8, 16, 1)
        + conv(8, 16, 3)
        + conv(16, 4, 1)
        + conv(16, 4, 5)
        + 2 * (8 * 8 + 8)
        + (8 * 10 + 10);
    assert_eq!(net.kl_cost().num_params, want);
    net.freeze();
    assert!(net.forward(&x).allclose(&net.forward(&x), 0., 0., false));
    assert!(net.blocks.iter().all(|b| b.is_frozen()));
    println!("{net}");
}
