//! What an expansion costs: measured, not asserted, since a machine may be slow. `docs/macro-cost.md` has the numbers.

use std::fmt::Write;
use std::time::Instant;

use proc_macro2::TokenStream;

/// A net of so many layers.
fn deep(layers: usize) -> TokenStream {
    let mut text = String::from("pub struct Deep: [64] -> [64] {");
    for i in 0..layers {
        let _ = write!(text, "fc{i}: Linear(64 => 64) -> relu,");
    }
    text.push('}');
    text.parse().expect("tokens")
}

#[test]
fn two_hundred_layers_expand() {
    let tokens = deep(200);
    let start = Instant::now();
    let out = crate::bnn::expand(tokens);
    println!("200 layers: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    assert!(!out.to_string().contains("compile_error"));
}
