//! The network's state in a few lines.

use std::io::IsTerminal;
use std::time::Duration;

use assize_chain::SettlementId;
use assize_protocol::{AttoFil, RoundNumber};
use indicatif::{ProgressBar, ProgressStyle};

use assize_cli::output::{self, grouped};

/// State of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Time of the newest block, Unix seconds.
    pub now: u64,
    /// Started checkers.
    pub checkers: u64,
    pub round: Option<RoundState>,
    /// The newest settlement, and whether it is active.
    pub settlement: Option<(SettlementId, RoundNumber, bool)>,
    pub granted: AttoFil,
    pub paid: AttoFil,
}

/// State of the newest round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoundState {
    pub number: RoundNumber,
    pub revealed: bool,
    pub closes_at: u64,
    pub over_after: u64,
    /// Stations in its roster.
    pub stations: u64,
    /// Measurements of all rounds for which the API returned a receipt.
    pub received: u64,
    /// Committed measurements of this round.
    pub committed: u64,
}

impl State {
    /// What the network does now.
    pub(super) fn phase(&self) -> String {
        let Some(round) = &self.round else {
            return format!(
                "waiting for {} live checkers to open the first round",
                self.checkers
            );
        };
        let number = round.number;
        let left = |until: u64| until.saturating_sub(self.now);
        if !round.revealed {
            format!("round {number} is open; waiting for its beacon")
        } else if self.now < round.closes_at {
            format!(
                "round {number}: checkers retrieve, {} s left",
                left(round.closes_at)
            )
        } else if self.now <= round.over_after {
            format!(
                "round {number}: the publisher commits batches, {} s left",
                left(round.over_after)
            )
        } else {
            format!("round {number} is over")
        }
    }

    fn lines(&self) -> String {
        let mut text = self.phase();
        if let Some(round) = &self.round {
            text.push_str(&format!(
                "\n  checkers      {} of {} in the roster",
                round.stations, self.checkers
            ));
            text.push_str(&format!(
                "\n  measurements  {} accepted in total, {} of this round committed",
                grouped(round.received),
                grouped(round.committed)
            ));
        }
        if let Some((id, last, active)) = self.settlement {
            let status = if active {
                "active"
            } else {
                "in its challenge window"
            };
            text.push_str(&format!("\n  settlement    {id}, through round {last}: {status}"));
        }
        text.push_str(&format!(
            "\n  rewards       {} FIL granted, {} FIL paid",
            self.granted.short(),
            self.paid.short()
        ));
        text
    }
}

/// Shows the state: in place on a terminal, else one line for each new phase.
pub(super) struct Screen {
    bar: Option<ProgressBar>,
    /// The last printed phase.
    printed: String,
}

impl Screen {
    pub(super) fn open(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(ProgressBar::new_spinner);
        if let Some(bar) = &bar {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self {
            bar,
            printed: String::new(),
        }
    }

    pub(super) fn show(&mut self, state: &State) {
        if let Some(bar) = &self.bar {
            return bar.set_message(state.lines());
        }
        // Without the remaining seconds, which change all the time.
        let phase = state.phase();
        let phase = phase.split(", ").next().unwrap_or_default().to_owned();
        if phase != self.printed {
            output::say(format!("  {phase}"));
            self.printed = phase;
        }
    }

    /// Prints data to stdout.
    pub(super) fn print(&self, text: &str) -> eyre::Result<()> {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::line(text)),
            None => output::line(text),
        }
    }

    pub(super) fn close(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_shows_the_phase_and_the_numbers() {
        let mut state = State {
            now: 1_000,
            checkers: 60,
            ..State::default()
        };
        assert_eq!(
            state.phase(),
            "waiting for 60 live checkers to open the first round"
        );
        state.round = Some(RoundState {
            number: RoundNumber(2),
            revealed: false,
            closes_at: 1_060,
            over_after: 1_120,
            stations: 58,
            received: 1_250,
            committed: 400,
        });
        assert_eq!(state.phase(), "round 2 is open; waiting for its beacon");
        state.settlement = Some((SettlementId(1), RoundNumber(1), true));
        (state.granted, state.paid) = (AttoFil::from_fil(1), AttoFil::new(500_000_000_000_000_000));
        if let Some(round) = &mut state.round {
            round.revealed = true;
        }
        assert_eq!(
            state.lines(),
            "round 2: checkers retrieve, 60 s left
  checkers      58 of 60 in the roster
  measurements  1 250 accepted in total, 400 of this round committed
  settlement    1, through round 1: active
  rewards       1.000000 FIL granted, 0.500000 FIL paid"
        );
        state.now = 1_060;
        assert_eq!(state.phase(), "round 2: the publisher commits batches, 60 s left");
        state.now = 1_121;
        assert_eq!(state.phase(), "round 2 is over");
    }
}
