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
use crate::likelihood::Likelihood;
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
            gradients(around.likelihood, &output, &target, &records)
        });
        let drawn = drawn.collect::<Result<Vec<_>>>()?;
        let _no_grad = tch::no_grad_guard();
        // Of all data, and of a likelihood that the KL's weight divides.
        let scale = around.rows.len() as f64 / (rows.len() * targets).max(1) as f64 / around.kl_weight;
        let (mut squares, mut determined) = (0.0, 0.0);
        for parameter in watched {
            let Some((mean, std)) = parameter.fixed_gaussian() else { continue };
            let curvature = curvature_of(&records, parameter, &drawn)? * (scale * std * std);
            // A decomposition of what are no numbers would be an error; training goes on, and says itself where it fails.
            if curvature.isfinite().all().int64_value(&[]) == 0 {
                return Ok(None);
            }
            let own = determined_by(&curvature)?;
            let sampled = (rows.len() * targets) as f64;
            if parameter.mu().numel() as f64 > sampled && own > COUNTABLE * sampled {
                return Ok(None);
            }
            determined += own;
            squares += ((parameter.location() - mean) / std).square().sum(Kind::Double).double_value(&[]);
        }
        Ok((determined > 0.0).then_some((squares, determined)))
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

/// The sum of the outer products of the examples' gradients by the parameter over all drawn targets, or the matrix of their inner
/// products, whichever is smaller: they have the same eigenvalues.
fn curvature_of(records: &[Record], parameter: &RandomParameter, drawn: &[Vec<Tensor>]) -> Result<Tensor> {
    let inputs = record::inputs_of(records, parameter.id());
    let outputs: Vec<Tensor> =
        drawn.iter().map(|gradients| record::outputs_of(records, parameter.id(), gradients)).collect();
    // In double: beside the eigenvalues of 1, which count, there are those of a million.
    let outputs = Tensor::cat(&outputs, 0).to_kind(Kind::Double);
    let inputs = inputs.to_kind(Kind::Double).repeat([drawn.len() as i64, 1, 1, 1]);
    let [examples, places] = [0, 2].map(|axis| inputs.size().get(axis).copied().unwrap_or(1));
    let numbers = parameter.mu().numel() as i64;
    if places == 1 && numbers > examples {
        let by_group = |t: &Tensor| {
            let rows = t.squeeze_dim(2).transpose(0, 1);
            rows.f_matmul(&rows.transpose(1, 2)).within("evidence")
        };
        let each = by_group(&outputs)? * by_group(&inputs)?;
        return Ok(each.sum_dim_intlist(0i64, false, Kind::Double));
    }
    let each = outputs.transpose(2, 3).f_matmul(&inputs).within("evidence")?.flatten(1, -1);
    let each = if numbers > examples { each } else { each.tr() };
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
            held: &|_| false,
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
