//! The main job: train on real digits, test, turn the digits round, refuse.

use std::time::Instant;

use illia::data::ImageSet;
use illia::metrics;
use illia::prelude::*;

use crate::arguments::Arguments;
use crate::judge::{Judged, judge, mean, pixels, print_cases};
use crate::pictures::{self, Curves, Results, TURNED, Turn};
use crate::train::Session;
use crate::trained::{Trained, train_both};
use crate::{Ended, Failure, export, report, small, uci};

/// Every angle in the picture, 0 first; the table shows every second one.
const ANGLES: [f64; 13] = [0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 105.0, 120.0, 135.0, 150.0, 165.0, 180.0];

pub fn run(arguments: &Arguments) -> Result<Ended, Failure> {
    let start = Instant::now();
    // Images of 8 by 8 are too small to share out: two threads would mostly wait for each other.
    tch::set_num_threads(1);
    let (train, test) = small::load()?;
    let (for_training, for_testing) = (train.labels.numel(), test.labels.numel());
    println!(
        "UCI handwritten digits: {for_training} to train on, {for_testing} to test with, seed {}\n",
        arguments.seed
    );
    let checkpoints = arguments.out.join("checkpoints");
    let session = Session::new(&checkpoints, arguments.resume)?;
    let Some((mut bayesian, mut twin)) = train_both(&train, arguments, &session)? else {
        return Ok(Ended::Interrupted);
    };

    let draws = arguments.draws.unwrap_or(100);
    let judge =
        |trained: &mut Trained, images: &Tensor| judge(&mut trained.nets, images, draws, arguments.device);
    let sure = judge(&mut bayesian, &test.images)?;
    let twin_sure = judge(&mut twin, &test.images)?;
    println!(
        "{:<15} {:>9} {:>8} {:>8} {:>17} {:>9}",
        "on test digits", "accuracy", "NLL", "ECE", "by chance", "training"
    );
    for (trained, judged) in [(&bayesian, &sure), (&twin, &twin_sure)] {
        let (p, y) = (&judged.probabilities, &test.labels);
        let diagram = metrics::reliability(p, y, metrics::BINS)?;
        let (least, most) = diagram.ece_by_chance();
        println!(
            "{:<15} {:>7.2} % {:>8.4} {:>8.4} {least:>7.4} to {most:.4} {:>7.1} s",
            trained.name,
            100.0 * judged.accuracy(y)?,
            metrics::nll(p, y)?,
            diagram.ece(),
            trained.run.seconds
        );
    }

    println!("\nhow sure it is, in nats (2.30 is all that there can be with ten digits)");
    println!("{:<15} {:>9} {:>10} {:>8} {:>15}", "", "accuracy", "epistemic", "total", "twin's total");
    let mut turned = Vec::new();
    for angle in ANGLES.into_iter().skip(1) {
        let images = uci::rotated(&test.images, angle);
        turned.push((angle, judge(&mut bayesian, &images)?, judge(&mut twin, &images)?));
    }
    let mut turns = Vec::new();
    let upright = std::iter::once((0.0, &sure, &twin_sure));
    let all = upright.chain(turned.iter().map(|(angle, ours, twins)| (*angle, ours, twins)));
    for (i, (angle, ours, twins)) in all.enumerate() {
        let turn = Turn::new(angle, ours, twins, &test)?;
        if i % 2 == 0 {
            let name = if i == 0 { "upright".to_owned() } else { format!("turned {angle}°") };
            print_turn(&name, &format!("{:.1} %", 100.0 * turn.accuracy), &turn);
        }
        turns.push(turn);
    }
    let images = uci::noise_like(&test.images);
    let (of_noise, twins_noise) = (judge(&mut bayesian, &images)?, judge(&mut twin, &images)?);
    let noise = Turn::new(0.0, &of_noise, &twins_noise, &test)?;
    print_turn("pure noise", "–", &noise);

    let at = |angle: f64| {
        let found = turned.iter().find(|(other, ..)| *other == angle);
        found.map(|(_, ours, twins)| (ours, twins)).ok_or("this angle is none of those")
    };
    println!("\nhow well its total uncertainty tells test digits from others, AUROC");
    println!("{:<15} {:>9} {:>10}", "", "noise", "turned 90°");
    let (ours, twins) = at(90.0)?;
    for (trained, judged, noise, on_its_side) in
        [(&bayesian, &sure, &of_noise, ours), (&twin, &twin_sure, &twins_noise, twins)]
    {
        let against = |others: &Judged| metrics::auroc(&judged.uncertainty.total, &others.uncertainty.total);
        println!("{:<15} {:>9.4} {:>10.4}", trained.name, against(noise)?, against(on_its_side)?);
    }

    println!("\naccuracy when the least certain 10 % may be left to a human");
    for (trained, judged) in [(&bayesian, &sure), (&twin, &twin_sure)] {
        let (all, kept) = (judged.accuracy(&test.labels)?, judged.selective_accuracy(&test.labels, 0.9)?);
        println!("{:<15} {:>7.2} % instead of {:.2} %", trained.name, 100.0 * kept, 100.0 * all);
    }

    let (most, least) = sure.extremes(&test.labels, 3)?;
    let example = test.images.narrow(0, most[0], 1);
    let cases =
        |rows: Vec<i64>| rows.into_iter().map(|row| sure.case(&test, row)).collect::<Result<Vec<_>, _>>();
    let (most, least) = (cases(most)?, cases(least)?);
    println!("\nthe most certain digits, one of a kind");
    print_cases(&most);
    println!("\nthe least certain digits, one of a kind");
    print_cases(&least);

    let (ours, twins) = at(TURNED)?;
    let reliability =
        |judged: &Judged| metrics::reliability(&judged.probabilities, &test.labels, metrics::BINS);
    let first = bayesian.nets.first_mut().ok_or("there is no net")?;
    let results = Results {
        net: first.graph().picture(),
        upright: vec![reliability(&sure)?, reliability(&twin_sure)?],
        turned: vec![reliability(ours)?, reliability(twins)?],
        strip: ANGLES
            .iter()
            .map(|&angle| pixels(&uci::rotated(&example, angle)))
            .collect::<Result<_, _>>()?,
        curves: Curves { bayesian: bayesian.run.history, twin: Some(twin.run.history) },
        most,
        least,
        turns,
        noise,
    };
    pictures::save_and_list(&arguments.out, &results.pictures()?)?;
    let title = format!("UCI handwritten digits, seed {}", arguments.seed);
    report::write(&arguments.out, &title, &sure, &test, ("noise", Some(&of_noise.uncertainty)))?;
    if let Some(path) = &arguments.export {
        export::write(first, &test, arguments, path)?;
    }
    println!("\n{:.1} s in all", start.elapsed().as_secs_f64());
    Ok(Ended::Complete)
}

impl Turn {
    fn new(angle: f64, ours: &Judged, twins: &Judged, test: &ImageSet) -> Result<Self, Failure> {
        Ok(Turn {
            angle,
            accuracy: ours.accuracy(&test.labels)?,
            twin_accuracy: twins.accuracy(&test.labels)?,
            epistemic: mean(&ours.uncertainty.epistemic),
            total: mean(&ours.uncertainty.total),
            twin_total: mean(&twins.uncertainty.total),
        })
    }
}

fn print_turn(name: &str, accuracy: &str, turn: &Turn) {
    println!(
        "{name:<15} {accuracy:>9} {:>10.3} {:>8.3} {:>15.3}",
        turn.epistemic, turn.total, turn.twin_total
    );
}
