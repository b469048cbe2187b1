//! Any bytes as a file of records: an error, or as many rows as it says.
#![no_main]

use illia_core::data::{Dataset, Records};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = std::env::temp_dir().join(format!("illia-fuzz-{}.records", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    if let Ok(records) = Records::open(&file) {
        let batch = records.batch(&[records.len() as i64 - 1, 0]).unwrap();
        batch.check(2).unwrap();
        assert!(batch.target.numel() <= 2 * bytes.len());
    }
    std::fs::remove_file(&file).unwrap();
});
