//! A curve through noisy points, and how sure the net is of it.

use std::path::Path;

use illia::prelude::*;
use illia::report::Report;
use illia::{Calibration, checkpoint, metrics};

bnn! {
    /// One number in, one number out.
    struct Curve: [1] -> [1] {
        hidden: Linear(64) -> relu,
        head: Linear(1),
    }
}

fn main() -> illia::Result<()> {
    let check = train(Path::new("."))?;
    print!("{check}");
    println!("report.html shows it, net.safetensors holds the net");
    Ok(())
}

/// `n` points of a sine with noise: `[n, 1]` and `[n, 1]`. Yours go here.
fn points(n: i64) -> (Tensor, Tensor) {
    let float = (Kind::Float, Device::Cpu);
    let x = Tensor::rand([n, 1], float) * 2.0 - 1.0;
    let y = (&x * 3.0).sin() + Tensor::randn([n, 1], float) * 0.2;
    (x, y)
}

/// Trains a net and checks it on points that it has not seen; `report.html` and `net.safetensors` go into `folder`.
fn train(folder: &Path) -> illia::Result<Calibration> {
    // A net this small leaves further threads nothing but waiting for each other. A large one wants them: leave this line out.
    illia::tch::set_num_threads(1);
    illia::manual_seed(1);
    let (x, y) = points(200);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::new(&(vs.root() / "net"));
    println!("{net}");
    let noise = likelihood::Gaussian::learned(vs.root(), 0.5)?;
    Fit::new(&noise).run(&net, &vs, &x, &y)?;
    println!("noise {:.2}, where 0.2 was put in", noise.std());

    // Between -1 and 1 the net has seen points; further out it should know that it has not.
    for at in [0.0, 0.5, 1.5, 3.0] {
        let prediction = Predict::new().run(&net, &Tensor::from_slice(&[at as f32]).reshape([1, 1]))?;
        let (mean, std) = (prediction.mean().double_value(&[0, 0]), prediction.std().double_value(&[0, 0]));
        println!("f({at}) = {mean:.2} ± {std:.2}");
    }

    let (x, y) = points(500);
    let prediction = Predict::new().run(&net, &x)?;
    let check = Calibration::of(&prediction, &noise, &y)?;
    let rmse = metrics::rmse(&prediction.mean(), &y)?;
    Report::new("A curve")
        .metric("points that were not trained on", &y.numel().to_string())
        .metric("root mean squared error", &format!("{rmse:.3}"))
        .metric("negative log-likelihood", &format!("{:.3} nats", check.nll))
        .calibration(&check)
        .write(&folder.join("report.html"))?;
    checkpoint::save(&net, &vs, folder.join("net.safetensors"))?;
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_net_finds_the_curve_and_its_noise() {
        let folder =
            std::env::temp_dir().join(format!("{}-{}", env!("CARGO_CRATE_NAME"), std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let check = train(&folder).expect("a trained net");
        let report = std::fs::read_to_string(folder.join("report.html")).expect("a report");
        std::fs::remove_dir_all(&folder).ok();
        // The noise alone costs -0.19 nats a point; a net that knows nothing, about 1.
        assert!(check.nll < 0.0, "{check}");
        assert!(report.contains("Coverage"));
    }
}
