//! `docs/compile-errors.md` is made from the cases: run with `UPDATE_CHAPTER=1` after a change.

mod common;

use std::path::Path;

use common::{errors, root};

const HEAD: &str = "# What the compiler catches\n\n\
    Each of these programs is a test: it does not compile, and this is what the compiler says. The chapter is made from\n\
    `tests/ui-tests/cases`; `UPDATE_CHAPTER=1 cargo test` there writes it again.\n";

fn section(title: &str, program: &str, stderr: &str) -> String {
    let program = program.replace("use illia::prelude::*;\n", "").replace("fn main() {}\n", "");
    let title = title.replace('_', " ").replace("pytorch", "PyTorch");
    let mut letters = title.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let title = format!("{first}{}", letters.as_str());
    format!("\n## {title}\n\n```rust\n{}\n```\n\n```text\n{}```\n", program.trim(), errors(stderr))
}

#[test]
fn the_chapter_is_made_from_the_cases() {
    let mut cases: Vec<_> = std::fs::read_dir(root().join("cases"))
        .expect("there are cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    cases.sort();
    let mut chapter = String::from(HEAD);
    for case in cases {
        let read = |path: &Path| std::fs::read_to_string(path).expect("each case has its message");
        let title = case.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        chapter.push_str(&section(&title, &read(&case), &read(&case.with_extension("stderr"))));
    }
    let path = root().join("../../docs/compile-errors.md");
    if std::env::var_os("UPDATE_CHAPTER").is_some() {
        std::fs::write(&path, &chapter).expect("the chapter can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == chapter,
        "docs/compile-errors.md is not what the cases say: run with UPDATE_CHAPTER=1"
    );
}
