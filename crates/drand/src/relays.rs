//! Public relays over HTTP.

use std::time::Duration;

use assize_protocol::{B256, BeaconRound};
use ureq::Agent;

use crate::source::check;
use crate::{Beacon, BeaconError, BeaconSource, Chain, Failures, RelayFailure, RelayFault};

/// The League of Entropy's own relays, and Cloudflare's.
pub const PUBLIC_RELAYS: [&str; 4] = [
    "https://api.drand.sh",
    "https://api2.drand.sh",
    "https://api3.drand.sh",
    "https://drand.cloudflare.com",
];

/// A beacon has less than 1 kB; a relay that says more than this is not listened to.
const MAX_BODY: u64 = 64 * 1024;

/// How long a relay may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// For all of a request, connecting included.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(10),
        }
    }
}

/// Relays of one chain, asked in order until one gives the genuine beacon.
///
/// Every answer is verified before it is returned, so a relay can fail to answer but not lie. No redirect is followed.
#[derive(Clone, Debug)]
pub struct Relays {
    chain: Chain,
    relays: Vec<Relay>,
    agent: Agent,
}

impl Relays {
    /// The relays with the given addresses (`https://host`, without the chain's hash), with the default timeouts.
    ///
    /// # Errors
    /// [`BeaconError::NoRelays`] if the list is empty, [`BeaconError::RelayUrl`] if an address is not one.
    pub fn new(chain: Chain, urls: &[impl AsRef<str>]) -> Result<Self, BeaconError> {
        Self::with_timeouts(chain, urls, Timeouts::default())
    }

    /// As [`Self::new`], with other timeouts.
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
        Ok(Self { chain, relays, agent })
    }

    fn ask(&self, relay: &Relay, round: BeaconRound) -> Result<Beacon, RelayFault> {
        let transport = |error: ureq::Error| RelayFault::Transport(error.to_string());
        let answer = |error| RelayFault::Answer(Box::new(error));
        let mut response = self
            .agent
            .get(relay.url_of(self.chain.hash(), round))
            .call()
            .map_err(transport)?;
        match response.status().as_u16() {
            200 => {}
            status @ (404 | 425) => return Err(RelayFault::NotPublished(status)),
            status => return Err(RelayFault::Status(status)),
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY)
            .read_to_vec()
            .map_err(transport)?;
        let beacon = Beacon::from_json(&body).map_err(answer)?;
        check(&self.chain, round, &beacon).map_err(answer)?;
        Ok(beacon)
    }
}

impl BeaconSource for Relays {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        if round.0 == 0 {
            return Err(BeaconError::RoundZero);
        }
        let mut failures = Failures::default();
        for relay in &self.relays {
            match self.ask(relay, round) {
                Ok(beacon) => return Ok(beacon),
                Err(fault) => {
                    tracing::warn!(%round, relay = relay.label, %fault, "relay gave no beacon");
                    failures.0.push(RelayFailure {
                        relay: relay.label.clone(),
                        fault,
                    });
                }
            }
        }
        if failures
            .0
            .iter()
            .any(|failure| matches!(failure.fault, RelayFault::NotPublished(_)))
        {
            let due = self.chain.schedule().time_of(round);
            return Err(BeaconError::NotYetPublished { round, due, failures });
        }
        Err(BeaconError::Unavailable { round, failures })
    }
}

/// Address of a relay.
#[derive(Clone, Debug)]
struct Relay {
    /// Without a slash at its end.
    base: String,
    /// Put after the round; an operator's own relay may want a key here.
    query: String,
    /// Fit for logs: without user, password and query.
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

    fn url_of(&self, chain: B256, round: BeaconRound) -> String {
        format!(
            "{}/{}/public/{round}{}",
            self.base,
            const_hex::encode(chain),
            self.query
        )
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
                .url_of(Chain::quicknet().hash(), BeaconRound(7))
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
    fn what_is_no_address_is_refused() {
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
