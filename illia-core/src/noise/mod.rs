//! The keyed source of randomness: (seed, stream, draw, element) -> one number.
//!
//! Every random parameter has a [`Stream`], which hands out a new [`Key`] for each draw; a key stands for a whole
//! tensor of standard normals ([`normals`]) or uniforms ([`uniforms`]). On the CPU they have the same bits for any number of
//! threads, with AVX2, AVX-512 or neither, in debug and in release, and in whatever order keys are used: element `i`
//! depends on the key and `i` only.
//!
//! ```
//! use illia_core::noise::{self, Stream};
//! use tch::{Device, Kind};
//!
//! let draw = || noise::normals(Stream::new().next_key(), &[2, 3], Kind::Float, Device::Cpu);
//! noise::manual_seed(7);
//! let (first, second) = (draw(), draw());
//! assert_ne!(first, second);
//! noise::manual_seed(7);
//! assert_eq!(first, draw());
//! ```

mod cuda;
mod generator;
mod state;

#[cfg(test)]
mod tests;

pub use state::{State, Stream, manual_seed, next_dropout_key, restore, state};

use crate::simd::isa::Isa;
use crate::simd::{memory, parallel};
use generator::Purpose;
pub(crate) use generator::{BLOCK, CHUNK, Lanes, Source};
use tch::{Device, Kind, Tensor};

/// What one tensor of noise is made from. Keys that differ anywhere give independent numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The seed, from [`manual_seed`].
    pub seed: u64,
    /// Whose noise it is: the number of a [`Stream`].
    pub stream: u64,
    /// Which draw of that stream.
    pub draw: u64,
}

/// Standard normals of the given shape, none beyond 6.66 (sqrt(64 ln 2)), never NaN.
///
/// They are made in f32 and converted to `kind`. On a CUDA device libtorch makes them from its own generator,
/// seeded with a hash of the key: the same numbers for the same key there, but not the CPU's, and CUDA's generators are
/// seeded anew by the call. Other devices get the CPU's numbers.
///
/// # Panics
///
/// As `Tensor::empty`: on a negative size, or one that does not fit in memory.
pub fn normals(key: Key, shape: &[i64], kind: Kind, device: Device) -> Tensor {
    if let Device::Cuda(_) = device {
        let word = Source::new(key, Purpose::Normal).word();
        return cuda::seeded(word, || Tensor::randn(shape, (Kind::Float, device))).to_kind(kind);
    }
    let made = memory::filled(shape, |out| fill_normals(key, out));
    made.to_device(device).to_kind(kind)
}

/// Uniforms in [0, 1) of the given shape, for initial values and dropout: keep where `u >= p`.
///
/// Devices are treated as by [`normals`]. Kinds with fewer bits than f32 get as many as keep 1 out of reach.
///
/// # Panics
///
/// As [`normals`].
pub fn uniforms(key: Key, shape: &[i64], kind: Kind, device: Device) -> Tensor {
    let made = if let Device::Cuda(_) = device {
        let word = Source::new(key, Purpose::Uniform).word();
        cuda::seeded(word, || Tensor::rand(shape, (Kind::Float, device)))
    } else {
        memory::filled(shape, |out| fill_uniforms(key, out)).to_device(device)
    };
    match kind {
        Kind::Float => made,
        Kind::Half => ((made * 2048.0).floor() / 2048.0).to_kind(kind),
        Kind::BFloat16 => ((made * 256.0).floor() / 256.0).to_kind(kind),
        _ => made.to_kind(kind),
    }
}

/// Those of the key's [`normals`] from element `first` on: what a process makes for its own rows of a batch.
pub(crate) fn normals_from(key: Key, first: usize, shape: &[i64], kind: Kind, device: Device) -> Tensor {
    let fill = |block: usize, out: &mut [f32]| fill_normals_from(key, block, out);
    from(first, shape, kind, device, |shape| normals(key, shape, kind, device), fill)
}

/// Those of the key's [`uniforms`] from element `first` on.
pub(crate) fn uniforms_from(key: Key, first: usize, shape: &[i64], kind: Kind, device: Device) -> Tensor {
    let fill = |block: usize, out: &mut [f32]| fill_uniforms_from(key, block, out);
    from(first, shape, kind, device, |shape| uniforms(key, shape, kind, device), fill)
}

/// By whole blocks, of which the beginning is left out. Where `fill` makes other numbers than `all` would, all of them are made.
fn from(
    first: usize,
    shape: &[i64],
    kind: Kind,
    device: Device,
    all: impl FnOnce(&[i64]) -> Tensor,
    fill: impl FnOnce(usize, &mut [f32]),
) -> Tensor {
    if first == 0 {
        return all(shape);
    }
    let len: i64 = shape.iter().product();
    let by_blocks = !matches!(device, Device::Cuda(_)) && matches!(kind, Kind::Float | Kind::Double);
    let (block, skip) = if by_blocks { (first / BLOCK, first % BLOCK) } else { (0, first) };
    let end = skip as i64 + len;
    let made = match by_blocks {
        true => memory::filled(&[end], |out| fill(block, out)).to_device(device).to_kind(kind),
        false => all(&[end]),
    };
    made.narrow(0, skip as i64, len).reshape(shape)
}

/// 64 random bits of the key.
pub(crate) fn word(key: Key) -> u64 {
    Source::new(key, Purpose::Uniform).word()
}

/// Fills a slice with the key's standard normals, those of [`normals`] in row-major order on the CPU. A shorter slice gets the first of
/// them.
pub fn fill_normals(key: Key, out: &mut [f32]) {
    fill_normals_from(key, 0, out);
}

fn fill_normals_from(key: Key, first: usize, out: &mut [f32]) {
    let (isa, source) = (Isa::best(), Source::new(key, Purpose::Normal));
    parallel::map_blocks([out], BLOCK, |block, [part]| {
        generator::normals_block(isa, source, first + block, part)
    });
}

/// Fills a slice with the key's uniforms in [0, 1), those of [`uniforms`] in row-major order on the CPU.
pub fn fill_uniforms(key: Key, out: &mut [f32]) {
    fill_uniforms_from(key, 0, out);
}

fn fill_uniforms_from(key: Key, first: usize, out: &mut [f32]) {
    let (isa, source) = (Isa::best(), Source::new(key, Purpose::Uniform));
    parallel::map_blocks([out], BLOCK, |block, [part]| {
        generator::uniforms_block(isa, source, first + block, part)
    });
}
