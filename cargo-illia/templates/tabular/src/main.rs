//! A column of a table from its other columns, with intervals.

use std::path::Path;

use illia::data::Csv;
use illia::prelude::*;
use illia::report::Report;
use illia::{Calibration, checkpoint, metrics};

bnn! {
    /// Any number of columns in, one number out.
    struct Price(columns: i64): [columns] -> [1] {
        hidden: Linear(50) -> relu,
        head: Linear(1),
    }
}

/// The column that is to be predicted.
const TARGET: &str = "price";

/// The share of the rows that is not trained on.
const HELD_OUT: f64 = 0.25;

fn main() -> illia::Result<()> {
    let check = train(Path::new("."))?;
    print!("{check}");
    println!("report.html shows it, net.safetensors holds the net");
    Ok(())
}

/// A tensor's columns with mean 0 and standard deviation 1, both measured on its first `n` rows; and that deviation.
fn standardised(values: &Tensor, n: i64) -> (Tensor, Tensor) {
    let (std, mean) = values.narrow(0, 0, n).std_mean_dim(0, true, true);
    let std = std.clamp_min(1e-6);
    ((values - mean) / &std, std)
}

/// Trains a net and checks it on the last rows; `report.html` and `net.safetensors` go into `folder`.
fn train(folder: &Path) -> illia::Result<Calibration> {
    // A net this small leaves further threads nothing but waiting for each other. A large one wants them: leave this line out.
    illia::tch::set_num_threads(1);
    illia::manual_seed(1);
    // Made up: rooms, size in square metres, age in years, distance to the centre in kilometres, price in thousands.
    let table = Csv::new().header(true).parse("houses.csv", include_bytes!("../data/houses.csv"))?;
    let target = table
        .column(TARGET)
        .ok_or_else(|| illia::Error::configuration("target column", TARGET, "one of the header's"))?;
    let data = table.numbers(&[target], Kind::Float)?;
    let n = (table.rows as f64 * (1.0 - HELD_OUT)) as i64;
    let held_out = table.rows as i64 - n;
    let (x, _) = standardised(&data.inputs()[0], n);
    let (y, scale) = standardised(data.target(), n);

    let vs = nn::VarStore::new(Device::Cpu);
    let net = Price::new(&(vs.root() / "net"), x.size()[1]);
    println!("{net}");
    let noise = likelihood::Gaussian::learned(vs.root(), 0.5)?;
    Fit::new(&noise).run(&net, &vs, &x.narrow(0, 0, n), &y.narrow(0, 0, n))?;

    let (x, y) = (x.narrow(0, n, held_out), y.narrow(0, n, held_out));
    let prediction = Predict::new().run(&net, &x)?;
    let check = Calibration::of(&prediction, &noise, &y)?;
    let scale = scale.double_value(&[0, 0]);
    let rmse = scale * metrics::rmse(&prediction.mean(), &y)?;
    println!(
        "trained on {n} rows; on the {held_out} others the root mean squared error of {TARGET} is {rmse:.1}"
    );
    Report::new(&format!("{TARGET}, predicted"))
        .metric("rows that were not trained on", &held_out.to_string())
        .metric("root mean squared error", &format!("{rmse:.1}"))
        .metric("standard deviation of the column", &format!("{scale:.1}"))
        .calibration(&check)
        .risk_coverage(&metrics::risk_coverage(&prediction.std(), &(prediction.mean() - &y).square())?)
        .write(&folder.join("report.html"))?;
    checkpoint::save(&net, &vs, folder.join("net.safetensors"))?;
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_the_column_is_explained() {
        let folder =
            std::env::temp_dir().join(format!("{}-{}", env!("CARGO_CRATE_NAME"), std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let check = train(&folder).expect("a trained net");
        let report = std::fs::read_to_string(folder.join("report.html")).expect("a report");
        std::fs::remove_dir_all(&folder).ok();
        // To predict the mean costs 1.42 nats a row.
        assert!(check.nll < 0.7, "{check}");
        assert!(report.contains("Coverage"));
    }
}
