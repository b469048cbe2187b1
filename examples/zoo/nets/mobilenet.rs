//! MobileNetV2.

use illia::prelude::*;

bnn! {
    /// An inverted residual whose ends differ: no sum.
    #[derive(Debug)]
    struct Change(inputs: i64, outputs: i64, side: i64, stride: i64):
        [inputs, side, side] -> [outputs, (side - 1) / stride + 1, (side - 1) / stride + 1] {
        expand: Conv2d(6 * inputs, kernel: 1, bias: false),
        norm1: BatchNorm2d -> relu6,
        depth: Conv2d(6 * inputs, kernel: 3, stride: stride, padding: 1, groups: 6 * inputs, bias: false),
        norm2: BatchNorm2d -> relu6,
        shrink: Conv2d(outputs, kernel: 1, bias: false),
        norm3: BatchNorm2d,
    }
}

bnn! {
    #[derive(Debug)]
    struct Keep(width: i64): [width, h, w] -> [width, h, w] {
        block: residual {
            expand: Conv2d(6 * width, kernel: 1, bias: false),
            norm1: BatchNorm2d -> relu6,
            depth: Conv2d(6 * width, kernel: 3, padding: 1, groups: 6 * width, bias: false),
            norm2: BatchNorm2d -> relu6,
            shrink: Conv2d(width, kernel: 1, bias: false),
            norm3: BatchNorm2d,
        },
    }
}

bnn! {
    /// Sandler et al. (2018), table 2: `unit` 8, `last` 1280, 1000 classes, images of side 224.
    pub struct MobileNetV2(unit: i64, last: i64, classes: i64, side: i64): [3, side, side] -> [classes] {
        stem: Conv2d(4 * unit, kernel: 3, stride: 2, padding: 1, bias: false),
        norm: BatchNorm2d -> relu6,
        depth: Conv2d(4 * unit, kernel: 3, padding: 1, groups: 4 * unit, bias: false),
        norm_depth: BatchNorm2d -> relu6,
        shrink: Conv2d(2 * unit, kernel: 1, bias: false),
        norm_shrink: BatchNorm2d,
        change2: Change(inputs: 2 * unit, outputs: 3 * unit, side: side / 2, stride: 2),
        keep2: Keep(width: 3 * unit),
        change3: Change(inputs: 3 * unit, outputs: 4 * unit, side: side / 4, stride: 2),
        keep3: [Keep(width: 4 * unit); 2],
        change4: Change(inputs: 4 * unit, outputs: 8 * unit, side: side / 8, stride: 2),
        keep4: [Keep(width: 8 * unit); 3],
        change5: Change(inputs: 8 * unit, outputs: 12 * unit, side: side / 16, stride: 1),
        keep5: [Keep(width: 12 * unit); 2],
        change6: Change(inputs: 12 * unit, outputs: 20 * unit, side: side / 16, stride: 2),
        keep6: [Keep(width: 20 * unit); 2],
        change7: Change(inputs: 20 * unit, outputs: 40 * unit, side: side / 32, stride: 1),
        conv: Conv2d(last, kernel: 1, bias: false),
        norm_last: BatchNorm2d -> relu6 -> global_avg_pool -> dropout(0.2),
        head: Linear(classes),
    }
}
