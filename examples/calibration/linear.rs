//! Linear regression, where the exact posterior is known.

use illia::likelihood::Gaussian;
use illia::prelude::*;

use crate::exact::Exact;
use crate::nets::with_net;
use crate::setting::{Numbers, Setting};

/// One data set's kind.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    pub rows: i64,
    pub columns: i64,
    pub kind: Kind,
    /// Whether any two columns correlate by 1/2, rather than not at all.
    pub correlated: bool,
}

const NOISE: f64 = 0.5;
const POINTS: i64 = 50;
/// Of the function's mean and spread: the error of its mean is 0.016 of its standard deviation, that of a ratio of spreads 1.1 %.
const DRAWS: usize = 4000;

impl Linear {
    pub fn all() -> Vec<Linear> {
        let mut all = Vec::new();
        for kind in [Kind::Float, Kind::Double] {
            for correlated in [false, true] {
                for rows in [100, 1000, 10_000] {
                    all.extend([5, 50].map(|columns| Linear { rows, columns, kind, correlated }));
                }
            }
        }
        all
    }

    pub fn name(&self) -> String {
        let kind = if self.kind == Kind::Double { "f64" } else { "f32" };
        let columns = if self.correlated { "correlated" } else { "independent" };
        format!("linear/{}x{}/{kind}/{columns}", self.rows, self.columns)
    }

    fn inputs(&self, rows: i64) -> Tensor {
        let double = (Kind::Double, Device::Cpu);
        let own = Tensor::randn([rows, self.columns], double);
        let x = match self.correlated {
            true => (own + Tensor::randn([rows, 1], double)) * 0.5f64.sqrt(),
            false => own,
        };
        x.to_kind(self.kind)
    }

    /// The largest distance of the function's mean from the exact one's, in exact standard deviations; the mean ratio of its
    /// standard deviation to the exact one's, and to that of the best independent Gaussians.
    pub fn run(&self, setting: Setting) -> illia::Result<Numbers> {
        let x = self.inputs(self.rows);
        let w = Tensor::randn([self.columns, 1], (self.kind, Device::Cpu));
        let y = x.matmul(&w) + 0.5 + Tensor::randn([self.rows, 1], (self.kind, Device::Cpu)) * NOISE;
        let at = self.inputs(POINTS);
        let mut vs = nn::VarStore::new(Device::Cpu);
        let (seconds, prior, prediction) = with_net!(setting, vs, Straight | StraightOf(self.columns), net => {
            vs.set_kind(self.kind);
            let seconds = setting.train(&net, &vs, Gaussian::fixed(NOISE)?, &x, &y)?;
            (seconds, priors(&net, self.columns)?, Predict::new().draws(DRAWS).run(&net, &at)?)
        });
        let exact = Exact::new(&with_ones(&x), &y, NOISE, &prior);
        let (mean, std) = exact.at(&with_ones(&at));
        let outputs = prediction.outputs().to_kind(Kind::Double);
        let got_mean = outputs.mean_dim(0i64, false, None);
        let got_std = outputs.std_dim(0i64, true, false);
        let ratio = |to: &Tensor| (&got_std / to).mean(None).double_value(&[]);
        Ok(vec![
            ("mean_off", ((got_mean - mean) / &std).abs().max().double_value(&[])),
            ("std_ratio", ratio(&std)),
            ("std_ratio_in_family", ratio(&exact.independent_std(&with_ones(&at)))),
            ("seconds", seconds),
        ])
    }
}

/// The bias as one more column.
fn with_ones(x: &Tensor) -> Tensor {
    Tensor::cat(&[x.to_kind(Kind::Double), Tensor::ones([x.size()[0], 1], (Kind::Double, Device::Cpu))], 1)
}

/// The standard deviations of the priors that the parameters have after the fit: `[columns + 1]`, the bias last.
fn priors(net: &impl BayesianModule, columns: i64) -> illia::Result<Tensor> {
    let of = |ending: &str, count: i64| -> illia::Result<Tensor> {
        let all = net.named_parameters();
        let found = all.iter().find(|(name, _)| name.ends_with(ending)).map(|(_, parameter)| *parameter);
        let learned = |parameter: &illia::RandomParameter| {
            let variable = parameter.named_variables().find(|(name, _)| name.ends_with("prior_rho"));
            variable.map(|(_, rho)| rho.softplus().double_value(&[]))
        };
        let std = found.and_then(|parameter| match parameter.prior() {
            Prior::Gaussian { std, .. } => learned(parameter).or(Some(std)),
            Prior::LearnedGaussian { .. } => learned(parameter),
            _ => None,
        });
        let std = std.ok_or_else(|| Error::configuration("prior", ending, "a Gaussian of mean 0"))?;
        Ok(Tensor::full([count], std, (Kind::Double, Device::Cpu)))
    };
    Ok(Tensor::cat(&[of("weight", columns)?, of("bias", 1)?], 0))
}
