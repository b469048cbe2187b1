use illia::prelude::*;

bnn! {
    struct Net: [8] -> [2] {
        prior: Gaussian(std: 0.1)
        fc: Linear(4) -> relu,
        head: Linear(2),
    }
}

fn main() {
    let net = Net::new(&nn::VarStore::new(Device::Cpu).root());
    let _ = (&net.fc, &net.head);
}
