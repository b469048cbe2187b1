//! What a million normals cost, beside libtorch's: `cargo run --release -p illia-core --example noise_cost`.

use illia_core::noise::{self, Key};
use std::time::Instant;
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn main() {
    let mut draw = 0;
    let mut next_key = || {
        draw += 1;
        Key { seed: 1, stream: 2, draw }
    };
    let mut out = vec![0f32; 1_000_000];
    let a = Tensor::randn([512, 512], OPTIONS);
    for threads in [1, 2] {
        tch::set_num_threads(threads);
        let [mut randn, mut ours, mut fill, mut copy] = [const { Vec::new() }; 4];
        // In turn, each after a product that leaves libtorch's workers spinning.
        for _ in 0..200 {
            let time = |what: &mut Vec<f64>, f: &mut dyn FnMut()| {
                let _product = a.matmul(&a);
                let start = Instant::now();
                f();
                what.push(start.elapsed().as_secs_f64() * 1e3);
            };
            time(&mut randn, &mut || drop(Tensor::randn([1_000_000], OPTIONS)));
            time(&mut ours, &mut || drop(noise::normals(next_key(), &[1_000_000], Kind::Float, Device::Cpu)));
            time(&mut fill, &mut || noise::fill_normals(next_key(), &mut out));
            time(&mut copy, &mut || drop(Tensor::zeros([1_000_000], OPTIONS)));
        }
        println!("{threads} threads, ms for a million: least, median");
        for (name, times) in [("randn", randn), ("normals", ours), ("fill_normals", fill), ("zeros", copy)] {
            let mut times = times;
            times.sort_by(f64::total_cmp);
            println!("{name:>14} {:7.3} {:7.3}", times[0], times[times.len() / 2]);
        }
    }
}
