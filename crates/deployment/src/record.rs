//! The deployment file.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use assize_chain::ChainClient;
use serde::{Deserialize, Serialize};

use crate::creation::{Argument, Creation, Part};
use crate::{DeployParams, Deployment, NetworkState, ParamsError, Result};

/// foundry.toml, with which the embedded bytecode was built (`make check-artifacts` checks it).
const FOUNDRY: &str = include_str!("../../../foundry.toml");

/// Everything known about a deployment. Whatever reads a [`Deployment`] can read this file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentRecord {
    /// The addresses.
    #[serde(flatten)]
    pub deployment: Deployment,
    /// The deployer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployer: Option<Address>,
    /// The creation of each contract; empty in files from other tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contracts: BTreeMap<Part, ContractRecord>,
    /// The parameters deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<DeployParams>,
    /// Roles and settings as last approved; if missing, those of `params`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NetworkState>,
    /// The source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The creation of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractRecord {
    /// Its name in the source.
    pub name: String,
    /// The transaction that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// That transaction's block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// keccak-256 of the code on the chain.
    pub code_hash: B256,
    /// keccak-256 of the creation code without arguments: identifies source and compiler settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytecode_hash: Option<B256>,
    /// The constructor's arguments, ABI-encoded.
    pub arguments: Bytes,
    /// The arguments as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constructor: Vec<Argument>,
}

/// The source of the bytecode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Version of assize.
    pub assize: String,
    /// The commit, if ASSIZE_COMMIT was set when assize was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Compiler and settings.
    pub compiler: String,
}

impl Source {
    /// The source of the bytecode embedded here.
    #[must_use]
    pub fn embedded() -> Self {
        Self {
            assize: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("ASSIZE_COMMIT").map(Into::into),
            compiler: compiler(FOUNDRY),
        }
    }
}

fn compiler(foundry: &str) -> String {
    let parsed: toml::Table = foundry.parse().unwrap_or_default();
    let profile = parsed.get("profile").and_then(|profiles| profiles.get("default"));
    let setting = |name: &str| match profile.and_then(|profile| profile.get(name)) {
        Some(toml::Value::String(text)) => text.clone(),
        Some(toml::Value::Integer(number)) => number.to_string(),
        Some(toml::Value::Boolean(truth)) => truth.to_string(),
        _ => "unset".into(),
    };
    format!(
        "solc {}, evm_version {}, optimizer {}, optimizer_runs {}, bytecode_hash {}, cbor_metadata {}",
        setting("solc"),
        setting("evm_version"),
        setting("optimizer"),
        setting("optimizer_runs"),
        setting("bytecode_hash"),
        setting("cbor_metadata")
    )
}

impl ContractRecord {
    pub(crate) fn new(
        creation: &Creation,
        code_hash: B256,
        transaction: Option<B256>,
        block: Option<u64>,
    ) -> Self {
        Self {
            name: creation.name.into(),
            transaction,
            block,
            code_hash,
            bytecode_hash: Some(creation.bytecode_hash()),
            arguments: creation.arguments.clone(),
            constructor: creation.decoded.clone(),
        }
    }
}

impl DeploymentRecord {
    /// Roles and settings that the file states or implies.
    #[must_use]
    pub fn expected_state(&self) -> Option<NetworkState> {
        self.state
            .clone()
            .or_else(|| self.params.as_ref().map(NetworkState::of))
    }

    /// All publishers in the file.
    #[must_use]
    pub fn known_publishers(&self) -> Vec<Address> {
        let first = self.params.iter().flat_map(|params| &params.publishers);
        let later = self.state.iter().flat_map(|state| &state.publishers);
        let mut known: Vec<Address> = first.chain(later).copied().collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    /// Adds what a file from another tool lacks, from chain and source: code hashes, arguments as text.
    ///
    /// # Errors
    /// Those of [`ChainClient::code`].
    pub async fn complete(&mut self, client: &ChainClient) -> Result<()> {
        for part in Part::ALL {
            let Some(creation) = self.creation(part)? else {
                return Ok(());
            };
            let code_hash = keccak256(client.code(self.deployment.at(part)).await?);
            let known = self.contracts.get(&part);
            let (transaction, block) = known.map_or((None, None), |known| (known.transaction, known.block));
            let contract = ContractRecord::new(&creation, code_hash, transaction, block);
            self.contracts.insert(part, contract);
        }
        self.source = Some(Source::embedded());
        Ok(())
    }

    /// A contract derived from the source and the file's parameters; `None` without parameters.
    pub(crate) fn creation(&self, part: Part) -> Result<Option<Creation>, ParamsError> {
        self.params
            .as_ref()
            .map(|params| Creation::of(part, params, &self.deployment))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_that_of_foundry_toml() {
        let compiler = Source::embedded().compiler;
        assert!(
            compiler.starts_with("solc 0.8.30, evm_version prague, optimizer true"),
            "{compiler}"
        );
        assert!(!compiler.contains("unset"), "{compiler}");
    }

    #[test]
    fn a_file_of_addresses_alone_is_a_record_too() {
        let mut deployment = Deployment::all_at(31_337, Address::ZERO);
        for (byte, part) in (1..).zip(Part::ALL) {
            deployment.put(part, Address::repeat_byte(byte));
        }
        let text = serde_json::to_string(&deployment).unwrap();
        let record: DeploymentRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(record.deployment, deployment);
        assert_eq!(record.expected_state(), None);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Deployment>(&text).unwrap(), deployment);
    }
}
