//! A storage provider: an HTTP server that behaves as it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc as blocking};
use std::time::Duration;

use assize_protocol::FileCid;
use axum::body::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::host::Running;
use super::http::Connection;
use super::payload::Digest;
use super::{Conduct, Host, Payload, answer, hash64, http_multiaddr, lock};

/// Requests whose heads are kept, the newest.
const KEPT: usize = 10_000;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// For a change of conduct, which takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that a provider got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Whose.
    pub client: SocketAddr,
    /// `GET`, `HEAD`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Request line and headers, byte for byte as they came.
    pub head: Vec<u8>,
}

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    shop: Arc<Shop>,
    orders: mpsc::UnboundedSender<Order>,
    _running: Running,
    // Bound and never listening: the port stays this provider's while it refuses connections.
    _port: TcpSocket,
}

/// A change of conduct, and whom to tell that it is done.
type Order = (Conduct, blocking::Sender<()>);

/// What a provider has and knows.
#[derive(Debug)]
pub(super) struct Shop {
    seed: u64,
    conduct: Mutex<Conduct>,
    stock: Mutex<Stock>,
    visits: Mutex<Visits>,
    dice: Mutex<fastrand::Rng>,
}

#[derive(Debug, Default)]
struct Stock {
    blocks: BTreeMap<Digest, Bytes>,
    payloads: BTreeMap<Digest, Payload>,
    lost: BTreeSet<Digest>,
}

#[derive(Debug, Default)]
struct Visits {
    newest: VecDeque<Visit>,
    by_client: BTreeMap<IpAddr, u64>,
}

impl Provider {
    /// Starts one on a free port of this machine, with nothing to serve. Its dice are thrown by `seed`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start(host: &Host, conduct: Conduct, seed: u64) -> io::Result<Self> {
        let (port, address) = reserve()?;
        let shop = Arc::new(Shop {
            seed,
            conduct: Mutex::new(conduct.clone()),
            stock: Mutex::default(),
            visits: Mutex::default(),
            dice: Mutex::new(fastrand::Rng::with_seed(hash64(seed, &[b"dice"]))),
        });
        let listener = match conduct {
            Conduct::Dead => None,
            _ => Some(host.inside(|| listen(address))?),
        };
        let (orders, ordered) = mpsc::unbounded_channel();
        let running = host.run(run(Arc::clone(&shop), address, listener, ordered));
        Ok(Self {
            address,
            shop,
            orders,
            _running: running,
            _port: port,
        })
    }

    /// Where it is, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it is, as it advertises it.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        http_multiaddr(self.address)
    }

    /// Gives it a payload to serve.
    pub fn store(&self, payload: &Payload) {
        let mut stock = lock(&self.shop.stock);
        for (cid, block) in payload.blocks() {
            stock.blocks.insert(cid.digest, block);
        }
        stock.payloads.insert(payload.digest(), payload.clone());
    }

    /// Lets it lose a payload's root: it is answered with 404.
    pub fn lose(&self, payload: &Payload) {
        lock(&self.shop.stock).lost.insert(payload.digest());
    }

    /// How it behaves.
    #[must_use]
    pub fn conduct(&self) -> Conduct {
        lock(&self.shop.conduct).clone()
    }

    /// Lets it behave otherwise from now on; when this returns, it does. To be [`Conduct::Dead`] ends connections that are
    /// open, every other conduct begins with a connection's next request.
    pub fn set_conduct(&self, conduct: Conduct) {
        let (done, wait) = blocking::channel();
        // It is there as long as `self` is.
        if self.orders.send((conduct, done)).is_ok() {
            let _ = wait.recv_timeout(PATIENCE);
        }
    }

    /// The requests that it got, the newest 10 000, oldest first.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        lock(&self.shop.visits).newest.iter().cloned().collect()
    }

    /// How many requests each client made, by its address.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<IpAddr, u64> {
        lock(&self.shop.visits).by_client.clone()
    }

    /// How many requests there were.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        lock(&self.shop.visits).by_client.values().sum()
    }
}

impl Shop {
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn block(&self, digest: &[u8]) -> Option<Bytes> {
        let stock = lock(&self.stock);
        let digest = Digest::try_from(digest).ok()?;
        (!stock.lost.contains(&digest)).then(|| stock.blocks.get(&digest).cloned())?
    }

    /// The blocks of a payload but for its root.
    pub(super) fn blocks_below(&self, digest: &[u8]) -> Vec<(FileCid, Bytes)> {
        let stock = lock(&self.stock);
        let payload = Digest::try_from(digest)
            .ok()
            .and_then(|digest| stock.payloads.get(&digest));
        payload.map_or_else(Vec::new, |payload| payload.blocks().split_off(1))
    }

    pub(super) fn throw(&self, of_a_thousand: u16) -> bool {
        lock(&self.dice).u16(0..1_000) < of_a_thousand
    }

    fn note(&self, visit: Visit) {
        let mut visits = lock(&self.visits);
        *visits.by_client.entry(visit.client.ip()).or_default() += 1;
        if visits.newest.len() == KEPT {
            visits.newest.pop_front();
        }
        visits.newest.push_back(visit);
    }
}

/// An address of this machine that refuses connections, as long as this is kept.
#[derive(Debug)]
pub struct DeadAddress {
    address: SocketAddr,
    _port: TcpSocket,
}

impl DeadAddress {
    /// Takes a free port.
    ///
    /// # Errors
    /// The operating system's.
    pub fn reserve() -> io::Result<Self> {
        let (port, address) = reserve()?;
        Ok(Self { address, _port: port })
    }

    /// As an HTTP server would advertise it.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        http_multiaddr(self.address)
    }

    /// As an HTTP server would have it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Binds a free port without listening on it: whoever connects is refused, and nobody else gets the port.
fn reserve() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    // Without it the port could not be listened on beside this socket.
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections, unless the provider is dead.
async fn run(
    shop: Arc<Shop>,
    address: SocketAddr,
    mut listener: Option<TcpListener>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv() => {
                let Some((conduct, done)) = order else { return };
                match conduct {
                    Conduct::Dead => {
                        listener = None;
                        connections.shutdown().await;
                    }
                    _ => if listener.is_none() {
                        listener = listen(address).ok();
                    }
                }
                *lock(&shop.conduct) = conduct;
                let _ = done.send(());
            }
            accepted = accepted => {
                if let Ok((stream, client)) = accepted {
                    connections.spawn(serve(Arc::clone(&shop), Connection::new(stream), client));
                }
            }
            // What is done is forgotten.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(shop: Arc<Shop>, mut connection: Connection, client: SocketAddr) {
    // Clients come and go; what the network says of it is of no interest.
    while let Ok(Some(request)) = connection.request().await {
        shop.note(Visit {
            client,
            method: request.method.clone(),
            target: request.target.clone(),
            head: request.head.clone(),
        });
        let conduct = lock(&shop.conduct).clone();
        match answer::answer(&shop, &conduct, &request, &mut connection).await {
            Ok(true) => {}
            _ => return,
        }
    }
}
