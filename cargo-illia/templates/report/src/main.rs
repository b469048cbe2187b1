//! A report in HTML from a table of predictions and what came true: what `cargo illia report` runs.
//!
//! The table has a header. For numbers its columns are `target`, `mean` and `std`; for classes `label`, the true one from 0
//! on, and then a probability for each class, whatever their names.

use std::path::Path;
use std::process::ExitCode;

use illia::data::{Csv, Table};
use illia::prelude::*;
use illia::report::Report;
use illia::{Calibration, metrics};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [table, report] = arguments.as_slice() else {
        eprintln!("usage: report TABLE.csv REPORT.html");
        return ExitCode::from(2);
    };
    match run(Path::new(table), Path::new(report)) {
        Ok(check) => {
            print!("{check}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path, report: &Path) -> illia::Result<Calibration> {
    let table = Csv::new().header(true).read(path)?;
    let title = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let start = Report::new(&title).metric("examples", &table.rows.to_string());
    let columns = ["target", "mean", "std"].map(|name| table.column(name));
    let (check, page) = match (columns, table.column("label")) {
        ([Some(target), Some(mean), Some(std)], None) => numbers(&table, [target, mean, std], start)?,
        ([None, ..], Some(label)) => classes(&table, label, start)?,
        _ => {
            let allowed = "target, mean and std for numbers; label and a probability for each class";
            return Err(illia::Error::configuration("columns", table.names.join(", "), allowed));
        }
    };
    page.write(report)?;
    Ok(check)
}

/// Predictions of numbers, each a normal distribution.
fn numbers(table: &Table, columns: [usize; 3], report: Report) -> illia::Result<(Calibration, Report)> {
    let values = table.to_tensor(Kind::Double)?;
    let [y, mean, std] = columns.map(|column| values.select(1, column as i64));
    let smallest = std.min().double_value(&[]);
    // So that one that is no number is refused, too.
    if !(smallest > 0.0 && values.isfinite().all().int64_value(&[]) != 0) {
        return Err(illia::Error::configuration(
            "std",
            smallest,
            "above 0, and all that is in the table finite",
        ));
    }
    let nll = metrics::nll_gaussian(&mean, &std.square(), &y)?;
    // In units of its standard deviation each target is from the same distribution.
    let standardised = ((&y - &mean) / &std).unsqueeze(1);
    let centre = illia::Prediction::from_outputs(standardised.zeros_like().unsqueeze(0))?;
    let mut check = Calibration::of(&centre, &likelihood::Gaussian::fixed(1.0)?, &standardised)?;
    // Its own is in units of the standard deviations.
    check.nll = nll;
    let report = report
        .metric("root mean squared error", &format!("{:.4}", metrics::rmse(&mean, &y)?))
        .metric("negative log-likelihood", &format!("{nll:.4} nats"))
        .calibration(&check)
        .risk_coverage(&metrics::risk_coverage(&std, &(&y - &mean).square())?);
    Ok((check, report))
}

/// Predictions of classes, each a probability for every one.
fn classes(table: &Table, label: usize, report: Report) -> illia::Result<(Calibration, Report)> {
    let data = table.classes(label, Kind::Double)?;
    let (p, y) = (data.inputs()[0].shallow_clone(), data.target());
    let sum = |x: Tensor| x.sum_dim_intlist(-1, false, Kind::Double);
    // How far each row is from a distribution.
    let off = (sum(p.shallow_clone()) - 1.0).abs() + sum((-&p).clamp_min(0.0));
    // NaN is farthest of all.
    let off = off.nan_to_num(f64::INFINITY, None, None);
    if off.max().double_value(&[]) >= 1e-3 {
        let row = format!("those of row {}", off.argmax(0, false).int64_value(&[]) + 1);
        return Err(illia::Error::configuration("probabilities", row, "from 0, and of each row together 1"));
    }
    let (accuracy, nll) = (metrics::accuracy(&p, y)?, metrics::nll(&p, y)?);
    let log = p.clamp_min(f64::MIN_POSITIVE).log();
    let entropy = -(&p * &log).sum_dim_intlist(-1, false, Kind::Double);
    let wrong = p.argmax(-1, false).not_equal_tensor(y).to_kind(Kind::Double);
    let prediction = illia::Prediction::from_outputs(log.unsqueeze(0))?;
    let check = Calibration::of(&prediction, &Categorical, y)?;
    let report = report
        .metric("accuracy", &format!("{:.2} %", 100.0 * accuracy))
        .metric("negative log-likelihood", &format!("{nll:.4} nats"))
        .metric("Brier score", &format!("{:.4}", metrics::brier(&p, y)?))
        .metric(
            "classwise calibration error",
            &format!("{:.4}", metrics::classwise_ece(&p, y, metrics::BINS)?),
        )
        .calibration(&check)
        .risk_coverage(&metrics::risk_coverage(&entropy, &wrong)?);
    Ok((check, report))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the report of a table says, or the error.
    fn report(name: &str, table: &str) -> Result<(Calibration, String), String> {
        let folder = std::env::temp_dir().join(format!("illia-report-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let (csv, html) = (folder.join("table.csv"), folder.join("report.html"));
        std::fs::write(&csv, table).expect("a table");
        let result = run(&csv, &html).map_err(|error| error.to_string());
        let result = result.map(|check| (check, std::fs::read_to_string(&html).expect("a report")));
        std::fs::remove_dir_all(&folder).ok();
        result
    }

    #[test]
    fn numbers_are_checked_by_their_intervals() {
        let (check, html) = report("numbers", "target,mean,std\n1,1,2\n3,2,2\n-4,0,2\n").expect("a report");
        // The normal density at 0, 0.5 and 2 standard deviations of 2.
        let nll = (2.0 * (2.0 * std::f64::consts::PI).sqrt()).ln() + (0.25 + 4.0) / 6.0;
        assert!((check.nll - nll).abs() < 1e-9, "{} is not {nll}", check.nll);
        assert!(html.contains("Coverage") && html.contains("table.csv"));
        for std in ["0", "-1"] {
            let refused = report("spread", &format!("target,mean,std\n1,1,{std}\n")).expect_err("no spread");
            assert!(refused.contains("std"), "{refused}");
        }
    }

    #[test]
    fn classes_are_checked_by_their_confidence() {
        let (check, html) =
            report("classes", "cat,label,dog\n0.8,0,0.2\n1,0,0\n0.4,1,0.6\n").expect("a report");
        assert!((check.nll + (0.8f64.ln() + 0.6f64.ln()) / 3.0).abs() < 1e-9, "{}", check.nll);
        assert!(html.contains("Reliability") && html.contains("100.00 %"));
    }

    #[test]
    fn other_tables_are_refused() {
        let no_numbers = ["target,mean,std\n1,2,nan\n", "target,mean,std\n1,inf,1\n", "target,mean,std\n"];
        let no_probabilities =
            ["label,a,b\n0,0.5,0.9\n", "label,a,b\n0,-0.5,1.5\n", "label,a,b\n0,nan,1\n", "label,a,b\n"];
        let other = ["target,mean\n1,2\n", "a,b\n1,2\n", "label,p\n0,0.5\n", "label,a,b\n5,0.5,0.5\n"];
        for table in no_numbers.iter().chain(&no_probabilities).chain(&other) {
            assert!(report("refused", table).is_err(), "{table}");
        }
    }
}
