//! What being Bayesian costs on a device: each step beside that of the same net of tch's own layers and optimiser.
//!
//! `cargo bench --bench devices -- [--device cpu|cuda] [--json]`. The two sides are run in turn, ten steps at a time, in one process on the
//! same data; a figure is the median over the rounds, the ratio's too. The device is waited for at the end of the ten.

use std::time::Instant;

use illia::prelude::*;
use illia::{Adam, Trainer};

bnn! {
    struct Mlp(posterior: Posterior, estimator: Estimator): [1, 28, 28] -> [10] {
        posterior: (posterior);
        estimator: (estimator);
        flatten,
        fc1: Linear(512) -> relu,
        fc2: Linear(512) -> relu,
        head: Linear(10),
    }
}

bnn! {
    struct Cnn(posterior: Posterior, estimator: Estimator): [1, 28, 28] -> [10] {
        posterior: (posterior);
        estimator: (estimator);
        conv1: Conv2d(32, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv2: Conv2d(64, kernel: 3, padding: 1) -> relu -> max_pool(2),
        flatten,
        fc: Linear(128) -> relu,
        head: Linear(10),
    }
}

fn plain_mlp(p: &nn::Path) -> Plain {
    let linear = |name, inputs, outputs| nn::linear(p / name, inputs, outputs, Default::default());
    let (fc1, fc2, head) = (linear("fc1", 784, 512), linear("fc2", 512, 512), linear("head", 512, 10));
    Box::new(move |x| head.forward(&fc2.forward(&fc1.forward(&x.flatten(1, -1)).relu()).relu()))
}

fn plain_cnn(p: &nn::Path) -> Plain {
    let padded = nn::ConvConfig { padding: 1, ..Default::default() };
    let (conv1, conv2) =
        (nn::conv2d(p / "conv1", 1, 32, 3, padded), nn::conv2d(p / "conv2", 32, 64, 3, padded));
    let fc = nn::linear(p / "fc", 3136, 128, Default::default());
    let head = nn::linear(p / "head", 128, 10, Default::default());
    Box::new(move |x| {
        let x = conv1.forward(x).relu().max_pool2d_default(2);
        let x = conv2.forward(&x).relu().max_pool2d_default(2);
        head.forward(&fc.forward(&x.flatten(1, -1)).relu())
    })
}

type Plain = Box<dyn Fn(&Tensor) -> Tensor>;
type Step = Box<dyn FnMut()>;

/// Steps that are timed together.
const STEPS: usize = 10;
const ROUNDS: usize = 15;

/// One row's net, in both forms.
struct Case<M> {
    name: &'static str,
    batch: i64,
    make: fn(&nn::Path, Posterior, Estimator) -> M,
    plain: fn(&nn::Path) -> Plain,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let named =
        arguments.iter().position(|argument| argument == "--device").and_then(|at| arguments.get(at + 1));
    let device = match named.map(String::as_str) {
        None => Device::cuda_if_available(),
        Some("cpu") => Device::Cpu,
        Some("cuda") if tch::Cuda::is_available() => Device::Cuda(0),
        Some(other) => {
            eprintln!("no device `{other}` here");
            std::process::exit(2);
        }
    };
    if !json {
        println!("{:<10} {:>5}  {:<28} {:>9} {:>9} {:>6}", "net", "batch", "step", "ms", "plain", "ratio");
    }
    for batch in [128, 4096] {
        rows(device, json, &Case { name: "mlp", batch, make: Mlp::new, plain: plain_mlp });
    }
    rows(device, json, &Case { name: "cnn", batch: 256, make: Cnn::new, plain: plain_cnn });
}

fn rows<M: BayesianModule + ModuleT + 'static>(device: Device, json: bool, case: &Case<M>) {
    illia::manual_seed(1);
    let float = (Kind::Float, device);
    let x = Tensor::randn([case.batch, 1, 28, 28], float);
    let y = Tensor::randint(10, [case.batch], (Kind::Int64, device));

    let say = |step: &str, (ms, plain, ratio): (f64, f64, f64)| {
        let Case { name, batch, .. } = case;
        if json {
            println!(
                "{{\"net\": \"{name}\", \"batch\": {batch}, \"step\": \"{step}\", \"ms\": {ms:.4}, \"plain_ms\": {plain:.4}, \"x_plain\": {ratio:.3}}}"
            );
        } else {
            println!("{name:<10} {batch:>5}  {step:<28} {ms:>9.3} {plain:>9.3} {ratio:>6.2}");
        }
    };
    let mut plain_step = plain_training(device, case, (&x, &y));
    let means: fn() -> (Posterior, Estimator) = || (Posterior::point(), Estimator::default());
    for (step, what) in [
        ("point", means),
        ("reparameterization", || (Posterior::fan_in(), Estimator::Reparameterization)),
        ("local reparameterization", || (Posterior::fan_in(), Estimator::LocalReparameterization)),
        ("flipout", || (Posterior::fan_in(), Estimator::Flipout)),
    ] {
        let (posterior, estimator) = what();
        let vs = nn::VarStore::new(device);
        let net = (case.make)(&vs.root(), posterior, estimator);
        let mut trainer = Trainer::new(Adam::default(), 60_000).expect("Adam's defaults");
        let (x, y) = (x.shallow_clone(), y.shallow_clone());
        let ours = move || {
            let nll = || Ok(net.forward_t(&x, true).cross_entropy_for_logits(&y));
            trainer.step(&net, &vs, 1.0, nll).expect("a finite loss");
        };
        say(step, measure(device, &mut plain_step, &mut (Box::new(ours) as Step)));
    }
    say("nothing said, in Fit", nothing_said(device, case, (&x, &y), &mut plain_step));

    let plain = (case.plain)(&nn::VarStore::new(device).root());
    let inputs = x.shallow_clone();
    let mut plain_step: Step = Box::new(move || {
        let _ = tch::no_grad(|| plain(&inputs).softmax(-1, Kind::Float));
    });
    for (step, predict) in
        [("32 draws", Predict::new().draws(32)), ("32 draws, marginal", Predict::new().draws(32).marginal())]
    {
        let vs = nn::VarStore::new(device);
        let net = (case.make)(&vs.root(), Posterior::fan_in(), Estimator::default());
        let inputs = x.shallow_clone();
        let ours = move || {
            let prediction = predict.run(&net, &inputs).expect("a prediction");
            let probabilities = prediction.map(|outputs| outputs.softmax(-1, Kind::Float));
            let _ = (probabilities.mean(), probabilities.std());
        };
        say(step, measure(device, &mut plain_step, &mut (Box::new(ours) as Step)));
    }
}

fn plain_training<M>(device: Device, case: &Case<M>, (x, y): (&Tensor, &Tensor)) -> Step {
    let vs = nn::VarStore::new(device);
    let plain = (case.plain)(&vs.root());
    let mut optimiser = nn::Adam::default().build(&vs, 1e-3).expect("Adam's defaults");
    let (x, y) = (x.shallow_clone(), y.shallow_clone());
    Box::new(move || optimiser.backward_step(&plain(&x).cross_entropy_for_logits(&y)))
}

/// Ten steps, and the wait for the device: milliseconds a step.
fn time(device: Device, step: &mut Step) -> f64 {
    let start = Instant::now();
    (0..STEPS).for_each(|_| step());
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
    start.elapsed().as_secs_f64() * 1e3 / STEPS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Ours, the plain net's, and the ratio of the two.
fn measure(device: Device, plain: &mut Step, ours: &mut Step) -> (f64, f64, f64) {
    for step in [&mut *plain, &mut *ours] {
        time(device, step);
        time(device, step);
    }
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (time(device, plain), time(device, ours))).collect();
    let of = |each: fn(&(f64, f64)) -> f64| median(rounds.iter().map(each).collect());
    (of(|round| round.1), of(|round| round.0), of(|round| round.1 / round.0))
}

/// A step of `Fit` where nobody chose a posterior: an epoch's seconds over its steps, batches and shuffling included, and the search for
/// the prior's scale not, which comes between epochs.
fn nothing_said<M: BayesianModule + ModuleT>(
    device: Device,
    case: &Case<M>,
    (x, y): (&Tensor, &Tensor),
    plain: &mut Step,
) -> (f64, f64, f64) {
    const BATCHES: i64 = 20;
    let (x, y) = (x.repeat([BATCHES, 1, 1, 1]), y.repeat([BATCHES]));
    let vs = nn::VarStore::new(device);
    let net = (case.make)(&vs.root(), Posterior::Automatic, Estimator::default());
    let fit = Fit::new(Categorical).epochs(ROUNDS).batch_size(case.batch as usize).progress(false);
    let history = fit.run(&net, &vs, &x, &y).expect("a finite loss");
    let plain = median((0..ROUNDS).map(|_| time(device, plain)).collect());
    let ms = median(history.epochs.iter().map(|epoch| epoch.seconds * 1e3 / BATCHES as f64).collect());
    (ms, plain, ms / plain)
}
