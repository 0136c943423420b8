//! Clients of the other evaluators.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;
use ureq::Agent;

use crate::{Plan, SignedProposal};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum response size; a [`SignedProposal`] has a few hundred bytes.
const MAX_ANSWER: u64 = 16_384;

/// Another evaluator's address: `http://…` or `https://…`.
#[derive(Debug, Clone)]
pub struct Peer {
    url: String,
    agent: Agent,
}

/// An invalid peer address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a valid peer: use another evaluator's address, such as https://evaluator.example:9102"
)]
pub struct PeerUrlError {
    text: String,
}

/// Why a peer's signature is unavailable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// The peer is unreachable, or refuses.
    #[error("no valid response: {0}")]
    Answer(#[from] ureq::Error),
    /// Its response is not a [`SignedProposal`], or not a [`Plan`].
    #[error("no valid response: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The signature is by another key.
    #[error("the signature is not by {0}")]
    Signature(alloy_primitives::Address),
}

impl FromStr for Peer {
    type Err = PeerUrlError;

    fn from_str(text: &str) -> Result<Self, PeerUrlError> {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        match host {
            Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(Self {
                url: text.trim_end_matches('/').to_owned(),
                agent: Agent::config_builder()
                    .timeout_global(Some(TIMEOUT))
                    .max_redirects(0)
                    .http_status_as_error(false)
                    .build()
                    .into(),
            }),
            _ => Err(PeerUrlError { text: text.into() }),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Peer {
    /// Its latest signed proposal; `None` if that is settled.
    ///
    /// # Errors
    /// [`PeerFault`].
    pub(crate) fn signed(&self) -> Result<Option<SignedProposal>, PeerFault> {
        let Some(signed) = self.ask::<SignedProposal>("proposal")? else {
            return Ok(None);
        };
        match signed.verified() {
            Some(_) => Ok(Some(signed)),
            None => Err(PeerFault::Signature(signed.evaluator)),
        }
    }

    /// Its plan; `None` while it is starting.
    ///
    /// # Errors
    /// [`PeerFault`].
    pub(crate) fn plan(&self) -> Result<Option<Plan>, PeerFault> {
        self.ask("plan")
    }

    /// Its answer on a path; `None` for 404.
    fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, PeerFault> {
        let mut answer = self.agent.get(format!("{}/{path}", self.url)).call()?;
        match answer.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            other => return Err(ureq::Error::StatusCode(other).into()),
        }
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Some(serde_json::from_slice(&body)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_peer_addresses_are_rejected() {
        assert_eq!(
            "http://127.0.0.1:9102/".parse::<Peer>().unwrap().to_string(),
            "http://127.0.0.1:9102"
        );
        for text in ["", "127.0.0.1:9102", "ftp://host", "http://", "http://host/?x=1"] {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
    }
}
