//! The net in its file: what it takes and what it gives.

mod run;

use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::{
    DatumType, Framework, InferenceModel, InferenceModelExt, IntoRunnable, TDim, TypedModel,
    TypedRunnableModel,
};
use tract_onnx::tract_core::ops::array::Gather;

pub use self::run::Outputs;
use crate::Failure;

/// A net of one input and one output `[batch, n]`, exported as its draws or its moments.
pub struct Model {
    plan: Arc<TypedRunnableModel>,
    pub net: String,
    pub axes: Vec<Axis>,
    /// How many there are, if it takes tokens.
    pub tokens: Option<usize>,
    pub classes: Option<Classes>,
    pub gives: Gives,
    /// Classes, or numbers, of a row.
    pub size: usize,
    /// What the file says of doubt that is too much.
    pub refuse_above: Option<String>,
    /// What the file says of an observation's noise.
    pub noise: Option<String>,
}

/// An axis of a row.
pub enum Axis {
    Fixed(usize),
    Free(String),
}

/// How a net's outputs say class probabilities.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Classes {
    Logits,
    Probabilities,
}

/// What the file was exported as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// So many draws.
    Draws(usize),
    Moments,
}

impl Model {
    pub fn load(path: &Path) -> Result<Model, Failure> {
        Model::read(path).map_err(|e| format!("{}: {e}", path.display()).into())
    }

    fn read(path: &Path) -> Result<Model, Failure> {
        let onnx = tract_onnx::onnx().model_for_path(path).map_err(|e| format!("{e:#}"))?;
        let says = |key: &str| metadata(&onnx, key);
        let net = says("illia.net").ok_or("it is no export of illia's: its metadata have no `illia.net`")?;
        let classes = match says("illia.classes").as_deref() {
            Some("logits") => Some(Classes::Logits),
            Some("probabilities") => Some(Classes::Probabilities),
            _ => None,
        };
        let (refuse_above, noise) = (says("serve.refuse_above"), says("serve.noise"));
        let wanted: &[&str] = match says("illia.export").as_deref() {
            Some("draws") => &["draws"],
            Some("moments") if classes.is_none() => &["mean", "std"],
            Some("moments") => return Err("moments say no class probabilities: export draws".into()),
            _ => return Err("a mean has no doubt: export draws or moments".into()),
        };
        let names: Vec<_> = onnx.outputs.iter().filter_map(|&outlet| onnx.outlet_label(outlet)).collect();
        if onnx.inputs.len() != 1 || wanted.iter().any(|name| !names.contains(name)) {
            return Err("a net of one input and one output is served".into());
        }
        let model = onnx.with_outputs_by_name(wanted)?.into_typed().and_then(TypedModel::into_decluttered);
        let model = model.map_err(|e| format!("{e:#}"))?;

        let input = model.input_fact(0)?;
        let tokens = match input.datum_type {
            DatumType::F32 => None,
            DatumType::I64 => Some(vocabulary(&model)),
            other => {
                return Err(format!("inputs of single precision or tokens are served, not {other:?}").into());
            }
        };
        let axis = |length: &TDim| match length.to_i64().ok().and_then(|n| usize::try_from(n).ok()) {
            Some(length) => Axis::Fixed(length),
            None => Axis::Free(length.to_string()),
        };
        let mut axes: Vec<Axis> = input.shape.dims().iter().map(axis).collect();
        if !matches!(axes.first(), Some(Axis::Free(_))) {
            return Err("its batch is fixed".into());
        }
        axes.remove(0);
        let output: Vec<Axis> = model.output_fact(0)?.shape.dims().iter().map(axis).collect();
        let (gives, size) = match output.as_slice() {
            [Axis::Fixed(draws), Axis::Free(_), Axis::Fixed(size)] if wanted.len() == 1 => {
                (Gives::Draws(*draws), *size)
            }
            [Axis::Free(_), Axis::Fixed(size)] if wanted.len() == 2 => (Gives::Moments, *size),
            _ => return Err("an output `[batch, n]` is served, one vector for each row".into()),
        };
        let plan = model.into_optimized().map_err(|e| format!("{e:#}"))?.into_runnable()?;
        Ok(Model { plan, net, axes, tokens, classes, gives, size, refuse_above, noise })
    }

    /// A line on what it is.
    pub fn summary(&self) -> String {
        let what = if self.classes.is_some() { "classes" } else { "numbers" };
        let how = match self.gives {
            Gives::Draws(draws) => format!("{draws} draws"),
            Gives::Moments => "moments".to_owned(),
        };
        format!("{}, {} to {} {what} by {how}", self.net, self.takes(), self.size)
    }

    /// The shape of what it takes.
    pub fn takes(&self) -> String {
        let axis = |axis: &Axis| match axis {
            Axis::Fixed(length) => length.to_string(),
            Axis::Free(name) => name.clone(),
        };
        let axes: Vec<String> =
            std::iter::once("batch".to_owned()).chain(self.axes.iter().map(axis)).collect();
        format!("[{}]", axes.join(", "))
    }
}

/// How many tokens there are in the smallest table that the net looks its input up in: tract panics beyond it.
fn vocabulary(model: &TypedModel) -> usize {
    let sizes = model.nodes.iter().filter_map(|node| {
        let axis = node.op_as::<Gather>()?.axis;
        let (table, tokens) = (node.inputs.first()?, node.inputs.get(1)?);
        let table = &model.outlet_fact(*table).ok()?.shape;
        let size = table.dims().get(axis)?.to_i64().ok()?;
        model.inputs.contains(tokens).then_some(size as usize)
    });
    // As many as are exact on their way through JSON.
    sizes.min().unwrap_or(1 << f64::MANTISSA_DIGITS).max(1)
}

fn metadata(model: &InferenceModel, key: &str) -> Option<String> {
    let entry = model.properties.get(&format!("onnx.metadata_props.{key}"))?;
    entry.to_plain_array_view::<String>().ok()?.first().cloned()
}
