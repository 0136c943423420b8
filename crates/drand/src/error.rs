//! Errors of fetching and verifying a beacon.

use std::fmt;
use std::path::PathBuf;

use assize_protocol::canonical::FormError;
use assize_protocol::{B256, BeaconRound, Randomness};

use crate::PointError;

/// Why no genuine beacon is available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// Relays use round 0 for "the latest"; it was never signed.
    #[error("round 0 does not exist: drand's rounds are numbered from 1")]
    RoundZero,
    /// The signature does not encode a valid point.
    #[error("the signature of round {round} is not genuine: {fault}")]
    Signature {
        /// The drand round.
        round: BeaconRound,
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// As [`Self::Signature`], where the round is unknown.
    #[error("the bytes are not a beacon signature: {fault}")]
    NotASignature {
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// A well-formed signature of another message or by another key.
    #[error(
        "the signature of round {round} is not genuine: it is a valid point, but the chain's key did not sign this \
         round with it{}", after(*.chained)
    )]
    WrongSignature {
        /// The drand round.
        round: BeaconRound,
        /// Whether the message includes the previous signature, which may then be the wrong part.
        chained: bool,
    },
    /// A chained beacon without its previous signature.
    #[error(
        "round {round} of a chained beacon needs its `previous_signature`: request the v1 form from the relay"
    )]
    MissingPrevious {
        /// The drand round.
        round: BeaconRound,
    },
    /// The previous signature of a chained beacon is malformed.
    #[error("the previous signature of round {round} is malformed: {fault}")]
    WrongPrevious {
        /// The drand round.
        round: BeaconRound,
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// The previous signature of round 1 of a chained beacon must be the chain's genesis seed.
    #[error("the previous signature of round 1 must be the chain's genesis seed {expected}")]
    WrongGenesis {
        /// The chain's genesis seed, also called its group hash.
        expected: B256,
    },
    /// The `randomness` of a beacon contradicts its signature.
    #[error(
        "round {round} came with randomness {stated}, but its signature gives {actual}: do not use this source"
    )]
    WrongRandomness {
        /// The drand round.
        round: BeaconRound,
        /// The stated randomness.
        stated: B256,
        /// SHA-256 of the signature.
        actual: Randomness,
    },
    /// A source returned another round.
    #[error("requested round {asked}, received round {got}: do not use this source")]
    WrongRound {
        /// The requested round.
        asked: BeaconRound,
        /// The round in the response.
        got: BeaconRound,
    },
    /// An invalid public key of a chain.
    #[error("the chain's public key is invalid: {fault}")]
    PublicKey {
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// A chain with period 0.
    #[error(
        "the chain's period is not between 1 and 4294967295 seconds: copy `period` from the relay's /info again"
    )]
    Period,
    /// A description of a chain whose hash is not the one that follows from it.
    #[error(
        "the chain's hash is not {}: key, period, genesis and id give {}: copy the relay's whole /info again",
        const_hex::encode(stated),
        const_hex::encode(computed)
    )]
    WrongHash {
        /// The stated hash.
        stated: B256,
        /// The hash of the description.
        computed: B256,
    },
    /// The public key is not in G2, so it has no EIP-2537 form for `DrandBeacon`.
    #[error(
        "chains of scheme {scheme} cannot be checked on chain: use a chain of scheme bls-unchained-g1-rfc9380"
    )]
    NotOnChain {
        /// The chain's scheme.
        scheme: &'static str,
    },
    /// Malformed hexadecimal.
    #[error("`{field}` is not hexadecimal: {reason}")]
    Hex {
        /// The JSON field.
        field: &'static str,
        /// What is wrong with it.
        reason: const_hex::FromHexError,
    },
    /// JSON that is not a beacon, a list of beacons or a chain's info.
    #[error("not {expected} in drand's JSON form: {reason}")]
    Json {
        /// What was expected.
        expected: &'static str,
        /// The parser's message.
        reason: String,
    },
    /// Beacons of a bundle whose bytes are not the canonical ones.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A file that lists a round twice.
    #[error("round {round} is listed twice in the file: remove one")]
    DuplicateRound {
        /// The drand round.
        round: BeaconRound,
    },
    /// A round that was not recorded.
    #[error("round {round} is not among the {count} recorded beacons: add it, or use relays")]
    NotRecorded {
        /// The drand round.
        round: BeaconRound,
        /// Number of recorded beacons.
        count: usize,
    },
    /// A beacon file that cannot be read.
    #[error("cannot read the beacons in {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// An invalid relay address.
    #[error(
        "`{url}` is not a valid relay address: use http:// or https:// and a host, such as https://api.drand.sh"
    )]
    RelayUrl {
        /// The given text, without user and query.
        url: String,
    },
    /// An empty list of relays.
    #[error("no relay is configured: add at least one, such as https://api.drand.sh")]
    NoRelays,
    /// Relays report that the round does not exist yet.
    #[error("round {round} is not published yet{}: retry then ({failures})", when(*.due))]
    NotYetPublished {
        /// The drand round.
        round: BeaconRound,
        /// Unix time at which it is due, in seconds.
        due: Option<u64>,
        /// The failure of each relay, in the order of the requests.
        failures: Failures,
    },
    /// Every relay failed.
    #[error(
        "no relay returned a genuine beacon of round {round} ({failures}): check the network, use other relays, or use recorded beacons"
    )]
    Unavailable {
        /// The drand round.
        round: BeaconRound,
        /// The failure of each relay, in the order of the requests.
        failures: Failures,
    },
}

impl BeaconError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NotYetPublished { .. } | Self::Unavailable { .. })
    }
}

fn after(chained: bool) -> &'static str {
    if chained {
        " after this previous signature"
    } else {
        ""
    }
}

fn when(due: Option<u64>) -> String {
    due.map(|due| format!(", it is due at Unix time {due}"))
        .unwrap_or_default()
}

/// The failure of each relay, in the order of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(pub Vec<RelayFailure>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, failure) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{failure}")?;
        }
        Ok(())
    }
}

/// The failure of one relay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{relay}: {fault}")]
pub struct RelayFailure {
    /// The relay, without credentials that its address may contain.
    pub relay: String,
    /// The failure.
    pub fault: RelayFault,
}

/// The kind of a relay's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayFault {
    /// The relay does not have the round yet (404 or 425), or does not know the chain (404).
    #[error("HTTP {0}, unknown round")]
    NotPublished(u16),
    /// An HTTP status other than 200.
    #[error("HTTP {0}")]
    Status(u16),
    /// The relay was unreachable, too slow, or its response too long.
    #[error("{0}")]
    Transport(String),
    /// The response is not the genuine beacon.
    #[error("{0}")]
    Answer(Box<BeaconError>),
}
