//! Load for a server: requests over several connections at once, each of which sends the next when it has the answer.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use lexopt::prelude::*;
use serve::Failure;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const HELP: &str = "\
Measures a server of exported nets.

usage: load [OPTIONS] HOST:PORT

  --connections N,N  how many at a time, one setting after the other (default: 1,8,64)
  --seconds S        of each setting (default: 10)
  --rows N           of each request (default: 1)
  --body FILE        what is sent (default: numbers that fit the net, made up)
  --help             this text

Rate and times are of what was answered with 200; who gets 503 waits as long as it is asked to. An answer is `lost` if a
request went and none came back whole.
";

struct Arguments {
    address: String,
    connections: Vec<usize>,
    seconds: f64,
    rows: usize,
    body: Option<std::path::PathBuf>,
}

fn parse() -> Result<Option<Arguments>, Failure> {
    let mut arguments =
        Arguments { address: String::new(), connections: vec![1, 8, 64], seconds: 10.0, rows: 1, body: None };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("connections") => {
                let text = parser.value()?.string()?;
                arguments.connections = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            Long("seconds") => arguments.seconds = parser.value()?.parse()?,
            Long("rows") => arguments.rows = parser.value()?.parse()?,
            Long("body") => arguments.body = Some(parser.value()?.into()),
            Value(address) if arguments.address.is_empty() => arguments.address = address.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    if arguments.address.is_empty() {
        return Err("where is the server? load HOST:PORT (`--help` says more)".into());
    }
    Ok(Some(arguments))
}

fn main() -> ExitCode {
    let run = || -> Result<(), Failure> {
        let Some(arguments) = parse()? else {
            print!("{HELP}");
            return Ok(());
        };
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(arguments))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::from(2)
        }
    }
}

async fn measure(arguments: Arguments) -> Result<(), Failure> {
    let body = match &arguments.body {
        Some(path) => Bytes::from(std::fs::read(path)?),
        None => made_up(&arguments).await?,
    };
    println!("{} bytes a request", body.len());
    println!("| connections | requests/s | p50, ms | p99, ms | answers | lost |");
    println!("|---|---|---|---|---|---|");
    for &connections in &arguments.connections {
        let start = Instant::now();
        let until = start + Duration::from_secs_f64(arguments.seconds);
        let mut all = JoinSet::new();
        for _ in 0..connections {
            all.spawn(one(arguments.address.clone(), body.clone(), until));
        }
        let mut seen = Seen::default();
        while let Some(one) = all.join_next().await {
            seen.add(one?);
        }
        seen.print(connections, start.elapsed());
    }
    Ok(())
}

/// What came back.
#[derive(Default)]
struct Seen {
    /// By those with 200.
    took: Vec<Duration>,
    statuses: BTreeMap<u16, usize>,
    lost: usize,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        self.took.extend(other.took);
        self.lost += other.lost;
        for (status, n) in other.statuses {
            *self.statuses.entry(status).or_default() += n;
        }
    }

    fn print(&mut self, connections: usize, all: Duration) {
        self.took.sort();
        let at = |share: f64| {
            let place = ((self.took.len() as f64 * share) as usize).min(self.took.len().saturating_sub(1));
            1e3 * self.took.get(place).map_or(f64::NAN, Duration::as_secs_f64)
        };
        let rate = self.took.len() as f64 / all.as_secs_f64();
        let answers: Vec<String> =
            self.statuses.iter().map(|(status, n)| format!("{n} of {status}")).collect();
        let answers = answers.join(", ");
        println!(
            "| {connections} | {rate:.0} | {:.2} | {:.2} | {answers} | {} |",
            at(0.5),
            at(0.99),
            self.lost
        );
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn connect(address: &str) -> Result<Connection, Failure> {
    let tcp = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
    tcp.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(tcp)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One connection after the other until the end, with one request after the other.
async fn one(address: String, body: Bytes, until: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut connection: Option<Connection> = None;
    while Instant::now() < until {
        let Some(open) = &mut connection else {
            match connect(&address).await {
                Ok(fresh) => connection = Some(fresh),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
            continue;
        };
        let start = Instant::now();
        match ask(open, &address, body.clone()).await {
            Ok((status, wait)) => {
                *seen.statuses.entry(status).or_default() += 1;
                if status == 200 {
                    seen.took.push(start.elapsed());
                }
                if let Some(wait) = wait {
                    tokio::time::sleep(wait).await;
                }
            }
            Err(_) => {
                seen.lost += 1;
                connection = None;
            }
        }
    }
    seen
}

/// The status of an answer that came whole, and how long it asks to wait.
async fn ask(
    connection: &mut Connection,
    address: &str,
    body: Bytes,
) -> Result<(u16, Option<Duration>), Failure> {
    let request = Request::post("/predict").header("host", address).body(Full::new(body))?;
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let status = response.status().as_u16();
    let wait = response.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok());
    let mut body: Incoming = response.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok((status, wait.map(Duration::from_secs)))
}

/// Rows that fit what `/health` says of the net: of numbers between -1 and 1, of tokens 0 and 1, 8 along a free axis.
async fn made_up(arguments: &Arguments) -> Result<Bytes, Failure> {
    let tcp =
        TcpStream::connect(&arguments.address).await.map_err(|e| format!("{}: {e}", arguments.address))?;
    let (mut sender, connection) = handshake::<_, Empty<Bytes>>(TokioIo::new(tcp)).await?;
    tokio::spawn(connection);
    let request = Request::get("/health").header("host", &arguments.address).body(Empty::new())?;
    let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    let health: serde_json::Value = serde_json::from_slice(&answer)?;
    let tokens = health["input"]["tokens"].as_bool().ok_or("/health does not say what the net takes")?;
    let shape = health["input"]["shape"].as_array().ok_or("/health does not say what the net takes")?;
    let lengths: Vec<u64> = shape.iter().skip(1).map(|length| length.as_u64().unwrap_or(8)).collect();
    let mut state: u32 = 1;
    let row = array(&lengths, &mut || {
        // Numerical Recipes' generator: any will do.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if tokens {
            (state >> 31).to_string()
        } else {
            format!("{:.3}", f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0)
        }
    });
    Ok(Bytes::from(format!("[{}]", vec![row; arguments.rows].join(","))))
}

fn array(lengths: &[u64], number: &mut impl FnMut() -> String) -> String {
    match lengths.split_first() {
        None => number(),
        Some((&length, rest)) => {
            let elements: Vec<String> = (0..length).map(|_| array(rest, number)).collect();
            format!("[{}]", elements.join(","))
        }
    }
}
