//! What is not trained, by name: a pretrained part of a net.

use tch::nn::VarStore;

use crate::error::{Error, Result};

/// Leaves the variables of `vs` whose names begin with one of `names` as they are: no step of training moves them. A part `*` of a
/// name stands for any one part. Returns how many variables that are.
///
/// `names` are those of fields (`encoder`, `blocks.*.norm`) or of variables (`head.weight.mu`); a random parameter keeps its
/// posterior, and its KL is a constant. What a forward in training notes by itself (running statistics) is not held by this:
/// run such a part in evaluation mode.
///
/// ```
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{fix, unfix};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let trunk = Linear::new(vs.root() / "trunk", 4, 3, LinearConfig::default());
/// let head = Linear::new(vs.root() / "head", 3, 2, LinearConfig::default());
/// assert_eq!(fix(&vs, &["trunk"])?, 4);
/// assert!(!trunk.weight.mu().requires_grad() && head.weight.mu().requires_grad());
/// unfix(&vs, &["trunk.bias"])?;
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Configuration`] for a name that no variable's begins with; then nothing has been changed.
pub fn fix(vs: &VarStore, names: &[&str]) -> Result<usize> {
    set(vs, names, false)
}

/// Lets variables be trained again that [`fix`] held; what was made not to be trained (running statistics, the weight under an
/// adapter) stays so.
///
/// # Errors
/// As [`fix`].
pub fn unfix(vs: &VarStore, names: &[&str]) -> Result<usize> {
    set(vs, names, true)
}

fn set(vs: &VarStore, names: &[&str], trained: bool) -> Result<usize> {
    let variables = vs.variables();
    if let Some(name) = names.iter().find(|name| !variables.keys().any(|own| begins(name, own))) {
        let first = variables.keys().filter_map(|own| own.split('.').next());
        let first: Vec<&str> = first.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let allowed = format!("the beginning of a variable's, part by part; there are {}", first.join(", "));
        return Err(Error::configuration("name", name, &allowed));
    }
    let made_to_be_trained = vs.trainable_variables();
    let mut count = 0;
    for (own, variable) in &variables {
        let meant = names.iter().any(|name| begins(name, own));
        if meant && made_to_be_trained.iter().any(|other| other.is_set_to(variable)) {
            let _ = variable.set_requires_grad(trained);
            count += 1;
        }
    }
    Ok(count)
}

/// Whether `name` is `pattern`, or continues it behind a dot.
fn begins(pattern: &str, name: &str) -> bool {
    let mut parts = name.split('.');
    pattern.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::nn::{Linear, LinearConfig};
    use crate::{Fit, Posterior};

    #[test]
    fn names_begin_so_part_by_part() {
        let vs = VarStore::new(Device::Cpu);
        let config = LinearConfig { posterior: Posterior::fan_in(), ..Default::default() };
        for i in 0..2 {
            Linear::new(vs.root() / "stack" / i / "fc", 3, 3, config);
        }
        // Of the weight and the bias of one layer, mu and rho.
        assert_eq!(fix(&vs, &["stack.0"]).unwrap(), 4);
        assert!(fix(&vs, &["stack.0", "trunk"]).is_err());
        assert_eq!(unfix(&vs, &["stack.*.fc.bias"]).unwrap(), 4);
        let trained = |name: &str| vs.variables()[name].requires_grad();
        assert!(
            !trained("stack.0.fc.weight.rho")
                && trained("stack.0.fc.bias.mu")
                && trained("stack.1.fc.weight.mu")
        );
    }

    #[test]
    fn fit_goes_by_it() {
        let vs = VarStore::new(Device::Cpu);
        for (name, posterior) in [("written", Posterior::fan_in()), ("automatic", Posterior::Automatic)] {
            let config = LinearConfig { posterior, ..Default::default() };
            let net = Linear::new(vs.root() / name, 3, 1, config);
            let float = (Kind::Float, Device::Cpu);
            let (x, y) = (Tensor::randn([20, 3], float), Tensor::ones([20, 1], float));
            fix(&vs, &[&format!("{name}.weight")]).unwrap();
            let (weight, bias) = (net.weight.mu().copy(), net.bias.as_ref().unwrap().mu().copy());
            let likelihood = crate::likelihood::Gaussian::fixed(0.1).unwrap();
            Fit::new(likelihood).epochs(2).progress(false).run(&net, &vs, &x, &y).unwrap();
            assert_eq!(net.weight.mu(), &weight);
            assert_ne!(net.bias.as_ref().unwrap().mu(), &bias);
        }
    }
}
