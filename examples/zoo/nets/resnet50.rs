//! ResNet-50.

use illia::prelude::*;

bnn! {
    #[derive(Debug)]
    struct Shortcut(inputs: i64, outputs: i64, side: i64, stride: i64):
        [inputs, side, side] -> [outputs, (side - 1) / stride + 1, (side - 1) / stride + 1] {
        conv: Conv2d(outputs, kernel: 1, stride: stride, bias: false),
        norm: BatchNorm2d,
    }
}

bnn! {
    #[derive(Debug)]
    struct Bottleneck(inputs: i64, width: i64, side: i64, stride: i64):
        [inputs, side, side] -> [4 * width, (side - 1) / stride + 1, (side - 1) / stride + 1] {
        block: residual(project: Shortcut(inputs: inputs, outputs: 4 * width, side: side, stride: stride)) {
            conv1: Conv2d(width, kernel: 1, bias: false),
            norm1: BatchNorm2d -> relu,
            conv2: Conv2d(width, kernel: 3, stride: stride, padding: 1, bias: false),
            norm2: BatchNorm2d -> relu,
            conv3: Conv2d(4 * width, kernel: 1, bias: false),
            norm3: BatchNorm2d,
        } -> relu,
    }
}

bnn! {
    #[derive(Debug)]
    struct Same(width: i64): [4 * width, h, w] -> [4 * width, h, w] {
        block: residual {
            conv1: Conv2d(width, kernel: 1, bias: false),
            norm1: BatchNorm2d -> relu,
            conv2: Conv2d(width, kernel: 3, padding: 1, bias: false),
            norm2: BatchNorm2d -> relu,
            conv3: Conv2d(4 * width, kernel: 1, bias: false),
            norm3: BatchNorm2d,
        } -> relu,
    }
}

bnn! {
    /// He et al. (2016), table 1: `width` 64, 1000 classes, images of side 224.
    pub struct ResNet50(width: i64, classes: i64, side: i64): [3, side, side] -> [classes] {
        stem: Conv2d(width, kernel: 7, stride: 2, padding: 3, bias: false),
        norm: BatchNorm2d -> relu -> max_pool(3, stride: 2, padding: 1),
        down1: Bottleneck(inputs: width, width: width, side: side / 4, stride: 1),
        same1: [Same(width: width); 2],
        down2: Bottleneck(inputs: 4 * width, width: 2 * width, side: side / 4, stride: 2),
        same2: [Same(width: 2 * width); 3],
        down3: Bottleneck(inputs: 8 * width, width: 4 * width, side: side / 8, stride: 2),
        same3: [Same(width: 4 * width); 5],
        down4: Bottleneck(inputs: 16 * width, width: 8 * width, side: side / 16, stride: 2),
        same4: [Same(width: 8 * width); 2],
        global_avg_pool,
        head: Linear(classes),
    }
}
