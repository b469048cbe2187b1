//! The demo's nets: those that answer together, and their twin, trained side by side.

use illia::data::ImageSet;
use illia::prelude::*;

use crate::Failure;
use crate::arguments::Arguments;
use crate::net::{DigitNet, OF_UNITS};
use crate::train::{Recipe, Run, Session};

/// Chosen on 400 training digits that were held out for it, over seeds 1 to 3 (docs/digits.md); the KL has its full weight.
pub const RECIPE: Recipe = Recipe { epochs: 200, batch_size: 32, learning_rate: 3e-3, kl_weight: 1.0 };

/// So many Bayesian nets are mixed: where one reads what is no digit with confidence, another may not.
const NETS: u64 = 2;

/// What makes a net: [`DigitNet::new`] or [`DigitNet::deterministic`].
type Make = fn(&nn::Path) -> DigitNet;

/// Trained nets that answer together, with what they are called and how the first was trained; the seconds are the slowest one's.
pub struct Trained {
    pub name: &'static str,
    pub nets: Vec<DigitNet>,
    pub run: Run,
}

/// The nets and the twin, side by side, each on a thread of its own; None if Ctrl-C ended it.
pub fn train_both(
    train: &ImageSet,
    arguments: &Arguments,
    session: &Session,
) -> Result<Option<(Trained, Trained)>, Failure> {
    let bayesian: Make = |p| DigitNet::new(p, OF_UNITS);
    let twin: Make = |p| DigitNet::deterministic(p, OF_UNITS);
    std::thread::scope(|scope| {
        let beside = |name: &'static str, i: u64, new: Make| {
            let quiet = session.clone().quiet();
            let images =
                ImageSet { images: train.images.shallow_clone(), labels: train.labels.shallow_clone() };
            scope.spawn(move || {
                tch::set_num_threads(1);
                train_net(name, i, new, &images, arguments, &quiet).map_err(|failure| failure.to_string())
            })
        };
        let mut others = vec![beside("deterministic", 0, twin)];
        others.extend((1..NETS).map(|i| beside("Bayesian", i, bayesian)));
        let first = train_net("Bayesian", 0, bayesian, train, arguments, session)?;
        let mut trained = Vec::new();
        for other in others {
            trained.push(other.join().map_err(|_| "a training panicked")??);
        }
        let others: Option<Vec<Trained>> = trained.into_iter().collect();
        let (Some(mut all), Some(mut others)) = (first, others) else { return Ok(None) };
        let twin = others.remove(0);
        for one in others {
            all.nets.extend(one.nets);
            all.run.seconds = all.run.seconds.max(one.run.seconds);
        }
        Ok(Some((all, twin)))
    })
}

/// One net, the `i`th of its name.
fn train_net(
    name: &'static str,
    i: u64,
    new: Make,
    train: &ImageSet,
    arguments: &Arguments,
    session: &Session,
) -> Result<Option<Trained>, Failure> {
    // Seeds of several runs are small numbers: those of further nets are far from them.
    illia::manual_seed(arguments.seed.wrapping_add(i << 32));
    let vs = nn::VarStore::new(arguments.device);
    let net = new(&vs.root());
    let recipe = Recipe { epochs: arguments.epochs.unwrap_or(RECIPE.epochs), ..RECIPE };
    let run = session.train(
        &format!("uci-{}-{i}-seed-{}", name.to_lowercase(), arguments.seed),
        &net,
        &vs,
        train,
        recipe,
    )?;
    Ok(run.map(|run| Trained { name, nets: vec![net], run }))
}
