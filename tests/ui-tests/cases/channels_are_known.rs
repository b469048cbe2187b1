use illia::prelude::*;

bnn! {
    struct Net: [t, 8] -> [t, 8] {
        norm: BatchNorm1d,
    }
}

fn main() {
    let _ = Net::new(&nn::VarStore::new(Device::Cpu).root()).norm;
}
