fn main() {
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", std::env::var("DEP_TCH_LIBTORCH_LIB").unwrap_or_default());
}
