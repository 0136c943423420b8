//! The checker's status screen, as text.

use std::collections::VecDeque;
use std::fmt::Write;

use alloy_primitives::Address;
use assize_protocol::{AttoFil, CommitteeIndex, ProviderId, RoundNumber, Seat};
use assize_service::{Plain, counted};

use crate::Event;

/// Number of results shown.
const SHOWN: usize = 8;

/// The state of the screen, derived from events alone.
#[derive(Debug, Clone, Default)]
pub struct View {
    station: Address,
    operator: Address,
    coordinator: String,
    live: bool,
    round: Option<RoundView>,
    results: VecDeque<Row>,
    receipts: u64,
    waiting: u64,
    paid: Option<AttoFil>,
    next_opening: Option<u64>,
    /// A notice that needs attention.
    notice: Option<String>,
    outdated: Option<String>,
}

#[derive(Debug, Clone)]
struct RoundView {
    number: RoundNumber,
    state: State,
    closes_at: u64,
}

#[derive(Debug, Clone)]
enum State {
    Opened,
    NotInRoster,
    Refused,
    Drawn {
        committee: CommitteeIndex,
        seat: Seat,
        tasks: usize,
        done: usize,
    },
}

#[derive(Debug, Clone)]
struct Row {
    result: String,
    provider: ProviderId,
    cid: String,
    ttfb: Option<u64>,
    took: u64,
}

impl View {
    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Started {
                station,
                operator,
                coordinator,
                waiting,
                receipts,
                ..
            } => {
                (self.station, self.operator) = (*station, *operator);
                self.coordinator.clone_from(coordinator);
                (self.waiting, self.receipts) = (*waiting, *receipts);
            }
            Event::Live { next_opening, .. } => {
                self.live = true;
                self.notice = None;
                self.next_opening = *next_opening;
            }
            Event::Outdated { .. } => self.outdated = Some(event.to_string()),
            Event::ClockOff { .. } => self.notice = Some(event.to_string()),
            Event::Trouble { what, .. } => {
                self.live &= *what != crate::heartbeat::HEARTBEAT;
                self.notice = Some(event.to_string());
            }
            Event::Opened { round, .. } => self.enter(*round, State::Opened, 0),
            Event::NotInRoster {
                round, next_opening, ..
            } => {
                self.enter(*round, State::NotInRoster, *next_opening);
                self.notice = Some(event.to_string());
            }
            Event::Disagreement { round, .. } => {
                self.enter(*round, State::Refused, 0);
                self.notice = Some(event.to_string());
            }
            Event::Drawn {
                round,
                committee,
                seat,
                tasks,
                done,
                closes_at,
            } => {
                let state = State::Drawn {
                    committee: *committee,
                    seat: *seat,
                    tasks: *tasks,
                    done: *done,
                };
                self.enter(*round, state, *closes_at);
                self.notice = None;
            }
            Event::Measured {
                cid,
                provider,
                result,
                ttfb,
                took,
                ..
            } => {
                if let Some(RoundView {
                    state: State::Drawn { done, .. },
                    ..
                }) = &mut self.round
                {
                    *done += 1;
                }
                self.waiting += 1;
                self.results.push_front(Row {
                    result: Plain(result).to_string(),
                    provider: *provider,
                    cid: cid.to_string(),
                    ttfb: *ttfb,
                    took: *took,
                });
                self.results.truncate(SHOWN);
            }
            Event::NotMeasured { .. }
            | Event::LeftOut { .. }
            | Event::OwnReport { .. }
            | Event::OwnReportFailed { .. } => self.notice = Some(event.to_string()),
            Event::Submitted { .. } => {
                self.waiting = self.waiting.saturating_sub(1);
                self.receipts += 1;
            }
            Event::Refused { .. } => {
                self.waiting = self.waiting.saturating_sub(1);
                self.notice = Some(event.to_string());
            }
            Event::TooLate { measurements } => {
                self.waiting = self.waiting.saturating_sub(*measurements);
                self.notice = Some(event.to_string());
            }
            Event::Paid { atto } => self.paid = Some(*atto),
            Event::Included { .. } | Event::Finished { .. } | Event::Ended { .. } => {}
        }
    }

    fn enter(&mut self, number: RoundNumber, state: State, closes_at: u64) {
        self.round = Some(RoundView {
            number,
            state,
            closes_at,
        });
    }

    /// The screen at a time (Unix seconds), a few lines of at most 100 columns; the terminal wraps longer notices.
    #[must_use]
    pub fn render(&self, now: u64) -> String {
        let mut text = String::new();
        let live = if self.live { "live" } else { "not live" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "station   {}  {live}", self.station);
        let _ = writeln!(text, "operator  {}", self.operator);
        let _ = writeln!(text, "network   {}", self.coordinator);
        let _ = writeln!(text, "round     {}", self.round_line(now));
        if let Some(RoundView {
            state: State::Drawn { tasks, done, .. },
            ..
        }) = &self.round
        {
            let _ = writeln!(text, "tasks     {} {done} of {tasks}", bar(*done, *tasks));
        }
        let _ = writeln!(
            text,
            "receipts  {} held, {} to submit",
            self.receipts,
            counted(self.waiting, "measurement")
        );
        let paid = self.paid.map_or_else(|| "–".into(), |paid| paid.to_string());
        let _ = writeln!(text, "paid      {paid}");
        if !self.results.is_empty() {
            let _ = write!(
                text,
                "\n  {:<30} {:<10} {:<20} {:>10} {:>10}\n",
                "last results", "provider", "payload", "first byte", "total"
            );
        }
        for Row {
            result,
            provider,
            cid,
            ttfb,
            took,
        } in &self.results
        {
            let ttfb = ttfb.map_or_else(|| "–".into(), |ttfb| format!("{ttfb} ms"));
            let (provider, cid) = (provider.to_string(), shortened(cid));
            let _ = writeln!(
                text,
                "  {result:<30} {provider:<10} {cid:<20} {ttfb:>10} {took:>7} ms"
            );
        }
        for notice in [&self.outdated, &self.notice].into_iter().flatten() {
            let _ = write!(text, "\n! {notice}\n");
        }
        text
    }

    fn round_line(&self, now: u64) -> String {
        let Some(RoundView {
            number,
            state,
            closes_at,
        }) = &self.round
        else {
            return match self.next_opening {
                Some(at) if at > now => format!("the next can be opened in {}", span(at - now)),
                _ => "none yet".into(),
            };
        };
        let next = match closes_at.checked_sub(now) {
            _ if *closes_at == 0 => String::new(),
            Some(left) if left > 0 => format!(", next in {}", span(left)),
            _ => ", the next can be opened".into(),
        };
        match state {
            State::Opened => format!("{number}, its beacon is not published yet"),
            State::NotInRoster => format!("{number}, without this station{next}"),
            State::Refused => format!("{number}, rejected"),
            State::Drawn { committee, seat, .. } => {
                format!("{number}, committee {committee}, seat {seat}{next}")
            }
        }
    }
}

fn bar(done: usize, of: usize) -> String {
    const WIDTH: usize = 30;
    let full = (done * WIDTH).checked_div(of).unwrap_or(0).min(WIDTH);
    format!("[{}{}]", "#".repeat(full), ".".repeat(WIDTH - full))
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds / 60),
    }
}

fn shortened(cid: &str) -> String {
    match (cid.get(..10), cid.get(cid.len().saturating_sub(8)..)) {
        (Some(head), Some(tail)) if cid.len() > 20 => format!("{head}…{tail}"),
        _ => cid.to_owned(),
    }
}

#[cfg(test)]
mod tests;
