//! Sends one transaction and waits: for commands run by a person. Daemons that must survive a crash use the outbox.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use assize_keys::Signer;
use assize_protocol::AttoFil;
use tokio::time::{Instant, sleep};

use crate::{ChainClient, ChainError, Draft, Receipt, Result, SignedTransaction};

/// First delay between two polls for a receipt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl ChainClient {
    /// Sends a transaction and waits for its receipt, at most `patience`.
    ///
    /// # Errors
    /// - [`ChainError::Reverted`] with the contract's reason, before anything is sent if the node can predict it;
    /// - [`ChainError::Unfunded`] before anything is sent;
    /// - [`ChainError::NotSent`], [`ChainError::MaybeSent`], [`ChainError::NotMined`].
    pub async fn transact(&self, signer: &Signer, draft: &Draft, patience: Duration) -> Result<Receipt> {
        let (_, transaction) = self.prepare(signer, draft).await?;
        match self.send(&transaction).await {
            // Its receipt will tell.
            Err(ChainError::MaybeSent { hash, reason }) => {
                tracing::warn!(%hash, reason, "the node did not say whether it accepts the transaction");
            }
            sent => sent?,
        }
        self.complete(transaction.hash, draft, signer.address(), patience)
            .await
    }

    /// Signs a transaction with the next nonce and current fees, without sending it. To survive a crash, store it
    /// before sending.
    ///
    /// # Errors
    /// - [`ChainError::Reverted`] with the contract's reason if the node can predict it;
    /// - [`ChainError::Unfunded`].
    pub async fn prepare(&self, signer: &Signer, draft: &Draft) -> Result<(u64, SignedTransaction)> {
        let from = signer.address();
        self.expect_funds(signer, draft.value).await?;
        let gas_limit = self.estimate_gas(draft, from).await?;
        let fees = self.fees().await?;
        self.expect_funds(signer, draft.value.saturating_add(fees.at_most(gas_limit)))
            .await?;
        let nonce = self.pending_nonce(from).await?;
        let transaction = draft
            .sign(signer, self.chain_id(), nonce, gas_limit, fees)
            .await?;
        Ok((nonce, transaction))
    }

    /// Waits for the receipt of a sent transaction, at most `patience`.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] if it had no effect, [`ChainError::NotMined`].
    pub async fn complete(
        &self,
        hash: B256,
        draft: &Draft,
        from: Address,
        patience: Duration,
    ) -> Result<Receipt> {
        let receipt = self.wait_for(hash, patience).await?;
        if receipt.succeeded {
            return Ok(receipt);
        }
        let block = receipt.block_number;
        match self.failure(draft, from, block).await? {
            Some(revert) => Err(Box::new(revert).into()),
            None => Err(ChainError::FailedWithoutReason { hash, block }),
        }
    }

    /// Rejects a key whose balance is below `needed`, or zero.
    pub async fn expect_funds(&self, signer: &Signer, needed: AttoFil) -> Result<()> {
        let address = signer.address();
        let balance = self.balance(address).await?;
        if balance.is_zero() || balance < needed {
            let needed = needed.max(AttoFil::new(1));
            return Err(ChainError::Unfunded {
                address,
                chain_id: self.chain_id(),
                balance,
                needed,
            });
        }
        Ok(())
    }

    async fn wait_for(&self, hash: B256, patience: Duration) -> Result<Receipt> {
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            // It has been sent: whatever goes wrong now, the caller must learn that.
            let trouble = match self.receipt(hash).await {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(%hash, %error, "failed to fetch the receipt");
                    Some(error.to_string())
                }
            };
            if Instant::now() >= deadline {
                return Err(ChainError::NotMined {
                    hash,
                    seconds: patience.as_secs(),
                    trouble,
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
