//! The protocol's numbers, with their standard errors, and the queries behind them.

use std::fmt;

use illia::metrics;
use illia::prelude::*;

use crate::Failure;
use crate::clinc::Clinc;
use crate::head::{Link, Outputs};

/// Each with its standard error; the ECE with what chance gives a calibrated model of the same confidences.
pub struct Numbers {
    accuracy: (f64, f64),
    /// In nats.
    nll: (f64, f64),
    ece: (f64, (f64, f64)),
    auroc: (f64, f64),
}

/// What queries of known intents and of none give.
pub fn numbers(link: Link, known: &Outputs, labels: &Tensor, none: &Outputs) -> Result<Numbers, Failure> {
    let log_p = link.log_probabilities(known);
    let p = log_p.exp();
    let n = labels.numel() as f64;
    let accuracy = metrics::accuracy(&p, labels)?;
    let nll = -log_p.gather(1, &labels.unsqueeze(1), false);
    let (inside, outside) = (link.strangeness(&known.means), link.strangeness(&none.means));
    let auroc = metrics::auroc(&inside, &outside)?;
    let diagram = metrics::reliability(&p, labels, metrics::BINS)?;
    // Hanley & McNeil (1982), equation 2 with the approximations of Q1 and Q2.
    let (m, a2) = (outside.numel() as f64, auroc * auroc);
    let variance = auroc * (1.0 - auroc)
        + (m - 1.0) * (auroc / (2.0 - auroc) - a2)
        + (n - 1.0) * (2.0 * a2 / (1.0 + auroc) - a2);
    Ok(Numbers {
        accuracy: (accuracy, (accuracy * (1.0 - accuracy) / n).sqrt()),
        nll: (nll.mean(Kind::Double).double_value(&[]), nll.std(true).double_value(&[]) / n.sqrt()),
        ece: (diagram.ece(), diagram.ece_by_chance()),
        auroc: (auroc, (variance / (n * m)).sqrt()),
    })
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Numbers { accuracy, nll, ece, auroc } = self;
        write!(
            f,
            "accuracy {:.2} ± {:.2} %, NLL {:.4} ± {:.4}, ",
            100.0 * accuracy.0,
            100.0 * accuracy.1,
            nll.0,
            nll.1
        )?;
        let (ece, (least, most)) = ece;
        write!(f, "ECE {ece:.4} (by chance {least:.4} to {most:.4}), AUROC {:.4} ± {:.4}", auroc.0, auroc.1)
    }
}

impl Numbers {
    pub fn json(&self, train_seconds: f64) -> serde_json::Value {
        serde_json::json!({
            "accuracy": self.accuracy.0, "accuracy_se": self.accuracy.1, "nll": self.nll.0, "nll_se": self.nll.1,
            "ece": self.ece.0, "ece_by_chance": [self.ece.1.0, self.ece.1.1], "auroc": self.auroc.0, "auroc_se": self.auroc.1, "train_seconds": train_seconds,
        })
    }
}

/// The queries that look strangest, and the ones of no intent that do not.
pub fn examples(link: Link, known: &Outputs, none: &Outputs, data: &Clinc) {
    let show = |title: &str, outputs: &Outputs, texts: &[String], strangest: bool| {
        println!("\n{title}");
        let places = link.strangeness(&outputs.means).topk(5.min(texts.len() as i64), 0, strangest, true).1;
        let (p, intent) = link.log_probabilities(outputs).exp().max_dim(1, false);
        for place in Vec::<i64>::try_from(places).unwrap_or_default() {
            let name = &data.intents[intent.int64_value(&[place]) as usize];
            println!("  {} ({name}, {:.0} %)", texts[place as usize], 100.0 * p.double_value(&[place]));
        }
    };
    show("Least sure of:", known, &data.test.texts, true);
    show("Of no intent, and taken for one:", none, &data.oos_test.texts, false);
}
