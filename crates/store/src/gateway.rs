//! A client of trustless HTTP gateways.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assize_measurement::car::{self, CarError};
use assize_measurement::unixfs::{MAX_FILE_SIZE, UnixFsError};
use assize_protocol::FileCid;
use ureq::Agent;
use ureq::http::Uri;

use crate::pace::{Pace, Paced};
use crate::spool::{SpoolError, spool};
use crate::standing::{Out, Standing};
use crate::{Content, GatewayFailure, GatewayFault, Patience, Source, StoreError};

/// The identity CID of no bytes, for probing gateways (IPFS Trustless Gateway specification).
const PROBE: &str = "bafkqaaa";

/// Gateways that serve files as CARs (IPFS Trustless Gateway specification), queried in order until one returns the file.
/// One that offends is left out: not asked for anything, for five minutes, twice as long each time, and at most for an hour, until it
/// has delivered a file again. It offends if it sends less than 64 KiB/s, takes longer than [`Patience`] gives it, or sends
/// something that is not the file. One that does not begin to answer is queried last for five minutes. Clones share this.
///
/// Every block is verified, so a gateway can withhold a file but not change it. Redirects are not followed.
#[derive(Clone, Debug)]
pub struct Gateways {
    gateways: Vec<Gateway>,
    agent: Agent,
    patience: Patience,
}

#[derive(Clone, Debug)]
struct Gateway {
    /// Without a trailing slash.
    base: String,
    /// Safe for logs: without user and password.
    label: String,
    standing: Arc<Standing>,
}

impl Gateways {
    /// Creates a client for gateway addresses such as `https://trustless-gateway.link`.
    ///
    /// # Errors
    /// [`StoreError::GatewayUrl`] if an address is invalid.
    pub fn new(urls: &[impl AsRef<str>]) -> Result<Self, StoreError> {
        Self::with_patience(urls, Patience::USUAL)
    }

    /// Creates a client with other limits.
    ///
    /// # Errors
    /// As [`Gateways::new`].
    pub fn with_patience(urls: &[impl AsRef<str>], patience: Patience) -> Result<Self, StoreError> {
        let agent = Agent::config_builder()
            .timeout_connect(Some(patience.answer))
            .timeout_recv_response(Some(patience.answer))
            .timeout_global(Some(patience.base))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let gateways = urls
            .iter()
            .map(|url| Gateway::parse(url.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            gateways,
            agent,
            patience,
        })
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

    fn ask(&self, gateway: &Gateway, cid: &FileCid, most: u64) -> Result<car::Content<File>, Failed> {
        let transfer = self.patience.transfer(most);
        let response = self
            .agent
            .get(format!("{}/ipfs/{cid}?format=car", gateway.base))
            // Some gateways (npm gateway-lib) reject dups=n. Repeated blocks are accepted.
            .header("Accept", "application/vnd.ipld.car; version=1; order=dfs; dups=y")
            .config()
            .timeout_global(Some(transfer))
            .build()
            .call()
            .map_err(|error| match error {
                ureq::Error::Timeout(_) => GatewayFault::Silent(error.to_string()),
                error => GatewayFault::Transport(error.to_string()),
            })?;
        if response.status() != 200 {
            return Err(GatewayFault::Status(response.status().as_u16()).into());
        }
        let begun = Instant::now();
        // ureq's own limit would count the bytes on the wire, which may be compressed.
        let body = Paced::new(response.into_body().into_reader(), Pace::USUAL).map_err(GatewayFault::Disk)?;
        spool(cid, body, most).map_err(|error| {
            let fault = match error {
                SpoolError::Body(error) if is_timeout(&error) => GatewayFault::Slow(error.to_string()),
                SpoolError::Body(error) => GatewayFault::Transport(error.to_string()),
                SpoolError::TooLong(most) => GatewayFault::TooLong(most),
                SpoolError::Car(error) => GatewayFault::Answer(Box::new(error)),
                SpoolError::Disk(error) => GatewayFault::Disk(error),
            };
            Failed {
                offends: offends(&fault, begun.elapsed()),
                fault,
            }
        })
    }

    /// All gateways, those that did not answer last.
    fn in_order(&self) -> impl Iterator<Item = &Gateway> {
        let now = Instant::now();
        let gateways = self.gateways.iter();
        let (silent, others): (Vec<_>, Vec<_>) =
            gateways.partition(|gateway| gateway.standing.is_silent(now));
        others.into_iter().chain(silent)
    }
}

/// Why a gateway gave nothing.
struct Failed {
    fault: GatewayFault,
    /// Whether it is left out for that.
    offends: bool,
}

impl From<GatewayFault> for Failed {
    fn from(fault: GatewayFault) -> Self {
        Self {
            fault,
            offends: false,
        }
    }
}

/// Whether a gateway whose answer was begun, and ended in this, offends. What it must not do is take time for nothing. So bytes that do
/// not match the CID are an offence at once, and any other answer that is not the file is one if it took long: an honest gateway may
/// be asked for a file that no reader accepts.
fn offends(fault: &GatewayFault, took: Duration) -> bool {
    let is_long = took > Pace::USUAL.grace;
    match fault {
        GatewayFault::Slow(_) => true,
        GatewayFault::Answer(error) => is_long || is_lie(error),
        GatewayFault::Transport(_) | GatewayFault::TooLong(_) => is_long,
        _ => false,
    }
}

/// Whether no file can have this CAR. One that lacks a block proves no lie: the gateway may not have got it from others itself.
fn is_lie(error: &CarError) -> bool {
    matches!(
        error,
        CarError::Header { .. }
            | CarError::OtherRoot { .. }
            | CarError::WrongHash { .. }
            | CarError::Foreign { .. }
            | CarError::Repeated { .. }
            | CarError::File(UnixFsError::WrongHash(_))
    )
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
            if let Some(Out { clock, why, .. }) = gateway.standing.out(Instant::now()) {
                failures.push(gateway.failed(GatewayFault::LeftOut { why, until: clock }));
                continue;
            }
            let asked = self.ask(gateway, cid, most);
            let (now, standing) = (Instant::now(), &gateway.standing);
            let Failed { fault, offends } = match asked {
                Ok(content) => {
                    standing.delivered(now);
                    return Ok(Content::checked(content));
                }
                Err(failed) => failed,
            };
            if offends {
                standing.offended(now, fault.to_string(), &self.patience);
            } else if matches!(fault, GatewayFault::Silent(_)) {
                standing.was_silent(now);
            }
            failures.push(gateway.failed(fault));
        }
        Err(StoreError::Gateways { cid: *cid, failures })
    }
}

impl Gateway {
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
            standing: Arc::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use assize_measurement::unixfs::file_cid;

    use super::*;

    #[test]
    fn taking_time_for_nothing_is_an_offence_and_refusing_at_once_is_none() {
        let cid = file_cid(b"a file");
        let answer = |error| GatewayFault::Answer(Box::new(error));
        let wrong = answer(CarError::WrongHash { cid, offset: 59 });
        let own = answer(CarError::File(UnixFsError::TooLarge { cid, size: 9 }));
        let lacks = answer(CarError::File(UnixFsError::Missing(cid)));
        let cut = GatewayFault::Transport("closed".into());
        let slow = GatewayFault::Slow("it drips".into());
        let faults = [
            wrong,
            slow,
            own,
            lacks,
            cut,
            GatewayFault::TooLong(9),
            GatewayFault::Status(502),
        ];
        let [soon, late] = [1, 11].map(|seconds| {
            let took = Duration::from_secs(seconds);
            faults.each_ref().map(|fault| offends(fault, took))
        });
        assert_eq!(soon, [true, true, false, false, false, false, false]);
        assert_eq!(late, [true, true, true, true, true, true, false]);
    }
}
