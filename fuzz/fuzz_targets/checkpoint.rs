//! Any bytes as a checkpoint: an error, or a model of finite numbers.
#![no_main]

use std::cell::RefCell;
use std::path::PathBuf;

use illia_core::checkpoint;
use illia_core::nn::Linear;
use libfuzzer_sys::fuzz_target;
use tch::nn::VarStore;
use tch::Device;

thread_local! {
    static MODEL: RefCell<(VarStore, Linear)> = RefCell::new({
        let vs = VarStore::new(Device::Cpu);
        let net = Linear::new(vs.root() / "fc", 2, 2, Default::default());
        (vs, net)
    });
}

fuzz_target!(|bytes: &[u8]| {
    let file: PathBuf = std::env::temp_dir().join(format!("illia-fuzz-{}.safetensors", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    MODEL.with_borrow_mut(|(vs, net)| {
        let _ = checkpoint::load(net, vs, &file);
        let _ = checkpoint::load_state_dict(net, &file);
        for (name, variable) in vs.variables() {
            assert_eq!(variable.isnan().any().int64_value(&[]), 0, "{name}");
        }
    });
    std::fs::remove_file(&file).unwrap();
});
