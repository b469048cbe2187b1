//! U-Net, with the original's unpadded convolutions and crops.

use illia::prelude::*;

bnn! {
    /// Ronneberger et al. (2015), figure 1: `width` 64, 2 classes.
    pub struct UNet(width: i64, classes: i64): [1, 572, 572] -> [classes, 388, 388] {
        let x1 = { a1: Conv2d(width, kernel: 3) -> relu, b1: Conv2d(width, kernel: 3) -> relu };
        max_pool(2),
        let x2 = { a2: Conv2d(2 * width, kernel: 3) -> relu, b2: Conv2d(2 * width, kernel: 3) -> relu };
        max_pool(2),
        let x3 = { a3: Conv2d(4 * width, kernel: 3) -> relu, b3: Conv2d(4 * width, kernel: 3) -> relu };
        max_pool(2),
        let x4 = { a4: Conv2d(8 * width, kernel: 3) -> relu, b4: Conv2d(8 * width, kernel: 3) -> relu };
        max_pool(2),
        a5: Conv2d(16 * width, kernel: 3) -> relu,
        b5: Conv2d(16 * width, kernel: 3) -> relu,
        let y4 = up4: ConvTranspose2d(8 * width, kernel: 2, stride: 2);
        x4 -> crop(4) -> concat(y4) -> c4: Conv2d(8 * width, kernel: 3) -> relu -> d4: Conv2d(8 * width, kernel: 3) -> relu,
        let y3 = up3: ConvTranspose2d(4 * width, kernel: 2, stride: 2);
        x3 -> crop(16) -> concat(y3) -> c3: Conv2d(4 * width, kernel: 3) -> relu -> d3: Conv2d(4 * width, kernel: 3) -> relu,
        let y2 = up2: ConvTranspose2d(2 * width, kernel: 2, stride: 2);
        x2 -> crop(40) -> concat(y2) -> c2: Conv2d(2 * width, kernel: 3) -> relu -> d2: Conv2d(2 * width, kernel: 3) -> relu,
        let y1 = up1: ConvTranspose2d(width, kernel: 2, stride: 2);
        x1 -> crop(88) -> concat(y1) -> c1: Conv2d(width, kernel: 3) -> relu -> d1: Conv2d(width, kernel: 3) -> relu,
        head: Conv2d(classes, kernel: 1),
    }
}
