//! Files: opened only where that can't hang or run on for ever, written whole or not at all; and tensors in them.

mod safetensors;
#[cfg(test)]
pub(crate) mod scratch;

pub(crate) use safetensors::{Entry, Stored, bytes_of, parse_header, read_header, write};

use std::borrow::Cow;
use std::fs::{self, File, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Opens a regular file for reading; gives its length too, in bytes.
///
/// Anything else is an error: a pipe would be waited for, and a device may have no end.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    // Before it is opened, since opening a pipe waits for somebody who writes into it.
    regular(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // Another file may have got the name in the meantime.
    let metadata = file.metadata()?;
    regular(metadata.file_type())?;
    Ok((file, metadata.len()))
}

/// Writes the file at `path` whole or not at all: `write` makes one under another name beside it, which is synced and then renamed.
///
/// What was there before stays where something fails, and where it is no regular file, which is an error. A link stays one: what it points
/// to is written.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let io = |e| Error::io(path, e);
    match fs::metadata(path) {
        Ok(metadata) => regular(metadata.file_type()).map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let target = &*path.canonicalize().map_or(Cow::Borrowed(path), Cow::Owned);
    let temporary = temporary(target);
    let finish = || {
        File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, target)?;
        sync_folder(target)
    };
    let written = write(&temporary).and_then(|()| finish().map_err(io));
    if written.is_err() {
        // What was begun is of no use.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// How the names of files that are being written end.
pub(crate) const TEMPORARY: &str = ".writing";

/// Beside the file, since a rename can't cross file systems; another one for each call.
fn temporary(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let (name, call) = (path.file_name().unwrap_or_default(), CALLS.fetch_add(1, Ordering::Relaxed));
    path.with_file_name(format!(".{}.{}-{call}{TEMPORARY}", name.to_string_lossy(), std::process::id()))
}

/// A rename is safe on disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Fills `bytes` from the file's, `offset` on, without moving its cursor: handles on one file don't disturb each other.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match std::os::windows::fs::FileExt::seek_read(file, rest, offset + done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => done += read,
            }
        }
        Ok(())
    }
}

fn regular(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "a folder" } else { special(kind) };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a regular file but {what}")))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn special(_kind: FileType) -> &'static str {
    "something special"
}

#[cfg(test)]
mod tests {
    use super::scratch::Scratch;
    use super::*;

    /// Writes `text` as [`write_whole`] is meant to be used.
    fn write_text(path: &Path, text: &str) -> Result<()> {
        write_whole(path, |temporary| fs::write(temporary, text).map_err(|e| Error::io(path, e)))
    }

    #[test]
    fn what_was_there_stays_where_writing_fails() {
        let folder = Scratch::new();
        let path = folder.join("file");
        write_text(&path, "first").unwrap();
        let failed = write_whole(&path, |temporary| {
            fs::write(temporary, "sec").unwrap();
            Err(Error::io(&path, io::Error::other("full")))
        });
        assert!(failed.unwrap_err().to_string().ends_with("file: full"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left behind");
        assert_eq!(open(&path).unwrap().1, 5);
        assert_eq!(open(&folder).unwrap_err().to_string(), "not a regular file but a folder");
        assert!(
            write_text(&folder, "").unwrap_err().to_string().ends_with("not a regular file but a folder")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_device_are_neither_read_nor_replaced() {
        use std::os::unix::fs::FileTypeExt;
        let folder = Scratch::new();
        let pipe = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, what) in [(&*pipe, "a pipe"), (&*link, "a device"), (Path::new("/dev/null"), "a device")] {
            let what = format!("not a regular file but {what}");
            assert_eq!(open(path).unwrap_err().to_string(), what);
            assert!(write_text(path, "").unwrap_err().to_string().ends_with(&what));
        }
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
