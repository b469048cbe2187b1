//! A recurrent layer starts from a state of its own size.

use illia::prelude::*;

bnn! {
    struct Net: (a: [s, 4], b: [t, 4]) -> [t, 8] {
        let (read, h) = a -> reader: Gru(6, bidirectional: true);
        let (other, h2, c) = b -> second: Gru(8);
        b -> writer: Gru(8, state: h),
        lstm: Lstm(8, state: h),
        residual { look: CrossAttention(heads: 2, memory: read) },
    }
}

fn main() {}
