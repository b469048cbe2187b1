//! Any bytes as an IDX file: an error, or a tensor of as many bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tensor) = illia_core::data::idx::parse("fuzz", bytes) {
        assert!(tensor.numel() <= bytes.len());
    }
});
