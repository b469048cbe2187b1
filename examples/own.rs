//! Your own of each: a prior, a family of posteriors, a likelihood, an optimiser, a schedule and a data set in one program.
//!
//! Each is one type that implements one trait, and stands where the library's own would.
//!
//! `cargo run --release --example own`

use illia::data::{Batch, Dataset};
use illia::noise::{self, Key};
use illia::prelude::*;
use illia::{Density, Family, Memory, Optimiser, Result, Schedule, Start, Variables};
use tch::nn::Init;

/// A prior: the logistic density, with a little more in its tails than a Gaussian.
#[derive(Debug)]
pub struct Logistic {
    pub scale: f64,
}

impl Density for Logistic {
    fn log_density(&self, w: &Tensor) -> Tensor {
        let z = w.abs() / self.scale;
        -&z - (-z).exp().log1p() * 2.0 - self.scale.ln()
    }
}

/// A family of posteriors: a Gaussian whose covariance over a layer's weights is a diagonal and a matrix of low rank,
/// sigma² + V Vᵀ (Ong, Nott & Smith 2018), so that weights can move together.
#[derive(Debug)]
pub struct LowRank {
    pub rank: i64,
}

impl LowRank {
    /// sigma `[n]` and V `[n, rank]`, the weights in one row.
    fn scales(variables: &Variables) -> Option<(Tensor, Tensor)> {
        Some((variables.get("rho")?.softplus().flatten(0, -1), variables.get("factor")?.shallow_clone()))
    }
}

impl Family for LowRank {
    fn name(&self) -> String {
        format!("LowRank({})", self.rank)
    }

    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        let n = start.shape.iter().product();
        let mu = Init::Randn { mean: 0.0, stdev: (1.0 / start.fan_in as f64).sqrt() };
        let factor = start.initial_of(Init::Randn { mean: 0.0, stdev: 0.01 }, &[n, self.rank]);
        vec![("mu", start.initial(mu)), ("rho", start.initial(Init::Const(-4.0))), ("factor", factor)]
    }

    /// mu + sigma eps + V z, with eps and z from one key.
    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        let mu = variables.mu();
        let Some((sigma, factor)) = Self::scales(variables) else { return mu.shallow_clone() };
        let n = mu.numel() as i64;
        let normals = noise::normals(key, &[n + self.rank], mu.kind(), mu.device());
        let (eps, z) = (normals.narrow(0, 0, n), normals.narrow(0, n, self.rank));
        mu + (sigma * eps + factor.mv(&z)).view_as(mu)
    }

    /// By the matrix determinant lemma and Woodbury's identity, with C = I + Vᵀ S⁻² V `[rank, rank]`:
    /// log det(S² + V Vᵀ) = log det S² + log det C, and the inverse is S⁻² - S⁻² V C⁻¹ Vᵀ S⁻².
    fn log_density(&self, variables: &Variables, w: &Tensor) -> Option<Tensor> {
        let (sigma, factor) = Self::scales(variables)?;
        let z = (w - variables.mu()).flatten(0, -1) / &sigma;
        let scaled = factor / sigma.unsqueeze(1);
        let c = Tensor::eye(self.rank, (w.kind(), w.device())) + scaled.tr().matmul(&scaled);
        let root = c.f_linalg_cholesky(false).ok()?;
        let across = root.linalg_solve_triangular(&scaled.tr().matmul(&z.unsqueeze(1)), false, true, false);
        let distance = z.square().sum(w.kind()) - across.square().sum(w.kind());
        let log_root_det = sigma.log().sum(w.kind()) + root.diag(0).log().sum(w.kind());
        let constant = 0.5 * w.numel() as f64 * std::f64::consts::TAU.ln();
        Some(-(distance * 0.5 + log_root_det + constant))
    }
}

/// A likelihood: noise with the density exp(-|y - f| / scale) / (2 scale), which forgives outliers.
#[derive(Debug)]
pub struct Absolute {
    pub scale: f64,
}

impl Likelihood for Absolute {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = -(target.view_as(output) - output).abs() / self.scale - (2.0 * self.scale).ln();
        Ok(each.flatten(1, -1).sum_dim_intlist(1i64, false, output.kind()))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.shallow_clone()
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        output.full_like(2.0 * self.scale * self.scale)
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        let z = (y - output) / self.scale;
        let tail = (-z.abs()).exp() * 0.5;
        Some(tail.where_self(&z.lt(0.0), &(1.0 - &tail)))
    }
}

/// An optimiser: steps of the sign of a running mean, Lion (Chen et al. 2023, algorithm 2, without weight decay).
#[derive(Debug)]
pub struct Lion {
    pub learning_rate: f64,
}

impl Optimiser for Lion {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self) -> &'static [&'static str] {
        &["mean"]
    }

    fn step(&self, variable: &mut Tensor, gradient: &Tensor, memory: &mut Memory, learning_rate: f64) {
        memory.steps += 1;
        let [mean] = memory.tensors.as_mut_slice() else { return };
        *variable -= mean.lerp(gradient, 0.1).sign() * learning_rate;
        let _ = mean.lerp_(gradient, 0.01);
    }
}

/// A schedule: up to 1 over the first epochs, then down as 1 / sqrt(step) (Vaswani et al. 2017, section 5.3).
#[derive(Debug)]
pub struct WarmUp {
    pub epochs: usize,
}

impl Schedule for WarmUp {
    fn factor(&self, step: usize, steps_per_epoch: usize) -> f64 {
        let part = (step + 1) as f64 / (self.epochs * steps_per_epoch) as f64;
        part.min(part.powf(-0.5))
    }
}

/// A data set: a wave that is computed when it is asked for, with noise that belongs to its row.
#[derive(Debug)]
pub struct Wave {
    pub rows: usize,
}

impl Dataset for Wave {
    fn len(&self) -> usize {
        self.rows
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        let x = Tensor::from_slice(rows).to_kind(Kind::Float).unsqueeze(1) / self.rows as f64 * 2.0 - 1.0;
        let key = |row: &i64| Key { seed: 0, stream: u64::MAX / 2, draw: row.unsigned_abs() };
        let uniform = |row| noise::uniforms(key(row), &[1], Kind::Float, Device::Cpu) - 0.5;
        // The quantile function of the noise that `Absolute` believes in.
        let u = Tensor::stack(&rows.iter().map(uniform).collect::<Vec<_>>(), 0);
        let noise = -u.sign() * (-u.abs() * 2.0).log1p() * 0.1;
        Ok(Batch { target: (&x * 3.0).sin() + noise, inputs: vec![x] })
    }
}

bnn! {
    pub struct Net: [1] -> [1] {
        prior: (Logistic { scale: 0.6 });
        posterior: (LowRank { rank: 2 });

        pub one: Linear(32) -> tanh,
        pub two: Linear(1),
    }
}

fn main() -> Result<()> {
    illia::manual_seed(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root());
    let likelihood = Absolute { scale: 0.1 };
    let history = Fit::new(&likelihood)
        .optimiser(Lion { learning_rate: 2e-3 })
        .learning_rate_schedule(WarmUp { epochs: 20 })
        .epochs(200)
        .run_with(&net, &vs, &Wave { rows: 500 }, |inputs, _| net.try_forward(&inputs[0]))?;
    let objective = history.epochs.iter().map(|epoch| epoch.loss);
    println!("objective, nats per example: {:.2?}", objective.step_by(40).collect::<Vec<_>>());

    let x = Tensor::linspace(-1.0, 2.0, 7, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let prediction =
        Predict::new().draws(200).run_with(&net, &[x.shallow_clone()], |x| net.try_forward(&x[0]))?;
    let (low, high) = likelihood.interval(prediction.outputs(), 0.9)?;
    println!(
        "x, mean, and where 9 observations of 10 will lie:\n{}",
        Tensor::cat(&[x, prediction.mean(), low, high], 1)
    );
    Ok(())
}
