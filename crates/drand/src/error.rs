//! What can go wrong between asking for a round and knowing its randomness.

use std::fmt;
use std::path::PathBuf;

use assize_protocol::{B256, BeaconRound, Randomness};

use crate::PointError;

/// Why there is no genuine beacon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// Round 0 is how relays say "the latest"; it was never signed.
    #[error("round 0 does not exist: drand's rounds are numbered from 1")]
    RoundZero,
    /// The signature is not the encoding of a point that a signature can be.
    #[error("the signature of round {round} is not genuine: {fault}")]
    Signature {
        /// The drand round.
        round: BeaconRound,
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// As [`Self::Signature`], where no round is known.
    #[error("the bytes given are not a beacon's signature: {fault}")]
    NotASignature {
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// A well-formed signature of something else, or by someone else.
    #[error(
        "the signature of round {round} is not genuine: it is a valid point, but the chain's key did not sign this \
         round with it{}", after(*.chained)
    )]
    WrongSignature {
        /// The drand round.
        round: BeaconRound,
        /// Whether the message also has the previous signature in it, which then may be the part that is wrong.
        chained: bool,
    },
    /// A chained beacon without the signature before it.
    #[error(
        "round {round} of a chained beacon needs its `previous_signature`: ask the relay for the v1 form"
    )]
    MissingPrevious {
        /// The drand round.
        round: BeaconRound,
    },
    /// The previous signature of a chained beacon cannot be a signature.
    #[error("the previous signature given with round {round} is corrupted: {fault}")]
    WrongPrevious {
        /// The drand round.
        round: BeaconRound,
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// Round 1 of a chained beacon follows the chain's genesis seed, and nothing else.
    #[error("round 1 must follow the chain's genesis seed {expected}, not what was given with it")]
    WrongGenesis {
        /// The chain's genesis seed, also called its group hash.
        expected: B256,
    },
    /// The `randomness` that came with a beacon contradicts its signature.
    #[error(
        "round {round} came with randomness {stated}, but its signature gives {actual}: do not use this source"
    )]
    WrongRandomness {
        /// The drand round.
        round: BeaconRound,
        /// The randomness stated.
        stated: B256,
        /// SHA-256 of the signature.
        actual: Randomness,
    },
    /// A source answered with another round.
    #[error("asked for round {asked}, got round {got}: do not use this source")]
    WrongRound {
        /// The round asked for.
        asked: BeaconRound,
        /// The round in the answer.
        got: BeaconRound,
    },
    /// A chain whose public key is not one.
    #[error("the chain's public key is not usable: {fault}")]
    PublicKey {
        /// What is wrong with the bytes.
        fault: PointError,
    },
    /// A chain with period 0.
    #[error(
        "the chain's period is not between 1 and 4294967295 seconds: copy `period` from the relay's /info again"
    )]
    Period,
    /// The public key is not in G2, so there is no EIP-2537 form that `DrandBeacon` could take.
    #[error(
        "chains of scheme {scheme} cannot be checked on chain: use one of scheme bls-unchained-g1-rfc9380"
    )]
    NotOnChain {
        /// The chain's scheme.
        scheme: &'static str,
    },
    /// Text that should be hexadecimal.
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
        /// What the parser found.
        reason: String,
    },
    /// A file with two beacons of one round.
    #[error("the file has round {round} twice: remove one of them")]
    DuplicateRound {
        /// The drand round.
        round: BeaconRound,
    },
    /// A round that was not recorded.
    #[error("round {round} is not among the {count} recorded beacons: add it, or ask relays instead")]
    NotRecorded {
        /// The drand round.
        round: BeaconRound,
        /// How many beacons were recorded.
        count: usize,
    },
    /// A file of beacons that cannot be read.
    #[error("cannot read the beacons in {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A relay address that cannot be asked.
    #[error(
        "`{url}` is not the address of a relay: give http:// or https:// and a host, such as https://api.drand.sh"
    )]
    RelayUrl {
        /// The text given, without user and query.
        url: String,
    },
    /// An empty list of relays.
    #[error("no relay is configured: give at least one, such as https://api.drand.sh")]
    NoRelays,
    /// Relays say that there is no such round yet.
    #[error("round {round} is not published yet{}: ask again then ({failures})", when(*.due))]
    NotYetPublished {
        /// The drand round.
        round: BeaconRound,
        /// Unix time at which it is due, seconds.
        due: Option<u64>,
        /// What each relay said, in the order in which they were asked.
        failures: Failures,
    },
    /// Every relay failed.
    #[error(
        "no relay gave a genuine beacon of round {round} ({failures}): check the network, name other relays, or use recorded beacons"
    )]
    Unavailable {
        /// The drand round.
        round: BeaconRound,
        /// What each relay said, in the order in which they were asked.
        failures: Failures,
    },
}

impl BeaconError {
    /// Whether the same question may have another answer later.
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

/// What each relay said, in the order in which they were asked.
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

/// Why one relay did not give the beacon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{relay}: {fault}")]
pub struct RelayFailure {
    /// The relay, without credentials that its address may hold.
    pub relay: String,
    /// What happened.
    pub fault: RelayFault,
}

/// What happened at a relay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayFault {
    /// It says that there is no such round yet (404 or 425), or does not know the chain (404).
    #[error("HTTP {0}, no such round")]
    NotPublished(u16),
    /// Another HTTP status than 200.
    #[error("HTTP {0}")]
    Status(u16),
    /// It could not be reached, was too slow or said too much.
    #[error("{0}")]
    Transport(String),
    /// It answered with something else than the genuine beacon.
    #[error("{0}")]
    Answer(Box<BeaconError>),
}
