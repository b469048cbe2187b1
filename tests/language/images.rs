//! One, two and three spatial axes; pools; norms; transposed convolutions.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Signal: [2, 100] -> [3] {
        conv1: Conv1d(8, kernel: 5, stride: 2) -> relu -> max_pool(2),
        norm: BatchNorm1d,
        conv2: Conv1d(8, kernel: 3, dilation: 2, groups: 4) -> silu,
        avg_pool(2, stride: 1, padding: 1),
        global_avg_pool,
        head: Linear(8 => 3),
    }
}

bnn! {
    struct Volume: [1, 8, 8, 8] -> [4] {
        conv: Conv3d(4, kernel: (3, 3, 3), padding: 1) -> elu(0.5) -> max_pool((2, 2, 2)),
        norm: BatchNorm3d,
        adaptive_avg_pool((1, 2, 1)),
        flatten,
        head: Linear(4),
    }
}

bnn! {
    struct AutoEncoder: [1, 28, 28] -> [1, 28, 28] {
        down1: Conv2d(8, kernel: 3, stride: 2, padding: 1) -> leaky_relu(0.1),
        norm1: GroupNorm(groups: 4),
        down2: Conv2d(16, kernel: (3, 3), stride: (2, 2), padding: (1, 1)) -> gelu,
        norm2: BatchNorm2d(16, momentum: 0.2),
        flatten,
        code: Linear(32) -> tanh -> dropout(0.1),
        norm3: LayerNorm(32, eps: 1e-6),
        wide: Linear(16 * 7 * 7) -> softplus,
        reshape([16, 7, 7]),
        up1: ConvTranspose2d(8, kernel: 3, stride: 2, padding: 1, output_padding: 1) -> relu,
        up2: ConvTranspose2d(1, kernel: 2, stride: 2) -> sigmoid,
    }
}

bnn! {
    struct Upsampled: [4, 10] -> [2, 20] {
        up: ConvTranspose1d(2, kernel: 4, stride: 2, padding: 1, bias: false),
    }
}

#[test]
fn one_axis() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Signal::new(&vs.root());
    assert_eq!(net.forward_t(&Tensor::randn([5, 2, 100], CPU), true).size(), [5, 3]);
    let random = (2 * 8 * 5 + 8) + (8 * 2 * 3 + 8) + (8 * 3 + 3);
    assert_eq!(net.kl_cost().num_params, random, "the norm is plain");
}

#[test]
fn three_axes() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Volume::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([2, 1, 8, 8, 8], CPU)).size(), [2, 4]);
}

#[test]
fn there_and_back() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = AutoEncoder::new(&vs.root());
    let y = net.forward_t(&Tensor::randn([3, 1, 28, 28], CPU), true);
    assert_eq!(y.size(), [3, 1, 28, 28]);
    assert!(y.min().double_value(&[]) >= 0.0 && y.max().double_value(&[]) <= 1.0);
    let up = Upsampled::new(&(vs.root() / "up"));
    assert_eq!(up.forward(&Tensor::randn([3, 4, 10], CPU)).size(), [3, 2, 20]);
}

#[test]
fn another_shape_is_an_error_that_names_the_net_and_the_shapes() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Signal::new(&vs.root());
    for shape in [vec![2, 100], vec![5, 3, 100], vec![5, 2, 99], vec![5, 2, 100, 1]] {
        let error = net.try_forward(&Tensor::zeros(&shape, CPU)).expect_err("another shape").to_string();
        assert_eq!(error, format!("Signal: expected an input of shape [batch, 2, 100], got {shape:?}"));
    }
    assert_eq!(net.forward(&Tensor::zeros([0, 2, 100], CPU)).size(), [0, 3], "no example at all");
}
