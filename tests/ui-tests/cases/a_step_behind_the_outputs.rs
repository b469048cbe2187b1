use illia::prelude::*;

bnn! {
    struct Net: [4] -> (class: [3], value: [1]) {
        let class = classify: Linear(3);
        let value = class -> regress: Linear(1);
        more: Linear(7),
    }
}

fn main() {}
