//! Numbers made by a GPU: libtorch's own generator there, seeded with a hash of the key.
#![allow(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use tch::{Cuda, Tensor};

/// The generator is one for all threads: seeding it and drawing from it belong together.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Does what nobody else may seed the generator during.
pub(super) fn alone<R>(work: impl FnOnce() -> R) -> R {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// What `make` draws after the generator is seeded with `word`.
pub(super) fn seeded(word: u64, make: impl FnOnce() -> Tensor) -> Tensor {
    keep();
    alone(|| {
        Cuda::manual_seed_all(word);
        make()
    })
}

/// Keeps libtorch's CUDA kernels in the program. They register themselves when their library is loaded; nothing calls them by name. A
/// linker leaves out a library of which nothing is called, and the program then finds no GPU.
#[cfg(illia_cuda)]
fn keep() {
    use std::ffi::c_void;

    unsafe extern "C" {
        /// Of libtorch_cuda.so's stable C interface.
        fn aoti_torch_create_cuda_guard(device: i32, guard: *mut *mut c_void) -> i32;
    }
    std::hint::black_box(aoti_torch_create_cuda_guard as *const c_void);
}

/// There are none to keep.
#[cfg(not(illia_cuda))]
fn keep() {}
