//! Every exported file in tract: one load, which all of its cases run on, whatever their batch and lengths.

#[path = "../../../illia-core/src/files/scratch.rs"]
mod scratch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use exported_tests::{Case, cases};
use illia::Prediction;
use illia::likelihood::Categorical;
use scratch::Scratch;
use tch::{Kind, Tensor};
use tract_onnx::tract_hir::internal::{
    Framework, InferenceModel, InferenceModelExt, IntoRunnable, TValue, Tensor as Array, TractErrorContext,
    TractResult, bail, ensure,
};

/// Between a file's outputs and what they must be, as a share of the largest where that is above 1.
const TOLERANCE: f64 = 1e-5;

fn into_tract(tensor: &Tensor) -> TractResult<TValue> {
    let shape: Vec<usize> = tensor.size().iter().map(|&n| n as usize).collect();
    let flat = tensor.contiguous().view(-1);
    let array = match tensor.kind() {
        Kind::Int64 => Array::from_shape(&shape, &Vec::<i64>::try_from(&flat)?),
        _ => Array::from_shape(&shape, &Vec::<f32>::try_from(&flat)?),
    };
    Ok(array?.into())
}

fn from_tract(value: &TValue) -> TractResult<Tensor> {
    let shape: Vec<i64> = value.shape().iter().map(|&n| n as i64).collect();
    let values: Vec<f32> = value.to_plain_array_view::<f32>()?.iter().copied().collect();
    Ok(Tensor::from_slice(&values).view(shape.as_slice()))
}

fn difference(output: &Tensor, wanted: &Tensor) -> f64 {
    if output.size() != wanted.size() {
        return f64::INFINITY;
    }
    let scale = wanted.abs().max().double_value(&[]).max(1.0);
    (output - wanted).abs().max().double_value(&[]) / scale
}

/// What the file says under one of the library's keys.
fn metadata(model: &InferenceModel, key: &str) -> Option<String> {
    let entry = model.properties.get(&format!("onnx.metadata_props.illia.{key}"))?;
    entry.to_plain_array_view::<String>().ok()?.first().cloned()
}

/// The mutual information of an output's draws as a prediction has it.
fn mutual_information(draws: &Tensor, model: &InferenceModel, output: &str) -> TractResult<Tensor> {
    let name = output.trim_end_matches("mutual_information").trim_end_matches('_');
    let key = if name.is_empty() { "classes".to_owned() } else { format!("classes.{name}") };
    let logits = match metadata(model, &key).as_deref() {
        Some("logits") => draws.shallow_clone(),
        Some("probabilities") => draws.log(),
        other => bail!("{key} is {other:?}"),
    };
    Ok(Prediction::from_outputs(logits)?.uncertainty(&Categorical).epistemic)
}

/// Where a file's outputs differ from what they must be. None is left out.
fn differences(file: &Path, cases: &[&Case]) -> TractResult<Vec<String>> {
    let model = tract_onnx::onnx().model_for_path(file)?;
    let names: Vec<String> = model
        .outputs
        .iter()
        .map(|&outlet| model.outlet_label(outlet).unwrap_or_default().to_owned())
        .collect();
    let runnable = model.clone().into_optimized()?.into_runnable()?;
    let mut wrong = Vec::new();
    for case in cases {
        let inputs = case.inputs.iter().map(into_tract).collect::<TractResult<_>>()?;
        let outputs = runnable.run(inputs)?;
        let mut wanted = case.outputs.iter();
        let mut draws: Option<&Tensor> = None;
        for (name, output) in names.iter().zip(&outputs) {
            let wanted = if name.ends_with("mutual_information") {
                mutual_information(draws.context("no draws")?, &model, name)?
            } else {
                let wanted = wanted.next().context("an output too many")?;
                if name.ends_with("draws") {
                    draws = Some(wanted);
                }
                wanted.shallow_clone()
            };
            let off = difference(&from_tract(output)?, &wanted);
            if off.is_nan() || off > TOLERANCE {
                wrong.push(format!("{}: {name} is off by {off:e}", case.name));
            }
        }
        ensure!(wanted.next().is_none(), "{}: an output too few", case.name);
    }
    Ok(wrong)
}

#[test]
fn files_give_in_tract_what_their_nets_give() {
    let folder = Scratch::new();
    let cases = cases(&folder).unwrap();
    let mut files: BTreeMap<&PathBuf, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        files.entry(&case.file).or_default().push(case);
    }
    let of_a_file = |(file, cases): (&&PathBuf, &Vec<&Case>)| match differences(file, cases) {
        Ok(wrong) => wrong,
        Err(error) => vec![format!("{}: {error:#}", file.display())],
    };
    let wrong: Vec<String> = files.iter().flat_map(of_a_file).collect();
    assert!(files.len() > 40 && cases.len() > 60, "{} cases of {} files", cases.len(), files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
