//! Creations: the bytecode of each contract and its constructor arguments.

use alloy_primitives::{Address, B256, Bytes, I256, U256, keccak256};
use alloy_sol_types::{SolConstructor, SolValue, eip712_domain};
use assize_chain::{Draft, encode_parameters};
use serde::{Deserialize, Serialize};

use crate::params::{self, BeaconParams, DeployParams, ParamsError};
use assize_chain::contracts::drand_beacon::DrandBeacon;
use assize_chain::contracts::filecoin_beacon::FilecoinBeacon;
use assize_chain::contracts::rewards::Rewards as RewardsAbi;
use assize_chain::contracts::rounds::Rounds as RoundsAbi;

/// Unix time of drand quicknet's first round, and its period, as in `FilecoinBeacon`.
const QUICKNET_GENESIS: i64 = 1_692_803_367;
const QUICKNET_PERIOD: i64 = 3;
const EPOCH_SECONDS: i64 = 30;

/// One of the three contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// `DrandBeacon` or `FilecoinBeacon`.
    Beacon,
    /// `Rounds`.
    Rounds,
    /// `Rewards`.
    Rewards,
}

/// A constructor argument as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name in the source.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A contract derived from source and parameters.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    /// The contract's name in the source.
    pub name: &'static str,
    /// Creation code without arguments.
    pub bytecode: Bytes,
    /// The arguments, ABI-encoded.
    pub arguments: Bytes,
    /// The arguments as text.
    pub decoded: Vec<Argument>,
}

impl Creation {
    pub(crate) fn beacon(beacon: &BeaconParams) -> Result<Self, ParamsError> {
        Ok(match beacon {
            BeaconParams::Drand {
                public_key,
                genesis,
                period,
            } => {
                let key = params::public_key_for_evm(public_key)?;
                let decoded = decoded([
                    ("key", key.to_string()),
                    ("genesis", genesis.to_string()),
                    ("period", period.to_string()),
                ]);
                let arguments = DrandBeacon::constructorCall {
                    key,
                    genesis: *genesis,
                    period: *period,
                };
                Self::new("DrandBeacon", &DrandBeacon::BYTECODE, &arguments, decoded)
            }
            BeaconParams::FilecoinMainnet { slack_epochs } => {
                Self::filecoin(params::MAINNET_GENESIS, *slack_epochs)
            }
            BeaconParams::FilecoinCalibration { slack_epochs } => {
                Self::filecoin(params::CALIBRATION_GENESIS, *slack_epochs)
            }
        })
    }

    fn filecoin(genesis: u64, slack_epochs: u64) -> Self {
        let arguments = FilecoinBeacon::constructorCall {
            filecoinGenesis: genesis,
            slackEpochs: slack_epochs,
        };
        let decoded = decoded([
            ("filecoinGenesis", genesis.to_string()),
            ("slackEpochs", slack_epochs.to_string()),
        ]);
        Self::new("FilecoinBeacon", &FilecoinBeacon::BYTECODE, &arguments, decoded)
    }

    pub(crate) fn rounds(params: &DeployParams, beacon: Address) -> Result<Self, ParamsError> {
        let arguments = RoundsAbi::constructorCall {
            beacon,
            owner: params.owner,
            firstCoordinator: params.coordinator,
            firstParameters: encode_parameters(&params.parameters)
                .map_err(|error| ParamsError::field("parameters.budget", &error.to_string()))?,
        };
        let p = &params.parameters;
        let parameters = format!(
            "roundDuration {}, beaconDelay {}, commitGrace {}, minCommitteeSize {}, maxCommitteeSize {}, quorum {}, \
             maxTasksPerCommittee {}, targetMeasurements {}, budget {}",
            p.round_duration,
            p.beacon_delay,
            p.commit_grace,
            p.min_committee_size,
            p.max_committee_size,
            p.quorum,
            p.max_tasks_per_committee,
            p.target_measurements,
            p.budget.atto()
        );
        let decoded = decoded([
            ("beacon", beacon.to_string()),
            ("owner", params.owner.to_string()),
            ("firstCoordinator", params.coordinator.to_string()),
            ("firstParameters", parameters),
        ]);
        Ok(Self::new("Rounds", &RoundsAbi::BYTECODE, &arguments, decoded))
    }

    pub(crate) fn rewards(params: &DeployParams, rounds: Address) -> Self {
        let mut evaluators = params.evaluators.clone();
        evaluators.sort_unstable();
        let listed: Vec<_> = evaluators.iter().map(Address::to_string).collect();
        let decoded = decoded([
            ("rounds", rounds.to_string()),
            ("owner", params.owner.to_string()),
            ("firstGuardian", params.guardian.to_string()),
            ("firstTreasury", params.treasury.to_string()),
            ("minChallengeWindow", params.min_challenge_window.to_string()),
            ("firstChallengeWindow", params.challenge_window.to_string()),
            ("paymentGas", params.payment_gas.to_string()),
            ("firstEvaluators", listed.join(", ")),
            ("threshold", params.threshold.to_string()),
        ]);
        let arguments = RewardsAbi::constructorCall {
            rounds,
            owner: params.owner,
            firstGuardian: params.guardian,
            firstTreasury: params.treasury,
            minChallengeWindow: params.min_challenge_window,
            firstChallengeWindow: params.challenge_window,
            paymentGas: U256::from(params.payment_gas),
            firstEvaluators: evaluators,
            threshold: U256::from(params.threshold),
        };
        Self::new("Rewards", &RewardsAbi::BYTECODE, &arguments, decoded)
    }

    /// The creation of `part`, given the addresses of the others.
    pub(crate) fn of(
        part: Part,
        params: &DeployParams,
        beacon: Address,
        rounds: Address,
    ) -> Result<Self, ParamsError> {
        match part {
            Part::Beacon => Self::beacon(&params.beacon),
            Part::Rounds => Self::rounds(params, beacon),
            Part::Rewards => Ok(Self::rewards(params, rounds)),
        }
    }

    fn new<C: SolConstructor>(
        name: &'static str,
        bytecode: &Bytes,
        arguments: &C,
        decoded: Vec<Argument>,
    ) -> Self {
        Self {
            name,
            bytecode: bytecode.clone(),
            arguments: arguments.abi_encode().into(),
            decoded,
        }
    }

    /// The transaction that creates it.
    pub(crate) fn draft(&self) -> Draft {
        Draft::create(self.name, self.code())
    }

    /// Creation code with arguments.
    pub(crate) fn code(&self) -> Bytes {
        [self.bytecode.as_ref(), self.arguments.as_ref()].concat().into()
    }

    pub(crate) fn bytecode_hash(&self) -> B256 {
        keccak256(&self.bytecode)
    }
}

fn decoded<const N: usize>(arguments: [(&str, String); N]) -> Vec<Argument> {
    arguments
        .into_iter()
        .map(|(name, value)| Argument {
            name: name.into(),
            value,
        })
        .collect()
}

/// The values that a contract's constructor writes into its code: name and word.
pub(crate) fn immutables(
    part: Part,
    params: &DeployParams,
    chain_id: u64,
    [beacon, rounds, rewards]: [Address; 3],
) -> Result<Vec<(&'static str, B256)>, ParamsError> {
    let number = |value: u64| B256::from(U256::from(value));
    Ok(match part {
        Part::Beacon => match &params.beacon {
            BeaconParams::Drand {
                public_key,
                genesis,
                period,
            } => {
                let key = params::public_key_for_evm(public_key)?;
                let words = key.chunks_exact(32).map(|word| ("key", B256::from_slice(word)));
                let times = [("genesis", number(*genesis)), ("period", number(*period))];
                words.chain(times).collect()
            }
            BeaconParams::FilecoinMainnet { slack_epochs } => {
                filecoin_immutables(params::MAINNET_GENESIS, *slack_epochs)
            }
            BeaconParams::FilecoinCalibration { slack_epochs } => {
                filecoin_immutables(params::CALIBRATION_GENESIS, *slack_epochs)
            }
        },
        Part::Rounds => vec![("beacon", beacon.into_word())],
        Part::Rewards => {
            let (name, version) = ("Assize Rewards", "1");
            let domain = eip712_domain! {
                name: name,
                version: version,
                chain_id: chain_id,
                verifying_contract: rewards,
            };
            vec![
                ("rounds", rounds.into_word()),
                ("paymentGas", number(params.payment_gas)),
                ("minChallengeWindow", number(params.min_challenge_window)),
                ("EIP-712 domain", domain.separator()),
                ("chain id", number(chain_id)),
                ("own address", rewards.into_word()),
                ("EIP-712 name", keccak256(name)),
                ("EIP-712 version", keccak256(version)),
                ("EIP-712 name", short_string(name)),
                ("EIP-712 version", short_string(version)),
            ]
        }
    })
}

fn filecoin_immutables(genesis: u64, slack_epochs: u64) -> Vec<(&'static str, B256)> {
    // As in `FilecoinBeacon`'s constructor; the genesis of either network is far below 2^63.
    let seconds = genesis.cast_signed() - EPOCH_SECONDS - QUICKNET_GENESIS;
    let offset = I256::try_from(seconds / QUICKNET_PERIOD + 1).unwrap_or_default();
    vec![
        ("filecoinGenesis", B256::from(U256::from(genesis))),
        ("slackEpochs", B256::from(U256::from(slack_epochs))),
        ("roundOffset", B256::from_slice(&offset.abi_encode())),
    ]
}

/// OpenZeppelin's `ShortString`: the text, and its length in the last byte.
fn short_string(text: &str) -> B256 {
    let mut word = B256::ZERO;
    word[..text.len()].copy_from_slice(text.as_bytes());
    word[31] = text.len().to_be_bytes()[7];
    word
}
