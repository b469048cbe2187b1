//! What is decided only when a generic net's parameters have values, in a crate that is built for it.

use std::process::Command;

#[test]
fn arithmetic_on_const_parameters_is_checked_where_they_have_values() {
    let out = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "instantiation"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success(), "the crate must not build");
    let message = "`down` takes 18 features, but `up` gives 32";
    assert!(said.contains(message), "{message} is not in\n{said}");
    assert!(said.contains("instantiation/src/lib.rs:10:22"), "not at the user's token:\n{said}");
    assert_eq!(said.matches("error[").count(), 1, "one mistake, one error:\n{said}");
}
