//! Continual learning: tasks that come one after the other, and whose data are gone afterwards. What was learnt is the prior of what comes
//! (variational continual learning, Nguyen et al. 2018), beside a net that is just trained on.
//!
//! ```text
//! cargo run --release --example continual -- --tasks permuted --picture permuted.svg
//! ```

mod arguments;
#[path = "../common/flags.rs"]
mod flags;
mod learner;
mod net;
mod picture;
#[path = "../digits/small.rs"]
mod small;
mod tasks;
mod ways;

use std::process::ExitCode;
use std::time::Instant;

use arguments::Arguments;
use flags::Failure;
use illia::Result;
use learner::Learner;
use tasks::Task;
use ways::Way;

/// What one way came to, over the seeds: accuracies in %.
pub struct Outcome {
    pub way: &'static Way,
    /// Of the tasks so far, after each task: one list for each seed.
    pub so_far: Vec<Vec<f64>>,
    /// Of the first task, likewise.
    pub first: Vec<Vec<f64>>,
    pub seconds: f64,
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let arguments = &Arguments::parse()?;
    // A hundred units leave a second thread little but waiting.
    tch::set_num_threads(1);
    let mut outcomes = Vec::new();
    for way in &arguments.ways {
        let outcome = outcome(way, arguments)?;
        if arguments.json {
            println!("{}", json(&outcome, arguments));
        } else {
            print(&outcome, outcomes.is_empty());
        }
        outcomes.push(outcome);
    }
    if let Some(path) = &arguments.picture {
        let svg = picture::draw(arguments.sort.title(), &outcomes);
        std::fs::write(path, svg).map_err(|error| illia::Error::io(path, error))?;
    }
    Ok(())
}

fn outcome(way: &'static Way, arguments: &Arguments) -> Result<Outcome> {
    let start = Instant::now();
    let (mut so_far, mut first) = (Vec::new(), Vec::new());
    for seed in 1..=arguments.seeds {
        illia::manual_seed(seed);
        let tasks = tasks::tasks(arguments, seed)?;
        let mut learner = Learner::new(way, arguments, &tasks, seed)?;
        let (mut means, mut of_first) = (Vec::new(), Vec::new());
        for (number, task) in tasks.iter().enumerate() {
            learner.learn(number, task)?;
            let seen: Vec<&Task> = tasks.iter().take(number + 1).collect();
            let accuracies = learner.accuracies(&seen)?;
            means.push(accuracies.iter().sum::<f64>() / accuracies.len() as f64);
            of_first.push(accuracies.first().copied().unwrap_or(f64::NAN));
        }
        so_far.push(means);
        first.push(of_first);
    }
    Ok(Outcome { way, so_far, first, seconds: start.elapsed().as_secs_f64() / arguments.seeds as f64 })
}

/// Mean, and its standard error, over the seeds at each task.
pub fn mean_and_error(of_seeds: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let n = of_seeds.len() as f64;
    let tasks = of_seeds.first().map_or(0, Vec::len);
    let at = |task: usize| of_seeds.iter().filter_map(move |seed| seed.get(task).copied());
    (0..tasks)
        .map(|task| {
            let mean = at(task).sum::<f64>() / n;
            let variance = at(task).map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
            (mean, (variance / n).sqrt())
        })
        .collect()
}

fn print(outcome: &Outcome, head: bool) {
    let means = mean_and_error(&outcome.so_far);
    if head {
        let columns: Vec<String> = (1..=means.len()).map(|task| format!("{task:>11}")).collect();
        println!("accuracy on the tasks so far, %, after task{}   first task   s", columns.concat());
    }
    let cells: Vec<String> = means.iter().map(|(mean, error)| format!("{mean:>5.1} ± {error:.1}")).collect();
    let first = mean_and_error(&outcome.first).last().copied().unwrap_or_default();
    println!("{:<42} {}  {:>10.1}  {:>4.0}", outcome.way.title, cells.join("  "), first.0, outcome.seconds);
}

fn json(outcome: &Outcome, arguments: &Arguments) -> String {
    let (so_far, first) = (mean_and_error(&outcome.so_far), mean_and_error(&outcome.first));
    let list = |values: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        format!("[{}]", values.iter().map(|pair| format!("{:.3}", of(pair))).collect::<Vec<_>>().join(", "))
    };
    format!(
        "{{\"tasks\": \"{}\", \"way\": \"{}\", \"seeds\": {}, \"accuracy\": {}, \"error\": {}, \"first_task\": {}, \"seconds\": {:.1}}}",
        arguments.sort.name(),
        outcome.way.name,
        arguments.seeds,
        list(&so_far, |pair| pair.0),
        list(&so_far, |pair| pair.1),
        list(&first, |pair| pair.0),
        outcome.seconds
    )
}
