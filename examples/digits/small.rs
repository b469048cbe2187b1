//! UCI's handwritten digits in the split that all examples have.

use illia::Result;
use illia::data::{Csv, ImageSet};
use illia::prelude::*;

/// How many of the 1,797 digits are kept for the test.
const TEST: i64 = 500;

/// The training and the test digits, `[N, 1, 8, 8]` from 0 to 1, the same in every run.
pub fn load() -> Result<(ImageSet, ImageSet)> {
    let bytes = include_bytes!("data/digits.csv.gz");
    let table = Csv::new().parse("digits.csv.gz", bytes)?.to_tensor(Kind::Float)?;
    let count = table.size()[0];
    // 1009 has no divisor in common with 1797: a fixed order that mixes the writers, who come one after the other.
    let order: Vec<i64> = (0..count).map(|i| i * 1009 % count).collect();
    let table = table.index_select(0, &Tensor::from_slice(&order));
    let part = |from: i64, len: i64| {
        let rows = table.narrow(0, from, len);
        let images = rows.narrow(1, 0, 64).reshape([len, 1, 8, 8]) / 16.0;
        ImageSet { images, labels: rows.select(1, 64).to_kind(Kind::Int64) }
    };
    Ok((part(0, count - TEST), part(count - TEST, TEST)))
}
