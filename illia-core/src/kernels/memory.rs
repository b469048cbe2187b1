//! Where a tensor's memory becomes a slice.
#![allow(unsafe_code)]

use tch::{Device, Kind, Tensor};

/// Runs `work` on the elements of `N` tensors of one size, to read and write; `None`, and nothing is run, unless each is
/// dense, contiguous f32 on the CPU and no two overlap.
///
/// While `work` runs nothing else may touch the tensors' memory (another handle on the same storage could): it is one
/// kernel, which knows no tensors.
#[allow(dead_code)] // until the first kernel
pub(crate) fn with_slices<const N: usize, R>(
    tensors: [&Tensor; N],
    work: impl FnOnce([&mut [f32]; N]) -> R,
) -> Option<R> {
    let len = tensors.first().map_or(0, |tensor| tensor.numel());
    let fits = |tensor: &Tensor| {
        tensor.defined()
            && tensor.device() == Device::Cpu
            && tensor.f_kind().is_ok_and(|kind| kind == Kind::Float)
            && !tensor.is_sparse()
            && !tensor.is_mkldnn()
            && tensor.is_contiguous()
            && tensor.numel() == len
    };
    if !tensors.iter().all(|tensor| fits(tensor)) {
        return None;
    }
    if len == 0 {
        return Some(work([const { &[] as &[f32] }; N].map(|_| <&mut [f32]>::default())));
    }
    let starts = tensors.map(|tensor| tensor.data_ptr().cast::<f32>());
    let mut sorted = starts.map(|start| start as usize);
    sorted.sort_unstable();
    let apart = sorted.windows(2).all(|pair| matches!(pair, [a, b] if b - a >= len * size_of::<f32>()));
    if !apart || starts.iter().any(|start| start.is_null()) {
        return None;
    }
    // SAFETY: a dense contiguous CPU tensor of kind Float holds `len` consecutive, aligned f32 from its data pointer on,
    // and keeps them alive as long as it lives, which is past `work`. No two ranges overlap, so the slices do not alias
    // each other.
    Some(work(starts.map(|start| unsafe { std::slice::from_raw_parts_mut(start, len) })))
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
        let lengths = with_slices([&a, &b], |[x, y]| {
            x[23] = 3.0;
            (x.len(), y.len())
        });
        assert_eq!(lengths, Some((24, 24)));
        assert_eq!(a.double_value(&[3, 5]), 3.0);

        fn fits<const N: usize>(tensors: [&Tensor; N]) -> bool {
            with_slices(tensors, |_| ()).is_some()
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
