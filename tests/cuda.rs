//! The same code on a GPU, where there is one; elsewhere each test says that it was left out.
//!
//! Noise for each draw is made where the weights are, and a GPU makes other numbers than the CPU. So what is compared with the CPU has its draws
//! given, or is compared as a distribution. Matrix products are in full single precision, as libtorch sets them; cuDNN's convolutions and
//! recurrent layers are in TF32, which keeps ten bits of each factor, 2^-11 = 5e-4 of a product.
//!
//! `ILLIA_TEST_DEVICE=cpu` has the CPU stand in, against itself.

#[path = "cuda/files.rs"]
mod files;
#[path = "cuda/layers.rs"]
mod layers;
#[path = "cuda/methods.rs"]
mod methods;
#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use illia::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The GPU, or None with a word.
fn gpu(test: &str) -> Option<Device> {
    if tch::Cuda::is_available() {
        return Some(Device::Cuda(0));
    }
    if std::env::var("ILLIA_TEST_DEVICE").is_ok_and(|device| device == "cpu") {
        return Some(Device::Cpu);
    }
    eprintln!("{test}: left out, there is no GPU");
    None
}

/// Checks that `theirs` lies on the device, and is what the CPU has but for `tolerance` times its largest number.
fn close(what: &str, theirs: &Tensor, device: Device, cpu: &Tensor, tolerance: f64) {
    assert_eq!(theirs.device(), device, "{what}");
    let scale = cpu.abs().max().double_value(&[]).max(1e-3);
    let off = (theirs.to_device(Device::Cpu) - cpu).abs().max().double_value(&[]) / scale;
    assert!(off <= tolerance, "{what}: off by {off:e}");
}

/// The same variables in another store.
fn copied(from: &nn::VarStore, to: &mut nn::VarStore) {
    to.copy(from).expect("the same net's variables");
}
