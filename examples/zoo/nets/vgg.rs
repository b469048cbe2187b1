//! VGG-11.

use illia::prelude::*;

bnn! {
    /// Simonyan & Zisserman (2015), configuration A: `width` 64, `hidden` 4096, 1000 classes, images of side 224.
    pub struct Vgg11(width: i64, hidden: i64, classes: i64): [3, h, w] -> [classes] {
        conv1: Conv2d(width, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv2: Conv2d(2 * width, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv3: Conv2d(4 * width, kernel: 3, padding: 1) -> relu,
        conv4: Conv2d(4 * width, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv5: Conv2d(8 * width, kernel: 3, padding: 1) -> relu,
        conv6: Conv2d(8 * width, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv7: Conv2d(8 * width, kernel: 3, padding: 1) -> relu,
        conv8: Conv2d(8 * width, kernel: 3, padding: 1) -> relu -> max_pool(2),
        adaptive_avg_pool(7) -> flatten,
        fc1: Linear(hidden) -> relu -> dropout(0.5),
        fc2: Linear(hidden) -> relu -> dropout(0.5),
        head: Linear(classes),
    }
}
