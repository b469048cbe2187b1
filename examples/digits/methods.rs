//! `--method`: one way to a posterior, and its numbers.

use std::time::Instant;

use illia::data::{ImageSet, read_image_sets};
use illia::infer::ensemble::{Ensemble, Member};
use illia::infer::moments::Moments;
use illia::prelude::*;
use illia::{Prediction, Result, metrics, noise};

use crate::arguments::Arguments;
use crate::judge::Judged;
use crate::net::{Beliefs, DigitNet, MnistNet};
use crate::rules::{OF_DIGITS, OF_IMAGES, Rule};
use crate::train::Recipe;
use crate::ways::{Found, Way, find, tempered, weights_of};
use crate::{Ended, Failure, mnist, small, uci};

/// One of the two nets, and what is said of it elsewhere.
struct Setting<M> {
    make: fn(&nn::Path, Beliefs) -> Result<M>,
    moments: fn(&M, &Tensor) -> Result<Moments>,
    rules: &'static [Rule],
    draws: usize,
}

/// Images, by name, that the test images are to be told from.
type Others = Vec<(&'static str, Tensor)>;

pub fn run(arguments: &Arguments, method: &str) -> std::result::Result<Ended, Failure> {
    illia::manual_seed(arguments.seed);
    let Some(folder) = &arguments.data else {
        // Images of 8 by 8 are too small to share out: two threads would mostly wait for each other.
        tch::set_num_threads(1);
        let (train, test) = uci::split(small::load()?, arguments.held_out.then_some(400));
        let others = vec![
            ("auroc", uci::noise_like(&test.images)),
            ("auroc_turned", uci::rotated(&test.images, 90.0)),
        ];
        let make = |p: &nn::Path, beliefs| DigitNet::try_new(p, beliefs);
        let setting = Setting { make, moments: DigitNet::moments, rules: &OF_DIGITS, draws: 100 };
        return report(arguments, method, setting, &train, &test, others);
    };
    let (train, test) = uci::split(read_image_sets(folder)?, arguments.held_out.then_some(10_000));
    mnist::fits(folder, &train)?;
    mnist::fits(folder, &test)?;
    let other = match &arguments.ood {
        Some(folder) => read_image_sets(folder)?.1.images,
        None => uci::noise_like(&test.images),
    };
    let make = |p: &nn::Path, beliefs| MnistNet::try_new(p, beliefs);
    let setting = Setting { make, moments: MnistNet::moments, rules: &OF_IMAGES, draws: 50 };
    report(arguments, method, setting, &train, &test, vec![("auroc", other)])
}

fn report<M: BayesianModule + ModuleT + Send>(
    arguments: &Arguments,
    method: &str,
    setting: Setting<M>,
    train: &ImageSet,
    test: &ImageSet,
    others: Others,
) -> std::result::Result<Ended, Failure> {
    let rule = setting.rules.iter().find(|rule| rule.name == method).ok_or("this net has no such method")?;
    let Rule { name, way, beliefs, recipe } = *rule;
    let draws = arguments.draws.unwrap_or(setting.draws);
    let recipe = Recipe { epochs: arguments.epochs.unwrap_or(recipe.epochs), ..recipe };
    let start = Instant::now();
    let members = if let Way::Points { members } = way { members } else { 1 };
    let mut ensemble = Ensemble::new(members, arguments.seed, Device::Cpu, |p| (setting.make)(p, beliefs))?;
    let data = [train.images.shallow_clone(), train.labels.shallow_clone()];
    let found = ensemble.each(&data, |member, data| match data {
        [x, y] => find(member, way, recipe, draws, x, y),
        _ => Err(illia::Error::configuration("data", data.len(), "images and labels")),
    })?;
    let train_seconds = start.elapsed().as_secs_f64();

    let predict = |x: &Tensor| -> Result<Judged> {
        let each =
            ensemble.members().iter().zip(&found).map(|(Member { net, .. }, found)| match (found, way) {
                (Found::Draws { weights, .. }, _) => Predict::new().run_draws(net, weights, x),
                (Found::Laplace { around, temperature }, _) => tempered(around, net, x, draws, *temperature),
                (Found::Net, Way::Moments) => from_moments(&setting, net, x, draws),
                (Found::Net, Way::Points { .. }) => Predict::new().draws(1).run(net, x),
                (Found::Net, _) => Predict::new().draws(draws).run(net, x),
            });
        let each = each.collect::<Result<Vec<Prediction>>>()?;
        let outputs: Vec<&Tensor> = each.iter().map(Prediction::outputs).collect();
        Ok(Judged::new(Prediction::from_outputs(Tensor::cat(&outputs, 0))?))
    };
    let start = Instant::now();
    let here = predict(&test.images)?;
    let predict_seconds = start.elapsed().as_secs_f64();
    let others = others.into_iter().map(|(name, images)| {
        let there = predict(&images)?.uncertainty;
        let total = metrics::auroc(&here.uncertainty.total, &there.total)?;
        Ok((name, total, metrics::auroc(&here.uncertainty.epistemic, &there.epistemic)?))
    });
    let others = others.collect::<Result<Vec<(&str, f64, f64)>>>()?;
    let (p, y) = (&here.probabilities, &test.labels);
    let (accuracy, nll) = (here.accuracy(y)?, metrics::nll(p, y)?);
    let diagram = metrics::reliability(p, y, metrics::BINS)?;
    let (ece, (least, most)) = (diagram.ece(), diagram.ece_by_chance());
    let bytes =
        ensemble.members().iter().zip(&found).map(|(member, found)| found.bytes(&member.net)).sum::<f64>();
    let weights = ensemble.members().first().map_or(0, |member| weights_of(&member.net));
    let (kl_weight, bytes) = (way.temperature().unwrap_or(recipe.kl_weight), bytes / weights as f64);
    if arguments.json {
        let told = others.iter().map(|(name, total, epistemic)| {
            format!("\"{name}\": {total}, \"{name}_epistemic\": {epistemic}, ")
        });
        println!(
            "{{\"method\": \"{name}\", \"seed\": {}, \"accuracy\": {accuracy}, \"nll\": {nll}, \"ece\": {ece}, \
             \"ece_by_chance\": [{least}, {most}], {}\
             \"train_seconds\": {train_seconds:.3}, \"predict_seconds\": {predict_seconds:.3}, \
             \"bytes_per_weight\": {bytes:.1}, \"kl_weight\": {kl_weight}}}",
            arguments.seed,
            told.collect::<String>()
        );
        return Ok(Ended::Complete);
    }
    println!(
        "{name}: accuracy {:.2} %, NLL {nll:.4}, ECE {ece:.4} (by chance {least:.4} to {most:.4})",
        100.0 * accuracy
    );
    for (name, total, epistemic) in others {
        println!("{name}: {total:.4} by total uncertainty, {epistemic:.4} by epistemic");
    }
    println!(
        "trained in {train_seconds:.1} s, predicted in {predict_seconds:.2} s, {bytes:.1} bytes a weight, KL weight {kl_weight}"
    );
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
