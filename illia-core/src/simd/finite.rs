//! Whether tensors hold nothing but numbers that optimisers can square, and how large they are, in one pass over memory.

use tch::{Kind, Tensor};

use super::isa::{Isa, dispatch};
use super::{memory, parallel};

/// Elements of one block: no thread takes fewer.
const BLOCK: usize = 16 * 1024;
const LANES: usize = 16;

/// Above its root, 2^60, a gradient times its noise has no square in f32.
const LARGEST: f32 = (1u128 << 120) as f32;

/// The sum of the squares of all elements of all tensors; None unless all are finite, and in norm below 2^60.
pub(crate) fn sum_of_squares<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Option<f64> {
    let isa = Isa::best();
    let mut sum = 0.0;
    // What is on a device is asked for once, since it has to be waited for.
    let mut elsewhere: Vec<Tensor> = Vec::new();
    for tensor in tensors {
        let sums = memory::with_slices([Some(tensor)], |slices| {
            parallel::map_blocks(slices, BLOCK, |_, [block]| squares_block(isa, block))
        });
        match sums {
            Some(sums) => sum += sums.into_iter().map(f64::from).sum::<f64>(),
            None => {
                let complex =
                    matches!(tensor.kind(), Kind::ComplexHalf | Kind::ComplexFloat | Kind::ComplexDouble);
                let sizes = if complex { tensor.abs() } else { tensor.shallow_clone() };
                let norm = sizes.norm_scalaropt_dtype(2, Kind::Double);
                elsewhere.push(match elsewhere.first() {
                    Some(first) => norm.to_device(first.device()),
                    None => norm,
                });
            }
        }
    }
    if !elsewhere.is_empty() {
        sum += Tensor::stack(&elsewhere, 0).square().sum(Kind::Double).double_value(&[]);
    }
    (sum <= f64::from(LARGEST)).then_some(sum)
}

#[inline(always)]
fn squares_body(block: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane] * chunk[lane];
        }
    }
    let rest: f32 = rest.iter().map(|x| x * x).sum();
    sums.iter().sum::<f32>() + rest
}

dispatch! {
    fn squares_block(block: &[f32]) -> f32 = squares_body;
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn one_element_that_is_no_number_is_found_wherever_it_is() {
        for kind in [Kind::Float, Kind::Double, Kind::Half] {
            let x = Tensor::full([100_003], 3.0e4, (kind, Device::Cpu));
            assert!(sum_of_squares([&x]).is_some() && sum_of_squares([]) == Some(0.0));
            for (at, value) in [(0, f64::NAN), (50_000, f64::INFINITY), (100_002, f64::NEG_INFINITY)] {
                let y = x.copy();
                let _ = y.get(at).fill_(value);
                assert_eq!(sum_of_squares([&x, &y]), None, "{value} at {at} of {kind:?}");
            }
        }
        let large = Tensor::full([3], 1e19, (Kind::Float, Device::Cpu));
        assert!(sum_of_squares([&large]).is_none() && sum_of_squares([&(large * 0.01)]).is_some());
    }

    #[test]
    fn the_sum_is_that_of_all_tensors_wherever_they_are() {
        let x = Tensor::arange(100_003, (Kind::Float, Device::Cpu)).sin();
        let (y, z) = (x.to_kind(Kind::Double) * 2.0, x.narrow(0, 0, 10).reshape([2, 5]).tr());
        let exact: f64 = [&x, &y, &z]
            .map(|t| t.to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[]))
            .iter()
            .sum();
        let sum = sum_of_squares([&x, &y, &z, &Tensor::zeros([0], (Kind::Float, Device::Cpu))]).unwrap();
        assert!((sum / exact - 1.0).abs() < 1e-5, "{sum} for {exact}");
    }
}
