//! Axes known only at run time with numbers around their names.

use illia::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    #[derive(Debug)]
    struct Double(outputs: i64): [1, h, w] -> [outputs, h - 4, w - 4] {
        conv1: Conv2d(outputs, kernel: 3) -> relu,
        conv2: Conv2d(outputs, kernel: 3) -> relu,
    }
}

bnn! {
    /// Sides that 4 divides come back to themselves.
    struct UNet: [1, h * 4, w * 4] -> [2, h * 4, w * 4] {
        let near = down1: Conv2d(8, kernel: 3, padding: 1) -> relu;
        max_pool(2),
        let far = down2: Conv2d(8, kernel: 3, padding: 1) -> relu;
        max_pool(2),
        bottom: Conv2d(8, kernel: 3, padding: 1) -> relu,
        up2: ConvTranspose2d(8, kernel: 2, stride: 2) -> concat(far),
        join2: Conv2d(8, kernel: 3, padding: 1) -> relu -> upsample(2) -> concat(near),
        head: Conv2d(2, kernel: 1),
    }
}

bnn! {
    /// As layers: of known sides, of sides known only at run time.
    struct Around: [1, 32, 28] -> [3, 28, 24] {
        unet: UNet,
        mix: Conv2d(1, kernel: 1),
        double: Double(outputs: 3),
    }
}

bnn! {
    struct Rows: [1, h * 8, 2 * w + 2] -> [1, h * 4, w] {
        (|x| x * 1.0): [1, h * 8, w * 2 + 2],
        pool: Conv2d(1, kernel: 2, stride: 2) -> crop(after: (0, 1)),
    }
}

#[test]
fn sides_that_a_number_divides() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = UNet::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([2, 1, 24, 36], FLOAT)).size(), [2, 2, 24, 36]);
    let error = net.try_forward(&Tensor::randn([2, 1, 24, 30], FLOAT)).unwrap_err().to_string();
    assert!(error.contains("[batch, 1, h * 4, w * 4]"), "{error}");
    assert_eq!(UNet::INPUT.to_string(), "[1, h * 4, w * 4]");
    let around = Around::new(&(vs.root() / "around"));
    assert_eq!(around.forward(&Tensor::randn([2, 1, 32, 28], FLOAT)).size(), [2, 3, 28, 24]);
    let rows = Rows::new(&(vs.root() / "rows"));
    assert_eq!(rows.forward(&Tensor::randn([1, 1, 16, 12], FLOAT)).size(), [1, 1, 8, 5]);
    assert!(rows.try_forward(&Tensor::randn([1, 1, 16, 13], FLOAT)).is_err());
}

bnn! {
    /// What is taken away comes first.
    struct Shifted(n: i64): [4, len] -> [4, len] {
        pad(before: -n + 5),
        conv: Conv1d(4, kernel: 6 - n),
    }
}

#[test]
fn a_size_may_begin_with_a_minus() {
    let vs = nn::VarStore::new(Device::Cpu);
    let x = Tensor::randn([2, 4, 7], FLOAT);
    assert_eq!(Shifted::new(&vs.root(), 2).forward(&x).size(), [2, 4, 7]);
}
