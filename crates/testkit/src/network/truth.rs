//! The true behaviour of providers, known to the simulation but not to its evaluation.

use alloy_primitives::hex;
use assize_protocol::{ProviderId, Task};
use sha2::{Digest, Sha256};

/// A provider with its hidden quality.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Share of its payloads that can be retrieved.
    pub retrievability: f64,
    /// Whether it serves over HTTP; otherwise over Graphsync only.
    pub http: bool,
    /// How it fails when it fails.
    failure: Failure,
}

/// Kinds of failures, each a real result code of Filecoin Spark.
#[derive(Debug, Clone, Copy)]
enum Failure {
    BadGateway,
    ConnectionRefused,
    Timeout,
    NotAdvertised,
}

/// What a correct station observes.
#[derive(Debug, Clone, Default)]
pub(super) struct Observation {
    pub provider_id: Option<String>,
    pub provider_address: Option<String>,
    pub protocol: Option<String>,
    pub indexer_result: String,
    pub timeout: bool,
    pub status_code: Option<i64>,
    pub head_status_code: Option<i64>,
    pub byte_length: i64,
    pub car_checksum: Option<String>,
}

impl Provider {
    /// Most providers are good, some are mediocre, some dead.
    pub(super) fn derive(seed: u64, id: ProviderId) -> Self {
        let mut rng = fastrand::Rng::with_seed(hash64(seed, &[b"provider", &id.0.to_be_bytes()]));
        let retrievability = match rng.u32(0..100) {
            0..55 => 0.90 + 0.10 * rng.f64(),
            55..80 => 0.35 + 0.45 * rng.f64(),
            _ => 0.05 * rng.f64(),
        };
        let http = rng.u32(0..100) < 85;
        let failure = match rng.u32(0..4) {
            0 => Failure::BadGateway,
            1 => Failure::ConnectionRefused,
            2 => Failure::Timeout,
            _ => Failure::NotAdvertised,
        };
        Self {
            retrievability,
            http,
            failure,
        }
    }

    /// Whether this provider serves this payload; fixed for the whole simulation.
    pub(super) fn serves(&self, seed: u64, task: &Task) -> bool {
        let cid = task.cid.to_string();
        let draw = hash64(
            seed,
            &[b"payload", &task.provider.0.to_be_bytes(), cid.as_bytes()],
        );
        (draw as f64 / u64::MAX as f64) < self.retrievability
    }

    /// What every correct station observes for this task.
    pub(super) fn observe(&self, seed: u64, task: &Task) -> Observation {
        if self.serves(seed, task) {
            return self.success(task, &checksum(&[b"car", task.cid.to_string().as_bytes()]));
        }
        let advertised = self.advertised(task);
        match self.failure {
            Failure::NotAdvertised => Observation {
                provider_id: advertised.provider_id,
                indexer_result: "NO_VALID_ADVERTISEMENT".into(),
                ..Observation::default()
            },
            Failure::Timeout => Observation {
                timeout: true,
                ..advertised
            },
            Failure::ConnectionRefused => Observation {
                status_code: Some(802),
                ..advertised
            },
            Failure::BadGateway => Observation {
                status_code: Some(502),
                ..advertised
            },
        }
    }

    /// A success with the given checksum, true or made up.
    pub(super) fn success(&self, task: &Task, car_checksum: &str) -> Observation {
        let size = 1 + hash64(0, &[b"size", task.cid.to_string().as_bytes()]) % 1_048_576;
        Observation {
            status_code: Some(200),
            head_status_code: self.http.then_some(200),
            byte_length: size as i64,
            car_checksum: Some(car_checksum.to_owned()),
            ..self.advertised(task)
        }
    }

    /// The indexer's answer for a provider that advertises.
    pub(super) fn advertised(&self, task: &Task) -> Observation {
        let id = task.provider.0;
        let (protocol, scheme, indexer_result) = match self.http {
            true => ("http", "https", "OK"),
            false => ("graphsync", "p2p-circuit", "HTTP_NOT_ADVERTISED"),
        };
        Observation {
            provider_id: Some(format!("12D3KooWSimulated{id}")),
            provider_address: Some(format!("/dns/f0{id}.example.net/tcp/443/{scheme}")),
            protocol: Some(protocol.into()),
            indexer_result: indexer_result.into(),
            head_status_code: self.http.then_some(502),
            ..Observation::default()
        }
    }
}

/// A CAR checksum as stations report it: hex multihash of SHA-256.
pub(super) fn checksum(parts: &[&[u8]]) -> String {
    format!("1220{}", hex::encode(digest(parts)))
}

/// 64 bits derived from a seed and some bytes.
pub(super) fn hash64(seed: u64, parts: &[&[u8]]) -> u64 {
    let seed = seed.to_be_bytes();
    let all: Vec<&[u8]> = std::iter::once(&seed[..]).chain(parts.iter().copied()).collect();
    let digest = digest(&all);
    digest
        .iter()
        .take(8)
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    parts
        .iter()
        .fold(Sha256::new(), |hash, part| {
            hash.chain_update((part.len() as u64).to_be_bytes())
                .chain_update(part)
        })
        .finalize()
        .into()
}
