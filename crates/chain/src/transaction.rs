//! Transactions and receipts.

use std::fmt;

use alloy_primitives::{Address, B256, Bytes};
use assize_keys::Signer;
use assize_protocol::{AttoFil, GasPrice};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::eip1559::Eip1559;
use crate::refusal::is_about_funds;

/// The content of a transaction, without nonce and fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Name of the contract called, for messages.
    pub contract: &'static str,
    /// The contract; `None` to create one.
    pub to: Option<Address>,
    /// What to send.
    pub value: AttoFil,
    /// Call data, or creation code.
    pub input: Bytes,
    /// Its gas limit, if the node's estimate is not to decide.
    pub gas_limit: Option<u64>,
}

impl Draft {
    /// A call without value.
    #[must_use]
    pub fn call(contract: &'static str, to: Address, input: impl Into<Bytes>) -> Self {
        Self {
            contract,
            to: Some(to),
            value: AttoFil::ZERO,
            input: input.into(),
            gas_limit: None,
        }
    }

    /// The creation of a contract.
    #[must_use]
    pub fn create(contract: &'static str, code: impl Into<Bytes>) -> Self {
        Self {
            contract,
            to: None,
            value: AttoFil::ZERO,
            input: code.into(),
            gas_limit: None,
        }
    }

    /// The same with this value.
    #[must_use]
    pub fn with_value(self, value: AttoFil) -> Self {
        Self { value, ..self }
    }

    /// The same with this gas limit.
    #[must_use]
    pub fn with_gas_limit(self, gas_limit: u64) -> Self {
        Self {
            gas_limit: Some(gas_limit),
            ..self
        }
    }

    /// Signs it as a complete transaction (EIP-1559). A key in memory is deterministic; others need not be.
    ///
    /// # Errors
    /// [`ChainError::Signer`](crate::ChainError::Signer) if signing fails.
    pub async fn sign(
        &self,
        signer: &Signer,
        chain_id: u64,
        nonce: u64,
        gas_limit: u64,
        fees: Fees,
    ) -> Result<SignedTransaction> {
        let transaction = Eip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee: fees.max_fee,
            max_priority_fee: fees.premium,
            to: self.to,
            value: self.value.atto(),
            input: &self.input,
        };
        let signature = signer.sign_transaction(&transaction.unsigned()).await?;
        Ok(transaction.signed(&signature))
    }
}

/// Price of a unit of gas (EIP-1559).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Maximum price per unit of gas, including the base fee.
    pub max_fee: GasPrice,
    /// Share of the block producer; Filecoin's gas premium.
    pub premium: GasPrice,
}

impl Fees {
    /// The lowest fees that Filecoin nodes accept for a replacement: premium × 1.25 + 1, and a maximum that leaves room
    /// for it. Nodes compare the premium only, and reject 10 % without the 1.
    #[must_use]
    pub fn bumped(self) -> Self {
        let bump = |fee: GasPrice| fee.saturating_add(fee / 4).saturating_add(1);
        let premium = bump(self.premium);
        Self {
            premium,
            max_fee: bump(self.max_fee).max(premium),
        }
    }

    /// What so much gas costs at most.
    #[must_use]
    pub fn at_most(self, gas: u64) -> AttoFil {
        AttoFil::of_gas(gas, self.max_fee)
    }

    /// The maximum of both, field by field.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            max_fee: self.max_fee.max(other.max_fee),
            premium: self.premium.max(other.premium),
        }
    }
}

/// A transaction that can be sent any number of times, with at most one effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// Its hash.
    pub hash: B256,
    /// The bytes for `eth_sendRawTransaction`.
    pub raw: Bytes,
}

/// A mined transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction.
    #[serde(rename = "transactionHash")]
    pub hash: B256,
    /// Its block's number (Filecoin: epoch).
    #[serde(with = "quantity")]
    pub block_number: u64,
    /// Its block's hash.
    pub block_hash: B256,
    /// Whether it took effect; false if it reverted.
    #[serde(rename = "status", with = "flag")]
    pub succeeded: bool,
    /// Units of gas charged.
    #[serde(with = "quantity")]
    pub gas_used: u64,
    /// What a unit of gas cost.
    #[serde(
        default,
        serialize_with = "quantity::serialize",
        deserialize_with = "quantity::or_zero"
    )]
    pub effective_gas_price: GasPrice,
    /// The contract created, if one was.
    #[serde(default)]
    pub contract_address: Option<Address>,
    /// Events, in order.
    #[serde(default, deserialize_with = "or_empty")]
    pub logs: Vec<Log>,
}

impl Receipt {
    /// The fee that it was charged.
    #[must_use]
    pub fn fee(&self) -> AttoFil {
        AttoFil::of_gas(self.gas_used, self.effective_gas_price)
    }
}

/// An event of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// Its kind and its indexed arguments.
    pub topics: Vec<B256>,
    /// The other arguments.
    pub data: Bytes,
}

/// A node's answer to a sent transaction. Only receipts decide about its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendOutcome {
    /// Accepted.
    Accepted,
    /// The node already has this transaction.
    AlreadyKnown,
    /// The nonce is used: this transaction or another one of the sender has been mined.
    NonceTooLow,
    /// Another transaction with this nonce is pending and this one's fees are too low to replace it, or they are below
    /// the block's base fee.
    Underpriced,
    /// An earlier nonce is missing.
    NonceGap,
    /// The sender's balance is too low.
    InsufficientFunds,
    /// Rejected for another reason, in the node's words.
    Rejected(String),
    /// No answer: it may or may not have been accepted.
    Unknown(String),
}

impl fmt::Display for SendOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "it is accepted",
            Self::AlreadyKnown => "it is known already",
            Self::NonceTooLow => "the nonce is used: another program sends with the same key; try again",
            Self::Underpriced => "its fees are too low for the present base fee, or to replace a pending transaction; try again",
            Self::NonceGap => "an earlier transaction of the same key is missing; try again",
            Self::InsufficientFunds => "the sender's balance is too low; send it FIL first",
            Self::Rejected(words) | Self::Unknown(words) => words,
        })
    }
}

impl SendOutcome {
    /// Classifies a node's rejection. Nodes share no codes, so it matches the messages of geth, anvil, Lotus and
    /// Forest.
    #[must_use]
    pub fn of_refusal(message: &str) -> Self {
        let text = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        // Lotus says "already in mpool" in both cases, so the underpriced replacement comes first.
        if says(&[
            "underpriced",
            "gaspremium",
            "gas premium",
            "replace by fee",
            "less than block base fee",
        ]) || says(&[
            "gas price is lower than min gas price",
            "gas price below",
            "fee cap less than",
        ]) {
            Self::Underpriced
        } else if says(&[
            "already known",
            "already imported",
            "known transaction",
            "already in mpool",
            "already exists",
        ]) {
            Self::AlreadyKnown
        } else if says(&[
            "nonce too low",
            "sequence too low",
            "nonce has already been used",
            "old nonce",
        ]) {
            Self::NonceTooLow
        } else if says(&["nonce gap", "nonce too high"]) {
            Self::NonceGap
        } else if is_about_funds(message) {
            Self::InsufficientFunds
        } else {
            Self::Rejected(message.to_owned())
        }
    }
}

fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Log>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Numbers as JSON-RPC writes them: `0x1f`.
pub(crate) mod quantity {
    use alloy_primitives::U256;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T, S>(number: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Copy,
        U256: TryFrom<T>,
        S: Serializer,
    {
        U256::try_from(*number).unwrap_or_default().serialize(serializer)
    }

    /// Zero if it is `null`.
    pub(crate) fn or_zero<'de, T: TryFrom<U256>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let number = Option::<U256>::deserialize(deserializer)?.unwrap_or_default();
        T::try_from(number).map_err(|_| D::Error::custom(format_args!("{number} is too large")))
    }

    pub(crate) fn deserialize<'de, T: TryFrom<U256>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let number = U256::deserialize(deserializer)?;
        T::try_from(number).map_err(|_| D::Error::custom(format_args!("{number} is too large")))
    }
}

mod flag {
    use alloy_primitives::U256;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(truth: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        U256::from(u8::from(*truth)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        U256::deserialize(deserializer).map(|status| status == U256::from(1))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{b256, keccak256};

    use super::*;

    /// The first account of anvil and hardhat.
    const KEY: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    /// Five attoFIL and three bytes to 0x1111….
    const CALL: &str = "0x02f87082013a07843b9aca008504a817c8008252089411111111111111111111111111111111111111110583010203c080a058f64d8847dd16516aa382461fe384d8ed3cf2626727c49e2be50973109932f9a011eedb2b4a323645701f668da7127d273440d0d0dec22cde8f29b1ecab70ca8e";
    /// Code of two bytes.
    const CREATION: &str = "0x02f85b82013a80843b9aca008504a817c8008252088080826000c080a04b4780b71dd8c272206faee17c702c28023fe43da1225962cea507ee0bf13b08a01ecc582eb4054f99b993dbc38a165d7d4fbfb54b1b2d5141a4113e842c3f6710";

    /// The same key signs the same bytes as other programs: `cast mktx` of Foundry 1.7.1.
    #[tokio::test]
    async fn transactions_are_those_of_other_programs() {
        let signer = Signer::from_bytes(&KEY).unwrap();
        let fees = Fees {
            max_fee: 20_000_000_000,
            premium: 1_000_000_000,
        };
        let draft = Draft::call("x", Address::repeat_byte(0x11), Bytes::from_static(&[1, 2, 3]));
        for (draft, nonce, raw) in [
            (draft.with_value(AttoFil::new(5)), 7, CALL),
            (Draft::create("x", Bytes::from_static(&[0x60, 0])), 0, CREATION),
        ] {
            let signed = draft.sign(&signer, 314, nonce, 21_000, fees).await.unwrap();
            assert_eq!(signed.raw.to_string(), raw);
            assert_eq!(signed.hash, keccak256(&signed.raw));
        }
    }

    #[test]
    fn a_bump_satisfies_filecoins_replacement_rule() {
        for premium in [0, 1, 3, 7, 100_000, 1_000_000_007] {
            let bumped = Fees {
                max_fee: premium,
                premium,
            }
            .bumped();
            assert!(bumped.premium > premium * 110 / 100, "{premium}");
            assert!(bumped.premium > premium * 5 / 4, "{premium}");
            assert!(bumped.max_fee >= bumped.premium);
        }
    }

    #[test]
    fn words_of_several_nodes_are_understood() {
        use SendOutcome::*;
        let cases = [
            ("already known", AlreadyKnown),
            ("transaction already imported", AlreadyKnown),
            (
                "message from f410x with nonce 3 already in mpool: message with nonce already exists",
                AlreadyKnown,
            ),
            (
                "message from f410x with nonce 3 already in mpool, increase GasPremium to 2 from 1 to trigger replace by fee",
                Underpriced,
            ),
            ("replacement transaction underpriced", Underpriced),
            ("gas price is lower than min gas price", Underpriced),
            ("max fee per gas less than block base fee", Underpriced),
            ("nonce too low", NonceTooLow),
            ("Message sequence too low", NonceTooLow),
            ("minimum expected nonce is 4: message nonce too low", NonceTooLow),
            ("unfulfilled nonce gap", NonceGap),
            ("nonce too high", NonceGap),
            ("Insufficient funds for gas * price + value", InsufficientFunds),
            ("Actor balance less than needed: 1 < 2", InsufficientFunds),
        ];
        for (message, meaning) in cases {
            assert_eq!(SendOutcome::of_refusal(message), meaning, "{message}");
        }
        assert_eq!(SendOutcome::of_refusal("no way"), Rejected("no way".into()));
    }

    #[test]
    fn receipts_are_read_with_and_without_the_optional_fields() {
        let json = format!(
            r#"{{"transactionHash":"{0}","blockHash":"{0}","blockNumber":"0x10","status":"0x1","gasUsed":"0x5208",
                "effectiveGasPrice":"0x64","contractAddress":null,"logs":[],"type":"0x2"}}"#,
            B256::repeat_byte(1)
        );
        let receipt: Receipt = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (receipt.block_number, receipt.succeeded, receipt.gas_used),
            (16, true, 21_000)
        );
        let failed: Receipt =
            serde_json::from_str(&json.replace(r#""status":"0x1""#, r#""status":"0x0""#)).unwrap();
        assert!(!failed.succeeded);
    }
}
