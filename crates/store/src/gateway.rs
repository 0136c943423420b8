//! A client of trustless HTTP gateways.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use assize_measurement::car;
use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;
use ureq::Agent;
use ureq::http::Uri;

use crate::pace::{Pace, Paced};
use crate::spool::{SpoolError, spool};
use crate::{Content, GatewayFailure, GatewayFault, Source, StoreError};

/// Timeout to connect, and to receive the response head.
const PATIENCE: Duration = Duration::from_secs(10);
/// Timeout for a whole file: 4 GiB at 60 Mbit/s.
const TRANSFER: Duration = Duration::from_secs(600);
/// For how long a gateway that was too slow is queried last.
const SLOW_FOR: Duration = Duration::from_secs(300);

/// The identity CID of no bytes, for probing gateways (IPFS Trustless Gateway specification).
const PROBE: &str = "bafkqaaa";

/// Gateways that serve files as CARs (IPFS Trustless Gateway specification), queried in order until one returns the file.
/// One that timed out, or sent less than 64 KiB/s, is queried last for five minutes.
///
/// Every block is verified, so a gateway can withhold a file but not change it. Redirects are not followed.
#[derive(Clone, Debug)]
pub struct Gateways {
    gateways: Vec<Gateway>,
    agent: Agent,
}

#[derive(Clone, Debug)]
struct Gateway {
    /// Without a trailing slash.
    base: String,
    /// Safe for logs: without user and password.
    label: String,
    /// When it was too slow the last time.
    slow: Arc<Mutex<Option<Instant>>>,
}

impl Gateways {
    /// Creates a client for gateway addresses such as `https://trustless-gateway.link`.
    ///
    /// # Errors
    /// [`StoreError::GatewayUrl`] if an address is invalid.
    pub fn new(urls: &[impl AsRef<str>]) -> Result<Self, StoreError> {
        Self::with_patience(urls, PATIENCE, TRANSFER)
    }

    /// Creates a client with other timeouts: for the response head, and for a whole file. After a timeout, the next
    /// gateway is queried.
    ///
    /// # Errors
    /// As [`Gateways::new`].
    pub fn with_patience(
        urls: &[impl AsRef<str>],
        answer: Duration,
        transfer: Duration,
    ) -> Result<Self, StoreError> {
        let agent = Agent::config_builder()
            .timeout_connect(Some(answer))
            .timeout_recv_response(Some(answer))
            .timeout_global(Some(transfer))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let gateways = urls
            .iter()
            .map(|url| Gateway::parse(url.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { gateways, agent })
    }

    /// Asks each gateway for the empty block that the specification has for this; returns those that do not give it.
    #[must_use]
    pub fn probe(&self) -> Vec<GatewayFailure> {
        let failure = |gateway: &Gateway| {
            let url = format!("{}/ipfs/{PROBE}?format=raw", gateway.base);
            let fault = match self.agent.head(url).call() {
                Ok(response) if response.status() == 200 => return None,
                Ok(response) => GatewayFault::Status(response.status().as_u16()),
                Err(error) => GatewayFault::Transport(error.to_string()),
            };
            Some(gateway.failed(fault))
        };
        self.gateways.iter().filter_map(failure).collect()
    }

    fn ask(&self, gateway: &Gateway, cid: &FileCid, most: u64) -> Result<car::Content<File>, GatewayFault> {
        let response = self
            .agent
            .get(format!("{}/ipfs/{cid}?format=car", gateway.base))
            // Some gateways (npm gateway-lib) reject dups=n. Repeated blocks are accepted.
            .header("Accept", "application/vnd.ipld.car; version=1; order=dfs; dups=y")
            .call()
            .map_err(|error| match error {
                ureq::Error::Timeout(_) => GatewayFault::Slow(error.to_string()),
                error => GatewayFault::Transport(error.to_string()),
            })?;
        if response.status() != 200 {
            return Err(GatewayFault::Status(response.status().as_u16()));
        }
        // ureq's own limit would count the bytes on the wire, which may be compressed.
        let body = Paced::new(response.into_body().into_reader(), Pace::USUAL).map_err(GatewayFault::Disk)?;
        spool(cid, body, most).map_err(|error| match error {
            SpoolError::Body(error) if is_timeout(&error) => GatewayFault::Slow(error.to_string()),
            SpoolError::Body(error) => GatewayFault::Transport(error.to_string()),
            SpoolError::TooLong(most) => GatewayFault::TooLong(most),
            SpoolError::Car(error) => GatewayFault::Answer(Box::new(error)),
            SpoolError::Disk(error) => GatewayFault::Disk(error),
        })
    }

    /// All gateways, those that were too slow last.
    fn in_order(&self) -> impl Iterator<Item = &Gateway> {
        let (slow, others): (Vec<_>, Vec<_>) = self.gateways.iter().partition(|gateway| gateway.is_slow());
        others.into_iter().chain(slow)
    }
}

/// Whether a body did not come in time.
fn is_timeout(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    error.kind() == io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
}

impl Source for Gateways {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        self.open_within(cid, MAX_FILE_SIZE)
    }

    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        let mut failures = Vec::new();
        for gateway in self.in_order() {
            match self.ask(gateway, cid, most) {
                Ok(content) => return Ok(Content::checked(content)),
                Err(fault) => {
                    if matches!(fault, GatewayFault::Slow(_)) {
                        gateway.was_slow();
                    }
                    failures.push(gateway.failed(fault));
                }
            }
        }
        Err(StoreError::Gateways { cid: *cid, failures })
    }
}

impl Gateway {
    /// Whether it was too slow in the last minutes.
    fn is_slow(&self) -> bool {
        let at = *self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < SLOW_FOR)
    }

    fn was_slow(&self) {
        *self.slow.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn failed(&self, fault: GatewayFault) -> GatewayFailure {
        GatewayFailure {
            gateway: self.label.clone(),
            fault,
        }
    }

    fn parse(url: &str) -> Result<Self, StoreError> {
        let base = url.trim_end_matches('/');
        let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let label = format!("{scheme}://{host}{path}");
        let well_formed = matches!(scheme, "http" | "https") && !host.is_empty() && !url.contains(['?', '#']);
        if !well_formed || Uri::try_from(base).is_err() {
            return Err(StoreError::GatewayUrl { url: label });
        }
        Ok(Self {
            base: base.into(),
            label,
            slow: Arc::default(),
        })
    }
}
