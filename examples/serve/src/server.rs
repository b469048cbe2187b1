//! Connections: accepting them, their time limits, and the end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::answer::Rule;
use crate::model::Model;
use crate::routes::App;
use crate::stream::Stream;
use crate::{Failure, Limits};

/// What a request's line and headers may take.
const MOST_HEADER_BYTES: usize = 32 << 10;

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
}

impl Server {
    pub async fn bind(address: &str, model: Model, rule: Rule, limits: Limits) -> Result<Server, Failure> {
        let unusable = |e| format!("cannot listen on {address}: {e}");
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let address = listener.local_addr()?;
        Ok(Server { listener, address, app: Arc::new(App::new(model, rule, limits)) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` comes, then answers what it has taken. Returns how many connections were still open after the time of grace.
    pub async fn run(self, stop: impl Future<Output = ()>) -> usize {
        let Server { listener, app, .. } = self;
        let (tell, told) = watch::channel(());
        let mut stop = pin!(stop);
        loop {
            let next = async {
                let place = Arc::clone(&app.connections).acquire_owned().await;
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            let Ok((tcp, _)) = accepted else {
                // No file handle left, say: there will be some when other connections have ended.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (app, told) = (Arc::clone(&app), told.clone());
            tokio::spawn(async move {
                serve(tcp, &app, told).await;
                drop(place);
            });
        }
        drop(listener);
        drop(tell);
        let all = app.limits.connections;
        let ended = app.connections.acquire_many(u32::try_from(all).unwrap_or(u32::MAX));
        match timeout(app.limits.grace, ended).await {
            Ok(_) => 0,
            Err(_) => all - app.connections.available_permits(),
        }
    }
}

/// One connection, until it ends or, once `stop` is gone, has the answer to the request that it is at.
async fn serve(tcp: TcpStream, app: &Arc<App>, mut stop: watch::Receiver<()>) {
    // Answers are small: they go at once.
    tcp.set_nodelay(true).ok();
    let mut stream = Stream::new(tcp, app.limits.read);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(app.limits.read).max_buf_size(MOST_HEADER_BYTES);
    let service = TowerToHyperService::new(app.router());
    let ended = {
        let mut connection = pin!(http.serve_connection(TokioIo::new(&mut stream), service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stop.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if stream.owes && ended.is_err_and(|e| e.is_timeout()) {
        let body = format!("{{\"error\":\"the request did not come within {:?}\"}}\n", app.limits.read);
        let head = "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.ok();
        stream.shutdown().await.ok();
    }
}
