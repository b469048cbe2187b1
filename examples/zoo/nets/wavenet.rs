//! WaveNet.

use illia::prelude::*;

bnn! {
    /// van den Oord et al. (2016), figure 4, for 256 classes of a sample, here with dilations 1, 2, 4, 8. Nothing looks ahead.
    pub struct WaveNet(width: i64, skip: i64, classes: i64): [classes, time] -> [classes, time] {
        let x0 = pad(before: 1) -> causal: Conv1d(width, kernel: 2);

        let f1 = x0 -> pad(before: 1) -> filter1: Conv1d(width, kernel: 2, dilation: 1) -> tanh;
        let g1 = x0 -> pad(before: 1) -> gate1: Conv1d(width, kernel: 2, dilation: 1) -> sigmoid;
        let z1 = f1 -> multiply(g1);
        let x1 = out1: Conv1d(width, kernel: 1) -> add(x0);

        let f2 = x1 -> pad(before: 2) -> filter2: Conv1d(width, kernel: 2, dilation: 2) -> tanh;
        let g2 = x1 -> pad(before: 2) -> gate2: Conv1d(width, kernel: 2, dilation: 2) -> sigmoid;
        let z2 = f2 -> multiply(g2);
        let x2 = out2: Conv1d(width, kernel: 1) -> add(x1);

        let f3 = x2 -> pad(before: 4) -> filter3: Conv1d(width, kernel: 2, dilation: 4) -> tanh;
        let g3 = x2 -> pad(before: 4) -> gate3: Conv1d(width, kernel: 2, dilation: 4) -> sigmoid;
        let z3 = f3 -> multiply(g3);
        let x3 = out3: Conv1d(width, kernel: 1) -> add(x2);

        let f4 = x3 -> pad(before: 8) -> filter4: Conv1d(width, kernel: 2, dilation: 8) -> tanh;
        let g4 = x3 -> pad(before: 8) -> gate4: Conv1d(width, kernel: 2, dilation: 8) -> sigmoid;
        let z4 = f4 -> multiply(g4);
        let _x4 = out4: Conv1d(width, kernel: 1) -> add(x3);

        let s2 = z2 -> skip2: Conv1d(skip, kernel: 1);
        let s3 = z3 -> skip3: Conv1d(skip, kernel: 1);
        let s4 = z4 -> skip4: Conv1d(skip, kernel: 1);
        z1 -> skip1: Conv1d(skip, kernel: 1) -> add(s2) -> add(s3) -> add(s4) -> relu,
        end1: Conv1d(skip, kernel: 1) -> relu,
        end2: Conv1d(classes, kernel: 1),
    }
}
