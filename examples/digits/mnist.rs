//! `--data`: MNIST, Fashion-MNIST, or anything else in their format.

use std::path::Path;

use illia::data::{ImageSet, read_image_sets};
use illia::prelude::*;
use illia::{metrics, prune};

use crate::arguments::Arguments;
use crate::judge::{judge, mean};
use crate::net::{MnistNet, NARROW};
use crate::pictures::{self, Curves};
use crate::train::{Recipe, Session};
use crate::{Ended, Failure, report};

pub const RECIPE: Recipe = Recipe { epochs: 10, batch_size: 64, learning_rate: 1e-3, kl_weight: 1.0 };

/// The share of the weights that is pruned at the end.
const PRUNED: f64 = 0.75;

pub fn run(arguments: &Arguments, folder: &Path) -> Result<Ended, Failure> {
    let (train, test) = read_image_sets(folder)?;
    fits(folder, &train)?;
    fits(folder, &test)?;
    let other = match &arguments.ood {
        None => None,
        Some(folder) => {
            let (_, other) = read_image_sets(folder)?;
            fits(folder, &other)?;
            Some(other)
        }
    };
    let (for_training, for_testing) = (train.labels.numel(), test.labels.numel());
    let folder = folder.display();
    println!("{folder}: {for_training} to train on, {for_testing} to test with, seed {}\n", arguments.seed);

    illia::manual_seed(arguments.seed);
    let vs = nn::VarStore::new(arguments.device);
    let mut net = MnistNet::new(&vs.root(), NARROW);
    println!("{net}\n");
    let checkpoints = arguments.out.join("checkpoints");
    let session = Session::new(&checkpoints, arguments.resume)?;
    let recipe = Recipe { epochs: arguments.epochs.unwrap_or(RECIPE.epochs), ..RECIPE };
    let Some(run) = session.train(&format!("images-seed-{}", arguments.seed), &net, &vs, &train, recipe)?
    else {
        return Ok(Ended::Interrupted);
    };
    println!("trained {} epochs in {:.0} s", run.history.epochs.len(), run.seconds);

    let draws = arguments.draws.unwrap_or(50);
    let judged = judge(std::slice::from_mut(&mut net), &test.images, draws, arguments.device)?;
    let (p, y) = (&judged.probabilities, &test.labels);
    let calibration = metrics::reliability(p, y, metrics::BINS)?;
    let by_chance = calibration.ece_by_chance();
    println!(
        "\n{:<26} accuracy {:.2} %, NLL {:.4}, Brier {:.4}, ECE {:.4} (by chance {:.4} to {:.4})",
        "test images:",
        100.0 * judged.accuracy(y)?,
        metrics::nll(p, y)?,
        metrics::brier(p, y)?,
        calibration.ece(),
        by_chance.0,
        by_chance.1
    );
    let kept = judged.selective_accuracy(y, 0.9)?;
    println!("{:<26} accuracy {:.2} %", "without the unsurest 10 %:", 100.0 * kept);

    let there = match &other {
        Some(other) => {
            Some(judge(std::slice::from_mut(&mut net), &other.images, draws, arguments.device)?.uncertainty)
        }
        None => None,
    };
    if let Some(there) = &there {
        let here = &judged.uncertainty;
        println!(
            "{:<26} AUROC {:.4} by total uncertainty ({:.3} nats against {:.3}), {:.4} by epistemic",
            "other images:",
            metrics::auroc(&here.total, &there.total)?,
            mean(&there.total),
            mean(&here.total),
            metrics::auroc(&here.epistemic, &there.epistemic)?
        );
    }

    let (most, least) = judged.extremes(y, 3)?;
    let cases =
        |rows: Vec<i64>| rows.into_iter().map(|row| judged.case(&test, row)).collect::<Result<Vec<_>, _>>();
    let (most, least) = (cases(most)?, cases(least)?);
    prune(&mut net, PRUNED)?;
    let pruned = judge(std::slice::from_mut(&mut net), &test.images, draws, arguments.device)?;
    let calibration_of_pruned = metrics::reliability(&pruned.probabilities, y, metrics::BINS)?;
    let by_chance_pruned = calibration_of_pruned.ece_by_chance();
    println!(
        "{:<26} accuracy {:.2} %, ECE {:.4} (by chance {:.4} to {:.4})",
        format!("{:.0} % of weights pruned:", 100.0 * PRUNED),
        100.0 * pruned.accuracy(y)?,
        calibration_of_pruned.ece(),
        by_chance_pruned.0,
        by_chance_pruned.1
    );

    let curves = Curves { bayesian: run.history, twin: None };
    pictures::save_and_list(&arguments.out, &pictures::for_images(&curves, calibration, &most, &least)?)?;
    let title = format!("{folder}, seed {}", arguments.seed);
    report::write(&arguments.out, &title, &judged, &test, ("other images", there.as_ref()))?;
    Ok(Ended::Complete)
}

/// The net takes ten classes of 28 by 28.
pub fn fits(folder: &Path, set: &ImageSet) -> Result<(), Failure> {
    let size = set.images.size();
    if size[1..] != [1, 28, 28] {
        let (height, width) = (size[2], size[3]);
        return Err(
            format!("{}: images of 28 by 28 are wanted, not {height} by {width}", folder.display()).into()
        );
    }
    let most = set.labels.max().int64_value(&[]);
    if most > 9 {
        return Err(format!("{}: ten classes are wanted, but a label is {most}", folder.display()).into());
    }
    Ok(())
}
