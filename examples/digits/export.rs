//! The net as a file that the server in `examples/serve` answers with.

use std::path::Path;

use illia::data::ImageSet;
use illia::export::{self, Export};
use illia::prelude::*;

use crate::arguments::Arguments;
use crate::judge::judge;
use crate::net::DigitNet;
use crate::{Failure, uci};

/// As many passes a request costs.
const DRAWS: usize = 16;
/// The share of good digits that may be left to a human.
const REFUSED: f64 = 0.05;

/// Writes draws of `net`, and above which doubt an answer is refused: what the given share of `held_out` has with the same draws.
pub fn write(
    net: &mut DigitNet,
    held_out: &ImageSet,
    arguments: &Arguments,
    path: &Path,
) -> Result<(), Failure> {
    // The same draws each time.
    let judged = |net: &mut DigitNet, images: &Tensor| {
        illia::manual_seed(arguments.seed);
        judge(std::slice::from_mut(net), images, DRAWS, arguments.device)
    };
    let good = judged(net, &held_out.images)?;
    let limit = good.uncertainty.total.quantile_scalar(1.0 - REFUSED, 0, false, "linear");
    illia::manual_seed(arguments.seed);
    let export = Export::draws(DRAWS).classes().metadata("serve.refuse_above", limit.double_value(&[]));
    export::onnx(net, &export, path)?;

    println!("\n{}: {DRAWS} draws, to be refused above {:.4} nats:", path.display(), limit.double_value(&[]));
    let count = |rows: &Tensor| rows.sum(Kind::Int64).int64_value(&[]);
    let refused = good.uncertainty.total.gt_tensor(&limit);
    let wrong = good.probabilities.argmax(-1, false).not_equal_tensor(&held_out.labels);
    println!(
        "{} of {} test digits, {} of the {} that are read wrongly among them",
        count(&refused),
        held_out.labels.numel(),
        count(&refused.logical_and(&wrong)),
        count(&wrong)
    );
    let noise = uci::noise_like(&held_out.images);
    for (name, images) in
        [("images of noise", noise), ("digits turned by 90°", uci::rotated(&held_out.images, 90.0))]
    {
        println!("{} of as many {name}", count(&judged(net, &images)?.uncertainty.total.gt_tensor(&limit)));
    }
    println!("cargo run --release -p serve -- {}", path.display());
    Ok(())
}
