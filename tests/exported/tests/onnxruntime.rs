//! Every exported file before onnx's checker and in onnxruntime, by `check.py`; where Python has them.

#[path = "../../../illia-core/src/files/scratch.rs"]
mod scratch;

use std::process::Command;

use exported_tests::cases;
use scratch::Scratch;

#[test]
fn files_give_in_onnxruntime_what_their_nets_give() {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("skipped: {} has not numpy, onnx and onnxruntime", python.display());
        return;
    }
    let folder = Scratch::new();
    cases(&folder).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check.py");
    let output = Command::new(&python).arg(script).arg(&*folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
