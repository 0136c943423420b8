//! The publisher commits its batch and gives the file to nobody. The coordinator proves to each station that its line is in it.

use assize_chain::FileKind;
use assize_protocol::RoundNumber;
use assize_service::counted;
use eyre::ensure;

use crate::up::environment::Environment;

const ROUND: RoundNumber = RoundNumber(1);

pub(in crate::up) struct Withheld;

/// The round's batches were dropped, and every station is paid by the report that it committed itself.
pub(super) async fn outcome(environment: &Environment) -> eyre::Result<String> {
    let rounds = &environment.network.rounds;
    let reports = rounds.own_reports(ROUND).await?.len();
    let batches = rounds.commitments(ROUND, FileKind::Lines).await?.len();
    let drops = environment.network.rewards.drops().await?;
    let dropped = drops.iter().filter(|file| file.round == ROUND).count();
    ensure!(batches > 0, "the publisher committed nothing");
    ensure!(dropped == batches, "{dropped} of {batches} batches were dropped");
    Ok(format!(
        "{} withheld and dropped, and all stations paid by {reports} own reports",
        counted(batches as u64, "batch")
    ))
}
