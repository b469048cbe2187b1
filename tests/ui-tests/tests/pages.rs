//! The pages of `docs/language` show what the compiler says of a program: the block of text behind each one that does not compile. Run with
//! `UPDATE_PAGES=1` after a change.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{errors, root, said};

/// A page in parts: what stands outside of blocks of code, and the blocks.
enum Part {
    Prose(String),
    Code { language: String, text: String },
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    // Every second part lies between fences.
    for (i, part) in page.split("```").enumerate() {
        parts.push(match part.split_once('\n') {
            Some((language, text)) if i % 2 == 1 => {
                Part::Code { language: language.to_owned(), text: text.to_owned() }
            }
            _ => Part::Prose(part.to_owned()),
        });
    }
    parts
}

/// The program of a block: what is shown first, so that its lines keep their numbers, then what is hidden.
fn program(block: &str) -> String {
    let (hidden, shown): (Vec<&str>, Vec<&str>) =
        block.lines().partition(|line| line.starts_with('#') && !line.starts_with("#["));
    let hidden = hidden.iter().map(|line| line.trim_start_matches("# "));
    let lines: Vec<&str> = shown.iter().copied().chain(hidden).chain(["fn main() {}"]).collect();
    lines.join("\n")
}

fn pages() -> Vec<PathBuf> {
    let folder = root().join("../../docs/language");
    let mut pages: Vec<_> =
        fs::read_dir(folder).expect("there are pages").flatten().map(|page| page.path()).collect();
    pages.sort();
    pages
}

#[test]
fn what_the_pages_say_of_a_program_is_what_the_compiler_says() {
    let mut programs = BTreeMap::new();
    let mut all = Vec::new();
    for path in pages() {
        let page = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let parts = parts(&fs::read_to_string(&path).expect("a page can be read"));
        for (i, part) in parts.iter().enumerate() {
            if let Part::Code { language, text } = part
                && language.contains("compile_fail")
            {
                programs.insert(format!("{page}_{i}"), program(text));
            }
        }
        all.push((page, path, parts));
    }
    let said = said("pages", &programs);
    let mut wrong = Vec::new();
    for (page, path, mut parts) in all {
        let mut waiting = None;
        let mut changed = false;
        for (i, part) in parts.iter_mut().enumerate() {
            let Part::Code { language, text } = part else { continue };
            if language.contains("compile_fail") {
                let name = format!("{page}_{i}");
                let found = said.get(&name).map(|found| found.join("\n\n")).unwrap_or_default();
                // Where the program stood does not matter.
                let found = errors(&found);
                let found = found.lines().filter(|line| !line.trim_start().starts_with("-->"));
                waiting = Some(found.map(|line| format!("{line}\n")).collect::<String>());
            } else if language == "text"
                && let Some(found) = waiting.take()
                && *text != found
            {
                wrong.push(format!("{page}: not\n{text}but\n{found}"));
                *text = found;
                changed = true;
            }
        }
        assert!(waiting.is_none(), "{page}: a program that does not compile has no text behind it");
        if changed && std::env::var_os("UPDATE_PAGES").is_some() {
            let written = parts.iter().map(|part| match part {
                Part::Prose(text) => text.clone(),
                Part::Code { language, text } => format!("```{language}\n{text}```"),
            });
            fs::write(path, written.collect::<String>()).expect("a page can be written");
        }
    }
    let updated = std::env::var_os("UPDATE_PAGES").is_some();
    assert!(wrong.is_empty() || updated, "{}\nUPDATE_PAGES=1 writes them again", wrong.join("\n"));
}
