//! A drand chain: its key, its schedule, and the verification of its beacons.

use std::fmt;
use std::sync::{Arc, OnceLock};

use alloy_primitives::{b256, hex};
use assize_protocol::{B256, BeaconSchedule, Randomness};

use crate::backend::{Refusal, pure};
use crate::point::{decode_g2, eip2537};
use crate::{Backend, Beacon, BeaconError, ChainInfo, PointError, Scheme};

/// A drand chain whose beacons can be verified. Cheap to clone: the key is decoded once.
#[derive(Clone)]
pub struct Chain(Arc<Parts>);

struct Parts {
    info: ChainInfo,
    schedule: BeaconSchedule,
    pure: OnceLock<Result<pure::Key, PointError>>,
    #[cfg(feature = "blst")]
    native: OnceLock<Result<crate::backend::native::Key, PointError>>,
}

impl Chain {
    /// drand quicknet, the protocol's beacon (docs/protocol.md §2): a round every 3 s.
    #[must_use]
    pub fn quicknet() -> Self {
        static CHAIN: OnceLock<Chain> = OnceLock::new();
        let info = || {
            ChainInfo {
            public_key: hex!(
                "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
                "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
            )
            .into(),
            period: BeaconSchedule::QUICKNET.period.get(),
            genesis_time: BeaconSchedule::QUICKNET.genesis,
            hash: b256!("52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"),
            group_hash: b256!("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"),
            scheme: Scheme::BlsUnchainedG1Rfc9380,
            beacon_id: "quicknet".into(),
        }
        };
        CHAIN
            .get_or_init(|| Self::assemble(info(), BeaconSchedule::QUICKNET))
            .clone()
    }

    /// drand's default chain: a round every 30 s, chained. Filecoin's beacon before quicknet; the protocol does not use
    /// it.
    #[must_use]
    pub fn default_chain() -> Self {
        static CHAIN: OnceLock<Chain> = OnceLock::new();
        let info = || {
            ChainInfo {
            public_key: hex!(
                "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31"
            )
            .into(),
            period: BeaconSchedule::DEFAULT_CHAIN.period.get(),
            genesis_time: BeaconSchedule::DEFAULT_CHAIN.genesis,
            hash: b256!("8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce"),
            group_hash: b256!("176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a"),
            scheme: Scheme::PedersenBlsChained,
            beacon_id: "default".into(),
        }
        };
        CHAIN
            .get_or_init(|| Self::assemble(info(), BeaconSchedule::DEFAULT_CHAIN))
            .clone()
    }

    /// drand evmnet: a round every 3 s, on the curve for which every EVM has precompiles. The protocol does not use it.
    #[cfg(feature = "evmnet")]
    #[must_use]
    pub fn evmnet() -> Self {
        static CHAIN: OnceLock<Chain> = OnceLock::new();
        let info = || {
            ChainInfo {
            public_key: hex!(
                "07e1d1d335df83fa98462005690372c643340060d205306a9aa8106b6bd0b3820557ec32c2ad488e4d4f6008f89a346f"
                "18492092ccc0d594610de2732c8b808f0095685ae3a85ba243747b1b2f426049010f6b73a0cf1d389351d5aaaa1047f6"
                "297d3a4f9749b33eb2d904c9d9ebf17224150ddd7abd7567a9bec6c74480ee0b"
            )
            .into(),
            period: BeaconSchedule::EVMNET.period.get(),
            genesis_time: BeaconSchedule::EVMNET.genesis,
            hash: b256!("04f1e9062b8a81f848fded9c12306733282b2727ecced50032187751166ec8c3"),
            group_hash: b256!("cd7ad2f0e0cce5d8c288f2dd016ffe7bc8dc88dbb229b3da2b6ad736490dfed6"),
            scheme: Scheme::BlsBn254UnchainedG1,
            beacon_id: "evmnet".into(),
        }
        };
        CHAIN
            .get_or_init(|| Self::assemble(info(), BeaconSchedule::EVMNET))
            .clone()
    }

    /// Creates another chain, such as that of a devnet.
    ///
    /// # Errors
    /// [`BeaconError::PublicKey`] if the key is not a valid point, [`BeaconError::Period`] if the period is zero or too
    /// long, [`BeaconError::WrongHash`] if the hash is not that of the description.
    pub fn new(info: ChainInfo) -> Result<Self, BeaconError> {
        let schedule = BeaconSchedule::new(info.genesis_time, info.period).ok_or(BeaconError::Period)?;
        let (stated, computed) = (info.hash, info.computed_hash()?);
        let chain = Self::assemble(info, schedule);
        chain.pure_key()?;
        match stated == computed {
            true => Ok(chain),
            false => Err(BeaconError::WrongHash { stated, computed }),
        }
    }

    /// Creates another chain from the JSON of a relay's `/info`.
    ///
    /// # Errors
    /// As [`Self::new`], and [`BeaconError::Json`] if the JSON is malformed.
    pub fn from_json(json: &[u8]) -> Result<Self, BeaconError> {
        let info = serde_json::from_slice(json).map_err(|error| BeaconError::Json {
            expected: "a chain's info",
            reason: error.to_string(),
        })?;
        Self::new(info)
    }

    /// Reads the canonical JSON of a chain that contracts can verify (`docs/protocol.md` §12.1), as in a bundle.
    ///
    /// # Errors
    /// As [`Self::new`]; [`BeaconError::Form`] if other bytes are canonical, [`BeaconError::NotOnChain`] for another scheme
    /// than quicknet's.
    pub fn from_canonical_json(json: &[u8]) -> Result<Self, BeaconError> {
        let chain = Self::new(ChainInfo::from_canonical_json(json)?)?;
        match chain.scheme() {
            Scheme::BlsUnchainedG1Rfc9380 => Ok(chain),
            other => Err(BeaconError::NotOnChain { scheme: other.name() }),
        }
    }

    fn assemble(info: ChainInfo, schedule: BeaconSchedule) -> Self {
        Self(Arc::new(Parts {
            info,
            schedule,
            pure: OnceLock::new(),
            #[cfg(feature = "blst")]
            native: OnceLock::new(),
        }))
    }

    /// The chain's hash, which identifies it and under which relays serve it.
    #[must_use]
    pub fn hash(&self) -> B256 {
        self.0.info.hash
    }

    /// The compressed public key: 96 bytes on quicknet, 48 on the default chain.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.0.info.public_key
    }

    /// The signature scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.0.info.scheme
    }

    /// The schedule of its rounds.
    #[must_use]
    pub fn schedule(&self) -> BeaconSchedule {
        self.0.schedule
    }

    /// The full description, as in a relay's `/info`.
    #[must_use]
    pub fn info(&self) -> &ChainInfo {
        &self.0.info
    }

    /// The public key in the form that the constructor of `DrandBeacon` takes: EIP-2537's encoding of a point of G2.
    ///
    /// # Errors
    /// [`BeaconError::NotOnChain`] if the chain's key is in G1. [`BeaconError::PublicKey`] cannot occur for a chain
    /// made by this crate.
    pub fn public_key_eip2537(&self) -> Result<[u8; 256], BeaconError> {
        match self.scheme() {
            Scheme::BlsUnchainedG1Rfc9380 => {
                let key = decode_g2(self.public_key()).map_err(|fault| BeaconError::PublicKey { fault })?;
                Ok(eip2537(&key))
            }
            other => Err(BeaconError::NotOnChain { scheme: other.name() }),
        }
    }

    /// Verifies a beacon and returns its randomness.
    ///
    /// # Errors
    /// [`BeaconError`] with the fault of the beacon.
    pub fn verify(&self, beacon: &Beacon) -> Result<Randomness, BeaconError> {
        self.verify_with(Backend::default(), beacon)
    }

    /// Verifies with the given implementation.
    ///
    /// # Errors
    /// As [`Self::verify`], the same for every implementation.
    pub fn verify_with(&self, backend: Backend, beacon: &Beacon) -> Result<Randomness, BeaconError> {
        let round = beacon.round;
        if round.0 == 0 {
            return Err(BeaconError::RoundZero);
        }
        let previous = self.previous(beacon)?;
        let outcome = match backend {
            Backend::Pure => self.pure_key()?.verify(round, previous, &beacon.signature),
            #[cfg(feature = "blst")]
            Backend::Blst => self.native_key()?.verify(round, previous, &beacon.signature),
        };
        outcome.map_err(|refusal| match refusal {
            Refusal::Point(fault) => BeaconError::Signature { round, fault },
            Refusal::Pairing => BeaconError::WrongSignature {
                round,
                chained: !previous.is_empty(),
            },
        })?;
        Ok(beacon.randomness())
    }

    /// The part of the message before the round. An unchained chain has none, even if the beacon has the field.
    fn previous<'a>(&self, beacon: &'a Beacon) -> Result<&'a [u8], BeaconError> {
        let round = beacon.round;
        if self.scheme() != Scheme::PedersenBlsChained {
            return Ok(&[]);
        }
        let previous = beacon
            .previous_signature
            .as_deref()
            .ok_or(BeaconError::MissingPrevious { round })?;
        let seed = self.0.info.group_hash;
        if round.0 == 1 && previous != seed.as_slice() {
            return Err(BeaconError::WrongGenesis { expected: seed });
        }
        if round.0 > 1 {
            decode_g2(previous).map_err(|fault| BeaconError::WrongPrevious { round, fault })?;
        }
        Ok(previous)
    }

    fn pure_key(&self) -> Result<&pure::Key, BeaconError> {
        let decode = || pure::Key::decode(self.scheme(), self.public_key());
        self.0
            .pure
            .get_or_init(decode)
            .as_ref()
            .map_err(|&fault| BeaconError::PublicKey { fault })
    }

    #[cfg(feature = "blst")]
    fn native_key(&self) -> Result<&crate::backend::native::Key, BeaconError> {
        let decode = || crate::backend::native::Key::decode(self.scheme(), self.public_key());
        self.0
            .native
            .get_or_init(decode)
            .as_ref()
            .map_err(|&fault| BeaconError::PublicKey { fault })
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chain").field(&self.0.info).finish()
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.0.info == other.0.info
    }
}

impl Eq for Chain {}
