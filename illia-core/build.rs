//! Where libtorch is found at run time.
//!
//! torch-sys links to libtorch but, as a library, cannot put its folder into an executable. Two ways together cover
//! everything: the rpath is for this crate's own tests and examples, however they are started; the search path is for
//! whatever cargo starts (`run`, `test`, `bench`, doctests) in any crate that depends on this one. Cargo puts such a
//! path into the loader's only if it lies in the target folder, so it is a link there.
//!
//! Where libtorch has CUDA kernels, `illia_cuda` is set: `src/noise/cuda.rs` says what for.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(illia_cuda)");
    // Missing where tch is built without libtorch (its feature doc-only).
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    // The real folder, so that programs go on working when the checkout with its link is gone.
    let folder = folder.canonicalize().unwrap_or(folder);
    if folder.join("libtorch_cuda.so").exists() {
        println!("cargo::rustc-cfg=illia_cuda");
    }
    if env::var_os("CARGO_CFG_UNIX").is_some() {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
    if let Some(link) = env::var_os("OUT_DIR").map(|out| Path::new(&out).join("libtorch"))
        && is_link(&folder, &link)
    {
        println!("cargo::rustc-link-search=native={}", link.display());
    }
}

#[cfg(unix)]
fn is_link(folder: &Path, link: &Path) -> bool {
    std::fs::remove_file(link).ok();
    std::os::unix::fs::symlink(folder, link).is_ok()
}

#[cfg(not(unix))]
fn is_link(_folder: &Path, _link: &Path) -> bool {
    false
}
