//! Keeps libtorch's CUDA kernels in a program.
//!
//! They register themselves when their library is loaded; nothing calls them by name. A linker leaves out a library of which nothing
//! is called, and the program then finds no GPU. So whatever makes noise on one calls for a symbol of it.
#![allow(unsafe_code)]

/// Makes the library one that the program needs.
#[cfg(illia_cuda)]
pub(super) fn keep() {
    use std::ffi::c_void;

    unsafe extern "C" {
        /// Of libtorch_cuda.so's stable C interface.
        fn aoti_torch_create_cuda_guard(device: i32, guard: *mut *mut c_void) -> i32;
    }
    std::hint::black_box(aoti_torch_create_cuda_guard as *const c_void);
}

/// There is none to keep.
#[cfg(not(illia_cuda))]
pub(super) fn keep() {}
