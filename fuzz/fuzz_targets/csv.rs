//! Any bytes as a CSV file: an error, or a table of finite numbers with as many columns in each row.
#![no_main]

use illia_core::data::csv::Csv;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for header in [false, true] {
        if let Ok(table) = Csv::new().header(header).parse("fuzz", bytes) {
            let tensor = table.to_tensor(tch::Kind::Double).unwrap();
            assert_eq!(tensor.isfinite().all().int64_value(&[]), 1);
        }
    }
});
