//! The net as a file that the server in `examples/serve` answers with.

use std::path::Path;

use illia::data::ImageSet;
use illia::export::{self, Export};
use illia::prelude::*;

use crate::Failure;
use crate::arguments::Arguments;
use crate::judge::judge;
use crate::net::DigitNet;

/// As many passes a request costs.
const DRAWS: usize = 16;
/// The share of good digits that may be left to a human.
const REFUSED: f64 = 0.05;

/// Writes draws of `net`, and above which doubt an answer is refused: what the given share of `held_out` has with the same draws.
pub fn write(net: &DigitNet, held_out: &ImageSet, arguments: &Arguments, path: &Path) -> Result<(), Failure> {
    illia::manual_seed(arguments.seed);
    let total =
        judge(net, &held_out.images, DRAWS, arguments.device)?.uncertainty.total.to_kind(Kind::Double);
    let limit = total.quantile_scalar(1.0 - REFUSED, 0, false, "linear").double_value(&[]);
    // The same draws again.
    illia::manual_seed(arguments.seed);
    let export = Export::draws(DRAWS).classes().metadata("serve.refuse_above", format!("{limit:.4}"));
    export::onnx(net, &export, path)?;
    println!(
        "\n{}: {DRAWS} draws, to be refused above {limit:.4} nats, as {:.0} % of the test digits are",
        path.display(),
        100.0 * REFUSED
    );
    println!("cargo run --release -p serve -- {}", path.display());
    Ok(())
}
