//! A faulty node: a JSON-RPC proxy in front of a real anvil that behaves like a public Filecoin node on a bad day.
//!
//! ```text
//! client ──HTTP──▶ FaultNode ──▶ anvil
//!                    │ blocks are numbered as epochs, some of which are null rounds
//!                    │ transactions are dropped, delayed, rejected by Filecoin's rules
//!                    │ gas is estimated as Lotus or Forest do
//!                    │ responses are late, stale, missing, or have the wrong status
//!                    └ the chain forks
//! ```
//!
//! All faults are drawn from a seed: the same requests get the same faults.

mod epochs;
mod estimate;
mod faults;
mod mempool;
mod proxy;
mod transaction;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use epochs::{block_of, epoch_of, is_null_round};
pub use estimate::Estimates;
pub use faults::{Fault, Faults};
use proxy::{Proxy, Reply};

/// A running fault node; it stops on drop.
#[derive(Debug)]
pub struct FaultNode {
    address: SocketAddr,
    proxy: Shared,
    stop: Option<oneshot::Sender<()>>,
}

type Shared = Arc<Mutex<Proxy>>;

impl FaultNode {
    /// Starts a fault node in front of the anvil at `upstream`, on a free local port. While it runs, only
    /// [`FaultNode::mine`] mines transactions that did not pass through it.
    ///
    /// # Errors
    /// Operating system errors.
    pub fn start(upstream: &str, faults: Faults) -> io::Result<Self> {
        let proxy = Proxy::new(upstream, faults);
        proxy.set_automine(false);
        let proxy = Arc::new(Mutex::new(proxy));
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let shared = Arc::clone(&proxy);
        thread::spawn(move || {
            runtime.block_on(async move {
                let app = Router::new().fallback(answer).with_state(shared);
                let Ok(listener) = TcpListener::from_std(listener) else {
                    return;
                };
                tokio::select! {
                    _ = axum::serve(listener, app) => {}
                    _ = stopped => {}
                }
            });
            // Hanging requests must not block the shutdown.
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            proxy,
            stop: Some(stop),
        })
    }

    /// The JSON-RPC endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes its faults from now on.
    pub fn set(&self, faults: Faults) {
        lock(&self.proxy).set(faults);
    }

    /// Mines an empty block, never during a fork: anvil would lose blocks then.
    pub fn mine(&self) {
        lock(&self.proxy).mine();
    }

    /// Number of faults so far, by kind.
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        lock(&self.proxy).counts()
    }

    /// Number of JSON-RPC calls so far, by method; those of a batch one by one.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        lock(&self.proxy).calls()
    }
}

impl Drop for FaultNode {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        lock(&self.proxy).set_automine(true);
    }
}

fn lock(proxy: &Shared) -> MutexGuard<'_, Proxy> {
    proxy.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(proxy): State<Shared>, request: Bytes) -> Response {
    let answered = tokio::task::spawn_blocking(move || lock(&proxy).answer(&request)).await;
    match answered.unwrap_or(Reply::HangUp(Duration::ZERO)) {
        Reply::Json(body) => ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response(),
        Reply::Busy => (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, "1")],
            "slow down",
        )
            .into_response(),
        Reply::BadGateway => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            (
                StatusCode::BAD_GATEWAY,
                [(header::CONTENT_TYPE, "text/html")],
                page,
            )
                .into_response()
        }
        Reply::HangUp(after) => {
            tokio::time::sleep(after).await;
            // A failing body makes the server close the connection.
            let gone = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
            Response::new(Body::from_stream(futures_util::stream::iter([gone])))
        }
    }
}
