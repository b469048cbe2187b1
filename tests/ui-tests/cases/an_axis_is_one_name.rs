use illia::prelude::*;

bnn! {
    struct Net: [h * w, 4] -> [h * w, 4] {
        fc: Linear(4),
    }
}

bnn! {
    struct Image: [1, h: 4, w: 4] -> [1, h: 4, w: 4] {
        fn forward(&self, x: &Tensor) -> Tensor {
            x.relu()
        },
    }
}

fn main() {}
