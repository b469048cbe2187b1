//! What a reader must refuse, and that it changes nothing then.

use std::fs;
use std::path::PathBuf;

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::{load, save};
use crate::error::{Error, Unusable};
use crate::files::scratch::Scratch;
use crate::module::BayesianModule;
use crate::nn::{Linear, LinearConfig};

fn file(folder: &Scratch) -> PathBuf {
    folder.join("model.safetensors")
}

fn model(outputs: i64) -> (VarStore, Linear) {
    let vs = VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root() / "fc", 4, outputs, LinearConfig::default());
    (vs, net)
}

fn values(vs: &VarStore) -> Vec<(String, Tensor)> {
    let mut all: Vec<_> = vs.variables().into_iter().map(|(name, v)| (name, v.detach().copy())).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn reason(result: crate::Result<()>) -> Unusable {
    match result {
        Err(Error::Checkpoint { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_model_comes_back_as_it_was() {
    let folder = Scratch::new();
    let (vs, mut net) = model(3);
    let before = values(&vs);
    save(&net, &vs, file(&folder)).unwrap();
    tch::no_grad(|| vs.variables().into_values().for_each(|mut v| drop(v.zero_())));
    load(&mut net, &vs, file(&folder)).unwrap();
    assert_eq!(before, values(&vs));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["model.safetensors"], "nothing else is left behind");
}

#[test]
fn another_architecture_is_refused_with_the_first_difference() {
    let folder = Scratch::new();
    let (vs, net) = model(3);
    save(&net, &vs, file(&folder)).unwrap();
    let (other_vs, mut other) = model(5);
    let before = values(&other_vs);
    let Unusable::Architecture(difference) = reason(load(&mut other, &other_vs, file(&folder))) else {
        panic!("refused for another reason")
    };
    assert_eq!(difference, "`fc.bias.mu` is [3] in the file and [5] in the model");
    assert_eq!(before, values(&other_vs));
}

#[test]
fn missing_newer_and_not_finite_are_told_apart() {
    let folder = Scratch::new();
    let (vs, mut net) = model(3);
    assert_eq!(reason(load(&mut net, &vs, file(&folder))), Unusable::Missing);

    save(&net, &vs, file(&folder)).unwrap();
    let bytes = fs::read(file(&folder)).unwrap();
    let at = bytes.windows(18).position(|w| w == br#""illia.format":"1""#).unwrap();
    let mut newer = bytes.clone();
    newer[at + 16] = b'7';
    fs::write(file(&folder), newer).unwrap();
    assert_eq!(reason(load(&mut net, &vs, file(&folder))), Unusable::Newer { found: 7, known: 1 });

    let _ = tch::no_grad(|| vs.variables()["fc.bias.mu"].shallow_clone().fill_(f64::NAN));
    save(&net, &vs, file(&folder)).unwrap();
    assert_eq!(reason(load(&mut net, &vs, file(&folder))), Unusable::NonFinite("fc.bias.mu".to_owned()));
}

#[test]
fn every_cut_and_every_flipped_byte_is_noticed() {
    let folder = Scratch::new();
    let (vs, mut net) = model(2);
    save(&net, &vs, file(&folder)).unwrap();
    let before = values(&vs);
    let bytes = fs::read(file(&folder)).unwrap();
    for cut in 0..bytes.len() {
        fs::write(file(&folder), &bytes[..cut]).unwrap();
        assert!(load(&mut net, &vs, file(&folder)).is_err(), "cut to {cut} bytes");
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(file(&folder), &flipped).unwrap();
        // White space or an ignored key's letters may change without meaning anything.
        let _ = load(&mut net, &vs, file(&folder));
        assert_eq!(before, values(&vs), "byte {at} flipped");
    }
}

#[test]
fn a_header_that_lies_takes_no_memory() {
    let folder = Scratch::new();
    let (vs, mut net) = model(2);
    let header = |json: &str| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes
    };
    let huge = u64::MAX;
    let cases = [
        huge.to_le_bytes().to_vec(),
        (1u64 << 40).to_le_bytes().to_vec(),
        header(&format!(
            r#"{{"fc.bias.mu":{{"dtype":"F32","shape":[{huge},{huge}],"data_offsets":[0,8]}}}}"#
        )),
        header(&format!(r#"{{"fc.bias.mu":{{"dtype":"F32","shape":[2],"data_offsets":[{huge},{huge}]}}}}"#)),
        header(r#"{"fc.bias.mu":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#),
        header(&format!(
            r#"{{"a":{{"dtype":"F32","shape":[{}0],"data_offsets":[0,0]}}}}"#,
            "0,".repeat(100_000)
        )),
        header(&"[".repeat(100_000)),
        header("{}"),
    ];
    for bytes in cases {
        fs::write(file(&folder), &bytes).unwrap();
        let Unusable::Damaged(_) = reason(load(&mut net, &vs, file(&folder))) else { panic!("not damaged") };
    }
}

#[test]
fn a_file_of_the_first_version_is_read() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/checkpoint/model.safetensors");
    let (bytes, vs) = (fs::read(&file).unwrap(), VarStore::new(Device::Cpu));
    let mut net = Linear::new(vs.root() / "fc", 2, 2, LinearConfig::default());
    load(&mut net, &vs, &file).unwrap();
    for (name, variable) in vs.variables() {
        let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let theirs = theirs.tensor(&name).unwrap().data().to_vec();
        assert_eq!(crate::files::bytes_of(&variable).unwrap(), theirs, "{name}");
    }
}

#[test]
fn tensors_that_share_bytes_are_refused_before_they_are_read() {
    let folder = Scratch::new();
    let (vs, mut net) = model(2);
    // A megabyte that thirty thousand names claim: 30 GB, if each were read.
    let entry =
        |i: usize| format!(r#""best/{i}":{{"dtype":"U8","shape":[1048576],"data_offsets":[0,1048576]}}"#);
    let json = format!("{{{}}}", (0..30_000).map(entry).collect::<Vec<_>>().join(","));
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len() + (1 << 20), 0);
    fs::write(file(&folder), bytes).unwrap();
    let begun = std::time::Instant::now();
    let overlap = Unusable::Damaged("its tensors overlap or leave bytes between them".to_owned());
    assert_eq!(reason(load(&mut net, &vs, file(&folder))), overlap);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read_and_replaced() {
    let folder = Scratch::new();
    let (vs, mut net) = model(2);
    let before = values(&vs);
    let pipe = folder.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, what) in [(&*pipe, "a pipe"), (std::path::Path::new("/dev/zero"), "a device")] {
        let refusals =
            [load(&mut net, &vs, path), super::load_state_dict(&mut net, path), save(&net, &vs, path)];
        for refused in refusals {
            let says = format!("{}: not a regular file but {what}", path.display());
            assert_eq!(refused.unwrap_err().to_string(), says);
        }
    }
    assert_eq!(before, values(&vs));
}

#[test]
fn kinds_are_kept() {
    let folder = Scratch::new();
    let mut vs = VarStore::new(Device::Cpu);
    let mut net = Linear::new(vs.root() / "fc", 4, 3, LinearConfig::default());
    vs.double();
    save(&net, &vs, file(&folder)).unwrap();
    load(&mut net, &vs, file(&folder)).unwrap();
    assert!(vs.variables().values().all(|v| v.kind() == Kind::Double));
}

#[test]
fn pruned_weights_stay_pruned() {
    let folder = Scratch::new();
    let (vs, mut net) = model(3);
    crate::module::prune(&mut net, 0.5).unwrap();
    save(&net, &vs, file(&folder)).unwrap();
    let (other_vs, mut other) = model(3);
    load(&mut other, &other_vs, file(&folder)).unwrap();
    assert_eq!(net.kl_cost().num_params, other.kl_cost().num_params);
    assert_eq!(values(&vs), values(&other_vs));
}

#[test]
fn no_number_is_refused_in_any_kind_and_minus_infinity_only_where_it_means_pruned() {
    let folder = Scratch::new();
    for kind in [Kind::Half, Kind::BFloat16, Kind::Float, Kind::Double] {
        let (mut vs, mut net) = model(3);
        match kind {
            Kind::Half => vs.half(),
            Kind::BFloat16 => vs.bfloat16(),
            Kind::Double => vs.double(),
            _ => {}
        }
        save(&net, &vs, file(&folder)).unwrap();
        load(&mut net, &vs, file(&folder)).unwrap();
        for (name, value, pruned) in [
            ("fc.weight.mu", f64::NAN, false),
            ("fc.weight.mu", f64::INFINITY, false),
            ("fc.weight.mu", f64::NEG_INFINITY, false),
            ("fc.weight.rho", f64::INFINITY, false),
            ("fc.weight.rho", f64::NEG_INFINITY, true),
        ] {
            let element = vs.variables()[name].get(1).get(2);
            let before = element.double_value(&[]);
            let set = |to: f64| drop(tch::no_grad(|| element.shallow_clone().fill_(to)));
            set(value);
            save(&net, &vs, file(&folder)).unwrap();
            let loaded = load(&mut net, &vs, file(&folder));
            if pruned {
                loaded.unwrap();
                assert_eq!(net.weight.num_pruned(), 1, "{kind:?}");
            } else {
                assert_eq!(reason(loaded), Unusable::NonFinite(name.to_owned()), "{kind:?} {value}");
            }
            set(before);
        }
    }
}
