//! Confirmations, spending limits and timeouts of the transaction queue.

use std::time::Duration;

use assize_outbox::{Depth, Finality, Policy};
use assize_protocol::{AttoFil, GasPrice};
use clap::Args;

use super::duration::{positive_duration, positive_seconds};

/// Confirmations, spending limits and timeouts of the transaction queue. Defaults depend on the chain.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tuning (transactions; defaults depend on the chain)")]
pub(crate) struct QueueArgs {
    /// Confirmations before the service acts on a transaction's result.
    #[arg(long, value_name = "BLOCKS")]
    pub confirmations: Option<u64>,
    /// Confirmations after which a transaction is final [default: the node's `finalized` block].
    #[arg(long, value_name = "BLOCKS")]
    pub finality: Option<u64>,
    /// Maximum gas price, attoFIL; transactions wait while it is higher.
    #[arg(long, value_name = "ATTOFIL")]
    pub max_gas_price: Option<GasPrice>,
    /// Maximum fee of one transaction, replacements included.
    #[arg(long, value_name = "FIL")]
    pub max_fee: Option<AttoFil>,
    /// Maximum fees and value of all transactions in one day (UTC).
    #[arg(long, value_name = "FIL")]
    pub daily_cap: Option<AttoFil>,
    /// Resend a transaction without a receipt after this time; replace it after twice as long.
    #[arg(long, value_name = "DURATION", value_parser = positive_seconds)]
    pub resend_after: Option<u64>,
    /// Time between two polls of the chain.
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub poll: Option<Duration>,
}

impl QueueArgs {
    /// The chain's policy, with the given values.
    pub(crate) fn policy(&self, chain_id: u64) -> Policy {
        let mut policy = Policy::for_chain(chain_id);
        if let Some(blocks) = self.confirmations {
            policy.commit = Depth::Blocks(blocks);
            policy.payout = Depth::Blocks(blocks);
        }
        if let Some(blocks) = self.finality {
            policy.finality = Finality::Blocks(blocks);
        }
        if let Some(seconds) = self.resend_after {
            policy.resend_after = seconds;
            policy.bump_after = seconds.saturating_mul(2);
        }
        policy.poll = self.poll.unwrap_or(policy.poll);
        policy.caps.gas_price = self.max_gas_price.unwrap_or(policy.caps.gas_price);
        policy.caps.intent = self.max_fee.unwrap_or(policy.caps.intent);
        policy.caps.daily = self.daily_cap.unwrap_or(policy.caps.daily);
        policy
    }
}
