//! `assize admin`.

mod actions;
mod files;

use std::path::PathBuf;

use assize_facts::{FileKey, FileKind};
use assize_protocol::address::parse_operator;
use assize_protocol::{Address, RoundNumber};
use assize_service::DataDir;
use clap::{Args, Subcommand, ValueEnum, value_parser};

use crate::args::duration::positive_seconds;
use crate::args::{ChainArgs, FormatArgs, KeyArgs};
use crate::connect::Network;
use crate::output::Outcome;
use crate::send::{Action, SendArgs};

/// Act as owner, guardian or treasury.
#[derive(Debug, Args)]
pub struct AdminArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Announce a coordinator, one challenge window ahead (owner).
    SetCoordinator(With<AddressArgs>),
    /// Cancel an announced coordinator (owner or guardian).
    CancelCoordinator(With<NoArgs>),
    /// Stop the coordinator at once; anyone then opens rounds (guardian).
    SuspendCoordinator(With<SuspensionArgs>),
    /// Announce a publisher, one challenge window ahead (owner).
    AllowPublisher(With<AddressArgs>),
    /// Announce that a publisher leaves, one challenge window ahead (owner).
    ForbidPublisher(With<AddressArgs>),
    /// Cancel what is announced of a publisher (owner or guardian).
    CancelPublisher(With<AddressArgs>),
    /// Stop a publisher at once, for open rounds too (guardian).
    SuspendPublisher(With<AddressArgs>),
    /// Keep a file that evaluators object to: it counts (guardian).
    KeepFile(With<FileArgs>),
    /// Drop a file that evaluators objected to and nobody kept (anyone may).
    DropFile(With<FileArgs>),
    /// Announce parameters of rounds, one challenge window ahead (owner).
    SetParameters(With<ParametersArgs>),
    /// Cancel announced parameters (owner or guardian).
    CancelParameters(With<NoArgs>),
    /// Announce new evaluators, one challenge window ahead (owner).
    SetEvaluators(With<EvaluatorsArgs>),
    /// Cancel announced evaluators (owner or guardian).
    CancelEvaluators(With<NoArgs>),
    /// Announce a new guardian, one challenge window ahead (owner).
    SetGuardian(With<AddressArgs>),
    /// Cancel an announced guardian (owner or guardian).
    CancelGuardian(With<NoArgs>),
    /// Set the challenge window; a shorter one is announced (owner).
    SetChallengeWindow(With<WindowArgs>),
    /// Cancel an announced shorter challenge window (owner or guardian).
    CancelChallengeWindow(With<NoArgs>),
    /// Announce the end of the programme, or that it has none (owner).
    SetEnd(With<EndArgs>),
    /// Cancel the end that the owner announced (owner or guardian).
    CancelEnd(With<NoArgs>),
    /// Announce the end of a programme without settlements (anyone may).
    EndAbandoned(With<NoArgs>),
    /// Cancel the end of an abandoned programme that pays again (anyone may).
    NoteActive(With<NoArgs>),
    /// After the end, send the treasury what was never promised (anyone may).
    WithdrawSurplus(With<NoArgs>),
    /// Book FIL that came by a plain transfer as a deposit (anyone may).
    Sync(With<NoArgs>),
    /// Hand the treasury's role to another address (treasury only).
    SetTreasury(With<AddressArgs>),
    /// Offer the ownership to another address, which must accept it (owner).
    TransferOwnership(With<AddressArgs>),
    /// Accept the ownership (new owner only).
    AcceptOwnership(With<NoArgs>),
}

/// An action's own arguments, with those of all.
#[derive(Debug, Args)]
struct With<T: Args> {
    #[command(flatten)]
    own: T,
    #[command(flatten)]
    send: SendArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Args)]
struct NoArgs {}

#[derive(Debug, Args)]
struct AddressArgs {
    /// 0x or f410 address.
    #[arg(value_parser = parse_operator)]
    address: Address,
}

#[derive(Debug, Args)]
struct SuspensionArgs {
    /// Round whose lists are used from then on [default: the newest with a batch].
    #[arg(long, value_name = "ROUND", value_parser = value_parser!(u64).range(1..))]
    lists_of: Option<u64>,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// Round whose evaluation reads the file.
    #[arg(value_parser = value_parser!(u64).range(1..))]
    round: u64,
    /// What it is.
    #[arg(value_enum)]
    kind: Kind,
    /// Its place in commit order, from 0, if it is a batch or a list of seals.
    #[arg(default_value_t = 0)]
    index: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Roster,
    Tasks,
    Seals,
    Batch,
}

impl FileArgs {
    fn key(&self) -> FileKey {
        FileKey {
            round: RoundNumber(self.round),
            kind: match self.kind {
                Kind::Roster => FileKind::Roster,
                Kind::Tasks => FileKind::Tasks,
                Kind::Seals => FileKind::Seals,
                Kind::Batch => FileKind::Lines,
            },
            index: self.index,
        }
    }
}

#[derive(Debug, Args)]
struct ParametersArgs {
    /// Parameter file, as for `assize deploy plan`; its `parameters` are set.
    #[arg(value_name = "FILE")]
    params: PathBuf,
}

#[derive(Debug, Args)]
struct EvaluatorsArgs {
    /// All new evaluators: 0x or f410 addresses.
    #[arg(value_name = "ADDRESS", required = true, value_parser = parse_operator)]
    evaluators: Vec<Address>,
    /// Signatures that a settlement needs.
    #[arg(long, value_name = "N")]
    threshold: u64,
}

#[derive(Debug, Args)]
struct WindowArgs {
    /// Such as 24h.
    #[arg(value_name = "DURATION", value_parser = positive_seconds)]
    window: u64,
}

#[derive(Debug, Args)]
struct EndArgs {
    /// UTC time such as 2027-06-30T12:00:00Z, or `never`.
    #[arg(value_name = "TIME|never", value_parser = parse_end)]
    at: End,
}

#[derive(Debug, Clone, Copy)]
struct End(Option<u64>);

fn parse_end(text: &str) -> Result<End, String> {
    if text == "never" {
        return Ok(End(None));
    }
    let time = text.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_second()).ok())
        .map(|at| End(Some(at)))
        .ok_or_else(|| "give a UTC time such as 2027-06-30T12:00:00Z, or `never`".into())
}

pub(super) async fn run(args: &AdminArgs, data: &DataDir) -> eyre::Result<Outcome> {
    match &args.task {
        Task::SetCoordinator(args) => args.run(data, actions::set_coordinator).await,
        Task::CancelCoordinator(args) => args.run(data, actions::cancel_coordinator).await,
        Task::SuspendCoordinator(args) => args.run(data, actions::suspend_coordinator).await,
        Task::AllowPublisher(args) => args.run(data, actions::allow_publisher).await,
        Task::ForbidPublisher(args) => args.run(data, actions::forbid_publisher).await,
        Task::CancelPublisher(args) => args.run(data, actions::cancel_publisher).await,
        Task::SuspendPublisher(args) => args.run(data, actions::suspend_publisher).await,
        Task::KeepFile(args) => args.run_after(data, files::keep).await,
        Task::DropFile(args) => args.run_after(data, files::drop).await,
        Task::SetParameters(args) => args.run(data, actions::set_parameters).await,
        Task::CancelParameters(args) => args.run(data, actions::cancel_parameters).await,
        Task::SetEvaluators(args) => args.run(data, actions::set_evaluators).await,
        Task::CancelEvaluators(args) => args.run(data, actions::cancel_evaluators).await,
        Task::SetGuardian(args) => args.run(data, actions::set_guardian).await,
        Task::CancelGuardian(args) => args.run(data, actions::cancel_guardian).await,
        Task::SetChallengeWindow(args) => args.run(data, actions::set_challenge_window).await,
        Task::CancelChallengeWindow(args) => args.run(data, actions::cancel_challenge_window).await,
        Task::SetEnd(args) => args.run(data, actions::set_end).await,
        Task::CancelEnd(args) => args.run(data, actions::cancel_end).await,
        Task::EndAbandoned(args) => args.run(data, actions::end_abandoned).await,
        Task::NoteActive(args) => args.run(data, actions::note_active).await,
        Task::WithdrawSurplus(args) => args.run(data, actions::withdraw_surplus).await,
        Task::Sync(args) => args.run(data, actions::sync).await,
        Task::SetTreasury(args) => args.run(data, actions::set_treasury).await,
        Task::TransferOwnership(args) => args.run(data, actions::transfer_ownership).await,
        Task::AcceptOwnership(args) => args.run(data, actions::accept_ownership).await,
    }
}

impl<T: Args> With<T> {
    async fn run(
        &self,
        data: &DataDir,
        action: impl FnOnce(&Network, &T) -> eyre::Result<Action>,
    ) -> eyre::Result<Outcome> {
        let network = Network::connect_to_send(&self.chain, data).await?;
        let action = action(&network, &self.own)?;
        action.run(&network, &self.key, &self.send, self.format).await
    }

    /// The same for what looks at the chain first.
    async fn run_after(
        &self,
        data: &DataDir,
        action: impl AsyncFnOnce(&Network, &T) -> eyre::Result<Action>,
    ) -> eyre::Result<Outcome> {
        let network = Network::connect_to_send(&self.chain, data).await?;
        let action = action(&network, &self.own).await?;
        action.run(&network, &self.key, &self.send, self.format).await
    }
}
