//! Requests that fit the net of a server.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serve::Failure;
use tokio::net::TcpStream;

/// `n` rows that fit what `/health` says of the net: of numbers between -1 and 1, of tokens 0 and 1, 8 along a free axis.
pub async fn rows(address: &str, n: usize) -> Result<Bytes, Failure> {
    let tcp = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
    let (mut sender, connection) = handshake::<_, Empty<Bytes>>(TokioIo::new(tcp)).await?;
    tokio::spawn(connection);
    let request = Request::get("/health").header("host", address).body(Empty::new())?;
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
    Ok(Bytes::from(format!("[{}]", vec![row; n].join(","))))
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
