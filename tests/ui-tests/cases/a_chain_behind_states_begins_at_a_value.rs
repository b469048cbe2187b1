use illia::prelude::*;

bnn! {
    struct Net: [seq, 4] -> [seq, 8] {
        let (_, h) = read: Gru(8);
        let (y, _) = write: Gru(8, state: h);
        y -> identity,
    }
}

fn main() {}
