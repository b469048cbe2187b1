use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(self.hidden) -> relu,
        head: Linear(2),
    }
}

fn main() {}
