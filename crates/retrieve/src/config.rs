//! The configuration of a [`Retriever`](crate::Retriever).

use std::fmt;
use std::time::Duration;

use alloy_primitives::{Address, address};
use assize_measurement::Millis;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::net::Reach;
use crate::{ConfigError, endpoint};

/// The contract `MinerPeerIDMapping`, in which Curio's providers publish their peer id, on Filecoin mainnet.
pub const CURIO_PEER_IDS: Address = address!("14183aD016Ddc83D638425D6328009aa390339Ce");

/// The network's public indexer.
pub const CID_CONTACT: &str = "https://cid.contact";

/// The user agent of a released Lassie, as seen in the wild (filecoin-project/lassie#367).
pub const LASSIE_AGENT: &str = "lassie/v0.14.2-63c5967";

/// Endpoints, limits and permissions. All checkers of a network should use the same settings, because others may give other
/// results, and a committee's minority earns nothing.
#[derive(Debug, Clone)]
pub struct Config {
    /// Filecoin JSON-RPC endpoint, for peer ids.
    pub rpc: Url,
    /// Bearer token for the JSON-RPC endpoint.
    pub rpc_token: Option<Secret>,
    /// The contract that maps providers to peer ids, if the chain has one. [`CURIO_PEER_IDS`] on mainnet.
    pub peer_ids: Option<Address>,
    /// IPNI indexers, queried in this order until one knows the provider.
    pub indexers: Vec<Url>,
    /// Retrieves from providers that offer only Graphsync. Without it, nothing is fetched from them.
    pub lassie: Option<Lassie>,
    /// Whether providers may have private, loopback and other addresses that are not on the public Internet. For local
    /// networks only: anyone who advertises such an address makes the checker send requests inside its own network.
    pub allow_private: bool,
    /// Whether `/tls/http` counts as `https`, and `/tls/sni/NAME/http` where NAME is the host. Spark rejects both with
    /// code 703; so does this crate by default.
    pub tls_http: bool,
    /// Whether the first request has `format=car` beside its `Accept`. Without it, the request is Lassie's own, byte
    /// for byte, but a server that ignores `Accept` answers with something other than a CAR.
    pub explicit_format: bool,
    /// `User-Agent` of requests to providers.
    pub user_agent: String,
    /// Timeouts and size limits.
    pub limits: Limits,
    /// Certificate authorities trusted in addition to Mozilla's, in DER.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// The wall clock, read once per retrieval.
    pub clock: fn() -> Millis,
}

impl Config {
    /// The defaults for a JSON-RPC endpoint and indexers: no contract, no Lassie, public addresses only.
    #[must_use]
    pub fn new(rpc: Url, indexers: Vec<Url>) -> Self {
        Self {
            rpc,
            rpc_token: None,
            peer_ids: None,
            indexers,
            lassie: None,
            allow_private: false,
            tls_http: false,
            explicit_format: true,
            user_agent: LASSIE_AGENT.into(),
            limits: Limits::default(),
            extra_roots: Vec::new(),
            clock: system_clock,
        }
    }

    /// Where advertised addresses and redirects may lead.
    pub(crate) fn reach(&self) -> Reach {
        if self.allow_private {
            Reach::Anywhere
        } else {
            Reach::Public
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.indexers.is_empty() {
            return Err(ConfigError::NoIndexer);
        }
        let lassie = self.lassie.as_ref().map(|lassie| &lassie.url);
        for url in self.indexers.iter().chain([&self.rpc]).chain(lassie) {
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                return Err(ConfigError::NotHttp(endpoint(url)));
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err(ConfigError::Credentials(endpoint(url)));
            }
        }
        hyper::header::HeaderValue::from_str(&self.user_agent)
            .map_err(|_| ConfigError::UserAgent(self.user_agent.clone()))?;
        Ok(())
    }
}

/// A Lassie daemon.
#[derive(Debug, Clone)]
pub struct Lassie {
    /// Its address, such as `http://127.0.0.1:7777`.
    pub url: Url,
    /// Its access token.
    pub token: Option<Secret>,
}

/// A string that is never shown, not even in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Timeouts and size limits. The defaults are Spark's where Spark had a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Idle timeout: the longest time without a new byte of body. 60 s.
    pub idle: Duration,
    /// Timeout of a fetch, over all addresses, and of an indexer's whole response. 90 s.
    pub total: Duration,
    /// Timeout of name resolution and connection, TLS included. 20 s.
    pub connect: Duration,
    /// Timeout of the HEAD request. 10 s.
    pub head: Duration,
    /// Timeout of one request to the chain, and of an indexer's response head and of each pause in its body. 10 s.
    pub lookup: Duration,
    /// Maximum body size in bytes, as received and after decompression. 200 MiB.
    pub body: u64,
    /// Maximum size of a response from the chain, in bytes. 4 MiB; those that are asked for have a few kB.
    pub answer: usize,
    /// Maximum size of a response from an indexer, in bytes. 256 MiB; it is parsed as it arrives, and the largest that was
    /// seen has 14 098 records in 4.4 MB.
    pub index: u64,
    /// Maximum number of addresses of one provider that are tried. 8.
    pub addresses: usize,
    /// Maximum number of redirects that are followed. 5.
    pub redirects: usize,
    /// Number of retries after a server error. 5.
    pub retries: u32,
    /// Pause before the first retry, doubled each time. 200 ms.
    pub backoff: Duration,
    /// How long a peer id is cached. 1 h.
    pub peer_ttl: Duration,
    /// How many peer ids are cached. 16 384.
    pub peers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            total: Duration::from_secs(90),
            connect: Duration::from_secs(20),
            head: Duration::from_secs(10),
            lookup: Duration::from_secs(10),
            body: 200 << 20,
            answer: 4 << 20,
            index: 256 << 20,
            addresses: 8,
            redirects: 5,
            retries: 5,
            backoff: Duration::from_millis(200),
            peer_ttl: Duration::from_secs(3600),
            peers: 16_384,
        }
    }
}

/// The machine's clock.
fn system_clock() -> Millis {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement contains its time; nothing else depends on it"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
