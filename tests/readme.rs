//! The README's program is the example that is compiled and run.

#[test]
fn the_readme_holds_the_quickstart_as_it_is() {
    let readme = include_str!("../README.md");
    let program = include_str!("../examples/quickstart.rs");
    assert!(
        readme.contains(&format!("```rust\n{program}```\n")),
        "README.md and examples/quickstart.rs differ"
    );
}
