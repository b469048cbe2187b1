//! UCI regression sets in the format of the `uci` example: their first published split, one hidden layer of 50.

use std::cell::Cell;
use std::path::Path;

use illia::likelihood::Gaussian;
use illia::prelude::*;

use crate::nets::with_net;
use crate::protocol::Folder;
use crate::setting::{Numbers, Setting, coverage};

/// As the protocol has it.
const HIDDEN: i64 = 50;
/// Before training, of a target of standard deviation 1.
const NOISE: f64 = 0.5;
const DRAWS: usize = 100;

pub fn run(setting: Setting, folder: &Path) -> illia::Result<Numbers> {
    let folder = Folder::open(folder)?;
    let split = folder.split(0, false)?;
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(vs.root(), NOISE)?;
    let features = folder.features() as i64;
    let (seconds, prediction) = with_net!(setting, vs, Shallow | ShallowOf(features, HIDDEN, 1), net => {
        let seconds = setting.train(&net, &vs, &noise, &split.x, &split.y)?;
        (seconds, Predict::new().draws(DRAWS).run(&net, &split.x_test)?)
    });
    let covered = Cell::new(f64::NAN);
    let outcome = split.outcome(&prediction.mean(), |y| {
        covered.set(coverage(&noise.interval(prediction.outputs(), 0.9)?, y)?);
        prediction.log_predictive(&noise, y)
    })?;
    Ok(vec![
        ("rmse", outcome.rmse),
        ("coverage", covered.get()),
        ("nll", -outcome.log_likelihood),
        ("seconds", seconds),
    ])
}
