//! A node of one chain.

use std::fmt;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy_sol_types::SolCall;
use assize_protocol::{AttoFil, GasPrice};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::refusal::is_about_funds;
use crate::rpc::{NO_PARAMETERS, Rpc, RpcError};
use crate::transaction::quantity;
use crate::{ChainError, Draft, Fees, Receipt, Result, Revert, RpcUrl, SendOutcome, SignedTransaction};

/// Methods whose subject is what a sender can pay.
const SPENDING: [&str; 2] = ["eth_estimateGas", "eth_sendRawTransaction"];
/// How often a transaction is sent to a node that does not say whether it accepts it, and the pause, which grows.
const SENDS: u32 = 4;
const RESEND: Duration = Duration::from_millis(500);
/// How many epochs without a block (Filecoin's null rounds) may lie between a block and the one before it.
pub(crate) const LONGEST_GAP: u64 = 20;

/// A JSON-RPC node of a known chain. Cheap to clone.
///
/// It only answers requests: no filters, no subscriptions, no block stream. Those of the usual libraries hang forever
/// at Filecoin's null rounds (epochs without a block). Callers poll.
#[derive(Clone)]
pub struct ChainClient {
    rpc: Rpc,
    url: RpcUrl,
    chain_id: u64,
}

/// The newest block that the node has executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Block number (Filecoin: epoch).
    #[serde(with = "quantity")]
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Unix seconds.
    #[serde(with = "quantity")]
    pub timestamp: u64,
    /// What a unit of gas costs at least.
    #[serde(default, deserialize_with = "quantity::or_zero")]
    pub base_fee_per_gas: GasPrice,
    /// Gas limit of a block.
    #[serde(with = "quantity")]
    pub gas_limit: u64,
}

/// Parameters of `eth_call` and `eth_estimateGas`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CallRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "U256::is_zero")]
    value: U256,
    #[serde(rename = "data")]
    input: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<U64>,
}

impl CallRequest {
    pub(crate) fn of(draft: &Draft, from: Option<Address>) -> Self {
        Self {
            from,
            to: draft.to,
            value: draft.value.atto(),
            input: draft.input.clone(),
            gas: draft.gas_limit.map(U64::from),
        }
    }
}

impl ChainClient {
    /// Connects to whatever chain the node serves.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] if nothing answers, [`ChainError::Rpc`] or [`ChainError::NotJsonRpc`] if the server is
    /// not a node.
    pub async fn connect(url: &RpcUrl) -> Result<Self> {
        let rpc = Rpc::new(url.secret().clone()).map_err(|error| ChainError::BadUrl {
            reason: error.to_string(),
        })?;
        let mut client = Self {
            rpc,
            url: url.clone(),
            chain_id: 0,
        };
        let chain_id: U64 = client.ask("eth_chainId", NO_PARAMETERS).await?;
        client.chain_id = chain_id.to();
        Ok(client)
    }

    /// Connects, and rejects any chain other than `chain_id`.
    ///
    /// # Errors
    /// Those of [`ChainClient::connect`], and [`ChainError::WrongChain`].
    pub async fn connect_to(url: &RpcUrl, chain_id: u64) -> Result<Self> {
        let client = Self::connect(url).await?;
        client.expect_chain(chain_id)?;
        Ok(client)
    }

    /// Rejects any chain other than `expected`.
    pub fn expect_chain(&self, expected: u64) -> Result<()> {
        if self.chain_id == expected {
            return Ok(());
        }
        Err(ChainError::WrongChain {
            url: self.url.to_string(),
            expected,
            actual: self.chain_id,
        })
    }

    /// The chain's id: 314 Filecoin mainnet, 314159 calibration, 31337 anvil.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The newest executed block.
    pub async fn head(&self) -> Result<Head> {
        self.ask("eth_getBlockByNumber", ("latest", false)).await
    }

    /// Number of the newest final block; `None` if the node does not support finality.
    pub async fn finalized(&self) -> Result<Option<u64>> {
        match self
            .ask::<_, Option<Head>>("eth_getBlockByNumber", ("finalized", false))
            .await
        {
            Ok(block) => Ok(block.map(|block| block.number)),
            // Nodes without the tag reject it with various messages.
            Err(ChainError::Rpc { .. } | ChainError::NotJsonRpc { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The balance of an address.
    pub async fn balance(&self, address: Address) -> Result<AttoFil> {
        let balance: U256 = self.ask("eth_getBalance", (address, "latest")).await?;
        Ok(balance.into())
    }

    /// Number of mined transactions of `address`: its next nonce on chain.
    pub async fn mined_nonce(&self, address: Address) -> Result<u64> {
        let count: U64 = self.ask("eth_getTransactionCount", (address, "latest")).await?;
        Ok(count.to())
    }

    /// The next nonce according to this node's mempool.
    pub async fn pending_nonce(&self, address: Address) -> Result<u64> {
        let count: U64 = self.ask("eth_getTransactionCount", (address, "pending")).await?;
        Ok(count.to())
    }

    /// Code at an address; empty if there is no contract.
    pub async fn code(&self, address: Address) -> Result<Bytes> {
        self.ask("eth_getCode", (address, "latest")).await
    }

    /// Fees with which a transaction should be mined soon: the node's premium, and room for the base fee to double.
    pub async fn fees(&self) -> Result<Fees> {
        let base_fee = self.head().await?.base_fee_per_gas;
        let price = async |method| {
            let price: U128 = self.ask(method, NO_PARAMETERS).await?;
            Ok::<_, ChainError>(price.to::<GasPrice>())
        };
        let premium = match price("eth_maxPriorityFeePerGas").await {
            // Not every node has this method; the other one is older, and includes the base fee.
            Err(error @ ChainError::Rpc { .. }) if !error.is_transient() => {
                price("eth_gasPrice").await?.saturating_sub(base_fee)
            }
            premium => premium?,
        };
        Ok(Fees {
            premium,
            max_fee: base_fee.saturating_mul(2).saturating_add(premium),
        })
    }

    /// The receipt of a transaction, if it has been mined.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>> {
        self.ask("eth_getTransactionReceipt", (hash,)).await
    }

    /// The input of a transaction: call data or creation code; `None` if the node does not know it.
    pub async fn input_of(&self, hash: B256) -> Result<Option<Bytes>> {
        #[derive(Debug, Deserialize)]
        struct Transaction {
            input: Bytes,
        }
        let transaction: Option<Transaction> = self.ask("eth_getTransactionByHash", (hash,)).await?;
        Ok(transaction.map(|transaction| transaction.input))
    }

    /// Whether a block is in the chain that the node follows now. A receipt does not prove it: some nodes keep receipts
    /// of blocks that a fork has replaced.
    pub async fn is_canonical(&self, number: u64, hash: B256) -> Result<bool> {
        match self
            .ask::<_, Option<Head>>("eth_getBlockByNumber", (U64::from(number), false))
            .await
        {
            Ok(block) => Ok(block.is_some_and(|block| block.hash == hash)),
            // A null round now, or beyond the head of a lagging node.
            Err(error @ ChainError::Rpc { .. }) if !error.is_transient() => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Calls a view of a contract.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] if the contract reverts, [`ChainError::NoContract`] if there is no contract.
    pub async fn call<C: SolCall>(&self, contract: &'static str, to: Address, call: &C) -> Result<C::Return> {
        let answer = self
            .call_raw(&Draft::call(contract, to, call.abi_encode()), None)
            .await?;
        self.decode::<C>(contract, to, &answer)
    }

    /// Like [`ChainClient::call`] for many calls of one view, in few HTTP requests.
    pub async fn call_many<C: SolCall>(
        &self,
        contract: &'static str,
        to: Address,
        calls: &[C],
    ) -> Result<Vec<C::Return>> {
        const PER_REQUEST: usize = 100;
        const METHOD: &str = "eth_call";
        let mut answers = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(PER_REQUEST) {
            let draft = |call: &C| Draft::call(contract, to, call.abi_encode());
            let questions = chunk
                .iter()
                .map(|call| (CallRequest::of(&draft(call), None), "latest"));
            let found = self
                .rpc
                .request_many::<_, Bytes>(METHOD, &questions.collect::<Vec<_>>())
                .await;
            for answer in found.map_err(|error| self.explain(METHOD, contract, error))? {
                answers.push(self.decode::<C>(contract, to, &answer)?);
            }
        }
        Ok(answers)
    }

    fn decode<C: SolCall>(&self, contract: &'static str, to: Address, answer: &Bytes) -> Result<C::Return> {
        // A call to an address without code succeeds with empty data.
        if answer.is_empty() {
            return Err(ChainError::NoContract {
                contract,
                address: to,
                chain_id: self.chain_id,
            });
        }
        C::abi_decode_returns(answer).map_err(|error| ChainError::Answer {
            method: C::SIGNATURE,
            reason: error.to_string(),
        })
    }

    /// Simulates a transaction on top of the newest block without sending it. Filecoin's nodes ignore its gas limit here.
    pub async fn call_raw(&self, draft: &Draft, from: Option<Address>) -> Result<Bytes> {
        self.ask_contract(
            "eth_call",
            draft.contract,
            (CallRequest::of(draft, from), "latest"),
        )
        .await
    }

    /// Why a mined transaction failed: it is simulated again on the preceding block. `None` if it succeeds there: then
    /// the reason is an earlier transaction of the same block.
    pub async fn failure(&self, draft: &Draft, from: Address, block: u64) -> Result<Option<Revert>> {
        let request = CallRequest::of(draft, Some(from));
        let mut before = block.saturating_sub(1);
        loop {
            let parameters = (&request, U64::from(before));
            let answer: Result<Bytes> = self.ask_contract("eth_call", draft.contract, parameters).await;
            match answer {
                Ok(_) => return Ok(None),
                Err(ChainError::Reverted(revert)) => return Ok(Some(*revert)),
                Err(ChainError::Rpc { message, .. })
                    if message.contains("null round") && before > block.saturating_sub(LONGEST_GAP) =>
                {
                    before -= 1;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Sends signed bytes. Never fails: any answer of a node to a transaction is an observation.
    pub async fn send_raw(&self, raw: &Bytes) -> SendOutcome {
        match self
            .rpc
            .request_once::<B256>("eth_sendRawTransaction", (raw,))
            .await
        {
            Ok(_) => SendOutcome::Accepted,
            Err(RpcError::Refused(refusal)) => SendOutcome::of_refusal(&refusal.text()),
            Err(other) => SendOutcome::Unknown(self.url.scrub(&other.to_string())),
        }
    }

    /// Sends a signed transaction, for callers without a queue; again while the node does not say whether it accepts it,
    /// which cannot have a second effect.
    ///
    /// # Errors
    /// [`ChainError::NotSent`], [`ChainError::MaybeSent`].
    pub async fn send(&self, transaction: &SignedTransaction) -> Result<()> {
        let hash = transaction.hash;
        let mut tries = 0;
        loop {
            match self.send_raw(&transaction.raw).await {
                SendOutcome::Accepted | SendOutcome::AlreadyKnown => return Ok(()),
                // Once it was sent, a used nonce is most likely its own.
                SendOutcome::NonceTooLow if tries > 0 => return Ok(()),
                SendOutcome::Unknown(reason) => {
                    tries += 1;
                    if tries == SENDS {
                        return Err(ChainError::MaybeSent { hash, reason });
                    }
                    tokio::time::sleep(RESEND * tries).await;
                }
                refused => {
                    let reason = refused.to_string();
                    return Err(ChainError::NotSent { hash, reason });
                }
            }
        }
    }

    pub(crate) async fn ask<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R> {
        self.ask_contract(method, "the contract", params).await
    }

    pub(crate) async fn ask_contract<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &'static str,
        contract: &'static str,
        params: P,
    ) -> Result<R> {
        let answer = self.rpc.request(method, params).await;
        answer.map_err(|error| self.explain(method, contract, error))
    }

    fn explain(&self, method: &'static str, contract: &'static str, error: RpcError) -> ChainError {
        let unreachable = |reason: String| ChainError::Unreachable {
            url: self.url.to_string(),
            reason,
        };
        match error {
            RpcError::Refused(refusal) => {
                let message = self.url.scrub(&refusal.message);
                match refusal.revert() {
                    Some(revert) => Box::new(Revert::read(contract, revert.data, &revert.words)).into(),
                    None if SPENDING.contains(&method) && is_about_funds(&message) => {
                        ChainError::CannotPay { method, message }
                    }
                    None => ChainError::Rpc {
                        method,
                        code: refusal.code,
                        message,
                    },
                }
            }
            RpcError::Busy {
                ref reason,
                retry_after,
            } => ChainError::Busy {
                url: self.url.to_string(),
                reason: self.url.scrub(&match retry_after {
                    Some(_) => error.to_string(),
                    None => reason.clone(),
                }),
                retry_after,
            },
            RpcError::Answer(reason) => ChainError::NotJsonRpc {
                method,
                url: self.url.to_string(),
                reason: self.url.scrub(&reason),
            },
            RpcError::Status(status @ (401 | 403)) => ChainError::NoAccess {
                url: self.url.to_string(),
                status,
            },
            RpcError::Status(status @ 300..=399) => ChainError::Redirected {
                url: self.url.to_string(),
                status,
            },
            RpcError::Status(status) => unreachable(format!("HTTP status {status}")),
            RpcError::Http(error) => unreachable(self.url.scrub(&root_cause(&error))),
        }
    }
}

/// The innermost cause, such as "Connection refused" instead of "error sending request".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl fmt::Debug for ChainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainClient({}, chain {})", self.url, self.chain_id)
    }
}
