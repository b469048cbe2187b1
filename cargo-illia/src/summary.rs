//! `cargo illia summary`: what a checkpoint holds, read from its header alone.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;

use crate::{Failure, Result};

/// What a file's state says of a net: `illia-core/src/checkpoint` writes it.
#[derive(Deserialize)]
struct Model {
    fingerprint: String,
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    posterior: String,
    prior: serde_json::Value,
}

/// The state of a run has a net's in it; that of a net alone is one.
#[derive(Deserialize)]
struct State {
    model: Option<Model>,
    #[serde(flatten)]
    alone: Option<Model>,
    /// What a run was started with.
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// The most that readers of the format take.
const LONGEST_HEADER: u64 = 100_000_000;

/// What the file holds: a sentence, and a row for each tensor of its net.
pub fn of(path: &Path) -> Result<String> {
    let shown = path.display();
    let about = std::fs::metadata(path).map_err(|e| Failure(format!("cannot read {shown}: {e}")))?;
    if !about.is_file() {
        return Err(Failure(format!(
            "{shown} is no regular file; of a run's folder, name the newest file in it"
        )));
    }
    let damaged = |what: String| Failure(format!("{shown} is no checkpoint, or a damaged one: {what}"));
    let file = File::open(path).map_err(|e| Failure(format!("cannot read {shown}: {e}")))?;
    let header = header(file, about.len()).map_err(damaged)?;
    let said = header.metadata().clone().unwrap_or_default();
    let state: Option<State> = match said.get("illia.state") {
        Some(text) => Some(serde_json::from_str(text).map_err(|e| damaged(e.to_string()))?),
        None => None,
    };
    let tensors = header.tensors();
    let tensors = tensors.iter().map(|(name, &tensor)| (name.as_str(), tensor)).collect();
    Ok(format!("{shown}: {}", text(about.len(), state, tensors)))
}

/// The header of a safetensors file of `len` bytes.
fn header(mut file: File, len: u64) -> std::result::Result<Metadata, String> {
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| "it has no header".to_owned())?;
    let length = u64::from_le_bytes(length);
    let rest = len.saturating_sub(8).checked_sub(length).filter(|_| length <= LONGEST_HEADER);
    let rest = rest.ok_or_else(|| format!("its header should have {length} bytes"))?;
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(|e| e.to_string())?;
    let header: Metadata = serde_json::from_slice(&text).map_err(|e| format!("its header: {e}"))?;
    let end = header.tensors().values().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
    if end as u64 == rest {
        return Ok(header);
    }
    Err(format!("its tensors should have {end} bytes, and {rest} are there"))
}

fn text(bytes: u64, state: Option<State>, tensors: BTreeMap<&str, &TensorInfo>) -> String {
    let mut text = String::new();
    let count = |tensor: &TensorInfo| tensor.shape.iter().map(|&n| n as u128).product::<u128>();
    let size = match bytes {
        ..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    };
    let (model, settings) = match state {
        Some(state) => (state.model.or(state.alone), state.settings),
        None => (None, BTreeMap::new()),
    };
    // What a run keeps beside its net has names like `adam.mean/fc.weight.mu`.
    let (beside, net): (Vec<_>, Vec<_>) =
        tensors.iter().partition(|(name, _)| model.is_some() && name.contains('/'));
    let numbers: u128 = net.iter().map(|(_, tensor)| count(tensor)).sum();
    let what = match (&model, settings.is_empty()) {
        (None, _) => "tensors of another program".to_owned(),
        (Some(model), true) => format!("a net, fingerprint {}", model.fingerprint),
        (Some(model), false) => format!("a run's state, its net's fingerprint {}", model.fingerprint),
    };
    let _ = writeln!(text, "{what}; {} tensors, {numbers} numbers; {size}", net.len());
    let rows: Vec<[String; 4]> = net
        .iter()
        .map(|(name, tensor)| {
            let shape = format!("{:?} {:?}", tensor.shape, tensor.dtype);
            let (posterior, prior) = match model.as_ref().and_then(|model| parameter(model, name)) {
                Some(parameter) => (parameter.posterior.clone(), prior(&parameter.prior)),
                None => Default::default(),
            };
            [(**name).to_owned(), shape, posterior, prior]
        })
        .collect();
    let head = ["Tensor", "Shape", "Posterior", "Prior"].map(str::to_owned);
    let widths: [usize; 4] = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    for row in [&head].into_iter().chain(&rows) {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    if let Some(model) = &model {
        let _ = writeln!(text, "{} random parameters", model.parameters.len());
    }
    if !beside.is_empty() {
        let size = beside.iter().map(|(_, tensor)| count(tensor)).sum::<u128>();
        let _ = writeln!(text, "beside the net {} tensors, {size} numbers, to go on with", beside.len());
    }
    for (name, value) in settings {
        let _ = writeln!(text, "{name}: {value}");
    }
    text
}

/// The random parameter that a variable belongs to: `net.fc.weight.mu` is `fc.weight`'s of the net that was made at the path `net`.
fn parameter<'a>(model: &'a Model, variable: &str) -> Option<&'a Parameter> {
    let (mut name, _) = variable.rsplit_once('.')?;
    loop {
        if let Some(parameter) = model.parameters.get(name) {
            return Some(parameter);
        }
        (_, name) = name.split_once('.')?;
    }
}

/// A prior as nets print it: `Gaussian(mean: 0.0, std: 0.1)`.
fn prior(value: &serde_json::Value) -> String {
    let Some((name, arguments)) = value.as_object().and_then(|object| object.iter().next()) else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let Some(arguments) = arguments.as_object() else { return format!("{name}({arguments})") };
    // What was found by the evidence has seventeen digits, of which four are enough here.
    let short = |value: &serde_json::Value| {
        let number = value.as_f64().and_then(|number| format!("{number:.3e}").parse::<f64>().ok());
        number.map_or_else(|| value.to_string(), |number| format!("{number:?}"))
    };
    let arguments: Vec<_> =
        arguments.iter().map(|(name, value)| format!("{name}: {}", short(value))).collect();
    format!("{name}({})", arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn files() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("tests")
    }

    #[test]
    fn a_net_is_listed_with_its_families_and_priors() {
        let text = of(&files().join("files-0.1/model.safetensors")).unwrap();
        assert!(text.contains("a net, fingerprint 1b0f5b4e"), "{text}");
        let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(text.contains("14 tensors, 77 numbers; 2.2 kB"), "{text}");
        assert!(
            row("head.bias.mu").ends_with("[2] F32     Gaussian      Gaussian(mean: 0.0, std: 0.1)"),
            "{text}"
        );
        assert!(row("two.weight.mu").contains("Dropout(0.2)  LearnedGaussian(std: 0.3)"), "{text}");
        assert!(text.contains("\n8 random parameters\n"), "{text}");
    }

    #[test]
    fn a_net_that_was_made_at_a_path_has_its_parameters_under_it() {
        let parameters = ["fc.weight", "other.fc.weight"]
            .map(|name| format!(r#""{name}": {{"posterior": "{name}", "prior": "Automatic"}}"#));
        let json = format!(r#"{{"fingerprint": "0", "parameters": {{{}}}}}"#, parameters.join(","));
        let model: Model = serde_json::from_str(&json).unwrap();
        let of = |variable: &str| parameter(&model, variable).map(|found| found.posterior.as_str());
        assert_eq!(of("net.fc.weight.mu"), Some("fc.weight"));
        assert_eq!(of("net.other.fc.weight.rho"), Some("other.fc.weight"));
        assert_eq!((of("fc.weight.mu"), of("noise_rho"), of("weight.mu")), (Some("fc.weight"), None, None));
    }

    #[test]
    fn priors_are_short() {
        let shown = |json: &str| prior(&serde_json::from_str(json).unwrap());
        assert_eq!(
            shown(r#"{"Gaussian":{"mean":0.0,"std":2.4615358191638075}}"#),
            "Gaussian(mean: 0.0, std: 2.462)"
        );
        assert_eq!(shown(r#"{"Custom":"Mine { a: 1 }"}"#), "Custom(\"Mine { a: 1 }\")");
        assert_eq!(shown(r#""Automatic""#), "Automatic");
    }

    #[test]
    fn a_run_is_told_from_its_net() {
        let text = of(&files().join("files-0.1/step-000000000004.safetensors")).unwrap();
        assert!(text.contains("a run's state") && text.contains("beside the net"), "{text}");
        assert!(!text.contains("adam.mean/"), "{text}");
    }

    #[test]
    fn another_programs_tensors_are_listed_too() {
        let text = of(&files().join("golden/linear_0.safetensors")).unwrap();
        assert!(
            text.contains("tensors of another program") && text.contains("weights_distribution.mu"),
            "{text}"
        );
        assert!(!text.contains("random parameters"), "{text}");
    }

    #[test]
    fn what_is_damaged_is_refused_in_words() {
        let whole = std::fs::read(files().join("files-0.1/model.safetensors")).unwrap();
        let path = std::env::temp_dir().join(format!("illia-summary-{}", std::process::id()));
        let mut long = whole.clone();
        long.splice(..8, u64::MAX.to_le_bytes());
        for bytes in [&[][..], b"illia", &whole[..200], &whole[..whole.len() - 1], &long] {
            std::fs::write(&path, bytes).unwrap();
            let sentence = of(&path).unwrap_err().0;
            assert!(sentence.contains("is no checkpoint, or a damaged one"), "{sentence}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(of(&path).unwrap_err().0.contains("cannot read"));
        assert!(of(&files()).unwrap_err().0.contains("no regular file"));
    }
}
