//! Says that libtorch is missing, in one sentence. This crate needs none, but it is the one that is compiled before
//! libtorch's bindings, which would fill the screen with the C++ compiler's messages.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let elsewhere = ["LIBTORCH_USE_PYTORCH", "LIBTORCH_LIB", "ILLIA_WITHOUT_LIBTORCH"];
    for name in elsewhere.iter().chain(&["LIBTORCH"]) {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // The checkout's .cargo/config.toml sets it to a place that the set-up fills.
    let Some(folder) = env::var_os("LIBTORCH").map(PathBuf::from) else { return };
    if folder.join("lib").is_dir() || elsewhere.iter().any(|name| env::var_os(name).is_some()) {
        return;
    }
    println!(
        "cargo::error=there is no libtorch in {}: run `cargo xtask setup` in illia's checkout, or set LIBTORCH to a \
         libtorch 2.13.0 of your own",
        folder.display()
    );
}
