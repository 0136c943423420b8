//! `assize settlement`.

mod challenge;
mod demand;
mod evaluate;
mod show;
mod veto;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use alloy_primitives::{B256, Signature};
use assize_chain::{Proposal, SettlementId};
use assize_evaluate::SettlementDocument;
use assize_measurement::signer_of;
use assize_protocol::Address;
use clap::{Args, Subcommand};
use eyre::{Context, ensure, eyre};
use serde_json::json;

use crate::args::{ChainArgs, FormatArgs, KeyArgs, StoreArgs};
use crate::connect::{Network, PATIENCE, store};
use crate::output::{self, Outcome};
use crate::send::ConfirmArgs;
use crate::signer::signer;
use crate::text_file::read_bytes;
use assize_service::{DataDir, counted, near};

#[derive(Debug, Subcommand)]
pub enum SettlementCommand {
    Show(show::ShowArgs),
    Evaluate(evaluate::EvaluateArgs),
    Sign(SignArgs),
    Post(PostArgs),
    Challenge(challenge::ChallengeArgs),
    Demand(demand::DemandArgs),
    Answer(demand::AnswerArgs),
    Lapse(demand::LapseArgs),
    WithdrawBond(demand::WithdrawArgs),
    Veto(veto::VetoArgs),
}

/// Sign a settlement document as an evaluator; only what you recomputed yourself.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// Document from `assize settlement evaluate`.
    document: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

/// Post a settlement with the signatures of enough evaluators; anyone may.
#[derive(Debug, Args)]
pub struct PostArgs {
    /// Document from `assize settlement evaluate`.
    document: PathBuf,
    /// Evaluator's signature from `assize settlement sign`; repeatable.
    #[arg(long = "signature", value_name = "HEX", required = true)]
    signatures: Vec<EvaluatorSignature>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone)]
struct EvaluatorSignature(Signature);

impl FromStr for EvaluatorSignature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| "a signature is 65 bytes of hex, as `assize settlement sign` prints it".into())
    }
}

pub(crate) async fn run(command: &SettlementCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        SettlementCommand::Show(args) => show::run(args, data).await,
        SettlementCommand::Evaluate(args) => evaluate::run(args, data).await,
        SettlementCommand::Sign(args) => sign(args, data).await,
        SettlementCommand::Post(args) => post(args, data).await,
        SettlementCommand::Challenge(args) => challenge::run(args, data).await,
        SettlementCommand::Demand(args) => demand::demand(args, data).await,
        SettlementCommand::Answer(args) => demand::answer(args, data).await,
        SettlementCommand::Lapse(args) => demand::lapse(args, data).await,
        SettlementCommand::WithdrawBond(args) => demand::withdraw(args, data).await,
        SettlementCommand::Veto(args) => veto::run(args, data).await,
    }
}

async fn sign(args: &SignArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let signer = signer(&args.key).await?;
    let (_, proposal) = read_document(&network, &args.document)?;
    let evaluators = network.roles.evaluators().await?;
    ensure!(
        evaluators.set.contains(&signer.address()),
        "{} is not an evaluator of this network; the evaluators are {}",
        signer.address(),
        list(&evaluators.set)
    );
    let number = next_number(&network).await?;
    let message = network.rewards.message_of(number, &proposal).await?;
    if signer.asks_a_person() {
        output::say(format!(
            "confirm on the device if it shows these hashes:\n  domain   {}\n  message  {}",
            message.domain_hash(),
            message.message_hash()
        ));
    }
    let signature = alloy_primitives::hex::encode_prefixed(message.sign(&signer).await?);
    let report = json!({
        "evaluator": signer.address(),
        "settlement": number,
        "digest": message.digest(),
        "domainHash": message.domain_hash(),
        "messageHash": message.message_hash(),
        "signature": signature,
    });
    args.format.print(&report, || signature.clone())?;
    Ok(Outcome::Done)
}

async fn post(args: &PostArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let (bytes, proposal) = read_document(&network, &args.document)?;
    let number = next_number(&network).await?;
    let digest = network.rewards.digest_of(number, &proposal).await?;
    let signatures = by_evaluator(&args.signatures, digest, &args.document)?;
    let evaluators = network.roles.evaluators().await?;
    for address in signatures.keys() {
        ensure!(
            evaluators.set.contains(address),
            "a signature recovers to {address}, which is not an evaluator; the evaluators are {}. The address is random if the \
             signature is for another document, for another number (this would be settlement {number}), or older than a change of the \
             evaluators",
            list(&evaluators.set)
        );
    }
    ensure!(
        signatures.len() as u64 >= evaluators.threshold,
        "{} given, {} needed",
        counted(signatures.len() as u64, "signature"),
        evaluators.threshold
    );
    let signer = signer(&args.key).await?;
    let effect = format!(
        "settlement {number} is posted, of rounds {} to {}, with {} granted since round 1",
        proposal.first_round, proposal.last_round, proposal.cumulative_total
    );
    let draft = network.rewards.post(number, &proposal, &signatures);
    if !args.confirm.confirm(&network, &signer, &draft, &effect).await? {
        return Ok(Outcome::CheckFailed);
    }
    store(&args.store, data)?.put(&bytes)?;
    let receipt = network.client.transact(&signer, &draft, PATIENCE).await?;
    let settlement = network.rewards.settlement(number).await?;
    let report = json!({"transaction": receipt.hash, "settlement": settlement});
    args.format.print(&report, || {
        format!(
            "settlement {number} posted; it becomes active at {} unless it is voided",
            near(settlement.active_at, settlement.posted_at)
        )
    })?;
    Ok(Outcome::Done)
}

/// The number that a settlement would have now: it is part of what evaluators sign.
async fn next_number(network: &Network) -> eyre::Result<SettlementId> {
    Ok(SettlementId(network.rewards.settlement_count().await? + 1))
}

/// Signatures by signer; a second one by the same evaluator is an error.
fn by_evaluator(
    given: &[EvaluatorSignature],
    digest: B256,
    document: &Path,
) -> eyre::Result<BTreeMap<Address, [u8; 65]>> {
    let mut signatures = BTreeMap::new();
    for (index, EvaluatorSignature(signature)) in given.iter().enumerate() {
        let bytes = signature.as_bytes();
        let evaluator = signer_of(digest, &assize_measurement::Signature(bytes)).ok_or_else(|| {
            eyre!(
                "signature {} is not a signature of {}",
                index + 1,
                document.display()
            )
        })?;
        let again = signatures.insert(evaluator, bytes).is_some();
        ensure!(
            !again,
            "two signatures are by the evaluator {evaluator}; give each once"
        );
    }
    Ok(signatures)
}

fn read_document(network: &Network, path: &Path) -> eyre::Result<(Vec<u8>, Proposal)> {
    let bytes = read_bytes("", path)?;
    let document = SettlementDocument::parse(&bytes)
        .wrap_err_with(|| format!("{} is not a settlement document", path.display()))?;
    let here = (
        network.deployment.chain_id,
        network.deployment.rounds,
        network.deployment.rewards,
    );
    let there = (
        document.contracts.chain_id,
        document.contracts.rounds,
        document.contracts.rewards,
    );
    ensure!(
        here == there,
        "{} is for chain {} and the contracts {} and {}, but the deployment file names chain {}, {} and {}",
        path.display(),
        there.0,
        there.1,
        there.2,
        here.0,
        here.1,
        here.2
    );
    let proposal = document.proposal();
    Ok((bytes, proposal))
}

fn list(addresses: &[Address]) -> String {
    addresses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
