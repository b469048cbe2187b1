//! DenseNet-121.

use illia::prelude::*;

bnn! {
    /// Huang et al. (2017), table 1: `growth` 32, 1000 classes, images of side 224.
    pub struct DenseNet121(growth: i64, classes: i64, side: i64): [3, side, side] -> [classes] {
        stem: Conv2d(2 * growth, kernel: 7, stride: 2, padding: 3, bias: false),
        norm0: BatchNorm2d -> relu -> max_pool(3, stride: 2, padding: 1),
        block1: repeat 6 { concat { {}, { norm1: BatchNorm2d -> relu, conv1: Conv2d(4 * growth, kernel: 1, bias: false),
            norm2: BatchNorm2d -> relu, conv2: Conv2d(growth, kernel: 3, padding: 1, bias: false) } } },
        trans1: { norm: BatchNorm2d -> relu, conv: Conv2d(4 * growth, kernel: 1, bias: false) -> avg_pool(2) },
        block2: repeat 12 { concat { {}, { norm1: BatchNorm2d -> relu, conv1: Conv2d(4 * growth, kernel: 1, bias: false),
            norm2: BatchNorm2d -> relu, conv2: Conv2d(growth, kernel: 3, padding: 1, bias: false) } } },
        trans2: { norm: BatchNorm2d -> relu, conv: Conv2d(8 * growth, kernel: 1, bias: false) -> avg_pool(2) },
        block3: repeat 24 { concat { {}, { norm1: BatchNorm2d -> relu, conv1: Conv2d(4 * growth, kernel: 1, bias: false),
            norm2: BatchNorm2d -> relu, conv2: Conv2d(growth, kernel: 3, padding: 1, bias: false) } } },
        trans3: { norm: BatchNorm2d -> relu, conv: Conv2d(16 * growth, kernel: 1, bias: false) -> avg_pool(2) },
        block4: repeat 16 { concat { {}, { norm1: BatchNorm2d -> relu, conv1: Conv2d(4 * growth, kernel: 1, bias: false),
            norm2: BatchNorm2d -> relu, conv2: Conv2d(growth, kernel: 3, padding: 1, bias: false) } } },
        norm5: BatchNorm2d -> relu -> global_avg_pool,
        head: Linear(classes),
    }
}
