//! The scale of the weights' priors where nobody chose it: the one under which the data are most probable.
//!
//! At the maximum of Laplace's evidence, |θ|² = γ: θ are the means in units of the prior's standard deviation, and γ = sum of
//! λ / (λ + 1) counts the weights that the data determine, λ being the curvature's eigenvalues in the same units (MacKay 1992,
//! equations 4.8 and 4.9). So the standard deviation is multiplied by sqrt(|θ|² / γ) again and again, while the means
//! are trained (Immer et al. 2021). The curvature is that of each parameter by itself, a Kronecker product of a matrix over inputs and one over
//! outputs (Martens & Grosse 2015).
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

/// Examples that the curvature is taken from, at most: its eigenvalues enter only by a sum of λ / (λ + 1).
const EXAMPLES: usize = 512;
/// Numbers that the layers' inputs may take together, 256 MiB in f32.
const NUMBERS: i64 = 1 << 26;
/// Pairs of examples and drawn targets at least, as far as [`TARGETS`] allows.
const PAIRS: usize = 1 << 11;
const TARGETS: usize = 32;
/// The largest matrix whose eigenvalues are taken, on a side: a second on one core. Larger layers are left out of both sums.
const LARGEST: i64 = 1 << 11;
/// What the scale is multiplied by, or divided by, at most.
const FURTHEST: f64 = 2.0;

impl<M: BayesianModule + ?Sized> Automatic<'_, M> {
    /// The parameters whose prior's scale is to be found: those of nets with more than one layer, since a
    /// linear model's weights mean something by themselves.
    fn scaled(&self) -> Vec<&RandomParameter> {
        let all = if self.is_one_layer { &[][..] } else { &self.parameters };
        all.iter().copied().filter(|p| p.prior_is_automatic()).collect()
    }

    /// Moves the one scale of the priors to where the evidence says.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn find_scale<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<()> {
        let scaled = self.scaled();
        let watched: Vec<_> = scaled.iter().copied().filter(|p| p.is_noted()).collect();
        if watched.is_empty() || around.kl_weight <= 0.0 {
            return Ok(());
        }
        let Some((squares, determined)) = self.fit_of_prior(&watched, around)? else { return Ok(()) };
        let factor = (squares / determined).sqrt();
        if !(factor > 0.0 && factor.is_finite()) {
            return Ok(());
        }
        let factor = factor.clamp(1.0 / FURTHEST, FURTHEST);
        for parameter in scaled {
            if let Prior::Gaussian { mean, std } = parameter.prior() {
                parameter.find_prior(Prior::Gaussian { mean, std: std * factor });
            }
        }
        Ok(())
    }

    /// |θ|² and γ over the parameters of which enough is known; None where that is none of them.
    fn fit_of_prior<L: Likelihood>(
        &self,
        watched: &[&RandomParameter],
        around: &Around<'_, L>,
    ) -> Result<Option<(f64, f64)>> {
        let one = around.batch(around.rows.get(..1).unwrap_or_default())?;
        let Some((_, records)) = self.recorded(&one, around, watched)? else { return Ok(None) };
        let numbers: i64 = records.iter().map(Record::numbers).sum();
        drop(records);
        let examples = (NUMBERS / numbers.max(1)).clamp(1, EXAMPLES as i64) as usize;
        let rows = around.rows.get(..examples.min(around.rows.len())).unwrap_or(&around.rows);
        let batch = around.batch(rows)?;
        let Some((output, records)) = self.recorded(&batch, around, watched)? else { return Ok(None) };
        let targets = PAIRS.div_ceil(rows.len().max(1)).min(TARGETS);
        let mut of_outputs: Vec<Tensor> = Vec::new();
        for _ in 0..targets {
            let target = around.target(&output.detach(), &batch)?;
            let gradients = gradients(around.likelihood, &output, &target, &records)?;
            let _no_grad = tch::no_grad_guard();
            for (at, parameter) in watched.iter().enumerate() {
                let rows = as_rows(&record::outputs_of(&records, parameter.id(), &gradients), parameter);
                let square = rows.transpose(1, 2).f_matmul(&rows).within("evidence")?.to_kind(Kind::Double);
                match of_outputs.get_mut(at) {
                    Some(sum) => *sum += square,
                    None => of_outputs.push(square),
                }
            }
        }
        // Of all data, and of a likelihood that the KL's weight divides.
        let scale = around.rows.len() as f64 / (rows.len() * targets).max(1) as f64 / around.kl_weight;
        let (mut squares, mut determined) = (0.0, 0.0);
        for (parameter, of_outputs) in watched.iter().zip(of_outputs) {
            let Some((mean, std)) = parameter.fixed_gaussian() else { continue };
            let _no_grad = tch::no_grad_guard();
            let Some(of_inputs) = spectrum_of_inputs(&records, parameter)? else { continue };
            let side = of_outputs.size().last().copied().unwrap_or(0);
            // Eigenvalues of what are no numbers would be an error; training goes on, and says itself where it fails.
            if side > LARGEST || of_outputs.isfinite().all().int64_value(&[]) == 0 {
                continue;
            }
            let of_outputs = of_outputs.f_linalg_eigvalsh("L").within("evidence")?.clamp_min(0.0);
            let curvature = of_outputs.unsqueeze(2) * of_inputs.unsqueeze(1) * (scale * std * std);
            determined += (&curvature / (&curvature + 1.0)).sum(Kind::Double).double_value(&[]);
            squares += ((parameter.location() - mean) / std).square().sum(Kind::Double).double_value(&[]);
        }
        Ok((determined > 0.0).then_some((squares, determined)))
    }
}

/// `[batch, groups, places, n]` as `[groups, rows, n]`. A bias adds the same to all places of an example, so that its row is their sum.
fn as_rows(each: &Tensor, parameter: &RandomParameter) -> Tensor {
    let places_apart = parameter.mu().dim() > 1;
    let each =
        if places_apart { each.shallow_clone() } else { each.sum_dim_intlist(2i64, true, each.kind()) };
    each.transpose(0, 1).flatten(1, 2)
}

/// The eigenvalues that are not 0 of the mean outer product of what the parameter is multiplied with, `[groups, n]`: 1 for a bias.
/// None where the matrix would be too large.
fn spectrum_of_inputs(records: &[Record], parameter: &RandomParameter) -> Result<Option<Tensor>> {
    if parameter.mu().dim() < 2 {
        return Ok(Some(Tensor::ones([1, 1], (Kind::Double, parameter.mu().device()))));
    }
    let rows = as_rows(&record::inputs_of(records, parameter.id()), parameter);
    let [_, count, n] = rows.size()[..] else { return Ok(None) };
    if count.min(n) > LARGEST {
        return Ok(None);
    }
    // Both products have the same eigenvalues.
    let across = rows.transpose(1, 2);
    let matrix = if n <= count { across.f_matmul(&rows) } else { rows.f_matmul(&across) };
    let matrix = matrix.within("evidence")?.to_kind(Kind::Double) / count as f64;
    if matrix.isfinite().all().int64_value(&[]) == 0 {
        return Ok(None);
    }
    Ok(Some(matrix.f_linalg_eigvalsh("L").within("evidence")?.clamp_min(0.0)))
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
        // 2,400 drawn residuals: their mean square is known to sqrt(2 / 2400), 3 %; γ moves by less than a quarter of that for
        // each weight that is half determined.
        assert!((determined / exact - 1.0).abs() < 0.02, "{determined} for {exact}");
        assert!(exact > 2.0 && exact < 5.5, "some are determined and some not: {exact}");
        // Nets of one layer keep their prior.
        automatic.find_scale(&around).unwrap();
        assert_eq!(net.weight.fixed_gaussian().unwrap().1, std);
    }
}
