use illia::prelude::*;

bnn! { struct One: [?, 8] -> [2] { mean, head: Linear(2) } }
bnn! { struct Two: [_, 8] -> [2] { mean, head: Linear(2) } }
bnn! { struct Three: [None, 8] -> [2] { mean, head: Linear(2) } }
bnn! { struct Four: [-1, 8] -> [2] { mean, head: Linear(2) } }

fn main() {}
