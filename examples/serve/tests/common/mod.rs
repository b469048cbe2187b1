//! Nets to serve, a server on a free port, and a client that says what it likes.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use illia::export::{Export, onnx};
use illia::prelude::*;
use illia::{Prediction, RandomParameter};
use serde_json::Value;
use serve::{Limits, Model, Rule, Server};
use tokio::sync::oneshot;

bnn! {
    /// Three classes.
    pub struct Classes: [2] -> [3] {
        posterior: FanIn;

        fc: Linear(16) -> relu,
        head: Linear(3),
    }
}

bnn! {
    /// Two numbers.
    pub struct Numbers: [3] -> [2] {
        posterior: FanIn;

        head: Linear(2),
    }
}

bnn! {
    /// Classes of texts.
    pub struct Texts: [seq] -> [2] {
        posterior: FanIn;

        embed: Embedding(4, vocabulary: 20),
        position: PositionEmbedding(max: 8),
        mean,
        head: Linear(2) -> softmax,
    }
}

bnn! {
    /// Takes its time for many rows.
    pub struct Slow: [64] -> [2] {
        posterior: FanIn;

        fc1: Linear(512) -> relu,
        fc2: Linear(512) -> relu,
        head: Linear(2),
    }
}

bnn! {
    /// A vector for each place, which is not served.
    pub struct Places: [seq, 4] -> [seq, 2] {
        fc: Linear(2),
    }
}

pub const DRAWS: usize = 8;

/// What the nets say themselves.
pub struct Wanted {
    pub points: Tensor,
    pub classes: Prediction,
    pub triples: Tensor,
    pub numbers: (Tensor, Tensor),
}

/// The nets' files, written once, and what they must give.
fn nets() -> &'static (PathBuf, Mutex<Wanted>) {
    static NETS: OnceLock<(PathBuf, Mutex<Wanted>)> = OnceLock::new();
    NETS.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str| folder.join(format!("{name}.onnx"));
        tch::manual_seed(1);
        illia::manual_seed(1);
        let vs = nn::VarStore::new(Device::Cpu);
        let p = vs.root();
        let real = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));

        let net = Classes::new(&(&p / "classes"));
        let points = real(&[5, 2]) * 2.0;
        illia::manual_seed(7);
        let classes = Predict::new().draws(DRAWS).run(&net, &points).unwrap();
        illia::manual_seed(7);
        let export = Export::draws(DRAWS).classes().metadata("serve.refuse_above", 0.9);
        onnx(&net, &export, write("classes")).unwrap();
        onnx(&net, &Export::mean(), write("mean")).unwrap();
        onnx(&net, &Export::moments().classes(), write("moments-of-classes")).unwrap();
        let export = Export::draws(DRAWS).classes().metadata("serve.refuse_above", "much");
        onnx(&net, &export, write("unclear")).unwrap();

        let net = Numbers::new(&(&p / "numbers"));
        let triples = real(&[4, 3]);
        onnx(&net, &Export::moments().metadata("serve.noise", 0.5), write("numbers")).unwrap();
        let numbers = exact(&net, &triples);

        onnx(&Texts::new(&(&p / "texts")), &Export::draws(2), write("texts")).unwrap();
        onnx(&Slow::new(&(&p / "slow")), &Export::draws(DRAWS), write("slow")).unwrap();
        onnx(&Places::new(&(&p / "places")), &Export::draws(2), write("places")).unwrap();
        (folder, Mutex::new(Wanted { points, classes, triples, numbers }))
    })
}

pub fn file(net: &str) -> PathBuf {
    nets().0.join(format!("{net}.onnx"))
}

pub fn wanted() -> MutexGuard<'static, Wanted> {
    nets().1.lock().unwrap()
}

/// Mean and standard deviation over the weights: of one layer in closed form.
fn exact(net: &Numbers, x: &Tensor) -> (Tensor, Tensor) {
    let of =
        |parameter: &RandomParameter| (parameter.mu().detach(), parameter.sigma().unwrap().detach().square());
    let (weight, weight_variance) = of(&net.head.weight);
    let (bias, bias_variance) = of(net.head.bias.as_ref().unwrap());
    let mean = x.matmul(&weight.tr()) + bias;
    (mean, (x.square().matmul(&weight_variance.tr()) + bias_variance).sqrt())
}

/// A server in a thread of its own.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<usize>>,
}

impl Running {
    pub fn start(net: &str, limits: Limits) -> Running {
        let model = Model::load(&file(net)).unwrap();
        let rule = Rule::new(&model, None, None, 0.9).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let server = Server::bind("127.0.0.1:0", model, rule, limits).await.unwrap();
                tell.send(server.address()).unwrap();
                server.run(async { drop(stopped.await) }).await
            })
        });
        Running { address: told.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Asks it to stop; [`left`](Running::left) waits until it has.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// How many connections it left unanswered.
    pub fn left(&mut self) -> usize {
        self.stop();
        self.thread.take().unwrap().join().unwrap()
    }

    pub fn predict(&self, body: &str) -> Answer {
        post(self.address, body)
    }

    /// A line of `/metrics`, by its beginning.
    pub fn metric(&self, name: &str) -> f64 {
        let text =
            ask(self.address, "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".as_bytes())
                .body;
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until a prediction is under way.
    pub fn await_prediction(&self) {
        self.await_metric("serve_predicting", 1);
    }

    /// Waits until so many connections are open, the one that asks among them.
    pub fn await_connections(&self, connections: usize) {
        self.await_metric("serve_connections", connections);
    }

    pub fn await_metric(&self, name: &str, value: usize) {
        let start = Instant::now();
        while self.metric(name) != value as f64 {
            assert!(start.elapsed() < Duration::from_secs(60), "{name} does not become {value}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What came back over a connection until it was closed.
#[derive(Debug)]
pub struct Answer {
    /// 0 if nothing came.
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The sentence of an answer that is none.
    pub fn sentence(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

pub fn request(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

pub fn post(address: SocketAddr, body: &str) -> Answer {
    ask(address, request(body).as_bytes())
}

/// Sends and reads until the other side closes.
pub fn ask(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(bytes).unwrap();
    read(stream)
}

pub fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Rows of a tensor as JSON.
pub fn rows(x: &Tensor) -> String {
    let row = |i: i64| format!("{:?}", Vec::<f32>::try_from(x.get(i)).unwrap());
    format!("[{}]", (0..x.size()[0]).map(row).collect::<Vec<_>>().join(","))
}

/// As many rows as keep [`Slow`] busy for a while.
pub fn many() -> String {
    rows(&Tensor::ones([MANY as i64, 64], (Kind::Float, Device::Cpu)))
}

pub const MANY: usize = 2048;
