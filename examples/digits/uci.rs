//! What is asked of UCI's digits: those held out, the rotated ones, and noise.

use std::f64::consts::PI;

use illia::data::ImageSet;
use illia::noise::{self, Stream};
use illia::prelude::*;

/// Both sets as they are, or, for choosing a method's numbers, so many of the last training images in the place of the test images.
pub fn split((train, test): (ImageSet, ImageSet), held_out: Option<i64>) -> (ImageSet, ImageSet) {
    let Some(held_out) = held_out else { return (train, test) };
    let part = |from: i64, len: i64| ImageSet {
        images: train.images.narrow(0, from, len),
        labels: train.labels.narrow(0, from, len),
    };
    let rows = train.labels.numel() as i64;
    let kept = (rows - held_out).max(rows / 2);
    (part(0, kept), part(kept, rows - kept))
}

/// The images `[N, 1, height, width]` turned counter-clockwise about their middle, between pixels bilinearly, with empty
/// paper where nothing was.
pub fn rotated(images: &Tensor, degrees: f64) -> Tensor {
    let (sin, cos) = (degrees * PI / 180.0).sin_cos();
    let turn = Tensor::from_slice(&[cos, -sin, 0.0, sin, cos, 0.0]).reshape([1, 2, 3]).to_kind(Kind::Float);
    let turn = turn.expand([images.size()[0], 2, 3], false).to_device(images.device());
    let grid = Tensor::affine_grid_generator(&turn, images.size(), false);
    const BILINEAR: i64 = 0;
    const ZEROS: i64 = 0;
    images.grid_sampler(&grid, BILINEAR, ZEROS, false)
}

/// As many images of nothing but grey noise.
pub fn noise_like(images: &Tensor) -> Tensor {
    noise::uniforms(Stream::new().next_key(), &images.size(), Kind::Float, images.device())
}
