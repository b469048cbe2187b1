//! The net in its file: what it takes, what it gives, and running it.

use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::{
    DatumType, Framework, InferenceModel, InferenceModelExt, IntoRunnable, TDim, Tensor, TypedModel,
    TypedRunnableModel, tvec,
};
use tract_onnx::tract_core::ops::array::Gather;

use crate::input::Array;
use crate::{Failure, Limits};

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

/// What the net gave: `[batch, size]` of each draw, or of mean and standard deviation.
pub enum Outputs {
    Draws(Vec<Vec<f32>>),
    Moments { mean: Vec<f32>, std: Vec<f32> },
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

    /// A request's array as the net's input, one row with a batch of 1 in front; or what is wrong with it.
    pub fn input(&self, array: Array, limits: &Limits) -> Result<Input, String> {
        let Array { mut shape, values } = array;
        if shape.len() == self.axes.len() {
            shape.insert(0, 1);
        }
        if shape.len() != self.axes.len() + 1 {
            let (rank, deep) = (self.axes.len() + 1, shape.len());
            let takes = self.takes();
            return Err(format!(
                "{takes} is wanted, {rank} arrays deep, or one row of it; this is {deep} deep"
            ));
        }
        let rows = shape.first().copied().unwrap_or_default();
        if !(1..=limits.rows).contains(&rows) {
            return Err(format!("1 to {} rows are taken at once, these are {rows}", limits.rows));
        }
        for (i, (axis, &length)) in self.axes.iter().zip(shape.iter().skip(1)).enumerate() {
            match axis {
                Axis::Fixed(wanted) if length != *wanted => {
                    let takes = self.takes();
                    return Err(format!("{takes} is wanted; axis {} has length {length}", i + 1));
                }
                Axis::Free(name) if !(1..=limits.length).contains(&length) => {
                    return Err(format!("`{name}` may be 1 to {} long, this is {length}", limits.length));
                }
                _ => {}
            }
        }
        let first = |is_bad: &dyn Fn(f64) -> bool| {
            let (i, value) = values.iter().enumerate().find(|(_, value)| is_bad(**value))?;
            Some((i * rows / values.len(), value))
        };
        let tensor = if let Some(tokens) = self.tokens {
            let is_bad = |value: f64| value.fract() != 0.0 || !(0.0..tokens as f64).contains(&value);
            if let Some((row, value)) = first(&is_bad) {
                return Err(format!(
                    "row {row}: {value:?} is no token, a whole number from 0 to {}",
                    tokens - 1
                ));
            }
            Tensor::from_shape(&shape, &values.iter().map(|&value| value as i64).collect::<Vec<_>>())
        } else {
            if let Some((row, value)) = first(&|value| !(value as f32).is_finite()) {
                return Err(format!("row {row}: {value:?} is too large for single precision"));
            }
            Tensor::from_shape(&shape, &values.iter().map(|&value| value as f32).collect::<Vec<_>>())
        };
        Ok(Input { rows, tensor: tensor.map_err(|e| e.to_string())? })
    }

    pub fn run(&self, input: Input) -> Result<Outputs, String> {
        let rows = input.rows;
        let outputs = self
            .plan
            .run(tvec![input.tensor.into()])
            .map_err(|e| format!("the net cannot take this: {e:#}"))?;
        let values = |i: usize| -> Result<Vec<f32>, String> {
            let output = outputs.get(i).ok_or("an output is missing")?;
            let view = output.to_plain_array_view::<f32>().map_err(|e| e.to_string())?;
            Ok(view.iter().copied().collect())
        };
        Ok(match self.gives {
            Gives::Draws(_) => {
                Outputs::Draws(values(0)?.chunks((rows * self.size).max(1)).map(<[f32]>::to_vec).collect())
            }
            Gives::Moments => Outputs::Moments { mean: values(0)?, std: values(1)? },
        })
    }
}

/// Rows that fit the net.
pub struct Input {
    pub rows: usize,
    tensor: Tensor,
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
