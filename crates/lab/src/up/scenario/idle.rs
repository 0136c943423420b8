//! Nobody measures in 600 rounds. Then a round is measured, and paid.
//!
//! Those rounds take no time: their chain is started in the past, with a simulated clock, and goes on in real time when they have
//! passed. Only then the processes are started.

use std::time::{Instant, SystemTime};

use assize_chain::SettlementId;
use assize_cli::connect::{Network, PATIENCE};
use assize_cli::output;
use assize_keys::Signer;
use assize_protocol::{AttoFil, RoundNumber};
use assize_testkit::anvil::Anvil;
use assize_testkit::world::no_list;
use eyre::{OptionExt, ensure};

use super::Scenario;
use crate::up::UpArgs;
use crate::up::environment::Environment;
use crate::up::network::Processes;
use crate::up::plan::{BUDGET, TICK};
use crate::up::screen::State;

/// Fewest rounds that idle.
const IDLE: u64 = 600;
/// The contract's maximum of rounds in a settlement.
const MAX_PER_SETTLEMENT: u64 = 512;
/// Most rounds that are run after those.
const MAX_LIVE: u64 = 2 * MAX_PER_SETTLEMENT - IDLE;
/// Seconds for the deployment before the first round, and for the last one to be over before the processes are started.
const MARGIN: u64 = 120;
/// Evaluators, the first ones, that are down until a round is measured. The rest are too few to settle.
///
/// Evaluators that are up settle all rounds at hand if no new one is opened for a challenge window. Here that is shorter than the
/// checkers' start, and the measured round would be the first of another settlement, which is due hours later.
pub(in crate::up) const AWAY: u64 = 2;

/// The rounds that idle, and how all are settled: the first settlement is of such rounds only, the second ends with the last round
/// that is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::up) struct Idling {
    /// Rounds that idle.
    pub rounds: u64,
    /// Rounds in a settlement.
    pub per_settlement: u64,
}

impl Idling {
    /// What the arguments ask for, if it is this scenario.
    ///
    /// # Errors
    /// Without a number of rounds, it is unknown which settlement is the last.
    pub(in crate::up) fn of(args: &UpArgs) -> eyre::Result<Option<Self>> {
        if args.scenario != Some(Scenario::Idle) {
            return Ok(None);
        }
        let live = args.rounds.filter(|rounds| *rounds <= MAX_LIVE);
        let live = live.ok_or_eyre(format!(
            "--scenario idle needs --rounds, from 1 to {MAX_LIVE}: the rounds after the {IDLE} idle ones, all paid by the second \
             settlement"
        ))?;
        Ok(Some(Self::before(live)))
    }

    fn before(live: u64) -> Self {
        let per_settlement = (IDLE + live).div_ceil(2);
        Self {
            rounds: 2 * per_settlement - live,
            per_settlement,
        }
    }

    /// Starts the chain so long ago that the rounds are over now.
    pub(in crate::up) fn start_chain(self, round: u32) -> eyre::Result<Anvil> {
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        // The first is opened a round's time after the deployment.
        let idle = (self.rounds + 1) * u64::from(round);
        Ok(Anvil::start_at(now.saturating_sub(idle + MARGIN))?)
    }

    /// Lets the rounds pass: the coordinator opens each when the last one closes, and nobody reveals it. Then it is now.
    pub(in crate::up) async fn pass(
        self,
        anvil: &Anvil,
        network: &Network,
        coordinator: &Signer,
        round: u32,
    ) -> eyre::Result<()> {
        let begun = Instant::now();
        // Each is opened in a block of its own.
        anvil.set_interval(round.into())?;
        let open = network.rounds.open(&no_list(), &no_list());
        for _ in 0..self.rounds {
            network.client.transact(coordinator, &open, PATIENCE).await?;
        }
        let last = network.rounds.round(RoundNumber(self.rounds)).await?;
        anvil.go_live(TICK)?;
        ensure!(
            anvil.timestamp()? > last.times.dedupe_from,
            "the idle rounds are not over yet"
        );
        output::say(format!(
            "{} rounds of {round} s passed without a measurement, in {} s",
            self.rounds,
            begun.elapsed().as_secs()
        ));
        Ok(())
    }
}

/// The scenario in progress.
#[derive(Default)]
pub(in crate::up) struct Idle {
    /// Whether all evaluators are up.
    awake: bool,
}

impl Idle {
    /// The evaluators come back when the first measured round is open.
    pub(super) fn step(&mut self, processes: &Processes, state: &State) -> eyre::Result<()> {
        if self.awake || state.round.is_none() {
            return Ok(());
        }
        let away = &processes.evaluators[..AWAY as usize];
        away.iter().try_for_each(|evaluator| evaluator.resume())?;
        self.awake = true;
        Ok(())
    }
}

/// The first settlement is of idle rounds and grants nothing; the second grants what the rounds after them have earned.
pub(super) async fn outcome(environment: &Environment) -> eyre::Result<String> {
    let rewards = &environment.network.rewards;
    let idle = idle_rounds(environment).await?;
    ensure!(idle >= IDLE, "only {idle} rounds idled");
    let posted = rewards.settlement_count().await?;
    ensure!(posted >= 2, "not both settlements were posted, but {posted}");
    let (mut settled, mut granted) = (0, AttoFil::default());
    for id in (1..=posted).map(SettlementId) {
        let proposal = rewards.settlement(id).await?.proposal;
        let last = proposal.last_round.0;
        if last <= idle {
            let total = proposal.cumulative_total;
            ensure!(
                total.is_zero(),
                "settlement {id} of idle rounds grants {total} attoFIL"
            );
            settled = settled.max(last);
        } else if granted.is_zero() {
            // The budgets of idle rounds stay in the pool.
            let most = BUDGET.checked_mul(last - idle).unwrap_or_default();
            granted = proposal.cumulative_total;
            ensure!(
                !granted.is_zero() && granted <= most,
                "settlement {id}, with {} measured rounds, grants {granted} attoFIL",
                last - idle
            );
        }
    }
    ensure!(settled > 0, "no idle round was settled on its own");
    ensure!(!granted.is_zero(), "no measured round was settled");
    Ok(format!(
        "{idle} rounds without a measurement were settled for nothing; round {} is paid",
        idle + 1
    ))
}

/// Number of rounds before the first one that was revealed.
async fn idle_rounds(environment: &Environment) -> eyre::Result<u64> {
    let rounds = &environment.network.rounds;
    let mut number = RoundNumber(1);
    while rounds.round(number).await?.seed.is_none() {
        number.0 += 1;
    }
    Ok(number.0 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_settlement_ends_with_the_last_round() {
        for live in 1..=MAX_LIVE {
            let Idling {
                rounds,
                per_settlement,
            } = Idling::before(live);
            assert!(rounds >= IDLE && per_settlement <= MAX_PER_SETTLEMENT);
            assert!(per_settlement <= rounds, "the first is of idle rounds only");
            assert_eq!(2 * per_settlement, rounds + live);
        }
        assert_eq!(Idling::before(1).rounds, 601);
    }
}
