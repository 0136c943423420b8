//! The threads that servers run on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::task::AbortHandle;

/// Two threads for any number of servers. Clones share them; they end with the last clone and the last server.
#[derive(Debug, Clone)]
pub struct Host(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Drop for Threads {
    fn drop(&mut self) {
        // In the background, because the owner may be asynchronous, and hanging servers must not block it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Host {
    /// Starts the threads.
    ///
    /// # Errors
    /// Operating system errors.
    pub fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("filecoin")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Arc::new(Threads {
            runtime: Some(runtime),
            handle,
        })))
    }

    /// Runs a task until it ends or [`Running`] is dropped.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) -> Running {
        Running {
            task: self.0.handle.spawn(task).abort_handle(),
            _host: self.clone(),
        }
    }

    /// Listens on a free local port.
    pub(super) fn listen(&self) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _inside = self.0.handle.enter();
        Ok((TcpListener::from_std(listener)?, address))
    }

    /// Runs a closure within the runtime.
    pub(super) fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        let _inside = self.0.handle.enter();
        work()
    }
}

/// A running server; it stops on drop.
#[derive(Debug)]
pub(super) struct Running {
    task: AbortHandle,
    _host: Host,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
