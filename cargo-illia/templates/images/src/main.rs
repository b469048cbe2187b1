//! Shapes in small pictures, and how unsure the net is of what is none.

use std::path::Path;

use illia::prelude::*;
use illia::report::Report;
use illia::{Calibration, checkpoint, metrics};

/// Pixels along a side.
const SIDE: i64 = 16;

const SHAPES: [&str; 3] = ["disc", "square", "cross"];

bnn! {
    /// A picture of one channel in, a score for each shape out.
    struct Shapes: [1, SIDE, SIDE] -> [3] {
        conv1: Conv2d(8, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv2: Conv2d(16, kernel: 3, padding: 1) -> relu -> max_pool(2),
        flatten,
        head: Linear(3),
    }
}

fn main() -> illia::Result<()> {
    let check = train(Path::new("."))?;
    print!("{check}");
    println!("report.html shows it, net.safetensors holds the net");
    Ok(())
}

/// `n` pictures `[n, 1, SIDE, SIDE]`, a shape in each somewhere, of some size, under noise; and which, `[n]`. Yours go here.
fn pictures(n: i64) -> illia::Result<(Tensor, Tensor)> {
    let float = (Kind::Float, Device::Cpu);
    let label = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(3);
    // Each picture's centre and size, against every pixel's place.
    let draw = |low: f64, high: f64| Tensor::rand([n, 1, 1, 1], float) * (high - low) + low;
    let (row, column, radius) = (draw(5.0, 10.0), draw(5.0, 10.0), draw(3.0, 4.5));
    let at = Tensor::arange(SIDE, float);
    let down = (at.reshape([1, 1, SIDE, 1]) - row).abs();
    let right = (at.reshape([1, 1, 1, SIDE]) - column).abs();
    let disc = (down.square() + right.square()).le_tensor(&radius.square());
    let square = down.maximum(&right).le_tensor(&(&radius * 0.9));
    let cross = down.minimum(&right).le(1.0).logical_and(&down.maximum(&right).le_tensor(&radius));
    let all = Tensor::f_stack(&[disc, square, cross], 1)?.to_kind(Kind::Float);
    let shape = all.f_take_along_dim(&label.reshape([n, 1, 1, 1, 1]), 1)?.squeeze_dim(1);
    let noisy = shape * 0.7 + 0.15 + Tensor::randn([n, 1, SIDE, SIDE], float) * 0.1;
    Ok((noisy.clamp(0.0, 1.0), label))
}

/// Trains a net and checks it on pictures that it has not seen, and on pictures of nothing; `report.html` and
/// `net.safetensors` go into `folder`.
fn train(folder: &Path) -> illia::Result<Calibration> {
    // A net this small leaves further threads nothing but waiting for each other. A large one wants them: leave this line out.
    illia::tch::set_num_threads(1);
    illia::manual_seed(1);
    let (x, y) = pictures(600)?;
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Shapes::new(&(vs.root() / "net"));
    println!("{net}");
    // As good as with nothing set, in two thirds of the time.
    Fit::new(Categorical).epochs(300).learning_rate(1e-2).run(&net, &vs, &x, &y)?;

    let (x, y) = pictures(300)?;
    let prediction = Predict::new().run(&net, &x)?;
    let nothing = Predict::new().run(&net, &Tensor::rand_like(&x))?;
    let check = Calibration::of(&prediction, &Categorical, &y)?.against(&nothing, &Categorical)?;
    let p = prediction.predictive_mean(&Categorical);
    let accuracy = 100.0 * metrics::accuracy(&p, &y)?;
    println!("right: {accuracy:.1} % of {} pictures that were not trained on", y.numel());

    let (ours, theirs) =
        (prediction.uncertainty(&Categorical).total, nothing.uncertainty(&Categorical).total);
    let wrong = p.argmax(-1, false).not_equal_tensor(&y).to_kind(Kind::Float);
    let mut report = Report::new("Shapes")
        .metric("pictures that were not trained on", &y.numel().to_string())
        .metric("accuracy", &format!("{accuracy:.1} %"))
        .metric("negative log-likelihood", &format!("{:.3} nats", check.nll))
        .calibration(&check)
        .risk_coverage(&metrics::risk_coverage(&ours, &wrong)?)
        .histogram("Uncertainty in nats: shapes and noise", &ours, &theirs)?;
    for row in Vec::<i64>::try_from(&ours.argsort(0, true))?.into_iter().take(6) {
        let (is, says) =
            (y.int64_value(&[row]) as usize, p.get(row).argmax(0, false).int64_value(&[]) as usize);
        let sure = 100.0 * p.double_value(&[row, says as i64]);
        let caption = format!("a {}, read as {} at {sure:.0} %", SHAPES[is], SHAPES[says]);
        report = report.example(&x.get(row).squeeze_dim(0), &caption)?;
    }
    report.write(&folder.join("report.html"))?;
    checkpoint::save(&net, &vs, folder.join("net.safetensors"))?;
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_apart_and_noise_is_none() {
        let folder =
            std::env::temp_dir().join(format!("{}-{}", env!("CARGO_CRATE_NAME"), std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let check = train(&folder).expect("a trained net");
        let report = std::fs::read_to_string(folder.join("report.html")).expect("a report");
        std::fs::remove_dir_all(&folder).ok();
        // To guess costs 1.10 nats a picture.
        assert!(check.nll < 0.3, "{check}");
        assert!(check.shift.is_some_and(|shift| shift.total.auroc > 0.7), "noise should be less certain");
        assert!(report.contains("Most uncertain examples"));
    }
}
