use illia::prelude::*;

bnn! {
    struct Net: [8, 7, 7] -> [1, 28, 28] {
        up1: ConvTranspose2d(4, kernel: 3, stride: 2, padding: 1) -> relu,
        up2: ConvTranspose2d(1, kernel: 3, stride: 2, padding: 1) -> sigmoid,
    }
}

fn main() {}
