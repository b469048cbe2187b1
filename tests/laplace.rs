//! Laplace's approximation against the reference's numbers and against exact answers.

#[path = "laplace/exact.rs"]
mod exact;
#[path = "laplace/golden.rs"]
mod golden;
#[path = "laplace/guarantees.rs"]
mod guarantees;

use std::path::Path;

use illia::prelude::*;

#[test]
fn the_numbers_are_the_references() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden_methods");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("laplace_")) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let settings = serde_json::from_str(&header.metadata().as_ref().unwrap()["case"]).unwrap();
        for kind in [Kind::Float, Kind::Double] {
            println!("{} {kind:?}", path.display());
            let cast = |t: Tensor| if t.kind() == Kind::Double { t.to_kind(kind) } else { t };
            let tensors = Tensor::read_safetensors(&path).unwrap().into_iter();
            let tensors = tensors.map(|(name, tensor)| (name, cast(tensor))).collect();
            golden::check(&tensors, &settings, kind);
            cases += 1;
        }
    }
    assert!(cases > 0, "no case");
}
