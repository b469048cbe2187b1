
mod kernels;
pub mod noise;
