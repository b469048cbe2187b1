//! Nets that live on the GPU in files: saved there and loaded elsewhere, resumed, exported, frozen.

use std::path::PathBuf;

use illia::checkpoint::{self, Checkpoints};
use illia::export::{self, Export};
use illia::prelude::*;
use tch::CModule;

use super::scratch::Scratch;
use super::{FLOAT, close, gpu};

bnn! {
    struct Net: [1, 8, 8] -> [3] {
        conv: Conv2d(4, kernel: 3, estimator: Flipout) -> relu,
        flatten,
        fc: Linear(16, estimator: LocalReparameterization) -> relu -> dropout(0.1),
        head: Linear(3),
    }
}

/// Of a convolution by cuDNN.
const TF32: f64 = 5e-3;

fn data(device: Device) -> (Tensor, Tensor) {
    let x = (Tensor::arange(30 * 64, FLOAT) * 0.37).sin().reshape([30, 1, 8, 8]);
    let y = x.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float).gt(0.0).to_kind(Kind::Int64);
    (x.to_device(device), y.to_device(device))
}

fn fresh(device: Device) -> (nn::VarStore, Net) {
    illia::manual_seed(2);
    let vs = nn::VarStore::new(device);
    let net = Net::new(&vs.root());
    (vs, net)
}

fn fit() -> Fit<Categorical> {
    Fit::new(Categorical).epochs(4).batch_size(10).progress(false)
}

fn trained(device: Device) -> (f64, f64, Tensor) {
    let (vs, net) = fresh(device);
    let (x, y) = data(device);
    let history = fit().run(&net, &vs, &x, &y).unwrap();
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
    let (mut vs, mut net) = fresh(Device::Cpu);
    let (x, _) = data(Device::Cpu);
    let cpu_kl = net.kl_cost().nats;
    net.freeze_at_mean();
    let cpu = net.forward(&x);
    net.unfreeze();
    vs.set_device(device);
    close("KL", &net.kl_cost().nats, device, &cpu_kl, 1e-5);
    net.freeze_at_mean();
    close("mean", &net.forward(&x.to_device(device)), device, &cpu, TF32);
    net.unfreeze();
    net.freeze();
    let [first, second] = [(); 2].map(|()| net.forward(&x.to_device(device)));
    close("one draw", &first, device, &second.to_device(Device::Cpu), 0.0);
}

#[test]
fn a_model_goes_from_device_to_device() {
    let Some(device) = gpu("a_model_goes_from_device_to_device") else { return };
    let (vs, net) = fresh(device);
    let (x, y) = data(device);
    fit().run(&net, &vs, &x, &y).unwrap();
    let folder = Scratch::new();
    let [there, back] = ["there", "back"].map(|name| folder.join(name));
    checkpoint::save(&net, &vs, &there).unwrap();
    let (cpu_vs, mut cpu) = fresh(Device::Cpu);
    checkpoint::load(&mut cpu, &cpu_vs, &there).unwrap();
    checkpoint::save(&cpu, &cpu_vs, &back).unwrap();
    let (again_vs, mut again) = fresh(device);
    checkpoint::load(&mut again, &again_vs, &back).unwrap();
    for (name, variable) in vs.variables() {
        assert_eq!(variable, again_vs.variables()[&name], "{name}");
        close(&name, &variable, device, &cpu_vs.variables()[&name], 0.0);
    }
}

/// Trained on data that lie on the CPU, batch by batch, and interrupted.
#[test]
fn a_run_goes_on_to_the_bit() {
    let Some(device) = gpu("a_run_goes_on_to_the_bit") else { return };
    let (x, y) = data(Device::Cpu);
    let whole = {
        let (vs, net) = fresh(device);
        fit().run(&net, &vs, &x, &y).unwrap();
        vs.variables()
    };
    let folder = Scratch::new();
    let checkpoints = || Checkpoints::new(&*folder).every_steps(5).keep(100);
    {
        let (vs, net) = fresh(device);
        fit().checkpoints(checkpoints()).run(&net, &vs, &x, &y).unwrap();
    }
    // The run as it stood at step 5.
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().skip(1).for_each(|path| std::fs::remove_file(path).unwrap());
    let (vs, net) = fresh(device);
    fit().checkpoints(checkpoints()).resume(true).run(&net, &vs, &x, &y).unwrap();
    for (name, variable) in vs.variables() {
        assert_eq!(variable, whole[&name], "{name}");
    }
}

#[test]
fn an_exported_net_is_the_same_from_either_device() {
    let Some(device) = gpu("an_exported_net_is_the_same_from_either_device") else { return };
    let (mut vs, net) = fresh(Device::Cpu);
    let x = data(Device::Cpu).0;
    let folder = Scratch::new();
    let path = folder.join("net.onnx");
    let written = |export: Export| {
        export::onnx(&net, &export, &path).unwrap();
        std::fs::read(&path).unwrap()
    };
    let cpu = [written(Export::mean()), written(Export::moments())];
    vs.set_device(device);
    assert!([written(Export::mean()), written(Export::moments())] == cpu, "the same bytes");
    // Its draws are the GPU's.
    written(Export::draws(3));

    let (inputs, path) = ([x.to_device(device)], folder.join("net.pt"));
    let mut net = net;
    net.freeze_at_mean();
    export::torchscript(&net, &vs, &inputs, |net, x| Ok(vec![net.try_forward(&x[0])?]), &path).unwrap();
    let script = CModule::load_on_device(&path, device).unwrap();
    close(
        "script",
        &script.forward_ts(&inputs).unwrap(),
        device,
        &net.forward(&inputs[0]).to_device(Device::Cpu),
        TF32,
    );
}
