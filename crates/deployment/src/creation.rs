//! Creations: the bytecode of each contract and its constructor arguments.

use alloy_primitives::{Address, B256, Bytes, I256, U256, keccak256};
use alloy_sol_types::{SolConstructor, SolValue, eip712_domain};
use assize_chain::{Draft, encode_parameters};
use serde::{Deserialize, Serialize};

use crate::Deployment;
use crate::params::{self, BeaconParams, CourtParams, DeployParams, ParamsError};
use crate::words::{listed, parameters_on_a_line};
use assize_chain::contracts::court::Court as CourtAbi;
use assize_chain::contracts::drand_beacon::DrandBeacon;
use assize_chain::contracts::filecoin_beacon::FilecoinBeacon;
use assize_chain::contracts::rewards::Rewards as RewardsAbi;
use assize_chain::contracts::roles::Roles as RolesAbi;
use assize_chain::contracts::rounds::Rounds as RoundsAbi;

/// Unix time of drand quicknet's first round, and its period, as in `FilecoinBeacon`.
const QUICKNET_GENESIS: i64 = 1_692_803_367;
const QUICKNET_PERIOD: i64 = 3;
const EPOCH_SECONDS: i64 = 30;

/// One of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// `Court`.
    Court,
    /// `Roles`.
    Roles,
    /// `DrandBeacon` or `FilecoinBeacon`.
    Beacon,
    /// `Rounds`.
    Rounds,
    /// `Rewards`.
    Rewards,
}

impl Part {
    /// All of them, in the order of their creation.
    pub const ALL: [Self; 5] = [
        Self::Court,
        Self::Roles,
        Self::Beacon,
        Self::Rounds,
        Self::Rewards,
    ];

    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Court => "Court",
            Self::Roles => "Roles",
            Self::Beacon => "Beacon",
            Self::Rounds => "Rounds",
            Self::Rewards => "Rewards",
        }
    }
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
    fn beacon(beacon: &BeaconParams) -> Result<Self, ParamsError> {
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

    fn court(court: &CourtParams) -> Self {
        let decoded = decoded([
            ("answerWindow", court.answer_window.to_string()),
            ("slack", court.slack.to_string()),
            ("demandWindow", court.demand_window.to_string()),
            ("leastBond", court.least_bond.atto().to_string()),
        ]);
        let arguments = CourtAbi::constructorCall {
            answerWindow: court.answer_window,
            slack: court.slack,
            demandWindow: court.demand_window,
            leastBond: court.least_bond.atto(),
        };
        Self::new("Court", &CourtAbi::BYTECODE, &arguments, decoded)
    }

    fn roles(params: &DeployParams) -> Self {
        let mut evaluators = params.evaluators.clone();
        evaluators.sort_unstable();
        let decoded = decoded([
            ("firstOwner", params.owner.to_string()),
            ("firstGuardian", params.guardian.to_string()),
            ("minChallengeWindow", params.min_challenge_window.to_string()),
            ("firstChallengeWindow", params.challenge_window.to_string()),
            ("firstEvaluators", listed(&evaluators)),
            ("threshold", params.threshold.to_string()),
        ]);
        let arguments = RolesAbi::constructorCall {
            firstOwner: params.owner,
            firstGuardian: params.guardian,
            minChallengeWindow: params.min_challenge_window,
            firstChallengeWindow: params.challenge_window,
            firstEvaluators: evaluators,
            threshold: U256::from(params.threshold),
        };
        Self::new("Roles", &RolesAbi::BYTECODE, &arguments, decoded)
    }

    fn rounds(params: &DeployParams, at: &Deployment) -> Result<Self, ParamsError> {
        let arguments = RoundsAbi::constructorCall {
            roles: at.roles,
            beacon: at.beacon,
            firstCoordinator: params.coordinator,
            firstPublishers: params.publishers.clone(),
            firstParameters: encode_parameters(&params.parameters)
                .map_err(|error| ParamsError::field("parameters.budget", &error.to_string()))?,
        };
        let decoded = decoded([
            ("roles", at.roles.to_string()),
            ("beacon", at.beacon.to_string()),
            ("firstCoordinator", params.coordinator.to_string()),
            ("firstPublishers", listed(&params.publishers)),
            ("firstParameters", parameters_on_a_line(&params.parameters)),
        ]);
        Ok(Self::new("Rounds", &RoundsAbi::BYTECODE, &arguments, decoded))
    }

    fn rewards(params: &DeployParams, at: &Deployment) -> Self {
        let decoded = decoded([
            ("roles", at.roles.to_string()),
            ("rounds", at.rounds.to_string()),
            ("court", at.court.to_string()),
            ("firstTreasury", params.treasury.to_string()),
            ("paymentGas", params.payment_gas.to_string()),
        ]);
        let arguments = RewardsAbi::constructorCall {
            roles: at.roles,
            rounds: at.rounds,
            court: at.court,
            firstTreasury: params.treasury,
            paymentGas: U256::from(params.payment_gas),
        };
        Self::new("Rewards", &RewardsAbi::BYTECODE, &arguments, decoded)
    }

    /// The creation of `part`, given the addresses of those that were created before it.
    pub(crate) fn of(part: Part, params: &DeployParams, at: &Deployment) -> Result<Self, ParamsError> {
        match part {
            Part::Court => Ok(Self::court(&params.court)),
            Part::Roles => Ok(Self::roles(params)),
            Part::Beacon => Self::beacon(&params.beacon),
            Part::Rounds => Self::rounds(params, at),
            Part::Rewards => Ok(Self::rewards(params, at)),
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
    at: &Deployment,
) -> Result<Vec<(&'static str, B256)>, ParamsError> {
    Ok(match part {
        Part::Court => {
            let court = &params.court;
            vec![
                ("answerWindow", number(court.answer_window)),
                ("slack", number(court.slack)),
                ("leastChallengeWindow", number(court.least_challenge_window())),
                ("leastBond", B256::from(court.least_bond.atto())),
            ]
        }
        Part::Roles => vec![("minChallengeWindow", number(params.min_challenge_window))],
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
        Part::Rounds => {
            let own = vec![("roles", at.roles.into_word()), ("beacon", at.beacon.into_word())];
            [own, domain_immutables("Assize", at.chain_id, at.rounds)].concat()
        }
        Part::Rewards => {
            let own = vec![
                ("roles", at.roles.into_word()),
                ("rounds", at.rounds.into_word()),
                ("court", at.court.into_word()),
                ("paymentGas", number(params.payment_gas)),
            ];
            [own, domain_immutables("Assize Rewards", at.chain_id, at.rewards)].concat()
        }
    })
}

fn number(value: u64) -> B256 {
    B256::from(U256::from(value))
}

/// OpenZeppelin's `EIP712`, of the protocol's version 2.
fn domain_immutables(name: &'static str, chain_id: u64, contract: Address) -> Vec<(&'static str, B256)> {
    let version = "2";
    let domain = eip712_domain! {
        name: name,
        version: version,
        chain_id: chain_id,
        verifying_contract: contract,
    };
    vec![
        ("EIP-712 domain", domain.separator()),
        ("chain id", number(chain_id)),
        ("own address", contract.into_word()),
        ("EIP-712 name", keccak256(name)),
        ("EIP-712 version", keccak256(version)),
        ("EIP-712 name", short_string(name)),
        ("EIP-712 version", short_string(version)),
    ]
}

fn filecoin_immutables(genesis: u64, slack_epochs: u64) -> Vec<(&'static str, B256)> {
    // As in `FilecoinBeacon`'s constructor; the genesis of either network is far below 2^63.
    let seconds = genesis.cast_signed() - EPOCH_SECONDS - QUICKNET_GENESIS;
    let offset = I256::try_from(seconds / QUICKNET_PERIOD + 1).unwrap_or_default();
    vec![
        ("filecoinGenesis", number(genesis)),
        ("slackEpochs", number(slack_epochs)),
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
