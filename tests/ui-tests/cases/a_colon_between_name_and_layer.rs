use illia::prelude::*;

bnn! {
    struct Net: [8] -> [2] {
        fc1 Linear(8),
        fc2 = Linear(8),
        fc3: Linear[8],
        head: Linear(2),
    }
}

fn main() {
    let net = Net::new(&nn::VarStore::new(Device::Cpu).root());
    let _ = (&net.fc1, &net.fc2, &net.fc3, &net.head);
}
