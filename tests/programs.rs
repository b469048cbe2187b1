//! The example programs are carried unchanged from the project's specification.

use std::path::Path;

/// Where the specification's folder is beside the checkout, a copy that has drifted from it is named.
#[test]
fn copies_have_not_drifted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(originals) = std::fs::read_dir(root.join("../shared/programs")) else { return };
    for original in originals.flatten().map(|entry| entry.path()) {
        if original.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let copy = root.join("examples/programs").join(original.file_name().unwrap_or_default());
        let text = std::fs::read_to_string(&copy).unwrap_or_default();
        let wanted = std::fs::read_to_string(&original).expect("a program can be read");
        assert!(text == wanted, "{} has drifted from {}", copy.display(), original.display());
    }
}
