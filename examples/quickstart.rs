use illia::prelude::*;

bnn! {
    /// One number in, one number out.
    struct Curve: [1] -> [1] {
        hidden: Linear(64) -> relu,
        head: Linear(1),
    }
}

fn main() -> illia::Result<()> {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::new(&(vs.root() / "net"));
    println!("{net}");

    let float = (Kind::Float, Device::Cpu);
    let x = Tensor::linspace(-1, 1, 200, float).reshape([200, 1]);
    let y = (&x * 3.0).sin() + Tensor::randn([200, 1], float) * 0.2;
    let noise = likelihood::Gaussian::learned(vs.root(), 0.5)?;
    Fit::new(&noise).run(&net, &vs, &x, &y)?;
    println!("noise {:.2}", noise.std());

    let at = [0.0f32, 0.5, 1.5, 3.0];
    let prediction = Predict::new().run(&net, &Tensor::from_slice(&at).reshape([4, 1]))?;
    for (i, x) in at.iter().enumerate() {
        let (mean, std) =
            (prediction.mean().double_value(&[i as i64, 0]), prediction.std().double_value(&[i as i64, 0]));
        println!("f({x}) = {mean:.2} ± {std:.2}");
    }
    Ok(())
}
