//! The platforms that libtorch can be downloaded for.

use crate::python::OR;
use crate::wheels::{self, TORCH_VERSION, Wheel};
use crate::{Error, Result};

/// A platform with the wheels that libtorch consists of there.
#[derive(Debug)]
pub struct Platform {
    /// System and processor, as in `linux-x86_64`.
    pub name: &'static str,
    /// How far it was tried.
    pub tried: &'static str,
    pub(crate) cpu: Download,
    /// None where the package index has no build with CUDA.
    pub(crate) cuda: Option<Download>,
}

/// Wheels, and how many megabytes they have, packed and as they are unpacked.
#[derive(Debug)]
pub(crate) struct Download {
    pub wheels: &'static [Wheel],
    pub packed: u64,
    pub unpacked: u64,
}

/// All of them.
pub const PLATFORMS: &[Platform] = &[
    Platform {
        name: "linux-x86_64",
        tried: "every test runs there; with CUDA this version was not run",
        cpu: Download { wheels: wheels::LINUX_X86_64, packed: 540, unpacked: 700 },
        cuda: Some(Download { wheels: wheels::LINUX_X86_64_CUDA, packed: 2_500, unpacked: 5_200 }),
    },
    Platform {
        name: "linux-aarch64",
        tried: "downloaded and unpacked only, with CUDA not even that; not run",
        cpu: Download { wheels: wheels::LINUX_AARCH64, packed: 435, unpacked: 500 },
        cuda: Some(Download { wheels: wheels::LINUX_AARCH64_CUDA, packed: 2_500, unpacked: 5_200 }),
    },
    Platform {
        name: "macos-aarch64",
        tried: "downloaded and unpacked only; not run",
        cpu: Download { wheels: wheels::MACOS_AARCH64, packed: 112, unpacked: 450 },
        cuda: None,
    },
    Platform {
        name: "windows-x86_64",
        tried: "downloaded and unpacked only; not run",
        cpu: Download { wheels: wheels::WINDOWS_X86_64, packed: 123, unpacked: 450 },
        cuda: None,
    },
];

impl Platform {
    /// This machine's.
    ///
    /// # Errors
    /// Where there are no wheels for it.
    pub fn here() -> Result<&'static Self> {
        let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        let musl = if cfg!(target_env = "musl") { "-musl" } else { "" };
        Self::named(&format!("{system}-{processor}{musl}"))
    }

    /// The one of that name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        PLATFORMS.iter().find(|platform| platform.name == name).ok_or_else(|| {
            let known: Vec<_> = PLATFORMS.iter().map(|platform| platform.name).collect();
            Error::new(format!(
                "there is no libtorch {TORCH_VERSION} to download for {name}, only for {}: unpack or install one \
                 yourself and set LIBTORCH to its folder, or LIBTORCH_USE_PYTORCH=1 to take that of Python's torch",
                known.join(", ")
            ))
        })
    }

    pub(crate) fn download(&self, cuda: bool) -> Result<&Download> {
        if !cuda {
            return Ok(&self.cpu);
        }
        self.cuda.as_ref().ok_or_else(|| {
            Error::new(format!(
                "there is no libtorch {TORCH_VERSION} with CUDA to download for {}: leave --cuda out, {OR}",
                self.name
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_platform_is_refused_with_those_there_are() {
        let error = Platform::named("plan9-mips").expect_err("no such platform").to_string();
        assert!(error.contains("plan9-mips") && error.contains("macos-aarch64"), "{error}");
    }

    #[test]
    fn cuda_is_refused_where_the_index_has_none() {
        let macos = Platform::named("macos-aarch64").expect("a platform");
        assert!(macos.download(false).is_ok());
        let error = macos.download(true).expect_err("no CUDA").to_string();
        assert!(error.contains("macos-aarch64"), "{error}");
    }
}
