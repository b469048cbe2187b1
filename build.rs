//! Tells the examples and tests where libtorch is, and passes it on to crates that depend on illia: their build
//! scripts find the folder in `DEP_ILLIA_LIBTORCH_LIB`.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Missing where tch is built without libtorch (its feature doc-only).
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    // The real folder, so that programs go on working when the checkout with its link is gone.
    let folder = folder.canonicalize().unwrap_or(folder);
    println!("cargo::metadata=libtorch_lib={}", folder.display());
    if env::var_os("CARGO_CFG_UNIX").is_some() {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
