use illia::prelude::*;

bnn! {
    struct Net(width: std::rc::Rc<i64>, p: f64): [4] -> [2] {
        fc: Linear(*width) -> dropout(p),
        head: Linear(2),
    }
}

fn main() {
    let vs = nn::VarStore::new(Device::Cpu);
    println!("{}", Net::new(&vs.root(), std::rc::Rc::new(3), 0.1));
}
