//! The paths, and how a prediction is admitted, made and refused.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::answer::Rule;
use crate::input::{self, Unread};
use crate::metrics::Metrics;
use crate::model::{Axis, Model};
use crate::{Failure, Limits};

/// What all requests share.
pub struct App {
    pub model: Model,
    pub rule: Rule,
    pub limits: Limits,
    pub metrics: Metrics,
    pub connections: Arc<Semaphore>,
    /// Predictions that run or wait; those that run.
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// An answer that is none: a status and a sentence.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, sentence) = self;
        let mut response = (status, as_json(json!({ "error": sentence }))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn as_json(text: impl ToString) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string() + "\n")
}

impl App {
    pub fn new(model: Model, rule: Rule, limits: Limits) -> App {
        App {
            model,
            rule,
            metrics: Metrics::default(),
            connections: Arc::new(Semaphore::new(limits.connections)),
            admitted: Arc::new(Semaphore::new(limits.workers + limits.queue)),
            running: Arc::new(Semaphore::new(limits.workers)),
            limits,
        }
    }

    pub fn router(self: &Arc<App>) -> axum::Router {
        axum::Router::new()
            .route("/predict", post(predict))
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .fallback(async || {
                Refusal(StatusCode::NOT_FOUND, "there are /predict, /health and /metrics".into())
            })
            .method_not_allowed_fallback(async || {
                let sentence = "/predict takes POST, /health and /metrics take GET";
                Refusal(StatusCode::METHOD_NOT_ALLOWED, sentence.into())
            })
            .layer(from_fn_with_state(Arc::clone(self), count))
            .with_state(Arc::clone(self))
    }

    /// From a body to the answers' JSON.
    fn answers(&self, body: &[u8]) -> Result<String, Refusal> {
        let unfit = |sentence| Refusal(StatusCode::UNPROCESSABLE_ENTITY, sentence);
        let array = input::parse(body).map_err(|unread| match unread {
            Unread::NotJson(sentence) => Refusal(StatusCode::BAD_REQUEST, sentence),
            Unread::NotAnArray(sentence) => unfit(sentence),
        })?;
        let input = self.model.input(array, &self.limits).map_err(unfit)?;
        let rows = input.rows;
        let outputs = self.model.run(input).map_err(unfit)?;
        let answers = self.rule.answers(&self.model, rows, &outputs);
        self.metrics.rows.fetch_add(rows as u64, Relaxed);
        let refused = answers.iter().filter(|answer| answer.is_refused()).count();
        self.metrics.refused.fetch_add(refused as u64, Relaxed);
        let answers = serde_json::to_string(&answers).map_err(|e| failed(&e.into()))?;
        Ok(format!("{{\"answers\":{answers}}}"))
    }
}

fn failed(failure: &Failure) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, format!("the prediction failed: {failure}"))
}

/// Counts what is answered.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = match request.uri().path() {
        "/predict" => "/predict",
        "/health" => "/health",
        "/metrics" => "/metrics",
        _ => "other",
    };
    let response = next.run(request).await;
    app.metrics.answered(path, response.status().as_u16());
    response
}

async fn predict(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    let limits = &app.limits;
    let body = whole(request, limits.body);
    let body = timeout(limits.read, body).await.map_err(|_| {
        let sentence = format!("the body did not come within {:?}", limits.read);
        Refusal(StatusCode::REQUEST_TIMEOUT, sentence)
    })??;
    let start = Instant::now();
    let busy = |sentence: String| Refusal(StatusCode::SERVICE_UNAVAILABLE, sentence);
    let admitted = Arc::clone(&app.admitted)
        .try_acquire_owned()
        .map_err(|_| busy(format!("{} predictions run or wait already", limits.workers + limits.queue)))?;
    let answers = timeout(limits.answer, async {
        let running = Arc::clone(&app.running).acquire_owned().await?;
        let app = Arc::clone(&app);
        // Its places are free when it has ended, whether anybody still waits for it or not.
        let work = move || {
            let answers = app.answers(&body);
            drop((admitted, running));
            answers
        };
        Ok::<_, Failure>(spawn_blocking(work).await?)
    });
    let answers = answers.await.map_err(|_| busy(format!("no answer within {:?}", limits.answer)))?;
    let answers = answers.map_err(|failure| failed(&failure))??;
    app.metrics.predicted(start.elapsed());
    Ok(as_json(answers).into_response())
}

/// The body, of at most `limit` bytes.
///
/// A longer one is read to its end and forgotten: a client that is still sending would not see the answer. One that asks before it sends
/// is told at once.
async fn whole(request: Request, limit: usize) -> Result<Vec<u8>, Refusal> {
    let too_large = || Refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {limit} bytes"));
    let asks = request.headers().contains_key(header::EXPECT);
    let mut body: Body = request.into_body();
    if asks && body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut all = Vec::new();
    let mut fits = true;
    while let Some(frame) = body.frame().await {
        let broken = |e| Refusal(StatusCode::BAD_REQUEST, format!("the body broke off: {e}"));
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        fits &= all.len() + data.len() <= limit;
        if fits {
            all.extend_from_slice(&data);
        } else {
            all = Vec::new();
        }
    }
    if fits { Ok(all) } else { Err(too_large()) }
}

/// That it is there, and what the net takes and gives.
async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let axis = |axis: &Axis| match axis {
        Axis::Fixed(length) => json!(length),
        Axis::Free(name) => json!(name),
    };
    let shape: Vec<_> = std::iter::once(json!("batch")).chain(app.model.axes.iter().map(axis)).collect();
    as_json(json!({
        "status": "ok",
        "net": app.model.net,
        "input": { "shape": shape, "tokens": app.model.tokens.is_some() },
        "about": app.model.summary(),
        "refusal": app.rule.summary(&app.model),
    }))
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let predicting = app.limits.workers + app.limits.queue - app.admitted.available_permits();
    let connections = app.limits.connections - app.connections.available_permits();
    let text = app.metrics.text(predicting, connections);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
