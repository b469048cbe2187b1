//! What a net says of its test images as one HTML file for the browser.

use std::path::Path;

use illia::data::ImageSet;
use illia::likelihood::Uncertainty;
use illia::metrics::{self, BINS};
use illia::prelude::*;
use illia::report::Report;

use crate::Failure;
use crate::judge::{Judged, mean};

/// How many of the least certain images are shown.
const SHOWN: usize = 12;

/// Writes `report.html` into `folder` and prints its path. `other` are images that are none of the classes, and what they
/// are called.
pub fn write(
    folder: &Path,
    title: &str,
    judged: &Judged,
    test: &ImageSet,
    (name, other): (&str, Option<&Uncertainty>),
) -> Result<(), Failure> {
    let (p, y) = (&judged.probabilities, &test.labels);
    let wrong = p.argmax(-1, false).not_equal_tensor(y).to_kind(Kind::Float);
    let calibration = metrics::reliability(p, y, BINS)?;
    let (least, most) = calibration.ece_by_chance();
    let ece = format!("{:.4} (by chance {least:.4} to {most:.4})", calibration.ece());
    let mut report = Report::new(title)
        .metric("test images", &y.numel().to_string())
        .metric("accuracy", &format!("{:.2} %", 100.0 * judged.accuracy(y)?))
        .metric("negative log-likelihood", &format!("{:.4} nats", metrics::nll(p, y)?))
        .metric("Brier score", &format!("{:.4}", metrics::brier(p, y)?))
        .metric("expected calibration error", &ece)
        .metric("adaptive calibration error", &format!("{:.4}", metrics::adaptive_ece(p, y, BINS)?))
        .metric("classwise calibration error", &format!("{:.4}", metrics::classwise_ece(p, y, BINS)?))
        .metric(
            "accuracy on the surest 90 %",
            &format!("{:.2} %", 100.0 * judged.selective_accuracy(y, 0.9)?),
        )
        .metric("epistemic uncertainty", &format!("{:.4} nats", mean(&judged.uncertainty.epistemic)))
        .reliability(&calibration)
        .risk_coverage(&metrics::risk_coverage(&judged.uncertainty.total, &wrong)?);
    if let Some(other) = other {
        let ours = &judged.uncertainty;
        for (kind, inside, outside) in
            [("Total", &ours.total, &other.total), ("Epistemic", &ours.epistemic, &other.epistemic)]
        {
            let scores = format!(
                "AUROC {:.4}, AUPR {:.4}, FPR at 95 % TPR {:.4}",
                metrics::auroc(inside, outside)?,
                metrics::aupr(inside, outside)?,
                metrics::fpr_at_95_tpr(inside, outside)?
            );
            report = report
                .metric(&format!("{name}, told apart by {} uncertainty", kind.to_lowercase()), &scores)
                .histogram(&format!("{kind} uncertainty in nats: test images and {name}"), inside, outside)?;
        }
    }
    let order: Vec<i64> = Vec::try_from(&judged.uncertainty.total.argsort(0, true))?;
    for row in order.into_iter().take(SHOWN) {
        let case = judged.case(test, row)?;
        let caption = format!(
            "a {}, read as {} at {:.0} %; {:.2} nats, {:.2} of them epistemic",
            case.label,
            case.says(),
            100.0 * case.mean[case.says()],
            case.total,
            case.epistemic
        );
        report = report.example(&test.images.get(row).squeeze_dim(0).to_device(Device::Cpu), &caption)?;
    }
    let path = folder.join("report.html");
    report.write(&path)?;
    println!("\nreport\n  {}", path.display());
    Ok(())
}
