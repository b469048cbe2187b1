//! Where a tensor's memory becomes a slice.
#![allow(unsafe_code)]

use tch::{Device, Kind, Tensor};

/// Whether a tensor is what kernels work on: dense, contiguous f32 on the CPU.
pub(crate) fn is_plain(tensor: &Tensor) -> bool {
    tensor.defined()
        && tensor.device() == Device::Cpu
        && tensor.f_kind().is_ok_and(|kind| kind == Kind::Float)
        && !tensor.is_sparse()
        && !tensor.is_mkldnn()
        && tensor.is_contiguous()
}

/// Runs `work` on the elements of `N` tensors of one size, to read and write; where there is no tensor it gets an empty
/// slice. `None`, and nothing is run, unless each [is plain](is_plain) and no two overlap.
///
/// While `work` runs nothing else may touch the tensors' memory (another handle on the same storage could): it is one
/// kernel, which knows no tensors.
pub(crate) fn with_slices<const N: usize, R>(
    tensors: [Option<&Tensor>; N],
    work: impl FnOnce([&mut [f32]; N]) -> R,
) -> Option<R> {
    let len = tensors.iter().flatten().next().map_or(0, |tensor| tensor.numel());
    if !tensors.iter().flatten().all(|tensor| is_plain(tensor) && tensor.numel() == len) {
        return None;
    }
    let starts = tensors.map(|tensor| tensor.map(|tensor| tensor.data_ptr().cast::<f32>()));
    if len == 0 {
        return Some(work(starts.map(|_| <&mut [f32]>::default())));
    }
    let mut sorted = starts.map(|start| start.map_or(0, |start| start as usize));
    sorted.sort_unstable();
    let apart =
        |pair: &[usize]| matches!(pair, [a, b] if (*a, *b) == (0, 0) || b - a >= len * size_of::<f32>());
    if !sorted.windows(2).all(apart) || starts.iter().flatten().any(|start| start.is_null()) {
        return None;
    }
    // SAFETY: a dense contiguous CPU tensor of kind Float holds `len` consecutive, aligned f32 from its data pointer on,
    // and keeps them alive as long as it lives, which is past `work`. No two ranges overlap, so the slices do not alias
    // each other.
    let slice = |start: *mut f32| unsafe { std::slice::from_raw_parts_mut(start, len) };
    Some(work(starts.map(|start| start.map_or_else(<&mut [f32]>::default, slice))))
}

/// A new f32 tensor on the CPU whose elements `fill` writes: it must write them all.
///
/// # Panics
///
/// As `Tensor::empty` does: on a negative size, or one that does not fit in memory.
pub(crate) fn filled(shape: &[i64], fill: impl FnOnce(&mut [f32])) -> Tensor {
    let tensor = Tensor::empty(shape, (Kind::Float, Device::Cpu));
    let len = tensor.numel();
    if len > 0 {
        // SAFETY: the tensor was just made dense and contiguous with `len` f32, and nobody else holds its storage. Its
        // memory is allocated, and any bits are a valid f32.
        fill(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), len) });
    }
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dense_contiguous_f32_on_the_cpu() {
        let options = (Kind::Float, Device::Cpu);
        let (a, b) = (Tensor::zeros([4, 6], options), Tensor::zeros([24], options));
        let lengths = with_slices([Some(&a), Some(&b)], |[x, y]| {
            x[23] = 3.0;
            (x.len(), y.len())
        });
        assert_eq!(lengths, Some((24, 24)));
        assert_eq!(a.double_value(&[3, 5]), 3.0);

        fn fits<const N: usize>(tensors: [&Tensor; N]) -> bool {
            with_slices(tensors.map(Some), |_| ()).is_some()
        }
        assert!(!fits([&a.transpose(0, 1)]), "not contiguous");
        assert!(!fits([&a.to_kind(Kind::Double)]), "not f32");
        assert!(!fits([&a.to_sparse(None, None::<i64>, None)]), "sparse");
        assert!(!fits([&Tensor::new()]), "undefined");
        assert!(!fits([&a, &Tensor::zeros([23], options)]), "two sizes");
        assert!(!fits([&a, &a.view([24])]), "the same memory twice");
        let long = Tensor::zeros([10], options);
        assert!(!fits([&long.narrow(0, 0, 5), &long.narrow(0, 4, 5)]), "overlapping");
        assert!(fits([&long.narrow(0, 0, 5), &long.narrow(0, 5, 5)]), "side by side");
        assert!(fits([&Tensor::zeros([0], options), &Tensor::zeros([2, 0], options)]), "empty");
    }
}
