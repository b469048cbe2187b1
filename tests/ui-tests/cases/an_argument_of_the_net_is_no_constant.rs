use illia::prelude::*;

bnn! { struct One(const K: i64): [4] -> [2] { head: Linear(2) } }
bnn! { struct Two(k: i64 = 3): [4] -> [2] { head: Linear(2) } }

fn main() {}
