//! Weights from elsewhere: a safetensors file with PyTorch's names into a net, by a declared table of names.
//!
//! ```
//! use illia_core::nn::{Linear, LinearConfig};
//! use illia_core::checkpoint::Names;
//! use tch::{Device, Tensor, nn};
//!
//! # let folder = std::env::temp_dir().join(format!("illia-doc-weights-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let path = folder.join("model.safetensors");
//! let (weight, bias) = (Tensor::from_slice(&[1f32, 2.0]).reshape([1, 2]), Tensor::from_slice(&[3f32]));
//! Tensor::write_safetensors(&[("classifier.weight", &weight), ("classifier.bias", &bias)], &path)?;
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! let head = Linear::new(vs.root() / "head", 2, 1, LinearConfig::default());
//! Names::new().row("head", &["classifier"]).load(&vs, &path)?;
//! assert_eq!(head.weight.mu().double_value(&[0, 1]), 2.0);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use tch::Tensor;
use tch::nn::VarStore;

use super::file::{File, Want, unusable};
use crate::error::{Error, Result, Unusable};
use crate::module::{BayesianModule, moped_from};
use crate::parameter::{AXES, FACTORS, INPUT_RHO};

/// A table from a net's names to a file's.
///
/// A row says what stands in the place of a name's beginning: with `head` for `classifier`, the variable `head.weight` is the file's
/// `classifier.weight`. A part `*` of a name stands for any one part, a layer's number say, and is the same on both sides. The first row
/// that fits holds; a name that no row fits is the same in both. The mean of a random parameter, `head.weight.mu`, goes by the
/// parameter's name, and its other variables (`rho`, an
/// adapter's factors) are left as they are.
///
/// ```
/// use illia_core::{checkpoint::Names, nn::Linear};
/// use tch::{Device, Kind, Tensor, nn::VarStore};
///
/// # let path = std::env::temp_dir().join(format!("illia-doc-names-{}.safetensors", std::process::id()));
/// # let float = (Kind::Float, Device::Cpu);
/// # let tensors = [("fc.0.weight", Tensor::ones([2, 3], float)), ("fc.0.bias", Tensor::zeros([2], float))];
/// # Tensor::write_safetensors(&tensors, &path).unwrap();
/// let vs = VarStore::new(Device::Cpu);
/// let config = illia_core::nn::LinearConfig { posterior: illia_core::Posterior::plain(), ..Default::default() };
/// let head = Linear::new(vs.root() / "head", 3, 2, config);
/// Names::new().row("head", &["fc.0"]).load(&vs, &path)?;
/// assert_eq!(head.weight.mu().sum(Kind::Float).double_value(&[]), 6.0);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Names {
    rows: Vec<Row>,
    ignored: Vec<String>,
}

#[derive(Debug, Clone)]
struct Row {
    ours: String,
    theirs: Vec<String>,
    part: Option<(i64, i64)>,
    transposed: bool,
}

impl Names {
    /// The table of a file that has the net's own names.
    pub fn new() -> Self {
        Self::default()
    }

    /// What begins with `ours` is what begins with `theirs` in the file; several are put behind each other along the first axis: the
    /// separate `query`, `key`, `value` of a file in the one `in_proj` of a [`SelfAttention`](crate::nn::SelfAttention).
    #[must_use]
    pub fn row(self, ours: &str, theirs: &[&str]) -> Self {
        self.with(ours, theirs, None, false)
    }

    /// Of a tensor that holds `of` equal parts along its first axis, part `part`, counted from 0: the `query` of a file's one `qkv`.
    #[must_use]
    pub fn part(self, ours: &str, theirs: &str, part: usize, of: usize) -> Self {
        self.with(ours, &[theirs], Some((part as i64, of as i64)), false)
    }

    /// As [`row`](Self::row), where the file's matrices are `[in, out]`: all of two axes are transposed.
    #[must_use]
    pub fn transposed(self, ours: &str, theirs: &[&str]) -> Self {
        self.with(ours, theirs, None, true)
    }

    /// What begins so in the file may be there and is of no use.
    #[must_use]
    pub fn ignore(mut self, theirs: &str) -> Self {
        self.ignored.push(theirs.to_owned());
        self
    }

    fn with(mut self, ours: &str, theirs: &[&str], part: Option<(i64, i64)>, transposed: bool) -> Self {
        let theirs = theirs.iter().map(|&name| name.to_owned()).collect();
        self.rows.push(Row { ours: ours.to_owned(), theirs, part, transposed });
        self
    }

    /// Gives all variables of `vs` the file's numbers, converted to their kind and device. Before a net is frozen: what is held stays.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint), and nothing has been changed, for a file that is missing or damaged, and where a
    /// tensor is missing in it (the first by the net's names), has another shape, holds NaN or infinity, or is neither used nor
    /// [ignored](Self::ignore).
    pub fn load(&self, vs: &VarStore, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let file = File::read(path, &|_| Want::Keep)?;
        let mut variables: Vec<_> = vs.variables().into_iter().collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut used, mut loaded) = (BTreeSet::new(), Vec::new());
        for (name, variable) in &variables {
            let Some(source) = self.source(name) else { continue };
            let found = source.read(path, &file, name, variable)?;
            used.extend(source.theirs);
            loaded.push((variable, found));
        }
        let ignored = |name: &str| self.ignored.iter().any(|pattern| rest_of(pattern, name).is_some());
        let mut superfluous: Vec<&str> = file
            .entries()
            .map(|(name, _)| name)
            .filter(|name| !used.contains(*name) && !ignored(name))
            .collect();
        superfluous.sort_unstable();
        if let Some(name) = superfluous.first() {
            let difference = format!("the file has `{name}`, for which the net has no variable");
            return Err(unusable(path, Unusable::Architecture(difference)));
        }
        let _no_grad = tch::no_grad_guard();
        for (variable, found) in loaded {
            variable.shallow_clone().copy_(&found);
        }
        Ok(())
    }

    /// [`load`](Self::load), and each mean-field Gaussian of the net gets the file's weight w for its own: sigma = `delta` |w|
    /// (at least 1e-4), and its prior centred at w, as in [`moped`](crate::moped).
    ///
    /// # Errors
    /// As [`load`](Self::load); [`Error::Configuration`](crate::Error::Configuration) unless `delta` is above 0.
    pub fn moped<M: BayesianModule + ?Sized>(
        &self,
        net: &mut M,
        vs: &VarStore,
        path: impl AsRef<Path>,
        delta: f64,
    ) -> Result<()> {
        if !(delta.is_finite() && delta > 0.0) {
            return Err(Error::configuration("delta", delta, "a finite number above 0"));
        }
        self.load(vs, path)?;
        let means = net.named_parameters().into_iter().map(|(name, own)| (name, own.mu().copy())).collect();
        moped_from(net, &means, delta)
    }

    /// Where the variable's numbers are; None for what a file of plain weights can't have.
    fn source(&self, variable: &str) -> Option<Source> {
        let name = match variable.rsplit_once('.') {
            Some((name, "mu")) => name,
            Some((_, "rho" | "prior_rho" | INPUT_RHO | AXES)) => return None,
            Some((_, factor)) if FACTORS.contains(&factor) => return None,
            _ => variable,
        };
        for row in &self.rows {
            if let Some((stars, rest)) = rest_of(&row.ours, name) {
                let theirs = row.theirs.iter().map(|theirs| filled(theirs, &stars, rest)).collect();
                return Some(Source { theirs, part: row.part, transposed: row.transposed });
            }
        }
        Some(Source { theirs: vec![name.to_owned()], part: None, transposed: false })
    }
}

/// The parts of `name` that the stars of `pattern` stand for, and what follows; None where the name does not begin so.
fn rest_of<'a>(pattern: &str, name: &'a str) -> Option<(Vec<&'a str>, &'a str)> {
    let (mut stars, mut rest) = (Vec::new(), Some(name));
    for wanted in pattern.split('.') {
        let (part, behind) = rest.map(|rest| match rest.split_once('.') {
            Some((part, behind)) => (part, Some(behind)),
            None => (rest, None),
        })?;
        match wanted {
            "*" => stars.push(part),
            wanted if wanted == part => {}
            _ => return None,
        }
        rest = behind;
    }
    Some((stars, rest.unwrap_or_default()))
}

fn filled(pattern: &str, stars: &[&str], rest: &str) -> String {
    let mut stars = stars.iter();
    let part = |part| if part == "*" { stars.next().copied().unwrap_or("*") } else { part };
    let mut name: Vec<&str> = pattern.split('.').map(part).collect();
    if !rest.is_empty() {
        name.push(rest);
    }
    name.join(".")
}

/// A size without the axes of one in front.
fn inner(size: &[i64]) -> &[i64] {
    let first = size.iter().position(|&n| n != 1).unwrap_or(size.len());
    size.get(first..).unwrap_or_default()
}

/// Where one variable comes from.
struct Source {
    theirs: Vec<String>,
    part: Option<(i64, i64)>,
    transposed: bool,
}

impl Source {
    fn read(&self, path: &Path, file: &File, name: &str, variable: &Tensor) -> Result<Tensor> {
        let other = |difference: String| unusable(path, Unusable::Architecture(difference));
        let mut parts = Vec::new();
        for theirs in &self.theirs {
            let missing = || other(format!("the file has no `{theirs}`, which is to be `{name}`"));
            let tensor = file.tensor(file.entry(theirs).ok_or_else(missing)?)?;
            if tensor.isfinite().all().int64_value(&[]) == 0 {
                return Err(unusable(path, Unusable::NonFinite(theirs.clone())));
            }
            parts.push(if self.transposed && tensor.dim() == 2 { tensor.tr() } else { tensor });
        }
        let (theirs, ours) = (self.theirs.join("`, `"), variable.size());
        let shapes = || parts.iter().map(|part| format!("{:?}", part.size())).collect::<Vec<_>>().join(", ");
        let misshapen =
            |what: String| other(format!("`{theirs}` is {what} in the file, and `{name}` is {ours:?}"));
        let whole = match parts.as_slice() {
            [one] => one.shallow_clone(),
            several => Tensor::f_cat(several, 0).map_err(|_| misshapen(shapes()))?,
        };
        let whole = match (self.part, whole.size().first()) {
            (Some((part, of)), Some(&rows)) if of > 0 && part < of && rows % of == 0 => {
                whole.narrow(0, part * (rows / of), rows / of)
            }
            (Some((part, of)), _) => {
                return Err(misshapen(format!("{}, which has no part {part} of {of}", shapes())));
            }
            (None, _) => whole,
        };
        // Axes of one in front, a batch's that some files have for positions, say no more.
        if inner(&whole.size()) != inner(&ours) {
            return Err(misshapen(shapes()));
        }
        Ok(whole.reshape(ours))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tch::{Device, Kind};

    use super::*;
    use crate::files::scratch::Scratch;
    use crate::nn::{AttentionConfig, Linear, LinearConfig, SelfAttention};
    use crate::parameter::Posterior;

    fn numbers(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu))
    }

    /// A file, which is there as long as its folder.
    fn written(tensors: &[(&str, &Tensor)]) -> (Scratch, PathBuf) {
        let folder = Scratch::new();
        let path = folder.join("weights.safetensors");
        Tensor::write_safetensors(tensors, &path).unwrap();
        (folder, path)
    }

    #[test]
    fn separate_queries_keys_and_values_become_one_and_one_becomes_parts() {
        let vs = VarStore::new(Device::Cpu);
        let plain = AttentionConfig { posterior: Posterior::plain(), ..Default::default() };
        let layers: Vec<_> =
            (0..2).map(|i| SelfAttention::new(vs.root() / "blocks" / i / "attend", 4, 2, plain)).collect();
        let (w, b): (Vec<_>, Vec<_>) = (0..8).map(|_| (numbers(&[4, 4]), numbers(&[4]))).unzip();
        let names: Vec<_> = (0..2)
            .flat_map(|i| {
                ["q", "k", "v", "out"]
                    .map(|part| [format!("layer.{i}.{part}.weight"), format!("layer.{i}.{part}.bias")])
            })
            .collect();
        let mut tensors = Vec::new();
        for (i, [weight, bias]) in names.iter().enumerate() {
            tensors.extend([(weight.as_str(), &w[i]), (bias.as_str(), &b[i])]);
        }
        let (_folder, path) = written(&tensors);
        Names::new()
            .row("blocks.*.attend.in_proj", &["layer.*.q", "layer.*.k", "layer.*.v"])
            .row("blocks.*.attend.out_proj", &["layer.*.out"])
            .load(&vs, &path)
            .unwrap();
        for (i, layer) in layers.iter().enumerate() {
            let fused = Tensor::cat(&[&w[4 * i], &w[4 * i + 1], &w[4 * i + 2]], 0);
            assert_eq!(layer.in_proj.weight.mu(), &fused);
            assert_eq!(layer.out_proj.bias.as_ref().unwrap().mu(), &b[4 * i + 3]);
        }

        let vs = VarStore::new(Device::Cpu);
        let key = Linear::new(vs.root() / "key", 4, 4, LinearConfig::default());
        let qkv = (numbers(&[12, 4]), numbers(&[12]));
        let (_folder, path) = written(&[("qkv.weight", &qkv.0), ("qkv.bias", &qkv.1)]);
        Names::new().part("key", "qkv", 1, 3).load(&vs, &path).unwrap();
        assert_eq!(key.weight.mu(), &qkv.0.narrow(0, 4, 4));
        assert_eq!(key.bias.as_ref().unwrap().mu(), &qkv.1.narrow(0, 4, 4));
        assert!(Names::new().part("key", "qkv", 1, 5).load(&vs, &path).is_err());
    }

    #[test]
    fn a_transposed_matrix_is_turned_and_its_bias_is_not() {
        let vs = VarStore::new(Device::Cpu);
        let layer = Linear::new(vs.root() / "fc", 2, 3, LinearConfig::default());
        let rho = layer.weight.rho().unwrap().copy();
        let (weight, bias) = (numbers(&[2, 3]), numbers(&[3]));
        let (_folder, path) = written(&[("c_fc.weight", &weight), ("c_fc.bias", &bias)]);
        Names::new().transposed("fc", &["c_fc"]).load(&vs, path).unwrap();
        assert_eq!(layer.weight.mu(), &weight.tr());
        assert_eq!(layer.bias.as_ref().unwrap().mu(), &bias);
        assert_eq!(layer.weight.rho().unwrap(), &rho, "a file of plain weights says nothing of the spread");
    }

    #[test]
    fn what_a_file_of_plain_weights_cannot_have_stays() {
        let (weight, bias) = (numbers(&[3, 2]), numbers(&[3]));
        let (_folder, path) = written(&[("fc.weight", &weight), ("fc.bias", &bias)]);
        for (posterior, variable) in
            [(Posterior::gaussian_dropout(2.0), "input_rho"), (Posterior::AutomaticLast, "axes")]
        {
            let vs = VarStore::new(Device::Cpu);
            let config = LinearConfig { posterior, ..Default::default() };
            let layer = Linear::new(vs.root() / "fc", 2, 3, config);
            let before = layer.weight.variables().get(variable).unwrap().copy();
            Names::new().load(&vs, &path).unwrap();
            assert_eq!(layer.weight.mu(), &weight);
            assert_eq!(layer.weight.variables().get(variable).unwrap(), &before);
        }
    }

    #[test]
    fn moped_starts_around_the_file() {
        let vs = VarStore::new(Device::Cpu);
        let mut layer = Linear::new(vs.root() / "fc", 2, 3, LinearConfig::default());
        let (weight, bias) = (numbers(&[3, 2]), numbers(&[3]));
        let (_folder, path) = written(&[("fc.weight", &weight), ("fc.bias", &bias)]);
        assert!(Names::new().moped(&mut layer, &vs, &path, 0.0).is_err());
        Names::new().moped(&mut layer, &vs, &path, 0.1).unwrap();
        assert_eq!(layer.weight.mu(), &weight);
        let sigma = layer.weight.sigma().unwrap();
        assert!(sigma.allclose(&(weight.abs() * 0.1).clamp_min(1e-4), 1e-4, 1e-7, false));
        // At the centre of the prior the KL is the least that there is for this sigma.
        let kl = layer.weight.kl().double_value(&[]);
        let (_, std) = layer.weight.fixed_gaussian().unwrap();
        let expected = (std.ln() - sigma.log() + sigma.square() / (2.0 * std * std) - 0.5).sum(Kind::Float);
        assert!((kl - expected.double_value(&[])).abs() < 1e-3 * kl.abs());
    }

    #[test]
    fn what_does_not_fit_is_named_and_nothing_has_changed() {
        let vs = VarStore::new(Device::Cpu);
        let layer = Linear::new(vs.root() / "fc", 2, 3, LinearConfig::default());
        let before = (layer.weight.mu().copy(), layer.bias.as_ref().unwrap().mu().copy());
        let (weight, bias, short) = (numbers(&[3, 2]), numbers(&[3]), numbers(&[2]));
        let nan = Tensor::from_slice(&[1f32, f32::NAN, 0.0]);
        let names = Names::new().row("fc", &["head"]);
        let refusal = |case: &str, names: &Names, tensors: &[(&str, &Tensor)]| {
            let (_folder, path) = written(tensors);
            let error = names.load(&vs, path).unwrap_err().to_string();
            assert_eq!(
                (layer.weight.mu(), layer.bias.as_ref().unwrap().mu()),
                (&before.0, &before.1),
                "{case}"
            );
            error
        };
        let missing = refusal("missing", &names, &[("head.bias", &bias)]);
        assert!(
            missing.ends_with("the file has no `head.weight`, which is to be `fc.weight.mu`"),
            "{missing}"
        );
        let shape = refusal("shape", &names, &[("head.bias", &short), ("head.weight", &weight)]);
        assert!(shape.ends_with("`head.bias` is [2] in the file, and `fc.bias.mu` is [3]"), "{shape}");
        let all = [("head.bias", &bias), ("head.weight", &weight), ("pooler.bias", &short), ("z", &short)];
        let more = refusal("more", &names.clone().ignore("z"), &all);
        assert!(more.ends_with("the file has `pooler.bias`, for which the net has no variable"), "{more}");
        let nan = refusal("nan", &names, &[("head.bias", &nan), ("head.weight", &weight)]);
        assert!(nan.ends_with("head.bias holds NaN or infinity"), "{nan}");
        let (_folder, path) = written(&all);
        names.ignore("pooler").ignore("z").load(&vs, path).unwrap();
        assert_eq!(layer.bias.as_ref().unwrap().mu(), &bias);
    }

    #[test]
    fn axes_of_one_in_front_say_nothing() {
        assert_eq!(inner(&[1, 1, 3, 1]), [3, 1]);
        assert_eq!(inner(&[1, 1]), inner(&[]));
        assert_ne!(inner(&[1, 3]), inner(&[3, 1]));
    }

    #[test]
    fn a_star_stands_for_one_part() {
        assert_eq!(rest_of("a.*.b", "a.3.b.weight"), Some((vec!["3"], "weight")));
        assert_eq!(rest_of("a.*", "a.3"), Some((vec!["3"], "")));
        assert_eq!(rest_of("a", "ab.c"), None);
        assert_eq!(rest_of("a.*.b", "a.3"), None);
        assert_eq!(filled("x.*.y", &["3"], "weight"), "x.3.y.weight");
    }
}
