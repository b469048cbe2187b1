//! Whether tensors hold nothing but numbers that optimisers can square, in one pass over memory.

use tch::{Kind, Tensor};

use super::isa::{Isa, dispatch};
use super::{memory, parallel};

/// Elements of one block: no thread takes fewer.
const BLOCK: usize = 16 * 1024;
const LANES: usize = 16;

/// Above it a gradient times its noise has no square in f32.
const LARGEST: f32 = (1u64 << 60) as f32;
/// What takes anything beyond [`LARGEST`] out of a float's range.
const OUT: f32 = f32::MAX / LARGEST;

/// Whether all elements of all tensors are finite, and below 2^60 where they are f32.
pub(crate) fn all<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> bool {
    let isa = Isa::best();
    // What is on a device is asked for once, since it has to be waited for.
    let mut elsewhere: Option<Tensor> = None;
    for tensor in tensors {
        let sums = memory::with_slices([Some(tensor)], |slices| {
            parallel::map_blocks(slices, BLOCK, |_, [block]| zeros_block(isa, block))
        });
        match sums {
            Some(sums) if sums.iter().all(|&sum| sum == 0.0) => {}
            Some(_) => return false,
            None => {
                let finite = match tensor.kind() {
                    Kind::Float => tensor.abs().le(f64::from(LARGEST)).all(),
                    _ => tensor.isfinite().all(),
                };
                elsewhere = Some(match elsewhere {
                    Some(others) => others.logical_and(&finite.to_device(others.device())),
                    None => finite,
                });
            }
        }
    }
    elsewhere.is_none_or(|finite| finite.to_kind(Kind::Int64).int64_value(&[]) == 1)
}

/// The sum of 0 (OUT x), which is 0 unless some x is too large, infinite or no number.
#[inline(always)]
fn zeros_body(block: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += 0.0 * (OUT * chunk[lane]);
        }
    }
    let rest: f32 = rest.iter().map(|x| 0.0 * (OUT * x)).sum();
    sums.iter().sum::<f32>() + rest
}

dispatch! {
    fn zeros_block(block: &[f32]) -> f32 = zeros_body;
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn one_element_that_is_no_number_is_found_wherever_it_is() {
        for kind in [Kind::Float, Kind::Double, Kind::Half] {
            let x = Tensor::full([100_003], 3.0e4, (kind, Device::Cpu));
            assert!(all([&x]) && all([]));
            for (at, value) in [(0, f64::NAN), (50_000, f64::INFINITY), (100_002, f64::NEG_INFINITY)] {
                let y = x.copy();
                let _ = y.get(at).fill_(value);
                assert!(!all([&x, &y]), "{value} at {at} of {kind:?}");
            }
        }
        assert!(all([&Tensor::zeros([0], (Kind::Float, Device::Cpu))]));
    }
}
