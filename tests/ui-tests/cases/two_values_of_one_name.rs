use illia::prelude::*;

bnn! {
    struct Net: [4] -> [3] {
        let a = fc1: Linear(3);
        let a = fc2: Linear(3);
        a -> add(a),
    }
}

fn main() {}
