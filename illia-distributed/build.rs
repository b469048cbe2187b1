//! Compiles the page of C++ against the libtorch that torch-sys found, and refuses any other version than the one that it was
//! checked with.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cpp");
    // Missing where tch is built without libtorch (its feature doc-only).
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    let lib = lib.canonicalize().unwrap_or(lib);
    let include = lib.with_file_name("include");
    let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        // What is compiled are calls: optimising them gains nothing.
        .opt_level(0)
        .debug(false)
        .warnings(false)
        .define("USE_C10D_GLOO", None)
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .include("cpp")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .file("cpp/group.cpp")
        .compile("illia_distributed");
    println!("cargo::rustc-link-search=native={}", lib.display());
    println!("cargo::rustc-link-lib=dylib=torch_cpu");
    println!("cargo::rustc-link-lib=dylib=c10");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
}
