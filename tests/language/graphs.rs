//! Graphs: one without a batch, whose examples are nodes; batches of them, each an example.

use illia::data::Tensors;
use illia::likelihood::Gaussian;
use illia::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    /// Kipf & Welling (2017): the nodes of one graph.
    #[illia(unbatched)]
    struct Citations(classes: i64): (x: [nodes, 8], edges: [2, edges]) -> [nodes, classes] {
        x -> conv1: Gcn(16, edges: edges) -> relu -> dropout(0.1),
        conv2: Sage(classes, edges: edges),
    }
}

bnn! {
    /// Xie & Grossman (2018): whole crystals, filled up to one size.
    struct Crystals<const F: i64>: (atoms: [nodes, F], bonds: [2, edges], distances: [edges, 3], keep: [nodes]) -> [1] {
        posterior: Gaussian(rho: -4.0);

        atoms -> embed: Linear(6),
        repeat 2 { conv: CgConv(edges: bonds, attributes: distances, aggregation: Mean) },
        mean(mask: keep) -> softplus,
        head: Linear(1),
    }
}

/// Two rings of five nodes, both directions of each edge.
fn rings() -> Tensor {
    let pairs: Vec<(i64, i64)> = (0..10).map(|i| (i, i / 5 * 5 + (i + 1) % 5)).collect();
    let from: Vec<i64> = pairs.iter().map(|p| p.0).chain(pairs.iter().map(|p| p.1)).collect();
    let to: Vec<i64> = pairs.iter().map(|p| p.1).chain(pairs.iter().map(|p| p.0)).collect();
    Tensor::stack(&[Tensor::from_slice(&from), Tensor::from_slice(&to)], 0)
}

#[test]
fn the_nodes_of_one_graph_are_its_examples() {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Citations::new(&vs.root(), 2);
    let (x, edges) = (Tensor::randn([10, 8], FLOAT), rings());
    // The rings differ in one feature on average.
    let _ = x.narrow(0, 5, 5).narrow(1, 0, 1).g_add_scalar_(3.0);
    assert_eq!(net.forward(&x, &edges).size(), [10, 2]);
    assert_eq!(net.kl_cost().num_params, (8 * 16 + 16) + (2 * 16 * 2 + 2));
    assert_eq!(net.to_string().matches(" automatic").count(), 2, "each has an estimator: {net}");
    let error = net.try_forward(&x, &(&edges + 1)).expect_err("no such node").to_string();
    assert_eq!(error, "conv1: the edges name node 10, but there are 10 nodes, from 0 on");
    // A few nodes have a target: they are the rows of the data, and N counts them.
    let known =
        Tensors::new(vec![Tensor::from_slice(&[0i64, 2, 5, 7])], Tensor::from_slice(&[0i64, 0, 1, 1]))
            .expect("as many targets as nodes");
    let of =
        |rows: &[Tensor], train: bool| Ok(net.try_forward_t(&x, &edges, train)?.index_select(0, &rows[0]));
    let optimiser = illia::Adam { learning_rate: 0.02, ..Default::default() };
    let fit = Fit::new(Categorical).optimiser(optimiser).epochs(300).batch_size(4).progress(false);
    fit.run_with(&net, &vs, &known, of).expect("a run");
    let all = Tensor::arange(10, (Kind::Int64, Device::Cpu));
    let prediction =
        Predict::new().draws(20).run_with(&net, &[all], |rows| of(rows, false)).expect("a prediction");
    let classes = Categorical.mean(prediction.outputs()).mean_dim(0i64, false, Kind::Float).argmax(-1, false);
    assert_eq!(
        classes,
        Tensor::from_slice(&[0i64, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
        "the others follow their ring"
    );

    let error = net.try_forward(&x.narrow(1, 0, 7), &edges).unwrap_err().to_string();
    assert!(error.contains("[nodes, 8], got [10, 7]"), "{error}");
    let error = net.try_forward(&x.narrow(0, 0, 9), &edges).unwrap_err().to_string();
    assert!(error.contains("conv1") && error.contains('9'), "{error}");
}

#[test]
fn a_batch_of_graphs_is_each_of_them() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Crystals::<4>::new(&vs.root());
    let (atoms, distances) = (Tensor::randn([2, 5, 4], FLOAT), Tensor::randn([2, 6, 3], FLOAT));
    // The first has five atoms and six bonds, the second three and two.
    let bonds = Tensor::from_slice(&[
        0i64, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 2, 0, 1, -1, -1, -1, -1, 1, 2, -1, -1, -1, -1,
    ]);
    let bonds = bonds.view([2, 2, 6]);
    let keep = Tensor::from_slice(&[1f32, 1., 1., 1., 1., 1., 1., 1., 0., 0.]).view([2, 5]);
    net.freeze();
    let both = net.forward(&atoms, &bonds, &distances, &keep);
    let part = |t: &Tensor, axis: i64, n: i64| t.narrow(0, 1, 1).narrow(axis, 0, n);
    let second =
        net.forward(&part(&atoms, 1, 3), &part(&bonds, 2, 2), &part(&distances, 1, 2), &part(&keep, 1, 3));
    assert!(both.narrow(0, 1, 1).allclose(&second, 1e-5, 1e-6, false));
    net.unfreeze();
    // Each is an example: several draws at once are as many draws one by one.
    let inputs = [atoms, bonds, distances, keep];
    let run = |inputs: &[Tensor]| net.try_forward(&inputs[0], &inputs[1], &inputs[2], &inputs[3]);
    illia::manual_seed(1);
    let stacked = Predict::new().draws(6).per_example().run_with(&net, &inputs, run).expect("a prediction");
    assert_eq!(stacked.outputs().size(), [6, 2, 1]);
    assert!(stacked.outputs().std_dim([0i64].as_slice(), true, false).min().double_value(&[]) > 0.0);
    let data = Tensors::new(inputs.iter().map(Tensor::shallow_clone).collect(), Tensor::zeros([2, 1], FLOAT));
    Fit::new(Gaussian::fixed(0.1).expect("a noise"))
        .epochs(2)
        .batch_size(2)
        .progress(false)
        .run_with(&net, &vs, &data.expect("two graphs"), |inputs, train| {
            net.try_forward_t(&inputs[0], &inputs[1], &inputs[2], &inputs[3], train)
        })
        .expect("a run");
}

bnn! {
    #[illia(unbatched)]
    struct Alone: [seq, 4] -> (sum: [3], max: [3]) {
        let h = fc: Linear(3);
        let sum = h -> sum;
        let max = h -> max;
    }
}

bnn! {
    #[illia(unbatched)]
    struct One: [seq, 4] -> [3] { fc: Linear(3), mean }
}

#[test]
fn a_net_without_a_batch_axis() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Alone::deterministic(&vs.root());
    let x = Tensor::randn([5, 4], FLOAT);
    let (sum, max) = net.forward(&x);
    let h = net.fc.forward(&x);
    assert!(sum.allclose(&h.sum_dim_intlist(0i64, false, None::<Kind>), 1e-5, 1e-6, false));
    assert!(max.allclose(&h.amax(0i64, false), 1e-5, 1e-6, false));
    net.freeze();
    let one = One::new(&(vs.root() / "one"));
    assert_eq!(ModuleT::forward_t(&one, &x, false).size(), [3]);
    assert!(!one.per_example());
}
