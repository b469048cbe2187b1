//! The pictures of `docs/watching.md`: a run, and a net.

use std::path::Path;

use illia::Result;
use illia::likelihood::Gaussian;
use illia::prelude::*;

use crate::curve::{Curve, NOISE, data};

bnn! {
    /// A residual block between two layers.
    struct Small: [1, 28, 28] -> [10] {
        stem: Conv2d(8, kernel: 3, padding: 1) -> relu -> max_pool(2),
        residual {
            near: Conv2d(8, kernel: 3, padding: 1) -> relu,
            far: Conv2d(8, kernel: 3, padding: 1),
        } -> relu -> global_avg_pool,
        #[deterministic]
        features: Linear(32) -> tanh,
        head: Linear(10),
    }
}

pub fn pictures(folder: &Path) -> Result<()> {
    illia::manual_seed(1);
    let (x, y) = data(|x| x.ones_like() * NOISE);
    // Every fourth observation is for the validation.
    let is_held = Tensor::arange(80, (Kind::Int64, Device::Cpu)).remainder(4).eq(0);
    let of = |t: &Tensor, which: &Tensor| t.masked_select(&which.unsqueeze(1)).unsqueeze(1);
    let (x_held, y_held) = (of(&x, &is_held), of(&y, &is_held));
    let rest = is_held.logical_not();

    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::try_new(&vs.root(), 1, Posterior::fan_in())?;
    let fit = Fit::new(Gaussian::fixed(NOISE)?).epochs(400).batch_size(20).progress(false);
    let fit = fit
        .validation(&x_held, &y_held)
        .metric("largest error", |p, y| Ok((p.mean() - y).abs().max().double_value(&[])));
    let history = fit.run(&net, &vs, &of(&x, &rest), &of(&y, &rest))?;
    history.plot().write(folder.join("run.svg"))?;

    let vs = nn::VarStore::new(Device::Cpu);
    Small::try_new(&vs.root())?.graph().picture().write(folder.join("net.svg"))
}
