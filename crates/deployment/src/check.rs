//! Compares a live deployment with the source and the deployment file.

use std::fmt;

use alloy_primitives::{Address, Bytes, keccak256};
use alloy_sol_types::SolCall;
use assize_chain::{ChainClient, ChainError};
use serde::Serialize;

use crate::code::{Deviation, Template};
use crate::creation::{Part, immutables};
use crate::params::public_key_for_evm;
use crate::words::in_words;
use crate::{BeaconParams, CourtParams, DeployParams, DeploymentRecord, NetworkState, Result};
use assize_chain::contracts::court::Court as CourtAbi;
use assize_chain::contracts::drand_beacon::DrandBeacon;
use assize_chain::contracts::filecoin_beacon::FilecoinBeacon;
use assize_chain::contracts::rewards::Rewards as RewardsAbi;
use assize_chain::contracts::roles::Roles as RolesAbi;
use assize_chain::contracts::rounds::Rounds as RoundsAbi;

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Equal.
    Ok,
    /// Different.
    Differs,
    /// Nothing to compare with.
    Unknown,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The subject.
    pub subject: String,
    /// The result.
    pub verdict: Verdict,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub found: String,
}

/// One line; long hex is shortened.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            verdict,
            expected,
            found,
        } = self;
        match verdict {
            Verdict::Ok => write!(f, "ok       {subject}: {}", shortened(&in_words(subject, found))),
            Verdict::Differs => write!(
                f,
                "DIFFERS  {subject}: expected {}, found {}",
                in_words(subject, expected),
                in_words(subject, found)
            ),
            Verdict::Unknown => write!(f, "unknown  {subject}: {}", shortened(&in_words(subject, found))),
        }
    }
}

fn shortened(text: &str) -> String {
    const MAX_LENGTH: usize = 140;
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.get(..MAX_LENGTH) {
        Some(front) if text.strip_prefix("0x").is_some_and(is_hex) => {
            format!("{front}… ({} bytes)", (text.len() - 2) / 2)
        }
        _ => text.to_owned(),
    }
}

/// Compares a deployment with the embedded source and with its file: code, immutables, constructor arguments, creation
/// transactions, roles, settings.
///
/// # Errors
/// [`ChainError::WrongChain`], [`ChainError::NoContract`] and failures of the node. A difference is not an error.
pub async fn check(client: &ChainClient, record: &DeploymentRecord) -> Result<Vec<Finding>> {
    let deployment = &record.deployment;
    client.expect_chain(deployment.chain_id)?;
    let mut findings = Findings(Vec::new());
    for part in Part::ALL {
        let (label, address) = (part.name(), deployment.at(part));
        let code = client.code(address).await?;
        if code.is_empty() {
            return Err(ChainError::NoContract {
                contract: label,
                address,
                chain_id: client.chain_id(),
            }
            .into());
        }
        findings.code(record, part, label, &code)?;
        findings.creation(client, record, part, label, address).await?;
    }
    findings.getters(client, record).await?;
    findings.state(client, record).await?;
    Ok(findings.0)
}

struct Findings(Vec<Finding>);

impl Findings {
    fn compare(&mut self, subject: impl Into<String>, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        let verdict = if expected == found {
            Verdict::Ok
        } else {
            Verdict::Differs
        };
        self.add(subject, verdict, expected, found);
    }

    fn add(&mut self, subject: impl Into<String>, verdict: Verdict, expected: String, found: String) {
        self.0.push(Finding {
            subject: subject.into(),
            verdict,
            expected,
            found,
        });
    }

    fn unknown(&mut self, subject: impl Into<String>, why: &str) {
        self.add(subject, Verdict::Unknown, String::new(), why.into());
    }

    /// Compares the code with the source and with the hash in the file.
    fn code(&mut self, record: &DeploymentRecord, part: Part, label: &str, code: &[u8]) -> Result<()> {
        let candidates: Vec<(&str, Vec<u8>)> = match record.creation(part)? {
            Some(creation) => vec![(creation.name, creation.bytecode.to_vec())],
            None => embedded(part)
                .into_iter()
                .map(|(name, code)| (name, code.to_vec()))
                .collect(),
        };
        let (mut name, mut outcome) = (label, None);
        for (candidate, bytecode) in &candidates {
            let Some(template) = Template::of(bytecode) else {
                continue;
            };
            let values = template.values_in(code);
            let fits = values.is_ok();
            if outcome.is_none() || fits {
                (name, outcome) = (candidate, Some(values));
            }
        }
        let subject = format!("{label} code");
        let expected = format!("the code of {name} in the source");
        match outcome {
            Some(Ok(values)) => {
                self.compare(subject, &expected, &expected);
                self.immutables(record, part, label, &values)?;
            }
            Some(Err(Deviation::Length { expected: own, found })) => {
                let (expected, found) = (format!("{expected}, {own} bytes"), format!("{found} bytes"));
                self.add(subject, Verdict::Differs, expected, found);
            }
            Some(Err(Deviation::Byte { at })) => {
                self.add(
                    subject,
                    Verdict::Differs,
                    expected,
                    format!("other code from byte {at} on"),
                );
            }
            None => self.unknown(subject, "the embedded bytecode contains no program"),
        }
        let subject = format!("{label} code hash");
        match record.contracts.get(&part) {
            Some(contract) => self.compare(subject, contract.code_hash, keccak256(code)),
            None => self.unknown(subject, "the file has none"),
        }
        Ok(())
    }

    /// Checks that each value that the constructor wrote into the code follows from the parameters.
    fn immutables(
        &mut self,
        record: &DeploymentRecord,
        part: Part,
        label: &str,
        values: &[alloy_primitives::B256],
    ) -> Result<()> {
        let subject = format!("{label} immutables");
        let Some(params) = &record.params else {
            self.unknown(
                subject,
                "the file has no parameters: pass the parameter file with --params",
            );
            return Ok(());
        };
        let expected = immutables(part, params, &record.deployment)?;
        let strange: Vec<String> = values
            .iter()
            .filter(|value| !expected.iter().any(|(_, known)| known == *value))
            .map(ToString::to_string)
            .collect();
        let words = format!("{} values derived from the parameters", values.len());
        if strange.is_empty() {
            self.compare(subject, &words, &words);
        } else {
            self.add(
                subject,
                Verdict::Differs,
                words,
                format!("others: {}", strange.join(", ")),
            );
        }
        Ok(())
    }

    /// Compares the arguments in the file with those in the transaction that created the contract.
    async fn creation(
        &mut self,
        client: &ChainClient,
        record: &DeploymentRecord,
        part: Part,
        label: &str,
        address: Address,
    ) -> Result<()> {
        let Some(contract) = record.contracts.get(&part) else {
            return Ok(());
        };
        let Some(creation) = record.creation(part)? else {
            return Ok(());
        };
        self.compare(
            format!("{label} constructor arguments"),
            &creation.arguments,
            &contract.arguments,
        );
        if let Some(hash) = contract.bytecode_hash {
            self.compare(format!("{label} bytecode hash"), creation.bytecode_hash(), hash);
        }
        let subject = format!("{label} creation");
        let Some(hash) = contract.transaction else {
            self.unknown(subject, "the file names no transaction");
            return Ok(());
        };
        let found = async { Ok((client.input_of(hash).await?, client.receipt(hash).await?)) };
        let (input, receipt) = match found.await {
            Err(error @ ChainError::Rpc { .. }) if !error.is_transient() => {
                self.unknown(subject, &format!("the node cannot say: {error}"));
                return Ok(());
            }
            found => found?,
        };
        match (input, receipt) {
            (Some(input), Some(receipt)) => {
                let expected = format!("{address} by bytecode and arguments of the file, in {hash}");
                let created = receipt.contract_address.unwrap_or_default();
                if input != creation.code() {
                    self.add(
                        subject,
                        Verdict::Differs,
                        expected,
                        "other bytecode or arguments".into(),
                    );
                } else {
                    let found = format!("{created} by bytecode and arguments of the file, in {hash}");
                    self.compare(subject, expected, found);
                }
            }
            _ => self.unknown(subject, &format!("the node no longer has transaction {hash}")),
        }
        Ok(())
    }

    /// Immutable settings, as reported by the contracts themselves.
    async fn getters(&mut self, client: &ChainClient, record: &DeploymentRecord) -> Result<()> {
        let d = &record.deployment;
        let params = record.params.as_ref();
        let roles = self
            .ask(client, "Rounds", d.rounds, &RoundsAbi::ROLESCall {})
            .await?;
        self.reported("roles of Rounds", Some(d.roles), roles);
        let beacon = self
            .ask(client, "Rounds", d.rounds, &RoundsAbi::BEACONCall {})
            .await?;
        self.reported("beacon of Rounds", Some(d.beacon), beacon);
        let roles = self
            .ask(client, "Rewards", d.rewards, &RewardsAbi::ROLESCall {})
            .await?;
        self.reported("roles of Rewards", Some(d.roles), roles);
        let rounds = self
            .ask(client, "Rewards", d.rewards, &RewardsAbi::ROUNDSCall {})
            .await?;
        self.reported("rounds of Rewards", Some(d.rounds), rounds);
        let court = self
            .ask(client, "Rewards", d.rewards, &RewardsAbi::COURTCall {})
            .await?;
        self.reported("court of Rewards", Some(d.court), court);
        let window = RolesAbi::MIN_CHALLENGE_WINDOWCall {};
        let window = self.ask(client, "Roles", d.roles, &window).await?;
        let expected = params.map(|params| params.min_challenge_window);
        self.reported("minChallengeWindow", expected, window);
        let gas = RewardsAbi::PAYMENT_GASCall {};
        let gas = self.ask(client, "Rewards", d.rewards, &gas).await?;
        self.reported("paymentGas", params.map(|params| params.payment_gas), gas);
        self.court(client, d.court, params.map(|params| &params.court))
            .await?;
        match params {
            Some(params) => self.beacon(client, d.beacon, params).await,
            None => Ok(()),
        }
    }

    async fn court(
        &mut self,
        client: &ChainClient,
        address: Address,
        params: Option<&CourtParams>,
    ) -> Result<()> {
        const NAME: &str = "Court";
        let answer = self
            .ask(client, NAME, address, &CourtAbi::ANSWER_WINDOWCall {})
            .await?;
        let slack = self.ask(client, NAME, address, &CourtAbi::SLACKCall {}).await?;
        let least = CourtAbi::LEAST_CHALLENGE_WINDOWCall {};
        let least = self.ask(client, NAME, address, &least).await?;
        let bond = self
            .ask(client, NAME, address, &CourtAbi::LEAST_BONDCall {})
            .await?;
        // The contract has only the sum.
        let window = match (&answer, &slack, &least) {
            (Ok(answer), Ok(slack), Ok(least)) => least.checked_sub(answer.saturating_add(*slack)),
            _ => None,
        };
        self.reported(
            "court.answerWindow",
            params.map(|court| court.answer_window),
            answer,
        );
        self.reported("court.slack", params.map(|court| court.slack), slack);
        if let Some(window) = window {
            self.reported(
                "court.demandWindow",
                params.map(|court| court.demand_window),
                Ok(window),
            );
        }
        self.reported(
            "court.leastBond",
            params.map(|court| court.least_bond.atto()),
            bond,
        );
        Ok(())
    }

    async fn beacon(&mut self, client: &ChainClient, address: Address, params: &DeployParams) -> Result<()> {
        match &params.beacon {
            BeaconParams::Drand {
                public_key,
                genesis,
                period,
            } => {
                const NAME: &str = "DrandBeacon";
                let key = self
                    .ask(client, NAME, address, &DrandBeacon::publicKeyCall {})
                    .await?;
                self.reported("beacon.publicKey", Some(public_key_for_evm(public_key)?), key);
                let found = self
                    .ask(client, NAME, address, &DrandBeacon::GENESISCall {})
                    .await?;
                self.reported("beacon.genesis", Some(*genesis), found);
                let found = self
                    .ask(client, NAME, address, &DrandBeacon::PERIODCall {})
                    .await?;
                self.reported("beacon.period", Some(*period), found);
            }
            BeaconParams::FilecoinMainnet { slack_epochs }
            | BeaconParams::FilecoinCalibration { slack_epochs } => {
                let slack = FilecoinBeacon::SLACK_EPOCHSCall {};
                let found = self.ask(client, "FilecoinBeacon", address, &slack).await?;
                self.reported("beacon.slackEpochs", Some(*slack_epochs), found);
            }
        }
        Ok(())
    }

    /// Calls a contract that may not be the expected one: a failed call is a finding.
    async fn ask<C: SolCall>(
        &self,
        client: &ChainClient,
        contract: &'static str,
        address: Address,
        call: &C,
    ) -> Result<std::result::Result<C::Return, ChainError>> {
        match client.call(contract, address, call).await {
            Err(error) if !error.is_of_the_contract() => Err(error.into()),
            answer => Ok(answer),
        }
    }

    fn reported<E: ToString, F: ToString>(
        &mut self,
        subject: &str,
        expected: Option<E>,
        found: std::result::Result<F, ChainError>,
    ) {
        let found = match found {
            Ok(value) => value.to_string(),
            Err(error) => format!("call failed: {error}"),
        };
        match expected {
            Some(expected) => self.compare(subject, expected, found),
            None => self.add(subject, Verdict::Unknown, String::new(), found),
        }
    }

    /// Compares current roles and settings with the approved ones.
    async fn state(&mut self, client: &ChainClient, record: &DeploymentRecord) -> Result<()> {
        let expected = record.expected_state();
        let known = record.known_publishers();
        let found = match NetworkState::read(client, &record.deployment, &known).await {
            Ok(state) => state,
            Err(error) if !error.is_of_the_contract() => return Err(error.into()),
            Err(error) => {
                let wanted = "a response".to_owned();
                self.add("roles and settings", Verdict::Differs, wanted, error.to_string());
                return Ok(());
            }
        };
        let expected = expected.map(|state| state.lines());
        for (index, (name, value)) in found.lines().into_iter().enumerate() {
            match &expected {
                Some(lines) => self.compare(name, &lines[index].1, value),
                None => self.add(name, Verdict::Unknown, String::new(), value),
            }
        }
        Ok(())
    }
}

/// All contracts of the source that can have this role.
pub(crate) fn embedded(part: Part) -> Vec<(&'static str, Bytes)> {
    match part {
        Part::Court => vec![("Court", CourtAbi::BYTECODE.clone())],
        Part::Roles => vec![("Roles", RolesAbi::BYTECODE.clone())],
        Part::Beacon => vec![
            ("DrandBeacon", DrandBeacon::BYTECODE.clone()),
            ("FilecoinBeacon", FilecoinBeacon::BYTECODE.clone()),
        ],
        Part::Rounds => vec![("Rounds", RoundsAbi::BYTECODE.clone())],
        Part::Rewards => vec![("Rewards", RewardsAbi::BYTECODE.clone())],
    }
}
