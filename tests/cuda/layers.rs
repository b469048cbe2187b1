//! Every layer: what it gives at given draws, its gradients at given noise, its KL; and a training step on the GPU.

use illia::infer::Named;
use illia::prelude::*;
use illia::{Adam, Defaults, Draws, Net, NoArguments, Trainer, noise};

use super::{FLOAT, close, copied, gpu};

/// Of layers whose products cuDNN makes in TF32, some behind each other.
const TF32: f64 = 5e-3;
/// Of layers in single precision: sums in another order.
const SINGLE: f64 = 2e-5;

bnn! {
    struct Images: [2, 8, 8] -> [3] {
        posterior: FanIn;
        conv: Conv2d(4, kernel: 3, padding: 1) -> relu -> max_pool(2),
        norm: BatchNorm2d,
        up: ConvTranspose2d(4, kernel: 2, stride: 2) -> gelu -> avg_pool(2),
        group: GroupNorm(groups: 2) -> upsample(2) -> adaptive_avg_pool(3),
        flatten,
        head: Linear(3),
    }
}

bnn! {
    struct Volumes: [1, 4, 6, 6] -> [3] {
        posterior: FanIn;
        conv: Conv3d(2, kernel: 3, padding: 1) -> leaky_relu(0.1),
        norm: BatchNorm3d,
        up: ConvTranspose3d(2, kernel: 2) -> global_avg_pool,
        head: Linear(3),
    }
}

bnn! {
    struct Signals: [2, 12] -> [3] {
        posterior: FanIn;
        conv: Conv1d(4, kernel: 3, groups: 2) -> silu,
        norm: BatchNorm1d(posterior: Gaussian(rho: -4.0)),
        up: ConvTranspose1d(4, kernel: 3, stride: 2) -> elu,
        flatten,
        head: Linear(3),
    }
}

bnn! {
    struct States: [seq, 4] -> [3] {
        posterior: FanIn;
        lstm: Lstm(6, layers: 2, bidirectional: true),
        gru: Gru(5),
        rnn: Rnn(4) -> last,
        head: Linear(3),
    }
}

bnn! {
    struct Sentences: [seq] -> [seq, 20] {
        posterior: FanIn;
        embed: Embedding(8, vocabulary: 20, padding_idx: 0, max_norm: 2.0),
        position: PositionEmbedding(max: 16),
        residual { norm: LayerNorm(posterior: Gaussian(rho: -4.0)), attend: SelfAttention(heads: 2, causal: true) },
        rms: RmsNorm(posterior: Gaussian(rho: -4.0)),
        head: Tied(embed),
    }
}

bnn! {
    struct Reader: (source: [s, 8], keep: [s], target: [t, 8]) -> [3] {
        posterior: FanIn;
        let memory = source -> residual { read: SelfAttention(heads: 2, mask: keep) };
        target -> class: ClassToken,
        residual { look: CrossAttention(heads: 4, memory: memory, mask: keep) },
        first,
        head: Linear(3),
    }
}

bnn! {
    struct Nodes: (x: [nodes, 4], edges: [2, edges], lengths: [edges, 1]) -> [3] {
        posterior: FanIn;
        x -> gcn: Gcn(6, edges: edges) -> relu,
        sage: Sage(6, edges: edges) -> tanh,
        crystal: CgConv(edges: edges, attributes: lengths),
        mean,
        head: Linear(3),
    }
}

bnn! {
    struct Adapted: [6] -> [3] {
        fc: Linear(8, lora: (rank: 2, alpha: 4.0)) -> sigmoid,
        head: Linear(3),
    }
}

bnn! {
    struct Families: [6] -> [3] {
        prior: LearnedGaussian(std: 0.5);
        a: Linear(8, posterior: Gaussian(rho: -3.0), prior: ScaleMixture(pi: 0.5, std1: 1.0, std2: 0.1)) -> relu,
        b: Linear(8, posterior: Point, prior: StudentT(dof: 3.0, scale: 0.5)) -> softplus,
        #[deterministic]
        c: Linear(8) -> relu,
        head: Linear(3, posterior: Gaussian(rho: -3.0)),
    }
}

fn made<N: Net<Arguments = NoArguments>>(device: Device) -> (nn::VarStore, N) {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(device);
    let net = N::try_with(&vs.root(), &Defaults::default(), NoArguments {}).unwrap();
    (vs, net)
}

fn waves(shape: &[i64]) -> Tensor {
    (Tensor::arange(shape.iter().product::<i64>(), FLOAT) * 0.7).sin().reshape(shape)
}

/// Two draws of the net on the CPU, one after the other.
fn draws<N: Net>(net: &mut N) -> Named {
    let sets = [(); 2].map(|()| {
        net.freeze();
        let held =
            net.named_parameters().into_iter().map(|(name, p)| (name, p.draw().weights().detach().copy()));
        let held: Named = held.collect();
        net.unfreeze();
        held
    });
    let stack =
        |(name, first): (&String, &Tensor)| (name.clone(), Tensor::stack(&[first, &sets[1][name]], 0));
    sets[0].iter().map(stack).collect()
}

/// What a net gives at the draws.
fn outputs<N: Net>(net: &N, draws: &Named, inputs: &[Tensor]) -> Tensor {
    let draws = Draws::new(net, draws).unwrap();
    let forward =
        |inputs: &[Tensor]| Ok(only(net.try_forward_all(&inputs.iter().collect::<Vec<_>>(), false)?));
    Predict::new().run_draws_with(net, &draws, inputs, forward).unwrap().outputs().shallow_clone()
}

fn only(mut outputs: Vec<Tensor>) -> Tensor {
    outputs.pop().expect("an output")
}

/// The KL, and the gradients of a loss and the KL, at the given noise, by the variables' names; None of adapters, which make
/// noise of their own.
fn gradients<N: Net>(
    vs: &nn::VarStore,
    net: &mut N,
    eps: &Named,
    inputs: &[Tensor],
) -> Option<(Tensor, Named)> {
    if vs.variables().keys().any(|name| name.contains("lora")) {
        return None;
    }
    net.each_parameter_mut(&mut |name, parameter| {
        if parameter.rho().is_some() {
            parameter.hold(&eps[name]).unwrap();
        }
    });
    let y = only(net.try_forward_all(&inputs.iter().collect::<Vec<_>>(), false).unwrap());
    let kl = net.kl_cost().nats;
    (y.square().mean(Kind::Float) + &kl * 1e-3).backward();
    net.unfreeze();
    let reached = vs.variables().into_iter().filter(|(_, v)| v.requires_grad() && v.grad().defined());
    Some((kl.detach(), reached.map(|(name, variable)| (name, variable.grad())).collect()))
}

fn agrees<N: Net<Arguments = NoArguments>>(device: Device, inputs: &[Tensor], tolerance: f64) {
    let name = std::any::type_name::<N>();
    let (cpu_vs, mut cpu) = made::<N>(Device::Cpu);
    let (mut vs, mut net) = made::<N>(device);
    copied(&cpu_vs, &mut vs);
    let moved: Vec<Tensor> = inputs.iter().map(|input| input.to_device(device)).collect();

    let given = draws(&mut cpu);
    close(name, &outputs(&net, &given, &moved), device, &outputs(&cpu, &given, inputs), tolerance);

    let key = noise::Stream::new().next_key();
    let like = cpu.named_parameters().into_iter().map(|(name, p)| (name, p.mu().shallow_clone())).collect();
    let eps = illia::infer::normals_like(&like, key);
    if let Some((cpu_kl, ours)) = gradients(&cpu_vs, &mut cpu, &eps, inputs) {
        let (kl, theirs) = gradients(&vs, &mut net, &eps, &moved).expect("as on the CPU");
        close(&format!("{name}: KL"), &kl, device, &cpu_kl, SINGLE);
        assert!(theirs.keys().eq(ours.keys()) && !ours.is_empty(), "{name}");
        for (variable, ours) in &ours {
            close(&format!("{name}: {variable}"), &theirs[variable], device, ours, 4.0 * tolerance);
        }
    }

    let before: Named = vs.variables().into_iter().map(|(name, v)| (name, v.detach().copy())).collect();
    let mut trainer = Trainer::new(Adam::default(), 100).unwrap();
    let nll = || {
        let y = only(net.try_forward_all(&moved.iter().collect::<Vec<_>>(), true)?);
        Ok(y.square().mean(Kind::Float))
    };
    for _ in 0..2 {
        let terms = trainer.step(&net, &vs, 1.0, nll).unwrap();
        assert!(terms.nll.is_finite() && terms.kl.is_finite(), "{name}: {terms:?}");
    }
    for (variable, now) in vs.variables() {
        assert_eq!(now.device(), device, "{name}: {variable}");
        let moved = (&now - &before[&variable]).abs().max().double_value(&[]);
        // Two steps of Adam's: each element by at most twice the step size, but for batch norms' statistics.
        let statistics = variable.contains("running");
        assert!(moved.is_finite() && (statistics || moved < 2.1e-3), "{name}: {variable} by {moved}");
    }
}

macro_rules! layers {
    ($($test:ident: $net:ty, $inputs:expr, $tolerance:expr;)+) => {
        $(#[test]
        fn $test() {
            let Some(device) = gpu(stringify!($test)) else { return };
            agrees::<$net>(device, &$inputs, $tolerance);
        })+
    };
}

layers! {
    layers_of_images: Images, [waves(&[5, 2, 8, 8])], TF32;
    layers_of_volumes: Volumes, [waves(&[5, 1, 4, 6, 6])], TF32;
    layers_of_signals: Signals, [waves(&[5, 2, 12])], TF32;
    recurrent_layers: States, [waves(&[5, 7, 4])], TF32;
    tokens_and_attention: Sentences, [Tensor::arange(30, (Kind::Int64, Device::Cpu)).remainder(20).reshape([5, 6])], SINGLE;
    attention_to_another_sequence: Reader, [waves(&[5, 6, 8]), keep(), waves(&[5, 4, 8])], SINGLE;
    graphs: Nodes, [waves(&[5, 4, 4]), edges(), waves(&[5, 6, 1])], SINGLE;
    adapters: Adapted, [waves(&[5, 6])], SINGLE;
    families_and_priors: Families, [waves(&[5, 6])], SINGLE;
}

/// The last two places of each sequence hold nothing.
fn keep() -> Tensor {
    Tensor::from_slice(&[1f32, 1.0, 1.0, 1.0, 0.0, 0.0]).repeat([5, 1])
}

/// Of five graphs of four nodes: a ring, a chord, and one that is none.
fn edges() -> Tensor {
    Tensor::from_slice(&[0i64, 1, 2, 3, 0, -1, 1, 2, 3, 0, 2, -1]).reshape([1, 2, 6]).repeat([5, 1, 1])
}
