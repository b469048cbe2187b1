//! The same code on a GPU, where there is one; elsewhere each test says that it was left out.

use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8] -> [3] {
        conv: Conv2d(4, kernel: 3, estimator: Flipout) -> relu,
        flatten,
        fc: Linear(16, estimator: LocalReparameterization) -> relu -> dropout(0.1),
        head: Linear(3),
    }
}

/// The GPU, or None with a word.
fn gpu(test: &str) -> Option<Device> {
    if tch::Cuda::is_available() {
        return Some(Device::Cuda(0));
    }
    eprintln!("{test}: left out, there is no GPU");
    None
}

fn trained(device: Device) -> (f64, f64, Tensor) {
    illia::manual_seed(2);
    let vs = nn::VarStore::new(device);
    let net = Net::new(&vs.root());
    let x = (Tensor::arange(30 * 64, (Kind::Float, Device::Cpu)) * 0.37).sin().reshape([30, 1, 8, 8]);
    let y = x.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float).gt(0.0).to_kind(Kind::Int64);
    let (x, y) = (x.to_device(device), y.to_device(device));
    let history =
        Fit::new(Categorical).epochs(3).batch_size(10).progress(false).run(&net, &vs, &x, &y).unwrap();
    let prediction = Predict::new().draws(8).run(&net, &x).unwrap();
    let last = history.epochs.last().unwrap();
    (last.nll, last.kl, prediction.outputs().to_device(Device::Cpu))
}

#[test]
fn a_seed_gives_the_same_numbers_again() {
    let Some(device) = gpu("a_seed_gives_the_same_numbers_again") else { return };
    let (first, second) = (trained(device), trained(device));
    assert_eq!((first.0, first.1), (second.0, second.1));
    assert_eq!(first.2, second.2);
}

#[test]
fn at_one_frozen_draw_gpu_and_cpu_agree() {
    let Some(device) = gpu("at_one_frozen_draw_gpu_and_cpu_agree") else { return };
    let mut vs = nn::VarStore::new(Device::Cpu);
    let mut net = Net::new(&vs.root());
    let x = (Tensor::arange(5 * 64, (Kind::Float, Device::Cpu)) * 0.37).sin().reshape([5, 1, 8, 8]);
    let cpu_kl = net.kl_cost().nats.double_value(&[]);
    net.freeze_at_mean();
    let cpu = net.forward(&x);
    net.unfreeze();
    vs.set_device(device);
    let gpu_kl = net.kl_cost().nats.double_value(&[]);
    net.freeze_at_mean();
    let gpu = net.forward(&x.to_device(device)).to_device(Device::Cpu);
    assert!((cpu_kl - gpu_kl).abs() < 1e-5 * cpu_kl.abs());
    // Convolutions may run in TF32, which keeps ten bits.
    assert!((cpu - gpu).abs().max().double_value(&[]) < 1e-2);
}
