use illia::prelude::*;

bnn! {
    struct Net: [4] -> (class: [3], value: [1]) {
        let h = fc: Linear(8) -> relu;
        let class = classify: Linear(4);
        let value = h -> regress: Linear(1);
    }
}

fn main() {}
