//! One transaction of somebody with a role: sent with a key, or printed for another wallet.

use alloy_primitives::hex;
use assize_chain::{Draft, Receipt};
use assize_keys::Signer;
use assize_protocol::Address;
use clap::Args;
use eyre::{WrapErr, ensure};
use serde_json::json;

use crate::args::{FormatArgs, KeyArgs};
use crate::connect::{Network, PATIENCE};
use crate::output::{self, Outcome};
use crate::signer::signer;

/// How the transaction is sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArgs {
    /// Print the call data for another wallet, such as a Safe; send nothing.
    #[arg(long)]
    calldata: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Whether it is sent without a question.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConfirmArgs {
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
}

impl ConfirmArgs {
    /// Whether a call is to be sent: says what it does, and asks. What the contract would reject is reported before.
    pub(crate) async fn confirm(
        self,
        network: &Network,
        signer: &Signer,
        draft: &Draft,
        effect: &str,
    ) -> eyre::Result<bool> {
        network
            .client
            .expect_funds(signer, draft.value)
            .await
            .wrap_err("nothing was sent")?;
        network
            .client
            .estimate_gas(draft, signer.address())
            .await
            .wrap_err("nothing was sent, since the contract would reject it")?;
        output::say(format!(
            "{} {} on chain {}: {effect}",
            draft.contract,
            draft.to.unwrap_or_default(),
            network.deployment.chain_id,
        ));
        let sends = output::ask("Send this transaction?", self.yes)?;
        if !sends {
            output::say("nothing was sent");
        }
        Ok(sends)
    }
}

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Anyone,
    Owner,
    NextOwner,
    OwnerOrGuardian,
    Guardian,
    Treasury,
}

impl Role {
    /// The role in words.
    fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Owner => "the owner",
            Self::NextOwner => "the pending owner",
            Self::OwnerOrGuardian => "the owner or the guardian",
            Self::Guardian => "the guardian",
            Self::Treasury => "the treasury",
        }
    }

    /// Who has it now. Empty for [`Role::Anyone`], and if nobody has it.
    async fn holders(self, network: &Network) -> eyre::Result<Vec<Address>> {
        let roles = &network.roles;
        Ok(match self {
            Self::Anyone => Vec::new(),
            Self::Owner => vec![roles.owner().await?],
            Self::NextOwner => roles.pending_owner().await?.into_iter().collect(),
            Self::OwnerOrGuardian => vec![roles.owner().await?, roles.guardian().await?],
            Self::Guardian => vec![roles.guardian().await?],
            Self::Treasury => vec![network.rewards.treasury().await?],
        })
    }
}

/// A call that changes the network, with what it does in words.
#[derive(Debug)]
pub(crate) struct Action {
    pub role: Role,
    pub draft: Draft,
    pub effect: String,
}

impl Action {
    pub(crate) fn new(role: Role, draft: Draft, effect: impl Into<String>) -> Self {
        Self {
            role,
            draft,
            effect: effect.into(),
        }
    }

    /// Sends it, or prints its call data. What the contract would reject is reported before anything is sent.
    pub(crate) async fn run(
        &self,
        network: &Network,
        key: &KeyArgs,
        how: &SendArgs,
        format: FormatArgs,
    ) -> eyre::Result<Outcome> {
        let holders = self.role.holders(network).await?;
        ensure!(
            self.role == Role::Anyone || !holders.is_empty(),
            "there is no {} now",
            self.role.name().trim_start_matches("the ")
        );
        if how.calldata {
            return self.print(network, &holders, format).await;
        }
        let signer = signer(key).await?;
        let sender = signer.address();
        ensure!(
            self.role == Role::Anyone || holders.contains(&sender),
            "only {} may do this, which is {}, but the key is that of {sender}; use that key, or --calldata for a Safe",
            self.role.name(),
            list(&holders)
        );
        if !how
            .confirm
            .confirm(network, &signer, &self.draft, &self.effect)
            .await?
        {
            return Ok(Outcome::CheckFailed);
        }
        let receipt = network.client.transact(&signer, &self.draft, PATIENCE).await?;
        self.print_receipt(&receipt, sender, format)
    }

    fn address(&self) -> Address {
        self.draft.to.unwrap_or_default()
    }

    fn print_receipt(&self, receipt: &Receipt, sender: Address, format: FormatArgs) -> eyre::Result<Outcome> {
        let report = json!({
            "effect": self.effect,
            "contract": self.draft.contract,
            "address": self.address(),
            "sender": sender,
            "value": self.draft.value,
            "transaction": receipt.hash,
            "gas": receipt.gas_used,
        });
        format.print(&report, || {
            format!("{}\n  {} ({} gas)", self.effect, receipt.hash, receipt.gas_used)
        })?;
        Ok(Outcome::Done)
    }

    /// For a wallet that this program does not know. The call is tried as each holder of the role first.
    async fn print(
        &self,
        network: &Network,
        holders: &[Address],
        format: FormatArgs,
    ) -> eyre::Result<Outcome> {
        for holder in holders {
            network
                .client
                .call_raw(&self.draft, Some(*holder))
                .await
                .wrap_err_with(|| format!("the contract would reject this call of {holder}"))?;
        }
        // As the zero address, which has no FIL to send.
        if self.role == Role::Anyone && self.draft.value.is_zero() {
            let tried = network.client.call_raw(&self.draft, None).await;
            tried.wrap_err("the contract would reject this call of anybody")?;
        }
        let data = hex::encode_prefixed(&self.draft.input);
        let report = json!({
            "chainId": network.deployment.chain_id,
            "from": holders,
            "to": self.address(),
            "value": self.draft.value,
            "data": data,
            "contract": self.draft.contract,
            "effect": self.effect,
        });
        format.print(&report, || {
            let from = match holders {
                [] => self.role.name().to_owned(),
                holders => format!("{} ({})", list(holders), self.role.name()),
            };
            format!(
                "nothing was sent; the call would have this effect: {}\n  chain  {}\n  from   {from}\n  to     {} ({})\n  value  {}\n  data   {data}",
                self.effect,
                network.deployment.chain_id,
                self.address(),
                self.draft.contract,
                self.draft.value
            )
        })?;
        Ok(Outcome::Done)
    }
}

fn list(addresses: &[Address]) -> String {
    let mut words: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    words.dedup();
    words.join(" or ")
}
