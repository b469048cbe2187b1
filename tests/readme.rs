//! The README and the book: their program is the example that is compiled and run, their links lead somewhere, and no page is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_readme_holds_the_quickstart_as_it_is() {
    let readme = include_str!("../README.md");
    let program = include_str!("../examples/quickstart.rs");
    assert!(
        readme.contains(&format!("```rust\n{program}```\n")),
        "README.md and examples/quickstart.rs differ"
    );
}

#[test]
fn links_and_pictures_lead_somewhere() {
    let mut broken = Vec::new();
    let mut links = 0;
    for page in pages().into_iter().chain([root().join("README.md")]) {
        for link in links_of(&fs::read_to_string(&page).unwrap()) {
            links += 1;
            if let Err(why) = follow(&page, &link) {
                broken.push(format!("{}: `{link}`: {why}", page.display()));
            }
        }
    }
    assert!(links > 100, "only {links} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_book_has_every_page_once() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let links = links_of(&summary);
    let listed: BTreeSet<String> = links.iter().cloned().collect();
    assert_eq!(listed.len(), links.len(), "a page stands twice in docs/SUMMARY.md");
    let there: BTreeSet<String> =
        pages().iter().map(|page| name(page)).filter(|name| name != "SUMMARY.md").collect();
    assert_eq!(listed, there, "docs/SUMMARY.md and the pages of docs/ differ");
}

#[test]
fn every_rust_block_of_the_book_is_compiled() {
    let compiled = [include_str!("../src/book.rs"), include_str!("../src/language.rs")].concat();
    // Its programs are those of `tests/ui-tests`, which do not compile.
    let elsewhere = ["compile-errors.md"];
    for page in pages() {
        let (name, text) = (name(&page), fs::read_to_string(&page).unwrap());
        let fences = fences(&text);
        for fence in &fences {
            assert!(
                !fence.is_empty(),
                "{name}: a block of code says its language: ```rust, ```sh, ```text, .."
            );
            assert!(
                !fence.contains("ignore"),
                "{name}: ```{fence} is compiled by no test; `no_run` is, and not run"
            );
        }
        if fences.iter().any(|fence| fence.starts_with("rust")) && !elsewhere.contains(&name.as_str()) {
            let line = format!("include_str!(\"../docs/{name}\")");
            assert!(
                compiled.contains(&line),
                "{name} has programs, and neither src/book.rs nor src/language.rs has a line for it"
            );
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page by its path within `docs`.
fn name(page: &Path) -> String {
    page.strip_prefix(root().join("docs")).unwrap().to_str().unwrap().to_owned()
}

/// The pages of `docs` and its folders, the book's table of contents among them.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// Whether a link of a page leads to the web, or to a file of the repository and a heading that it has.
fn follow(page: &Path, link: &str) -> Result<(), String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return Ok(());
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.parent().unwrap();
    let target = if file.is_empty() { page.to_owned() } else { folder.join(file) };
    let Ok(target) = target.canonicalize() else { return Err("there is no such file".to_owned()) };
    let book = root().join("docs").canonicalize().unwrap();
    if folder.starts_with(root().join("docs")) && !target.starts_with(book) {
        return Err("the book ends at docs/; name the file in backquotes".to_owned());
    }
    if heading.is_empty() || anchors(&fs::read_to_string(target).unwrap()).contains(heading) {
        return Ok(());
    }
    Err("the page has no such heading".to_owned())
}

/// What stands in the brackets of `](..)`, outside of code.
fn links_of(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        // Every second part lies between backquotes.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.extend(targets.map(|(target, _)| target.to_owned()));
    }
    links
}

/// The names of a page's headings in links: lower case, words joined by hyphens, all else left out.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            words.chars().filter(|&c| kept(c)).collect()
        })
        .collect()
}

/// The lines outside of blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// What the blocks of code say of themselves: `rust,no_run`.
fn fences(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("```")).step_by(2).collect()
}
