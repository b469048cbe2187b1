//! Whether tensors hold nothing but numbers that optimisers can square, in one pass over memory.

use tch::{Kind, Tensor};

use super::isa::{Isa, dispatch};
use super::{memory, parallel};

/// Elements of one block: no thread takes fewer.
const BLOCK: usize = 16 * 1024;
const LANES: usize = 16;

/// Above it a gradient times its noise has no square in f32.
const LARGEST: f32 = (1u64 << 60) as f32;

/// Whether all elements of all tensors are finite, and below 2^60 where they are f32.
pub(crate) fn all<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> bool {
    let isa = Isa::best();
    // What is on a device is asked for once, since it has to be waited for.
    let mut elsewhere: Option<Tensor> = None;
    for tensor in tensors {
        let largest = memory::with_slices([Some(tensor)], |slices| {
            parallel::map_blocks(slices, BLOCK, |_, [block]| largest_block(isa, block))
        });
        match largest {
            Some(largest) if largest.iter().all(|&bits| bits <= LARGEST.to_bits()) => {}
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

/// The largest |x| as the bits of a float, among which those of infinities and of what is no number are beyond all others.
#[inline(always)]
fn largest_body(block: &[f32]) -> u32 {
    let mut largest = [0; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            largest[lane] = largest[lane].max(chunk[lane].abs().to_bits());
        }
    }
    rest.iter().map(|x| x.abs().to_bits()).chain(largest).fold(0, u32::max)
}

dispatch! {
    fn largest_block(block: &[f32]) -> u32 = largest_body;
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
