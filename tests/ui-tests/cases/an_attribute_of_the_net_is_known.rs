//! What `#[illia(..)]` on a net can say.

use illia::prelude::*;

bnn! {
    #[illia(unbached)]
    struct Net: [4] -> [2] {
        head: Linear(2),
    }
}

fn main() {}
