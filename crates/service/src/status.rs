//! What a daemon shows to the outside: health and metrics.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use assize_guard::{Audience, ConnectionLimits};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::encode;
use crate::{Metrics, Stop, serve};

/// The content type of encoded metrics.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Free space, bytes, below which a disk is nearly full.
const MIN_FREE: u64 = 256 << 20;

/// Few clients ask for health and metrics, and none of them may keep the others out.
const CONNECTIONS: ConnectionLimits = ConnectionLimits {
    total: 256,
    per_host: 64,
    head_timeout: Duration::from_secs(10),
    max_head: 16 << 10,
    write_timeout: Duration::from_secs(10),
    drain: Duration::from_secs(2),
};

/// Health and metrics. All clones are one.
#[derive(Debug)]
pub struct Status<M>(Arc<Shared<M>>);

#[derive(Debug)]
struct Shared<M> {
    metrics: M,
    health: Mutex<Health>,
    /// Where the daemon writes.
    directory: OnceLock<PathBuf>,
    watches: Watches,
}

/// Returns what is wrong, if anything is.
type Watch = Box<dyn Fn() -> Option<String> + Send + Sync>;

#[derive(Default)]
struct Watches(Mutex<Vec<Watch>>);

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watches")
    }
}

#[derive(Debug)]
struct Health {
    last_good: Instant,
    /// Seconds without a good pass after which the daemon is unhealthy, besides the pause that it takes.
    patience: u64,
    pause: Duration,
    error: Option<String>,
}

impl<M> Clone for Status<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Metrics> Status<M> {
    /// Healthy until `patience` seconds have passed without a good pass.
    #[must_use]
    pub fn new(metrics: M, patience: u64) -> Self {
        let health = Health {
            last_good: Instant::now(),
            patience,
            pause: Duration::ZERO,
            error: None,
        };
        Self(Arc::new(Shared {
            metrics,
            health: Mutex::new(health),
            directory: OnceLock::new(),
            watches: Watches::default(),
        }))
    }

    /// Reports the daemon as unhealthy while the disk of this directory is nearly full.
    pub fn watch_disk(&self, directory: &Path) {
        let _ = self.0.directory.set(directory.to_owned());
    }

    /// Reports the daemon as unhealthy while `watch` returns a reason, besides its passes. It is called at each request, so it
    /// must not block.
    pub fn watch(&self, watch: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.watches().push(Box::new(watch));
    }

    fn watches(&self) -> MutexGuard<'_, Vec<Watch>> {
        self.0.watches.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &M {
        &self.0.metrics
    }

    /// Notes that a pass succeeded.
    pub fn good(&self) {
        let mut health = self.health();
        health.last_good = Instant::now();
        health.error = None;
    }

    /// Notes that a pass failed, and why.
    pub fn bad(&self, error: &impl ToString) {
        self.health().error = Some(error.to_string());
    }

    /// Notes that the next pass comes after a pause, which may be long when there is nothing to do.
    pub(crate) fn rest(&self, pause: Duration) {
        self.health().pause = pause;
    }

    /// Why the last pass failed; `None` if it succeeded.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.health().error.clone()
    }

    /// `GET /healthz`: 200 while passes succeed, else 503 with the reason. `GET /metrics`: the metrics for Prometheus.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(healthz::<M>))
            .route("/metrics", get(metrics::<M>))
            .with_state(self.clone())
    }

    /// Serves [`Status::router`] until shutdown.
    pub fn serve(&self, listener: TcpListener, stop: &Stop) {
        tokio::spawn(serve(
            listener,
            self.router(),
            CONNECTIONS,
            Audience::Operator,
            stop.clone(),
        ));
    }
}

async fn healthz<M: Metrics>(State(status): State<Status<M>>) -> Response {
    let health = status.health();
    let since = health.last_good.elapsed().as_secs();
    if let Some(full) = status
        .0
        .directory
        .get()
        .and_then(|directory| nearly_full(directory))
    {
        return (StatusCode::SERVICE_UNAVAILABLE, full).into_response();
    }
    if let Some(reason) = status.watches().iter().find_map(|watch| watch()) {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response();
    }
    if since <= health.patience.saturating_add(health.pause.as_secs()) {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let reason = health
        .error
        .as_deref()
        .unwrap_or("the current pass takes too long");
    let body = format!("no pass has succeeded for {since} s: {reason}\n");
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// What is said of a disk that is nearly full.
fn nearly_full(directory: &Path) -> Option<String> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    (free < MIN_FREE).then(|| {
        let directory = directory.display();
        format!(
            "the disk of {directory} is nearly full, {} MiB are left: free some space\n",
            free >> 20
        )
    })
}

async fn metrics<M: Metrics>(State(status): State<Status<M>>) -> Response {
    let body = encode(status.metrics().registry());
    ([(header::CONTENT_TYPE, OPENMETRICS)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMetrics;

    async fn health_of(status: &Status<NoMetrics>) -> (StatusCode, String) {
        let response = healthz(State(status.clone())).await;
        let code = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_daemon_is_healthy_if_a_pass_succeeded_not_long_ago() {
        let status = Status::new(NoMetrics::default(), 60);
        // A single failure does not make it unhealthy.
        status.bad(&"the node is gone");
        assert_eq!(health_of(&status).await, (StatusCode::OK, "ok\n".into()));
        let long_ago = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        status.health().last_good = long_ago;
        let (code, body) = health_of(&status).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains("no pass has succeeded for 10") && body.contains("the node is gone"),
            "{body}"
        );
        // Or if it sleeps, because there was nothing to do.
        status.rest(Duration::from_secs(50));
        assert_eq!(health_of(&status).await.0, StatusCode::OK);
        status.good();
        assert_eq!(health_of(&status).await.0, StatusCode::OK);
        // Something besides its passes is wrong.
        let broken = Arc::new(OnceLock::new());
        let watched = Arc::clone(&broken);
        status.watch(move || watched.get().cloned());
        assert_eq!(health_of(&status).await.0, StatusCode::OK);
        broken.set("the store is empty".to_owned()).unwrap();
        let (code, body) = health_of(&status).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "the store is empty\n");
        // It has no space at all.
        status.watch_disk(Path::new("/proc"));
        let (code, body) = health_of(&status).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("the disk of /proc is nearly full, 0 MiB"), "{body}");
    }
}
