use illia::prelude::*;

bnn! {
    pub struct Net: [784] -> [10] {
        fc1: Linear(300) -> relu,
        pub head: Linear(400 => 10),
    }
}

fn main() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Net::new(&vs.root());
    let x = Tensor::zeros([2, 784], (Kind::Float, Device::Cpu));
    let _ = net.head.forward(&net.forward_t(&x, true)).size();
    net.freeze();
    println!("{net} {}", net.kl_cost().num_params);
}
