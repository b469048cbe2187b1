use illia::prelude::*;

bnn! {
    /// One number in, one number out.
    struct Curve: [1] -> [1] {
        prior: Gaussian(std: 1.0);
        posterior: FanIn;

        hidden: Linear(64) -> relu,
        head: Linear(1),
    }
}

fn main() -> illia::Result<()> {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::new(&vs.root());
    println!("{net}");

    let x = Tensor::linspace(-1, 1, 200, (Kind::Float, Device::Cpu)).reshape([200, 1]);
    let y = (&x * 3.0).sin();
    Fit::new(likelihood::Gaussian::fixed(0.1)?).epochs(300).learning_rate(1e-2).run(&net, &vs, &x, &y)?;

    let at = [0.0f32, 0.5, 1.5, 3.0];
    let prediction = Predict::new().run(&net, &Tensor::from_slice(&at).reshape([4, 1]))?;
    for (i, x) in at.iter().enumerate() {
        let (mean, std) =
            (prediction.mean().double_value(&[i as i64, 0]), prediction.std().double_value(&[i as i64, 0]));
        println!("f({x}) = {mean:.2} ± {std:.2}");
    }
    Ok(())
}
