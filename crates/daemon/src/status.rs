//! What a daemon shows to the outside.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use assize_guard::{ConnectionLimits, Proxies, Server};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

/// Few ask a daemon how it is, and none of them may keep the others out.
const CONNECTIONS: ConnectionLimits = ConnectionLimits {
    total: 256,
    per_host: 64,
    head_timeout: Duration::from_secs(10),
    max_head: 16 << 10,
    write_timeout: Duration::from_secs(10),
    drain: Duration::from_secs(2),
};

/// Figures for Prometheus.
pub trait Figures: Send + Sync + 'static {
    /// In OpenMetrics' text form, 1.0.
    fn encode(&self) -> String;
}

/// Health and figures. All clones are one.
#[derive(Debug)]
pub struct Status<F>(Arc<Shared<F>>);

#[derive(Debug)]
struct Shared<F> {
    figures: F,
    health: Mutex<Health>,
}

#[derive(Debug)]
struct Health {
    last_good: Instant,
    patience: u64,
    error: Option<String>,
}

impl<F> Clone for Status<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: Figures> Status<F> {
    /// Healthy until `patience` seconds have passed without a good pass.
    #[must_use]
    pub fn new(figures: F, patience: u64) -> Self {
        let health = Health {
            last_good: Instant::now(),
            patience,
            error: None,
        };
        Self(Arc::new(Shared {
            figures,
            health: Mutex::new(health),
        }))
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self) -> &F {
        &self.0.figures
    }

    /// A pass succeeded.
    pub fn good(&self) {
        let mut health = self.health();
        health.last_good = Instant::now();
        health.error = None;
    }

    /// A pass failed.
    pub fn bad(&self, error: &impl ToString) {
        self.health().error = Some(error.to_string());
    }

    /// `GET /healthz`: 200 while passes succeed, else 503 with the reason. `GET /metrics`: figures for Prometheus.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(healthz::<F>))
            .route("/metrics", get(metrics::<F>))
            .with_state(self.clone())
    }

    /// Serves [`Status::router`], and `others` beside it, until `stop` is done.
    pub async fn serve(
        &self,
        listener: TcpListener,
        others: Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        let server = Server::new(CONNECTIONS, Proxies::default());
        server.serve(listener, self.router().merge(others), stop).await;
    }
}

async fn healthz<F: Figures>(State(status): State<Status<F>>) -> Response {
    let health = status.health();
    let since = health.last_good.elapsed().as_secs();
    match (&health.error, since <= health.patience) {
        (_, true) => (StatusCode::OK, "ok\n").into_response(),
        (error, false) => {
            let reason = error.as_deref().unwrap_or("a pass takes very long");
            let body = format!("no good pass for {since} s: {reason}\n");
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

async fn metrics<F: Figures>(State(status): State<Status<F>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], status.figures().encode()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct None;

    impl Figures for None {
        fn encode(&self) -> String {
            "# EOF\n".into()
        }
    }

    async fn health_of(status: &Status<None>) -> (StatusCode, String) {
        let response = healthz(State(status.clone())).await;
        let code = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_is_a_good_pass_not_long_ago() {
        let status = Status::new(None, 60);
        // One pass that fails is not yet an illness.
        status.bad(&"the node is gone");
        assert_eq!(health_of(&status).await, (StatusCode::OK, "ok\n".into()));
        let long_ago = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        status.health().last_good = long_ago;
        let (code, body) = health_of(&status).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains("no good pass for 10") && body.contains("the node is gone"),
            "{body}"
        );
        status.good();
        assert_eq!(health_of(&status).await.0, StatusCode::OK);
    }
}
