//! A publisher commits a batch that nobody has.

use alloy_primitives::B256;
use assize_chain::FileKind;
use assize_cli::connect::PATIENCE;
use assize_measurement::unixfs::file_cid;
use assize_protocol::RoundNumber;
use eyre::ensure;

use crate::up::environment::Environment;
use crate::up::screen::State;

const ROUND: RoundNumber = RoundNumber(1);

#[derive(Default)]
pub(in crate::up) struct Garbage {
    done: bool,
}

impl Garbage {
    pub(super) async fn step(&mut self, environment: &Environment, state: &State) -> eyre::Result<()> {
        let revealed = state.round.as_ref().is_some_and(|round| round.revealed);
        if self.done || !revealed {
            return Ok(());
        }
        let cid = file_cid(b"nobody ever stored this");
        let draft = environment
            .network
            .rounds
            .commit(ROUND, &cid, B256::repeat_byte(0xbb), 1_000);
        let publisher = environment.keys.signer("publisher", 1)?;
        environment
            .network
            .client
            .transact(&publisher, &draft, PATIENCE)
            .await?;
        self.done = true;
        Ok(())
    }
}

/// The file was dropped by objections, and nothing else was.
pub(super) async fn outcome(environment: &Environment) -> eyre::Result<String> {
    let drops = environment.network.rewards.drops().await?;
    ensure!(
        matches!(&drops[..], [file] if file.round == ROUND && file.kind == FileKind::Lines),
        "not the one batch of garbage was dropped, but {drops:?}"
    );
    Ok(format!("{} was dropped, and the round is paid", drops[0]))
}
