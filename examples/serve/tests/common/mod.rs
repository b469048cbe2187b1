//! Nets to serve, a server on a free port, and a client that says what it likes.

#![allow(dead_code, unused_imports, reason = "no test file uses all of it")]

mod nets;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use serve::{Limits, Model, Rule, Server};
use tokio::sync::oneshot;

pub use self::nets::*;

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
