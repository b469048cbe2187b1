use illia::prelude::*;

bnn! {
    struct Net(deep: bool): [4] -> [4] {
        if deep { more: Linear(4) },
        for i in 0..3 { fc: Linear(4) },
        left = l: Linear(4);
        let mut right = r: Linear(4);
        m: Linear(4).relu(),
        n: Linear(4) + left,
        k: Linear(4) => relu,
        (left, right)
    }
}

fn main() {}
