//! LeNet-5 as it is mostly built today: ReLU and max pooling.

use illia::prelude::*;

bnn! {
    /// LeCun et al. (1998), figure 2, with `width` 6.
    pub struct LeNet(width: i64): [1, 28, 28] -> [10] {
        conv1: Conv2d(width, kernel: 5, padding: 2) -> relu -> max_pool(2),
        conv2: Conv2d(2 * width + 4, kernel: 5) -> relu -> max_pool(2),
        flatten,
        fc1: Linear(20 * width) -> relu,
        fc2: Linear(14 * width) -> relu,
        head: Linear(10),
    }
}
