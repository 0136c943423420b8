//! Files that evaluators object to: kept by the guardian, dropped by anyone.

use assize_chain::Objections;
use assize_facts::{FileKey, FileKind};
use assize_protocol::RoundNumber;
use assize_service::date_and_time;
use eyre::ensure;

use super::FileArgs;
use crate::connect::Network;
use crate::send::{Action, Role};

/// Keeps a file for one challenge window.
pub(super) async fn keep(network: &Network, own: &FileArgs) -> eyre::Result<Action> {
    let file = existing(network, own).await?;
    let said = network.rewards.objections_to(file).await?;
    expect_counted(file, &said)?;
    let roles = network.rewards.roles().await?;
    let now = network.client.head().await?.timestamp;
    if let Some((guardian, until)) = said.kept {
        ensure!(
            !said.is_kept(guardian, now) || guardian != roles.guardian().await?,
            "{file} is kept already, until {}: keep it anew after that",
            date_and_time(until)
        );
    }
    let until = now.saturating_add(roles.challenge_window().await?);
    let effect = format!(
        "{file} counts, and nobody can object to it until {}; give it to the evaluators before then",
        date_and_time(until)
    );
    Ok(Action::new(Role::Guardian, network.rewards.keep(file), effect))
}

/// Drops a file for good.
pub(super) async fn drop(network: &Network, own: &FileArgs) -> eyre::Result<Action> {
    let file = existing(network, own).await?;
    expect_counted(file, &network.rewards.objections_to(file).await?)?;
    let effect = match file.kind {
        FileKind::Roster | FileKind::Tasks => format!("{file} is dropped for good: the round pays nothing"),
        FileKind::Seals | FileKind::Lines => {
            format!("{file} is dropped for good: it counts as if it had not been committed")
        }
    };
    let draft = network.rewards.drop_files(&[file]);
    Ok(Action::new(Role::Anyone, draft, effect))
}

/// The file, if its round has it and is not settled.
async fn existing(network: &Network, own: &FileArgs) -> eyre::Result<FileKey> {
    let file = own.key();
    let latest = network.rounds.latest_round().await?.unwrap_or_default();
    ensure!(
        file.round <= latest,
        "round {} does not exist: {} were opened, numbered from 1",
        file.round,
        latest
    );
    let settled = match network.rewards.head().await? {
        Some(head) => network.rewards.settlement(head).await?.proposal.last_round,
        None => RoundNumber(0),
    };
    ensure!(
        file.round > settled,
        "round {} is settled: nobody can object to its files, or drop them, any more",
        file.round
    );
    let (count, what) = match file.kind {
        FileKind::Roster | FileKind::Tasks => (1, "one such list, whose index is 0"),
        FileKind::Seals => (
            commitments(network, file).await?,
            "lists of seals, counted from 0",
        ),
        FileKind::Lines => (commitments(network, file).await?, "batches, counted from 0"),
    };
    ensure!(
        file.index < count,
        "round {} has no index {} there: it has {count} {what}",
        file.round,
        file.index
    );
    Ok(file)
}

async fn commitments(network: &Network, file: FileKey) -> eyre::Result<u32> {
    let commitments = network.rounds.commitments(file.round, file.kind).await?;
    Ok(u32::try_from(commitments.len())?)
}

fn expect_counted(file: FileKey, said: &Objections) -> eyre::Result<()> {
    ensure!(
        !said.dropped,
        "{file} was dropped, which is for good: it can be neither kept nor dropped again"
    );
    Ok(())
}
