//! Publishing for ever: passes, figures, health.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assize_outbox::{Clock, SystemClock};
use assize_store::Store;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Snapshot;
use crate::{Metrics, PublishError, Publisher};

/// How a daemon goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Pause between two passes.
    pub pause: Duration,
    /// Seconds for which the measurements of batches that are final are kept in the table.
    pub keep: u64,
    /// Seconds without a good pass after which it is not healthy.
    pub patience: u64,
}

/// What a daemon shows to the outside.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    metrics: Metrics,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// Unix seconds.
    last_good: u64,
    /// Seconds.
    patience: u64,
    error: Option<String>,
}

impl Status {
    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn good(&self, snapshot: &Snapshot) {
        self.0.metrics.set(snapshot);
        let mut health = self.health();
        health.last_good = snapshot.now;
        health.error = None;
    }

    fn bad(&self, error: &PublishError) {
        self.health().error = Some(error.to_string());
    }

    /// `GET /healthz`: 200 while passes succeed, else 503 with the reason. `GET /metrics`: figures for Prometheus.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    /// Serves [`Status::router`] until `stop` is done.
    ///
    /// # Errors
    /// The network's.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router())
            .with_graceful_shutdown(stop)
            .await
    }
}

async fn healthz(State(status): State<Status>) -> Response {
    let health = status.health();
    let since = SystemClock.now().saturating_sub(health.last_good);
    match (&health.error, since <= health.patience) {
        (_, true) => (StatusCode::OK, "ok\n").into_response(),
        (error, false) => {
            let reason = error.as_deref().unwrap_or("a pass takes very long");
            let body = format!("no good pass for {since} s: {reason}\n");
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

async fn metrics(State(status): State<Status>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], status.0.metrics.encode()).into_response()
}

/// Does passes until `stop` is set. What fails is logged and tried again; nothing is lost meanwhile. The step that is
/// under way is finished first.
///
/// # Errors
/// Those after which going on makes no sense: another process has taken the key over.
pub async fn run(
    publisher: &mut Publisher,
    store: &dyn Store,
    options: &Options,
    status: &Status,
    stop: &Stop,
) -> Result<(), PublishError> {
    {
        let mut health = status.health();
        health.last_good = SystemClock.now();
        health.patience = options.patience;
    }
    while !stop.is_set() {
        match pass(publisher, store, options, stop).await {
            Ok(snapshot) => status.good(&snapshot),
            Err(error @ PublishError::Outbox(assize_outbox::OutboxError::Fenced)) => return Err(error),
            Err(error) => {
                status.bad(&error);
                match error.is_transient() {
                    true => tracing::warn!(%error, "a pass failed; trying again"),
                    false => tracing::error!(%error, "a pass failed; trying again"),
                }
            }
        }
        stop.wait(options.pause).await;
    }
    Ok(())
}

async fn pass(
    publisher: &mut Publisher,
    store: &dyn Store,
    options: &Options,
    stop: &Stop,
) -> Result<Snapshot, PublishError> {
    let report = publisher.pass(store, &|| stop.is_set()).await?;
    let now = SystemClock.now();
    publisher.ingest().prune(now.saturating_sub(options.keep))?;
    let (totals, stats) = publisher.figures()?;
    let outbox = publisher.outbox();
    let wallet = outbox.client().balance(outbox.signer().address()).await?;
    Ok(Snapshot {
        report,
        totals,
        stats,
        wallet,
        now,
    })
}

/// Asks a daemon to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(AtomicBool, tokio::sync::Notify)>);

impl Stop {
    /// From now on it ends.
    pub fn set(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Until it is asked to.
    pub async fn asked(&self) {
        let asked = self.0.1.notified();
        tokio::pin!(asked);
        // Registered before the flag is read, so that no call is missed.
        asked.as_mut().enable();
        if !self.is_set() {
            asked.await;
        }
    }

    async fn wait(&self, pause: Duration) {
        // Either is fine.
        let _ = tokio::time::timeout(pause, self.asked()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn health_of(status: &Status) -> (StatusCode, String) {
        let response = healthz(State(status.clone())).await;
        let code = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_is_a_good_pass_not_long_ago() {
        let status = Status::default();
        status.health().patience = 60;
        status.health().last_good = SystemClock.now();
        // One pass that fails is not yet an illness.
        status.bad(&PublishError::Outbox(assize_outbox::OutboxError::Fenced));
        assert_eq!(health_of(&status).await, (StatusCode::OK, "ok\n".into()));
        status.health().last_good = SystemClock.now() - 100;
        let (code, body) = health_of(&status).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body.contains("no good pass for 10") && body.contains("another process sends with this key"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_stop_is_seen_by_all_who_wait_for_it() {
        let stop = Stop::default();
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.asked().await }
        });
        tokio::task::yield_now().await;
        stop.set();
        waiting.await.unwrap();
        // Also by one who comes later.
        stop.asked().await;
        assert!(stop.is_set());
    }
}
