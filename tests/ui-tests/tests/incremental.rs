//! Most builds are incremental, and there the compiler tells one mistake once for each function in which it stands: the errors of each case
//! must be as many as they are without.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{root, said};

#[test]
fn one_mistake_is_one_error_in_an_incremental_build() {
    let mut programs = BTreeMap::new();
    for case in fs::read_dir(root().join("cases")).expect("there are cases").flatten() {
        if case.path().extension().is_some_and(|extension| extension == "rs") {
            let name = case.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
            programs.insert(name, fs::read_to_string(case.path()).expect("a case can be read"));
        }
    }
    let errors = said("incremental", &programs);
    assert!(errors.len() > 150, "{} cases had errors", errors.len());
    let mut wrong = Vec::new();
    for (case, found) in errors {
        let said = fs::read_to_string(root().join("cases").join(&case).with_extension("stderr"));
        let wanted = said.unwrap_or_default().lines().filter(|line| line.starts_with("error")).count();
        if found.len() != wanted {
            wrong.push(format!("{case}: {} errors, not {wanted}", found.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
