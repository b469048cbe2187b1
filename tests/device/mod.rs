//! The device that reference numbers are checked on: the CPU, or what `ILLIA_TEST_DEVICE` says, `cuda` for the first GPU. What is within
//! single precision wants `NVIDIA_TF32_OVERRIDE=0` there, since cuDNN multiplies in TF32, which keeps ten bits, unless told otherwise.

use tch::Device;

pub fn device() -> Device {
    match std::env::var("ILLIA_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => Device::Cpu,
        Ok("cuda") => Device::Cuda(0),
        Ok(other) => panic!("ILLIA_TEST_DEVICE = {other}: cpu or cuda"),
    }
}
