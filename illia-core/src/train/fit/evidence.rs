//! The scale of the weights' priors where nobody chose it: the one under which the data are most probable.
//!
//! At the maximum of Laplace's evidence, |θ|² = γ: θ are the means in units of the prior's standard deviation, and γ = sum of
//! λ / (λ + 1) counts the weights that the data determine, λ being the curvature's eigenvalues in the same units (MacKay 1992,
//! equations 4.8 and 4.9). So the standard deviation is multiplied by sqrt(|θ|² / γ) again and again, while the means
//! are trained (Immer et al. 2021). The curvature is the Fisher information of each parameter by itself, from the gradients of single
//! examples: its eigenvalues that are not 0 are those of the matrix of their products, whose side is the number of examples.
//!
//! Each parameter by itself, as in Immer et al.: across parameters too, the data seem to determine less and the prior gets
//! wider, which is right for the posterior of all weights and too wide where the layers before the last end as points.
//! A Kronecker product in place of the gradients (Martens & Grosse 2015) counts more than there are examples to determine. `docs/defaults.md`
//! has both, measured. A sample of examples cannot count more weights than it has gradients: where it comes near, in large nets on much data, the
//! scale stays where it is, rather than grow by what the sample cannot see.
//!
//! It is one scale for all layers. With one for each, the scale moves from layer to layer without end, since that leaves what a
//! net of ReLUs computes as it is: measured, some went to 0 and some beyond 50 on the problems of `examples/calibration`.

use tch::{Kind, Tensor};

use super::automatic::{Around, Automatic, gradients};
use crate::error::{Result, Within};
use crate::likelihood::{Likelihood, matched};
use crate::module::BayesianModule;
use crate::parameter::{Prior, RandomParameter};
use crate::pass::record::{self, Record};

/// Examples and drawn targets that the curvature is taken from, at most: the side of a matrix that is decomposed, a tenth of a second on one core.
const EXAMPLES: usize = 1 << 10;
/// Numbers that the layers' inputs and one layer's gradients may take together, 512 MiB in f64.
const NUMBERS: i64 = 1 << 26;
/// The share of a sample's gradients beyond which what they count is the sample's size rather than the weights'.
const COUNTABLE: f64 = 0.5;
/// Targets drawn for one example, at most.
const TARGETS: usize = 32;
/// The least that errors are divided by.
const LEAST_LEFT: f64 = 0.3;
/// What the scale is multiplied by, or divided by, at most.
const FURTHEST: f64 = 2.0;

impl<M: BayesianModule + ?Sized> Automatic<'_, M> {
    /// The parameters whose prior's scale is to be found: those of nets with more than one layer, since a
    /// linear model's weights mean something by themselves.
    fn scaled(&self) -> Vec<&RandomParameter> {
        let all = if self.is_one_layer { &[][..] } else { &self.parameters };
        all.iter().copied().filter(|p| p.prior_is_automatic()).collect()
    }

    /// Whether there are such.
    pub(super) fn has_scale(&self) -> bool {
        !self.scaled().is_empty()
    }

    /// Moves the one scale of the priors to where the evidence says; whether it could tell.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn find_scale<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<bool> {
        let scaled = self.scaled();
        let watched: Vec<_> = scaled.iter().copied().filter(|p| p.is_noted()).collect();
        if watched.is_empty() || around.kl_weight <= 0.0 {
            return Ok(false);
        }
        let Some((squares, determined)) = self.fit_of_prior(&watched, around)? else { return Ok(false) };
        let factor = (squares / determined).sqrt();
        if !(factor > 0.0 && factor.is_finite()) {
            return Ok(false);
        }
        let factor = factor.clamp(1.0 / FURTHEST, FURTHEST);
        for parameter in scaled {
            if let Prior::Gaussian { mean, std } = parameter.prior() {
                parameter.find_prior(Prior::Gaussian { mean, std: std * factor });
            }
        }
        Ok(true)
    }

    /// |θ|² and γ over the watched parameters; None where code of the user's takes their weights, and where the sample is too small.
    fn fit_of_prior<L: Likelihood>(
        &self,
        watched: &[&RandomParameter],
        around: &Around<'_, L>,
    ) -> Result<Option<(f64, f64)>> {
        let Some(sample) = self.sample(watched, around)? else { return Ok(None) };
        let _no_grad = tch::no_grad_guard();
        let (mut squares, mut determined) = (0.0, 0.0);
        for parameter in watched {
            let Some((mean, std)) = parameter.fixed_gaussian() else { continue };
            let curvature = curvature_of(&sample, parameter)? * (sample.scale * std * std);
            let Some(own) = sample.count(&curvature, parameter.mu().numel())? else { return Ok(None) };
            determined += own;
            squares += ((parameter.location() - mean) / std).square().sum(Kind::Double).double_value(&[]);
        }
        Ok((determined > 0.0).then_some((squares, determined)))
    }

    /// (N - γ) / N, with γ the weights before the last layer that the N numbers of all targets determine: what the errors' sizes have to be divided by to be
    /// those of new data (generalised cross-validation, Golub, Heath & Wahba 1979: once since the weights took a part of the noise, MacKay 1992,
    /// equation 4.11, and once since they are off by as much; what the last layer took its draws give back). 1 where that can't be counted.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn left_by_points<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<f64> {
        if self.is_one_layer {
            return Ok(1.0);
        }
        let Some([all, last]) = self.determined_shares(around)? else { return Ok(1.0) };
        Ok((1.0 - (all - last).max(0.0)).clamp(LEAST_LEFT, 1.0))
    }

    /// γ / N, with γ the weights that the N numbers of all targets determine, of all parameters together and of the last layer's; None where code of the user's
    /// takes them, where it is no number, and without a prior.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn determined_shares<L: Likelihood>(
        &self,
        around: &Around<'_, L>,
    ) -> Result<Option<[f64; 2]>> {
        if around.kl_weight <= 0.0 {
            return Ok(None);
        }
        let all: Vec<_> = self.parameters.iter().copied().filter(|p| p.is_noted()).collect();
        let Some(sample) = self.sample(&all, around)? else { return Ok(None) };
        let (all, last) = (sample.share(&all, around)?, sample.share(&self.last, around)?);
        Ok(all.zip(last).map(|(all, last)| [all, last]))
    }

    /// Gradients of single examples; None where code of the user's takes the weights.
    fn sample<L: Likelihood>(
        &self,
        watched: &[&RandomParameter],
        around: &Around<'_, L>,
    ) -> Result<Option<Sample>> {
        let one = around.batch(around.rows.get(..1).unwrap_or_default())?;
        let Some((_, records)) = self.recorded(&one, around, watched)? else { return Ok(None) };
        let inputs: i64 = records.iter().map(Record::numbers).sum();
        let of_one = watched.iter().map(|p| size_of_gradient(&records, p)).max();
        drop(records);
        let examples = (NUMBERS / (inputs + of_one.unwrap_or(0)).max(1)).clamp(1, EXAMPLES as i64) as usize;
        let rows = around.rows.get(..examples.min(around.rows.len())).unwrap_or(&around.rows);
        let batch = around.batch(rows)?;
        let Some((output, records)) = self.recorded(&batch, around, watched)? else { return Ok(None) };
        let targets = (examples / rows.len().max(1)).clamp(1, TARGETS);
        let drawn = (0..targets).map(|_| {
            let target = around.target(&output.detach(), &batch)?;
            let there = gradients(around.likelihood, &output, &target, &records)?;
            if !around.likelihood.has_noise_of_its_own() {
                return Ok(there);
            }
            // Targets as far below the mean as these are above: half of the difference is what the mean has in the gradient, without the noise's own.
            let mean = around.likelihood.mean(&output.detach());
            let mirrored = &mean * 2.0 - matched("noise", &mean, &target)?;
            let back = gradients(around.likelihood, &output, &mirrored, &records)?;
            Ok(there.iter().zip(back).map(|(there, back)| (there - back) * 0.5).collect())
        });
        let drawn = drawn.collect::<Result<Vec<_>>>()?;
        let size = (rows.len() * targets).max(1) as f64;
        let scale = around.rows.len() as f64 / size / around.kl_weight;
        let numbers = around.likelihood.mean(&output.detach()).numel() as f64 / rows.len().max(1) as f64;
        Ok(Some(Sample { records, drawn, examples: rows.len(), numbers, size, scale }))
    }
}

/// What examples' gradients are made of, for targets drawn by the likelihood.
struct Sample {
    records: Vec<Record>,
    /// Of the layers' outputs, for each target.
    drawn: Vec<Vec<Tensor>>,
    examples: usize,
    /// How many numbers a target has.
    numbers: f64,
    /// How many gradients there are of a parameter.
    size: f64,
    /// What makes their sum that of all data, under a likelihood that the KL's weight divides.
    scale: f64,
}

impl Sample {
    /// γ / N of some parameters together, N the numbers of all targets. Where the sample is too small for all data to be told from it, what it would be of the sample
    /// alone, which is more: the more examples there are, the fewer weights each of them determines.
    fn share<L: Likelihood>(
        &self,
        parameters: &[&RandomParameter],
        around: &Around<'_, L>,
    ) -> Result<Option<f64>> {
        let _no_grad = tch::no_grad_guard();
        let (mut sum, mut weights) = (Tensor::zeros([1i64], (Kind::Double, around.vs.device())), 0);
        for parameter in parameters {
            let Some((_, std)) = parameter.fixed_gaussian() else { continue };
            sum = products_of(self, parameter)? * (std * std / around.kl_weight) + sum;
            weights += parameter.mu().numel();
        }
        if sum.isfinite().all().int64_value(&[]) == 0 {
            return Ok(None);
        }
        let (all, examples) = (around.rows.len() as f64, self.examples as f64);
        if let Some(counted) = self.count(&(&sum * (all / self.size)), weights)? {
            return Ok(Some((counted / (all * self.numbers)).min(1.0)));
        }
        let of_sample = determined_by(&(sum * (examples / self.size)))?;
        Ok(Some(((of_sample / examples).min(weights as f64 / all) / self.numbers).min(1.0)))
    }

    /// γ of a curvature of so many weights; None where it is no number, which training says itself, and where it is the sample's size
    /// that was counted.
    fn count(&self, curvature: &Tensor, weights: usize) -> Result<Option<f64>> {
        if curvature.isfinite().all().int64_value(&[]) == 0 {
            return Ok(None);
        }
        let counted = determined_by(curvature)?;
        let too_small = weights as f64 > self.size && counted > COUNTABLE * self.size;
        Ok((!too_small).then_some(counted))
    }

    /// A layer's inputs and the gradients by its outputs, `[gradients, groups, places, features]` each, in double: beside the eigenvalues
    /// of 1, which count, there are those of a million.
    fn factors(&self, parameter: &RandomParameter) -> (Tensor, Tensor) {
        let inputs = record::inputs_of(&self.records, parameter.id());
        let outputs = self.drawn.iter().map(|by| record::outputs_of(&self.records, parameter.id(), by));
        let outputs = Tensor::cat(&outputs.collect::<Vec<_>>(), 0).to_kind(Kind::Double);
        (inputs.to_kind(Kind::Double).repeat([self.drawn.len() as i64, 1, 1, 1]), outputs)
    }
}

/// Sum of λ / (λ + c) over the eigenvalues of a symmetric matrix: its side less c times the trace of (A + c)⁻¹ = L⁻ᵀ L⁻¹. c is 1, and
/// above it what rounding may have taken from the least of them.
fn determined_by(curvature: &Tensor) -> Result<f64> {
    let side = curvature.size().last().copied().unwrap_or(0);
    let one = Tensor::eye(side, (Kind::Double, curvature.device()));
    let c = 1.0 + 1e-12 * curvature.trace().double_value(&[]);
    let root = (curvature + &one * c).f_linalg_cholesky(false).within("evidence")?;
    let inverse = root.f_linalg_solve_triangular(&one, false, true, false).within("evidence")?;
    Ok(side as f64 - c * inverse.square().sum(Kind::Double).double_value(&[]))
}

/// Numbers of one example's gradient by the parameter that have to be held: none where it is a product of two vectors.
fn size_of_gradient(records: &[Record], parameter: &RandomParameter) -> i64 {
    let places = record::inputs_of(records, parameter.id()).size().get(2).copied().unwrap_or(1);
    if places > 1 { parameter.mu().numel() as i64 } else { 0 }
}

/// The gradients by the parameter, `[gradients, weights]`.
fn gradients_of(inputs: &Tensor, outputs: &Tensor) -> Result<Tensor> {
    Ok(outputs.transpose(2, 3).f_matmul(inputs).within("evidence")?.flatten(1, -1))
}

/// The sum of the outer products of the gradients by the parameter, or the matrix of their inner products, whichever is smaller:
/// they have the same eigenvalues.
fn curvature_of(sample: &Sample, parameter: &RandomParameter) -> Result<Tensor> {
    let (inputs, outputs) = sample.factors(parameter);
    if parameter.mu().numel() as f64 > sample.size {
        return products(&inputs, &outputs);
    }
    let each = gradients_of(&inputs, &outputs)?;
    each.tr().f_matmul(&each).within("evidence")
}

/// The inner products of the gradients by the parameter, `[gradients, gradients]`.
fn products_of(sample: &Sample, parameter: &RandomParameter) -> Result<Tensor> {
    let (inputs, outputs) = sample.factors(parameter);
    products(&inputs, &outputs)
}

fn products(inputs: &Tensor, outputs: &Tensor) -> Result<Tensor> {
    if inputs.size().get(2) == Some(&1) {
        // One place: the product of two gradients is that of inputs times that of outputs.
        let by_group = |t: &Tensor| {
            let rows = t.squeeze_dim(2).transpose(0, 1);
            rows.f_matmul(&rows.transpose(1, 2)).within("evidence")
        };
        let each = by_group(outputs)? * by_group(inputs)?;
        return Ok(each.sum_dim_intlist(0i64, false, Kind::Double));
    }
    let each = gradients_of(inputs, outputs)?;
    each.f_matmul(&each.tr()).within("evidence")
}

#[cfg(test)]
mod tests {
    use tch::nn::{Path, VarStore};
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::data::Tensors;
    use crate::likelihood::Gaussian;
    use crate::nn::{Linear, LinearConfig};
    use crate::noise::Stream;

    /// Of a linear model both sums are known: the factors' product is its curvature.
    #[test]
    fn a_linear_models_sums_are_the_exact_ones() {
        crate::manual_seed(1);
        let (n, d, noise, wide) = (400, 6, 0.5, Kind::Double);
        let vs = VarStore::new(Device::Cpu);
        let path: Path<'_> = vs.root();
        let net = Linear::new(&path, d, 1, LinearConfig { bias: false, ..Default::default() });
        let x = Tensor::randn([n, d], (Kind::Float, Device::Cpu))
            * Tensor::from_slice(&[0.01f32, 0.03, 0.1, 0.3, 1.0, 3.0]);
        let data =
            Tensors::new(vec![x.shallow_clone()], Tensor::zeros([n, 1], (Kind::Float, Device::Cpu))).unwrap();
        let likelihood = Gaussian::fixed(noise).unwrap();
        let automatic = Automatic::of(&net).unwrap();
        let (stream, rows) = (Stream::new(), (0..n).collect());
        let around = Around {
            likelihood: &likelihood,
            processes: None,
            data: &data,
            forward: &|inputs, _| Ok(net.try_forward(&inputs[0]).unwrap()),
            alone: true,
            is_validated: false,
            vs: &vs,
            kl_weight: 1.0,
            batch_size: 64,
            step_size: 64,
            rows,
            noise: &stream,
            missing_noise: None,
            held: &|_| false,
            is_interrupted: &|| false,
            empirical: std::cell::Cell::new(false),
        };
        let (squares, determined) = automatic.fit_of_prior(&[&net.weight], &around).unwrap().unwrap();
        let (_, std) = net.weight.fixed_gaussian().unwrap();
        let x = x.to_kind(wide);
        let curvature = (x.tr().matmul(&x) * (std * std / (noise * noise))).linalg_eigvalsh("L");
        let exact = (&curvature / (&curvature + 1.0)).sum(wide).double_value(&[]);
        let theta = (net.weight.mu().detach() / std).square().sum(wide).double_value(&[]);
        assert!((squares - theta).abs() < 1e-4 * theta);
        // Two drawn residuals for each of 400 examples: a sum of x² g² over them is known to sqrt(3 / 400), 9 %. γ moves by λ / (λ + 1)²
        // of that for each weight, here 0.09, 0.25, 0.08, 0.01 and next to nothing: 0.024 in all, 0.5 % of γ.
        assert!((determined / exact - 1.0).abs() < 0.02, "{determined} for {exact}");
        assert!(exact > 2.0 && exact < 5.5, "some are determined and some not: {exact}");
        // Nets of one layer keep their prior.
        automatic.find_scale(&around).unwrap();
        assert_eq!(net.weight.fixed_gaussian().unwrap().1, std);
    }

    #[test]
    fn a_curvature_of_any_size_is_counted() {
        crate::manual_seed(2);
        let rows = Tensor::randn([40, 60], (Kind::Double, Device::Cpu));
        for size in [1e-9, 1.0, 1e9, 1e18, 1e150] {
            // 40 eigenvalues, and 20 of 0, of which rounding makes up to 1e-15 of the largest: a thousandth of c each.
            let curvature = rows.tr().matmul(&rows) * size;
            let counted = determined_by(&curvature).unwrap();
            let exact = (rows.matmul(&rows.tr()) * size).linalg_eigvalsh("L");
            let exact = (&exact / (&exact + 1.0)).sum(Kind::Double).double_value(&[]);
            assert!((counted - exact).abs() < 0.02, "{counted} for {exact} at {size:e}");
        }
    }
}
