//! A storage provider: an HTTP server with a given behaviour.

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
use super::port::{listen, reserve};
use super::{Conduct, Host, Payload, answer, hash64, http_multiaddr, lock};

/// Number of recent requests that are recorded.
const KEPT: usize = 1_000;
/// Timeout of a change of behaviour.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The client.
    pub client: SocketAddr,
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Request line and headers, byte for byte as received.
    pub head: Vec<u8>,
}

/// A running provider; it stops on drop.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    shop: Arc<Shop>,
    orders: mpsc::UnboundedSender<Order>,
    _running: Running,
    // Bound but not listening: the port remains reserved while the provider refuses connections.
    _port: TcpSocket,
}

/// A change of behaviour, and the channel that confirms it.
type Order = (Conduct, blocking::Sender<()>);

/// A provider's state.
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
    /// Starts a provider without payloads on a free local port. `seed` decides its random choices.
    ///
    /// # Errors
    /// Operating system errors.
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

    /// Its URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address as advertised.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        http_multiaddr(self.address)
    }

    /// Adds a payload.
    pub fn store(&self, payload: &Payload) {
        let mut stock = lock(&self.shop.stock);
        for (cid, block) in payload.blocks() {
            stock.blocks.insert(cid.digest, block);
        }
        stock.payloads.insert(payload.digest(), payload.clone());
    }

    /// Loses a payload's root: it answers 404.
    pub fn lose(&self, payload: &Payload) {
        lock(&self.shop.stock).lost.insert(payload.digest());
    }

    /// Its behaviour.
    #[must_use]
    pub fn conduct(&self) -> Conduct {
        lock(&self.shop.conduct).clone()
    }

    /// Changes its behaviour; the change is effective when this returns. [`Conduct::Dead`] closes open connections;
    /// every other behaviour begins with the next request of a connection.
    pub fn set_conduct(&self, conduct: Conduct) {
        let (done, wait) = blocking::channel();
        // The receiver lives as long as `self`.
        if self.orders.send((conduct, done)).is_ok() {
            let _ = wait.recv_timeout(PATIENCE);
        }
    }

    /// The last 1 000 requests, oldest first.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        lock(&self.shop.visits).newest.iter().cloned().collect()
    }

    /// Number of requests per client address.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<IpAddr, u64> {
        lock(&self.shop.visits).by_client.clone()
    }

    /// Number of all requests.
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

    /// The blocks of a payload without its root.
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
            // Drop finished tasks.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(shop: Arc<Shop>, mut connection: Connection, client: SocketAddr) {
    // Network errors of clients are ignored.
    while let Ok(Some(request)) = connection.request().await {
        shop.note(Visit {
            client,
            method: request.method.clone(),
            target: request.target.clone(),
            head: request.head.clone(),
        });
        let conduct = lock(&shop.conduct).clone();
        match answer::answer(&shop, &conduct, &request, &mut connection).await {
            Ok(true) if !request.header("connection").eq_ignore_ascii_case("close") => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use assize_measurement::car::{CarError, Sections, unpack};
    use assize_protocol::FileCid;

    use super::super::DeadAddress;
    use super::super::testing::{Raw, ask, ask_raw, connect, get};
    use super::*;

    const CONTENT: &[u8] = b"what is stored here, and more than one byte of it";

    fn with_payload(conduct: Conduct) -> (Provider, Payload) {
        let provider = Provider::start(&Host::new().unwrap(), conduct, 1).unwrap();
        let payload = Payload::new(CONTENT).unwrap();
        provider.store(&payload);
        (provider, payload)
    }

    fn root() -> FileCid {
        assize_measurement::unixfs::file_cid(CONTENT)
    }

    fn car(provider: &Provider) -> Raw {
        get(
            &provider.url(),
            &format!("/ipfs/{}?dag-scope=block&format=car", root()),
        )
    }

    fn raw(provider: &Provider) -> Raw {
        get(&provider.url(), &format!("/ipfs/{}?format=raw", root()))
    }

    fn head(provider: &Provider) -> Raw {
        let line = format!("HEAD /ipfs/{} HTTP/1.1", root());
        ask(&provider.url(), &[&line, "Accept: application/vnd.ipld.raw"])
    }

    #[test]
    fn an_honest_provider_is_a_trustless_gateway() {
        let (provider, _) = with_payload(Conduct::Honest);
        let answer = car(&provider);
        assert_eq!(unpack(&root(), &answer.body).unwrap(), CONTENT);
        assert_eq!(
            answer.header("content-type"),
            Some("application/vnd.ipld.car; version=1; order=dfs; dups=n")
        );
        assert_eq!(raw(&provider).body, CONTENT);
        assert_eq!(
            raw(&provider).header("content-type"),
            Some("application/vnd.ipld.raw")
        );
        let head = head(&provider);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(
            head.header("content-length"),
            Some(CONTENT.len().to_string().as_str())
        );
        let path = format!("GET /ipfs/{} HTTP/1.1", root());
        for (accept, status) in [
            ("application/vnd.ipld.car;version=1;order=dfs;dups=y", 200),
            ("*/*", 200),
            ("text/html", 406),
        ] {
            let answer = ask(&provider.url(), &[&path, &format!("Accept: {accept}")]);
            assert_eq!(answer.status, status, "{accept}");
        }
        for (path, status) in [
            (
                "/ipfs/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
                404,
            ),
            ("/ipfs/hello", 400),
            ("/ipfs/bafkqaaa?format=raw", 200),
            ("/ipfs/bafkqaaa?format=car", 200),
            ("/", 404),
        ] {
            assert_eq!(get(&provider.url(), path).status, status, "{path}");
        }
    }

    #[test]
    fn trees_are_served_whole_or_by_their_root() {
        let provider = Provider::start(&Host::new().unwrap(), Conduct::Honest, 1).unwrap();
        // A dag-pb tree with a CIDv0.
        let payload = Payload::derive(1, assize_protocol::ProviderId(1), 3).unwrap();
        provider.store(&payload);
        let [(root, _), ..] = payload.blocks()[..] else {
            panic!("no blocks")
        };
        let path = format!("/ipfs/{root}?format=car");
        let count = |query: &str| {
            let answer = get(&provider.url(), &format!("{path}{query}"));
            Sections::open(&answer.body).unwrap().map(Result::unwrap).count()
        };
        assert_eq!(count("&dag-scope=block"), 1);
        assert_eq!(count(""), payload.blocks().len());
        // Requested by its CIDv0, the CAR has it as the root.
        let answer = get(
            &provider.url(),
            &format!("/ipfs/{}?dag-scope=block", payload.cid()),
        );
        assert_eq!(answer.status, 200);
        let at = answer
            .body
            .windows(34)
            .filter(|bytes| *bytes == payload.cid().to_bytes())
            .count();
        assert_eq!(at, 2);
    }

    #[test]
    fn partial_providers() {
        let (provider, payload) = with_payload(Conduct::CarOnly);
        assert_eq!(
            (
                car(&provider).status,
                raw(&provider).status,
                head(&provider).status
            ),
            (200, 406, 406)
        );
        provider.set_conduct(Conduct::RawOnly(400));
        assert_eq!(
            (
                car(&provider).status,
                raw(&provider).status,
                head(&provider).status
            ),
            (400, 200, 200)
        );
        provider.set_conduct(Conduct::Honest);
        provider.lose(&payload);
        assert_eq!(
            (
                car(&provider).status,
                raw(&provider).status,
                head(&provider).status
            ),
            (404, 404, 404)
        );
    }

    #[test]
    fn each_behaviour_has_its_body() {
        let (provider, _) = with_payload(Conduct::Lying);
        let error = |provider: &Provider| unpack(&root(), &car(provider).body).unwrap_err();
        assert!(matches!(error(&provider), CarError::WrongHash { .. }));
        assert_ne!(raw(&provider).body, CONTENT);
        provider.set_conduct(Conduct::EmptyCar);
        assert!(matches!(error(&provider), CarError::File(_)));
        provider.set_conduct(Conduct::ExtraBlock);
        assert!(matches!(error(&provider), CarError::Foreign { .. }));
        provider.set_conduct(Conduct::Truncated);
        assert!(matches!(error(&provider), CarError::Cut { .. }));
        provider.set_conduct(Conduct::Garbage);
        assert!(matches!(error(&provider), CarError::Header { .. }));
        provider.set_conduct(Conduct::BrokenOff);
        let answer = car(&provider);
        let announced: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert_eq!(answer.body.len(), announced / 2);
        provider.set_conduct(Conduct::Oversize(1 << 20));
        assert!(car(&provider).body.len() > 1 << 20);
        provider.set_conduct(Conduct::GzipBomb(10 << 20));
        let answer = car(&provider);
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert!(answer.body.len() < 20_000);
    }

    #[test]
    fn each_behaviour_has_its_head() {
        let (provider, _) = with_payload(Conduct::Status(500));
        assert_eq!(car(&provider).status, 500);
        provider.set_conduct(Conduct::RedirectLoop);
        let answer = car(&provider);
        assert_eq!(answer.status, 302);
        let there = answer.header("location").unwrap().to_owned();
        assert_eq!(
            get(&provider.url(), &there).header("location"),
            Some(there.as_str())
        );
        provider.set_conduct(Conduct::Redirect("http://169.254.169.254/".into()));
        assert_eq!(car(&provider).header("location"), Some("http://169.254.169.254/"));
        provider.set_conduct(Conduct::GarbageStatusLine);
        let line = format!("GET /ipfs/{} HTTP/1.1", root());
        assert!(ask_raw(&provider.url(), &[&line]).starts_with(b"SSH"));
        provider.set_conduct(Conduct::Http10);
        let answer = car(&provider);
        assert!(answer.head.starts_with("HTTP/1.0 200 OK\r\n"));
        assert!(answer.header("transfer-encoding").is_none());
        assert_eq!(unpack(&root(), &answer.body).unwrap(), CONTENT);
        provider.set_conduct(Conduct::Flaky(500));
        let statuses: Vec<_> = (0..40).map(|_| head(&provider).status).collect();
        assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    }

    #[test]
    fn slow_responses_end_and_drips_do_not() {
        let (provider, _) = with_payload(Conduct::Slow(Duration::from_millis(50)));
        assert_eq!(unpack(&root(), &car(&provider).body).unwrap(), CONTENT);
        provider.set_conduct(Conduct::SlowHeaders(Duration::from_millis(5)));
        assert_eq!(unpack(&root(), &car(&provider).body).unwrap(), CONTENT);
        provider.set_conduct(Conduct::Drip(Duration::from_millis(1)));
        let mut stream = connect(&provider.url()).unwrap();
        let request = format!("GET /ipfs/{} HTTP/1.1\r\n\r\n", root());
        stream.write_all(request.as_bytes()).unwrap();
        // Far more than the body.
        let mut much = [0; 2_000];
        stream.read_exact(&mut much).unwrap();
        provider.set_conduct(Conduct::Silent);
        let mut stream = connect(&provider.url()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        assert!(stream.read(&mut much).is_err());
    }

    #[test]
    fn dead_providers_refuse_and_return_at_the_same_address() {
        let (provider, _) = with_payload(Conduct::Dead);
        let refused =
            |url: &str| connect(url).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        for _ in 0..3 {
            assert!(refused(&provider.url()));
            provider.set_conduct(Conduct::Honest);
            let mut open = connect(&provider.url()).unwrap();
            assert_eq!(car(&provider).status, 200);
            provider.set_conduct(Conduct::Dead);
            // Open connections are closed.
            assert!(matches!(open.read(&mut [0]), Ok(0) | Err(_)));
        }
        let dead = DeadAddress::reserve().unwrap();
        assert!(refused(&dead.url()));
    }

    #[test]
    fn requests_are_counted_and_recorded_unchanged() {
        let (provider, _) = with_payload(Conduct::Honest);
        let path = format!("/ipfs/{}", root());
        let mut stream = connect(&provider.url()).unwrap();
        let request = format!("HEAD {path} HTTP/1.1\r\nhOsT: x\r\nX-Odd:  1\r\n\r\n");
        // Two requests at once on one connection.
        stream.write_all(request.repeat(2).as_bytes()).unwrap();
        let mut answers = Vec::new();
        while answers.windows(4).filter(|bytes| *bytes == b"\r\n\r\n").count() < 2 {
            let mut buffer = [0; 4_096];
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0);
            answers.extend_from_slice(&buffer[..count]);
        }
        let visits = provider.visits();
        assert_eq!(visits.len(), 2);
        assert_eq!(visits[0].head, request.as_bytes());
        assert_eq!(
            (visits[0].method.as_str(), visits[0].target.as_str()),
            ("HEAD", path.as_str())
        );
        assert_eq!(visits[0].client, stream.local_addr().unwrap());
        assert_eq!(provider.requests().into_values().collect::<Vec<_>>(), [2]);
    }
}
