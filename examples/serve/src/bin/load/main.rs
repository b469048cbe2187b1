//! Load for a server: requests over several connections at once, each of which sends the next when it has the answer.

mod made_up;
mod seen;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use lexopt::prelude::*;
use seen::Seen;
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
        None => made_up::rows(&arguments.address, arguments.rows).await?,
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
