//! Stations: keys, operators, subnets and behaviour.

use alloy_primitives::{Address, FixedBytes};
use assize_measurement::station_address;
use secp256k1::SecretKey;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::NetworkPlan;

/// The behaviour of a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Retrieves and reports honestly; its own network fails now and then.
    Honest,
    /// Never retrieves and claims success.
    Liar,
    /// Honest except for one provider, for which the whole ring claims success with one made-up checksum.
    Ring,
    /// Honest, but shares one subnet with many others of the same operator.
    Crowd,
    /// Signs with a key that is not its own.
    Forger,
    /// Reports on another committee's tasks.
    Stray,
    /// Reports everything twice.
    Repeater,
    /// Reports on tasks that are not in the round.
    Inventor,
    /// Not in the roster.
    Outsider,
}

impl Behaviour {
    /// All behaviours, in report order.
    pub const ALL: [Self; 9] = [
        Self::Honest,
        Self::Liar,
        Self::Ring,
        Self::Crowd,
        Self::Forger,
        Self::Stray,
        Self::Repeater,
        Self::Inventor,
        Self::Outsider,
    ];
}

/// One simulated station.
#[derive(Debug, Clone)]
pub struct Station {
    /// Signing key.
    pub key: SecretKey,
    /// Address of `key`.
    pub address: Address,
    /// The operator that it earns for.
    pub operator: Address,
    /// Opaque tag of the station's /24.
    pub subnet: FixedBytes<16>,
    /// Its behaviour.
    pub behaviour: Behaviour,
}

/// A secret key derived from a seed, a role and an index. For simulations only.
pub fn derive_key(seed: u64, role: &str, index: u64) -> SecretKey {
    (0u64..)
        .find_map(|attempt| {
            let digest = Sha256::new()
                .chain_update(b"assize/testkit/key")
                .chain_update(seed.to_be_bytes())
                .chain_update(role)
                .chain_update(index.to_be_bytes())
                .chain_update(attempt.to_be_bytes())
                .finalize();
            SecretKey::from_secret_bytes(digest.into()).ok()
        })
        .unwrap_or_else(|| unreachable!("one of 2^64 hashes is a valid scalar"))
}

/// Operators of honest stations: two of five stations have their own operator, the rest are distributed unevenly.
const HONEST_STATIONS_PER_OPERATOR: f64 = 2.4;
/// Number of stations per operator among liars and in the ring.
const HOSTILE_STATIONS_PER_OPERATOR: u32 = 3;
/// Index of the first ordinary honest operator; the operator with index 0 rejects payments.
const REFUSING_OPERATOR: u64 = 0;

/// All stations of the roster, shuffled so that the index does not reveal the behaviour.
pub(super) fn populate(plan: NetworkPlan) -> Vec<Station> {
    let share = |percent: u32| (plan.stations * percent / 100).max(1);
    let hostile = [
        (Behaviour::Liar, share(8)),
        (Behaviour::Ring, share(4)),
        (Behaviour::Crowd, share(5)),
        (Behaviour::Forger, 1),
        (Behaviour::Stray, 1),
        (Behaviour::Repeater, 1),
        (Behaviour::Inventor, 1),
    ];
    let mut behaviours: Vec<_> = hostile
        .iter()
        .flat_map(|(behaviour, count)| vec![*behaviour; *count as usize])
        .collect();
    behaviours.resize(plan.stations as usize, Behaviour::Honest);

    let mut rng = fastrand::Rng::with_seed(plan.seed);
    rng.shuffle(&mut behaviours);

    let honest = behaviours
        .iter()
        .filter(|behaviour| **behaviour == Behaviour::Honest)
        .count();
    let honest_operators = ((honest as f64 / HONEST_STATIONS_PER_OPERATOR) as u64).max(1);
    let mut seen = std::collections::BTreeMap::<Behaviour, u32>::new();
    behaviours
        .into_iter()
        .enumerate()
        .map(|(index, behaviour)| {
            let nth = seen.entry(behaviour).or_default();
            let operator = match behaviour {
                Behaviour::Honest => {
                    // The first station of each operator in turn; the rest is squared so that a few operators own many.
                    let spread = rng.f64();
                    let operator = if u64::from(*nth) < honest_operators {
                        u64::from(*nth)
                    } else {
                        (spread * spread * honest_operators as f64) as u64
                    };
                    match plan.refusing_operator {
                        Some(contract) if operator == REFUSING_OPERATOR => contract,
                        _ => operator_address(plan.seed, behaviour, operator),
                    }
                }
                Behaviour::Liar | Behaviour::Ring => {
                    let operator = *nth / HOSTILE_STATIONS_PER_OPERATOR;
                    operator_address(plan.seed, behaviour, operator.into())
                }
                _ => operator_address(plan.seed, behaviour, 0),
            };
            *nth += 1;
            let subnet = match behaviour {
                Behaviour::Crowd => subnet(plan.seed, u64::MAX),
                _ => subnet(plan.seed, index as u64),
            };
            station(
                derive_key(plan.seed, "station", index as u64),
                operator,
                subnet,
                behaviour,
            )
        })
        .collect()
}

/// A station that is not in the roster.
pub(super) fn outsider(seed: u64) -> Station {
    let operator = operator_address(seed, Behaviour::Outsider, 0);
    station(
        derive_key(seed, "outsider", 0),
        operator,
        subnet(seed, u64::MAX - 1),
        Behaviour::Outsider,
    )
}

fn station(key: SecretKey, operator: Address, subnet: FixedBytes<16>, behaviour: Behaviour) -> Station {
    Station {
        address: station_address(&key),
        key,
        operator,
        subnet,
        behaviour,
    }
}

fn operator_address(seed: u64, behaviour: Behaviour, index: u64) -> Address {
    station_address(&operator_key(seed, behaviour, index))
}

pub(super) fn operator_key(seed: u64, behaviour: Behaviour, index: u64) -> SecretKey {
    derive_key(seed, &format!("operator/{behaviour:?}"), index)
}

fn subnet(seed: u64, index: u64) -> FixedBytes<16> {
    let digest = Sha256::new()
        .chain_update(b"assize/testkit/subnet")
        .chain_update(seed.to_be_bytes())
        .chain_update(index.to_be_bytes())
        .finalize();
    FixedBytes::from_slice(&digest[..16])
}
