//! `--method`: one way to a posterior, and its numbers.

use std::time::Instant;

use illia::data::{ImageSet, read_image_sets};
use illia::infer::ensemble::{Ensemble, Member};
use illia::infer::moments::Moments;
use illia::prelude::*;
use illia::{Prediction, Result, metrics, noise};

use crate::arguments::Arguments;
use crate::judge::Judged;
use crate::net::{Beliefs, DigitNet, MnistNet, NARROW, WIDE};
use crate::train::Recipe;
use crate::ways::{Found, Way, cold, find, weights_of};
use crate::{Ended, Failure, mnist, small, uci};

/// A way to a posterior.
#[derive(Debug)]
pub struct Method {
    pub name: &'static str,
    way: Way,
}

pub static METHODS: [Method; 11] = [
    Method { name: "vi", way: Way::Vi },
    Method { name: "auto", way: Way::Auto },
    Method { name: "ivon", way: Way::Ivon },
    Method { name: "laplace", way: Way::Laplace },
    Method { name: "swag", way: Way::Swag },
    Method { name: "sghmc", way: Way::Sghmc },
    Method { name: "moments", way: Way::Moments },
    Method { name: "ensemble", way: Way::Ensemble },
    Method { name: "dropout", way: Way::Dropout },
    Method { name: "gaussian-dropout", way: Way::GaussianDropout },
    Method { name: "point", way: Way::Point },
];

/// Chosen by the NLL of 400 training digits that were held out for it, over seeds 1 to 3.
pub const COLD: Recipe = Recipe { epochs: 100, batch_size: 32, learning_rate: 3e-3, kl_weight: 0.02 };

/// One of the two nets, and what is said of it elsewhere.
struct Setting<M> {
    make: fn(&nn::Path, Beliefs) -> Result<M>,
    gaussian: Beliefs,
    moments: fn(&M, &Tensor) -> Result<Moments>,
    recipe: Recipe,
    draws: usize,
}

pub fn run(arguments: &Arguments, method: &Method) -> std::result::Result<Ended, Failure> {
    illia::manual_seed(arguments.seed);
    let Some(folder) = &arguments.data else {
        // Images of 8 by 8 are too small to share out: two threads would mostly wait for each other.
        tch::set_num_threads(1);
        let (train, test) = uci::split(small::load()?, arguments.held_out);
        let other = uci::noise_like(&test.images);
        let make = |p: &nn::Path, beliefs| DigitNet::try_new(p, beliefs);
        let (recipe, moments) = (COLD, DigitNet::moments);
        let setting = Setting { make, gaussian: WIDE, moments, recipe, draws: 100 };
        return report(arguments, method, setting, &train, &test, &other);
    };
    let (train, test) = uci::split(read_image_sets(folder)?, arguments.held_out);
    mnist::fits(folder, &train)?;
    mnist::fits(folder, &test)?;
    let other = match &arguments.ood {
        Some(folder) => read_image_sets(folder)?.1.images,
        None => uci::noise_like(&test.images),
    };
    let make = |p: &nn::Path, beliefs| MnistNet::try_new(p, beliefs);
    let (recipe, moments) = (mnist::RECIPE, MnistNet::moments);
    let setting = Setting { make, gaussian: NARROW, moments, recipe, draws: 50 };
    report(arguments, method, setting, &train, &test, &other)
}

fn report<M: BayesianModule + ModuleT + Send>(
    arguments: &Arguments,
    method: &Method,
    setting: Setting<M>,
    train: &ImageSet,
    test: &ImageSet,
    other: &Tensor,
) -> std::result::Result<Ended, Failure> {
    let (way, draws) = (method.way, arguments.draws.unwrap_or(setting.draws));
    let recipe = Recipe { epochs: arguments.epochs.unwrap_or(setting.recipe.epochs), ..setting.recipe };
    let recipe = way.recipe(recipe);
    let beliefs = way.beliefs(setting.gaussian);
    let start = Instant::now();
    let members = if way == Way::Ensemble { 5 } else { 1 };
    let mut ensemble = Ensemble::new(members, arguments.seed, Device::Cpu, |p| (setting.make)(p, beliefs))?;
    let data = [train.images.shallow_clone(), train.labels.shallow_clone()];
    let found = ensemble.each(&data, |member, data| match data {
        [x, y] => find(member, way, recipe, draws, x, y),
        _ => Err(illia::Error::configuration("data", data.len(), "images and labels")),
    })?;
    let train_seconds = start.elapsed().as_secs_f64();

    let predict = |x: &Tensor| -> Result<Judged> {
        let each = ensemble.members().iter().zip(&found).map(|(Member { net, .. }, found)| match found {
            Found::Draws { weights, .. } => Predict::new().run_draws(net, weights, x),
            Found::Laplace(laplace) => cold(laplace, net, x, draws),
            Found::Net if way == Way::Moments => from_moments(&setting, net, x, draws),
            Found::Net => {
                let one = matches!(way, Way::Ensemble | Way::Point);
                Predict::new().draws(if one { 1 } else { draws }).run(net, x)
            }
        });
        let each = each.collect::<Result<Vec<Prediction>>>()?;
        let outputs: Vec<&Tensor> = each.iter().map(Prediction::outputs).collect();
        Ok(Judged::new(Prediction::from_outputs(Tensor::cat(&outputs, 0))?))
    };
    let start = Instant::now();
    let here = predict(&test.images)?;
    let predict_seconds = start.elapsed().as_secs_f64();
    let (there, turned) = (predict(other)?, predict(&uci::rotated(&test.images, 90.0))?);
    let (p, y) = (&here.probabilities, &test.labels);
    let (accuracy, nll) = (here.accuracy(y)?, metrics::nll(p, y)?);
    let diagram = metrics::reliability(p, y, metrics::BINS)?;
    let (ece, (least, most)) = (diagram.ece(), diagram.ece_by_chance());
    let against = |others: &Judged| metrics::auroc(&here.uncertainty.total, &others.uncertainty.total);
    let (auroc, auroc_turned) = (against(&there)?, against(&turned)?);
    let bytes =
        ensemble.members().iter().zip(&found).map(|(member, found)| found.bytes(&member.net)).sum::<f64>();
    let weights = ensemble.members().first().map_or(0, |member| weights_of(&member.net));
    let (name, kl_weight, bytes) = (method.name, recipe.kl_weight, bytes / weights as f64);
    if arguments.json {
        println!(
            "{{\"method\": \"{name}\", \"seed\": {}, \"accuracy\": {accuracy}, \"nll\": {nll}, \"ece\": {ece}, \
             \"ece_by_chance\": [{least}, {most}], \"auroc\": {auroc}, \"auroc_turned\": {auroc_turned}, \
             \"train_seconds\": {train_seconds:.3}, \"predict_seconds\": {predict_seconds:.3}, \
             \"bytes_per_weight\": {bytes:.1}, \"kl_weight\": {kl_weight}}}",
            arguments.seed
        );
    } else {
        println!(
            "{name}: accuracy {:.2} %, NLL {nll:.4}, ECE {ece:.4} (by chance {least:.4} to {most:.4})",
            100.0 * accuracy
        );
        println!(
            "told from the others: AUROC {auroc:.4}; from the same turned by 90°: {auroc_turned:.4}\n\
             trained in {train_seconds:.1} s, predicted in {predict_seconds:.2} s, {bytes:.1} bytes a weight, KL weight {kl_weight}"
        );
    }
    Ok(Ended::Complete)
}

/// Draws of logits of these means and variances, each logit by itself.
fn from_moments<M>(setting: &Setting<M>, net: &M, x: &Tensor, draws: usize) -> Result<Prediction> {
    let _no_grad = tch::no_grad_guard();
    let each = x.split(256, 0).into_iter().map(|part| (setting.moments)(net, &part));
    let each = each.collect::<Result<Vec<Moments>>>()?;
    let logits = Moments::concat(&each.iter().collect::<Vec<_>>(), 0)?;
    let mut size = vec![draws as i64];
    size.extend(logits.mean().size());
    let z = noise::normals(noise::Stream::new().next_key(), &size, Kind::Float, Device::Cpu);
    Prediction::from_outputs(logits.mean() + logits.std() * z)
}
