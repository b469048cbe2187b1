//! The demo's nets: those that answer together, and their twin, trained side by side.

use illia::data::ImageSet;
use illia::prelude::*;

use crate::Failure;
use crate::arguments::Arguments;
use crate::net::{DigitNet, OF_UNITS};
use crate::train::{Recipe, Run, Session};

/// Chosen on 400 training digits that were held out for it, over seeds 1 to 3 (docs/digits.md), but for the epochs, of which a minute has
/// room for so many; the KL has its full weight.
pub const RECIPE: Recipe = Recipe { epochs: 175, batch_size: 32, learning_rate: 3e-3, kl_weight: 1.0 };

/// So many Bayesian nets are mixed: where one reads what is no digit with confidence, another may not.
const NETS: u64 = 2;

/// What makes a net: [`DigitNet::new`] or [`DigitNet::deterministic`].
type Make = fn(&nn::Path) -> DigitNet;

/// Trained nets that answer together, with what they are called and how the first was trained; the seconds are those of all.
pub struct Trained {
    pub name: &'static str,
    pub nets: Vec<DigitNet>,
    pub run: Run,
}

/// The nets and the twin, side by side on a core each; None if Ctrl-C ended it.
pub fn train_both(
    train: &ImageSet,
    arguments: &Arguments,
    session: &Session,
) -> Result<Option<(Trained, Trained)>, Failure> {
    let quiet = session.clone().quiet();
    let images = ImageSet { images: train.images.shallow_clone(), labels: train.labels.shallow_clone() };
    let bayesian: Make = |p| DigitNet::new(p, OF_UNITS);
    std::thread::scope(|scope| {
        // The twin's steps are shorter, so that this thread trains the other nets as well.
        let others = scope.spawn(move || {
            tch::set_num_threads(1);
            let twin: Make = |p| DigitNet::deterministic(p, OF_UNITS);
            let of_twin = train_net("deterministic", 0, twin, &images, arguments, &quiet);
            let more = (1..NETS).map(|i| train_net("Bayesian", i, bayesian, &images, arguments, &quiet));
            let trained = of_twin.and_then(|twin| Ok((twin, more.collect::<Result<Vec<_>, _>>()?)));
            trained.map_err(|failure| failure.to_string())
        });
        let first = train_net("Bayesian", 0, bayesian, train, arguments, session)?;
        let (twin, more) = others.join().map_err(|_| "the twin's training panicked")??;
        let (Some(mut all), Some(twin)) = (first, twin) else { return Ok(None) };
        for one in more {
            let Some(one) = one else { return Ok(None) };
            all.nets.extend(one.nets);
            all.run.seconds += one.run.seconds;
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
