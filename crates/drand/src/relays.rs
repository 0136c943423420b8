//! Public relays over HTTP.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use assize_protocol::{B256, BeaconRound};
use ureq::Agent;

use crate::source::check;
use crate::{Beacon, BeaconError, BeaconSource, Chain, Failures, RelayFailure, RelayFault};

/// The relays of the League of Entropy, and Cloudflare's.
pub const PUBLIC_RELAYS: [&str; 4] = [
    "https://api.drand.sh",
    "https://api2.drand.sh",
    "https://api3.drand.sh",
    "https://drand.cloudflare.com",
];

/// Maximum response size; a beacon has less than 1 kB.
const MAX_BODY: u64 = 64 * 1024;

/// Timeouts of relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Timeout of a connection.
    pub connect: Duration,
    /// Timeout of a whole request, connection included.
    pub request: Duration,
    /// Delay before the next relay is queried in parallel.
    pub hedge: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(10),
            hedge: Duration::from_millis(700),
        }
    }
}

/// Relays of one chain, queried in order until one returns the genuine beacon.
///
/// When a relay fails, the next is queried at once. When a relay is slow, the next is queried in parallel after
/// [`Timeouts::hedge`], and the first genuine beacon wins. Every response is verified, so a relay can withhold a beacon
/// but not forge one. Redirects are not followed. If a relay does not know a round by drand's v1 path, the v2 path is
/// tried.
#[derive(Clone, Debug)]
pub struct Relays {
    relays: Vec<Relay>,
    client: Client,
    hedge: Duration,
}

/// The state that each request needs; cheap to clone.
#[derive(Clone, Debug)]
struct Client {
    chain: Chain,
    agent: Agent,
}

impl Relays {
    /// Creates a source from relay addresses (`https://host`, without the chain's hash), with the default timeouts.
    ///
    /// # Errors
    /// [`BeaconError::NoRelays`] if the list is empty, [`BeaconError::RelayUrl`] if an address is invalid.
    pub fn new(chain: Chain, urls: &[impl AsRef<str>]) -> Result<Self, BeaconError> {
        Self::with_timeouts(chain, urls, Timeouts::default())
    }

    /// Creates a source with the given timeouts.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_timeouts(
        chain: Chain,
        urls: &[impl AsRef<str>],
        timeouts: Timeouts,
    ) -> Result<Self, BeaconError> {
        let relays: Vec<Relay> = urls
            .iter()
            .map(|url| Relay::parse(url.as_ref()))
            .collect::<Result<_, _>>()?;
        if relays.is_empty() {
            return Err(BeaconError::NoRelays);
        }
        let agent = Agent::config_builder()
            .timeout_connect(Some(timeouts.connect))
            .timeout_global(Some(timeouts.request))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self {
            relays,
            client: Client { chain, agent },
            hedge: timeouts.hedge,
        })
    }

    /// Queries a relay on its own thread, which ends with the request's timeout at the latest.
    fn ask(&self, place: usize, round: BeaconRound, answers: &Sender<(usize, Answer)>) {
        let (client, relay, answers) = (self.client.clone(), self.relays[place].clone(), answers.clone());
        thread::spawn(move || {
            let answer = client.ask(&relay, round);
            // The receiver is gone if another relay was faster.
            let _ = answers.send((place, answer));
        });
    }

    fn failure(&self, round: BeaconRound, mut faults: BTreeMap<usize, RelayFault>) -> BeaconError {
        let unpublished = faults
            .values()
            .any(|fault| matches!(fault, RelayFault::NotPublished(_)));
        let failures = self.relays.iter().enumerate().filter_map(|(place, relay)| {
            Some(RelayFailure {
                relay: relay.label.clone(),
                fault: faults.remove(&place)?,
            })
        });
        let failures = Failures(failures.collect());
        if unpublished {
            let due = self.client.chain.schedule().time_of(round);
            return BeaconError::NotYetPublished { round, due, failures };
        }
        BeaconError::Unavailable { round, failures }
    }
}

impl BeaconSource for Relays {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        if round.0 == 0 {
            return Err(BeaconError::RoundZero);
        }
        let (sender, answers) = mpsc::channel();
        let mut faults = BTreeMap::new();
        let mut asked = 0;
        loop {
            if asked < self.relays.len() {
                self.ask(asked, round, &sender);
                asked += 1;
            }
            let patience = match asked < self.relays.len() {
                true => self.hedge,
                // No relay is left, and every request ends with its timeout.
                false => Duration::MAX,
            };
            match answers.recv_timeout(patience) {
                Ok((_, Ok(beacon))) => return Ok(beacon),
                Ok((place, Err(fault))) => {
                    let relay = &self.relays[place].label;
                    tracing::warn!(%round, relay, %fault, "relay failed");
                    faults.insert(place, fault);
                }
                // Slow: the next relay is queried in parallel. Our own sender keeps the channel open.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if faults.len() == self.relays.len() {
                return Err(self.failure(round, faults));
            }
        }
    }
}

type Answer = Result<Beacon, RelayFault>;

impl Client {
    fn ask(&self, relay: &Relay, round: BeaconRound) -> Answer {
        let hash = self.chain.hash();
        match self.get(&relay.v1(hash, round), round) {
            Err(RelayFault::NotPublished(404)) => self.get(&relay.v2(hash, round), round),
            answer => answer,
        }
    }

    fn get(&self, url: &str, round: BeaconRound) -> Answer {
        let transport = |error: ureq::Error| RelayFault::Transport(error.to_string());
        let answer = |error| RelayFault::Answer(Box::new(error));
        let mut response = self.agent.get(url).call().map_err(transport)?;
        match response.status().as_u16() {
            200 => {}
            status @ (404 | 425) => return Err(RelayFault::NotPublished(status)),
            status => return Err(RelayFault::Status(status)),
        }
        // ureq's own limit would count the bytes on the wire, which may be compressed.
        let mut body = Vec::new();
        let mut reader = response.body_mut().as_reader().take(MAX_BODY + 1);
        reader
            .read_to_end(&mut body)
            .map_err(|error| RelayFault::Transport(error.to_string()))?;
        if body.len() as u64 > MAX_BODY {
            return Err(RelayFault::Transport(format!("more than {MAX_BODY} bytes")));
        }
        let beacon = Beacon::from_json(&body).map_err(answer)?;
        check(&self.chain, round, &beacon).map_err(answer)?;
        Ok(beacon)
    }
}

/// The address of a relay.
#[derive(Clone, Debug)]
struct Relay {
    /// Without a trailing slash.
    base: String,
    /// The query string, appended after the round; a private relay may need a key here.
    query: String,
    /// Safe for logs: without user, password and query.
    label: String,
}

impl Relay {
    fn parse(url: &str) -> Result<Self, BeaconError> {
        let (address, query) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
        let base = address.trim_end_matches('/');
        let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let label = format!("{scheme}://{host}{path}");
        let well_formed = matches!(scheme, "http" | "https") && !host.is_empty() && !query.starts_with('#');
        if !well_formed || ureq::http::Uri::try_from(base).is_err() {
            return Err(BeaconError::RelayUrl { url: label });
        }
        Ok(Self {
            base: base.into(),
            query: query.into(),
            label,
        })
    }

    fn v1(&self, chain: B256, round: BeaconRound) -> String {
        let (base, query, chain) = (&self.base, &self.query, const_hex::encode(chain));
        format!("{base}/{chain}/public/{round}{query}")
    }

    fn v2(&self, chain: B256, round: BeaconRound) -> String {
        let (base, query, chain) = (&self.base, &self.query, const_hex::encode(chain));
        format!("{base}/v2/chains/{chain}/rounds/{round}{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::Relay;
    use assize_protocol::BeaconRound;

    use crate::{BeaconError, Chain, PUBLIC_RELAYS, Relays};

    #[test]
    fn addresses() {
        let url = |url| {
            Relay::parse(url)
                .unwrap()
                .v1(Chain::quicknet().hash(), BeaconRound(7))
        };
        let hash = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
        assert_eq!(
            url("https://api.drand.sh/"),
            format!("https://api.drand.sh/{hash}/public/7")
        );
        assert_eq!(
            url("http://[::1]:8080/drand?key=k"),
            format!("http://[::1]:8080/drand/{hash}/public/7?key=k")
        );
        assert!(Relays::new(Chain::quicknet(), &PUBLIC_RELAYS).is_ok());
    }

    #[test]
    fn secrets_stay_out_of_labels() {
        assert_eq!(
            Relay::parse("https://me:secret@host/x?key=secret").unwrap().label,
            "https://host/x"
        );
        let error = Relay::parse("ftp://me:secret@host").unwrap_err().to_string();
        assert!(
            error.contains("`ftp://host`") && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn invalid_addresses_are_rejected() {
        for url in [
            "",
            "api.drand.sh",
            "https://",
            "https:///x",
            "http://a b",
            "https://host#x",
            "ws://host",
        ] {
            assert!(
                matches!(Relay::parse(url), Err(BeaconError::RelayUrl { .. })),
                "{url}"
            );
        }
        assert_eq!(
            Relays::new(Chain::quicknet(), &[""; 0]).unwrap_err(),
            BeaconError::NoRelays
        );
    }
}
