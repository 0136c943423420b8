//! Events of a checker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use assize_protocol::{AttoFil, CommitteeIndex, PayloadCid, ProviderId, RoundNumber, Seat, TaskIndex};
use assize_wire::Version;
use serde::Serialize;

use assize_service::{Plain, counted, date_and_time};

use crate::Cause;

/// An event. In JSON it is an object with its kind in `event`; `Display` gives one plain sentence, in which untrusted
/// text is made safe to print. Times are Unix seconds, durations milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the variants explain their fields")]
pub enum Event {
    /// The checker starts.
    Started {
        station: Address,
        operator: Address,
        coordinator: String,
        version: Version,
        /// Measurements of an earlier run that are still to be submitted.
        waiting: u64,
        /// Receipts held.
        receipts: u64,
        /// Address of health and metrics.
        url: Option<String>,
    },
    /// The first accepted heartbeat, or the first after failures.
    Live { until: u64, next_opening: Option<u64> },
    /// The coordinator does not accept measurements of this version.
    Outdated { version: Version, minimum: Version },
    /// The machine's clock differs from the coordinator's.
    ClockOff {
        /// Seconds by which it is ahead.
        ahead: i64,
    },
    /// A temporary failure; it is retried.
    Trouble { what: &'static str, error: String },
    /// The round is open; its beacon is not published yet.
    Opened {
        round: RoundNumber,
        /// When the beacon will be published.
        beacon_at: Option<u64>,
    },
    /// The station is not in the round's roster.
    NotInRoster {
        round: RoundNumber,
        opened_at: u64,
        /// Since when the station has been sending heartbeats.
        live_since: Option<u64>,
        /// When the next round can be opened.
        next_opening: u64,
    },
    /// The station's assignment in the round, derived and checked.
    Drawn {
        round: RoundNumber,
        committee: CommitteeIndex,
        seat: Seat,
        tasks: usize,
        /// Tasks done by an earlier run.
        done: usize,
        closes_at: u64,
    },
    /// The coordinator contradicts the chain; nothing is done in this round.
    Disagreement {
        round: RoundNumber,
        what: String,
        expected: String,
        got: String,
    },
    /// A task is done.
    Measured {
        round: RoundNumber,
        committee: CommitteeIndex,
        task: TaskIndex,
        cid: PayloadCid,
        provider: ProviderId,
        /// Spark's result code.
        result: String,
        /// Time to the first byte.
        ttfb: Option<u64>,
        took: u64,
        bytes: u64,
    },
    /// A task failed on the checker's own side.
    NotMeasured {
        round: RoundNumber,
        task: TaskIndex,
        provider: ProviderId,
        error: String,
        /// Whether it is retried.
        again: bool,
    },
    /// A measurement was accepted, and its receipt stored.
    Submitted {
        round: RoundNumber,
        task: TaskIndex,
        digest: B256,
        received_at: u64,
    },
    /// A measurement was rejected for good.
    Refused {
        round: RoundNumber,
        task: TaskIndex,
        problem: String,
        detail: String,
    },
    /// These measurements are no longer accepted.
    TooLate { measurements: u64 },
    /// All measurements of the round are in committed batches.
    Included { round: RoundNumber, measurements: u64 },
    /// Measurements of the round cannot be shown to be in a committed batch.
    LeftOut {
        round: RoundNumber,
        measurements: u64,
        /// Those that are in one.
        included: u64,
        /// How many are left out for each cause.
        causes: BTreeMap<Cause, u64>,
        /// Tasks whose measurements have no room in the station's own report.
        omitted: Vec<TaskIndex>,
        remedy: Remedy,
    },
    /// The station's own report of the round is on the chain.
    OwnReport {
        round: RoundNumber,
        measurements: u64,
        bytes: u64,
        /// Null if somebody else has sent it, or an earlier run that lost its queue.
        transaction: Option<B256>,
        fee: Option<AttoFil>,
    },
    /// The station's own report of the round could not be committed in time.
    OwnReportFailed {
        round: RoundNumber,
        measurements: u64,
        error: String,
    },
    /// All tasks of the round are done, or its time is over.
    Finished {
        round: RoundNumber,
        measured: usize,
        /// Tasks that were not done.
        missed: usize,
    },
    /// Payments to the operator so far, from the chain.
    Paid { atto: AttoFil },
    /// The checker ends.
    Ended {
        /// Measurements that the next run will submit.
        waiting: u64,
        /// Rounds that the next run will look after, if it begins in time.
        kept: u64,
    },
}

/// What is done about measurements that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// The station commits its own report.
    OwnReport,
    /// Nothing: there is no key that pays for it.
    NoKey,
    /// Nothing: the round takes no more reports.
    TooLate,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started {
                station,
                operator,
                coordinator,
                version,
                waiting,
                receipts,
                url,
            } => {
                write!(
                    f,
                    "checker {version}: station {station} works for {operator} with {coordinator}"
                )?;
                let held = counted(*receipts, "receipt");
                let waiting = counted(*waiting, "measurement");
                write!(f, "; {held} held, {waiting} to submit")?;
                match url {
                    Some(url) => write!(f, "; health and metrics at {url}"),
                    None => Ok(()),
                }
            }
            Self::Live { until, .. } => write!(f, "live until {}", date_and_time(*until)),
            Self::Outdated { version, minimum } => {
                write!(
                    f,
                    "outdated: this is {version}, measurements are accepted from {minimum} on; update it"
                )
            }
            Self::ClockOff { ahead } => {
                let (seconds, direction) = (
                    ahead.unsigned_abs(),
                    if *ahead > 0 { "ahead of" } else { "behind" },
                );
                write!(
                    f,
                    "the clock is {seconds} s {direction} the coordinator's; set it (NTP)"
                )
            }
            Self::Trouble { what, error } => write!(f, "{what}: {}", Plain(error)),
            Self::Opened {
                round,
                beacon_at: Some(at),
            } => write!(
                f,
                "round {round} is open; its beacon is published at {}",
                date_and_time(*at)
            ),
            Self::Opened { round, .. } => write!(f, "round {round} is open; its beacon is not published yet"),
            Self::NotInRoster {
                round,
                opened_at,
                live_since,
                next_opening,
            } => {
                write!(f, "not drawn in round {round}: ")?;
                match live_since {
                    Some(since) if since < opened_at => {
                        f.write_str("its roster does not have this station, although it was live; a roster has a limited number \
                             of stations per subnet")?;
                    }
                    _ => f.write_str("its roster was frozen before this station was live")?,
                }
                write!(
                    f,
                    "; the next round can be opened from {} on",
                    date_and_time(*next_opening)
                )
            }
            Self::Drawn {
                round,
                committee,
                seat,
                tasks,
                done,
                ..
            } => {
                write!(
                    f,
                    "round {round}: committee {committee}, seat {seat}, {}",
                    counted(*tasks as u64, "task")
                )?;
                match done {
                    0 => Ok(()),
                    done => write!(f, ", {done} of them already done"),
                }
            }
            Self::Disagreement {
                round,
                what,
                expected,
                got,
            } => write!(
                f,
                "nothing is done in round {round}, because the coordinator contradicts chain and beacon: {} should be {}, \
                 it says {}",
                Plain(what),
                Plain(expected),
                Plain(got)
            ),
            Self::Measured {
                round,
                task,
                cid,
                provider,
                result,
                ttfb,
                took,
                ..
            } => {
                write!(
                    f,
                    "round {round}, task {task}: {}, {cid} of {provider}, {took} ms",
                    Plain(result)
                )?;
                match ttfb {
                    Some(ttfb) => write!(f, ", first byte after {ttfb} ms"),
                    None => Ok(()),
                }
            }
            Self::NotMeasured {
                round,
                task,
                error,
                again,
                ..
            } => {
                let then = if *again { "retrying later" } else { "given up" };
                write!(
                    f,
                    "round {round}, task {task}: not measured, {then}: {}",
                    Plain(error)
                )
            }
            Self::Submitted { round, task, .. } => write!(f, "round {round}, task {task}: receipt"),
            Self::Refused {
                round,
                task,
                problem,
                detail,
            } => {
                let (problem, detail) = (Plain(problem), Plain(detail));
                write!(f, "round {round}, task {task}: rejected ({problem}): {detail}")
            }
            Self::TooLate { measurements } => {
                write!(
                    f,
                    "not submitted before their round was over: {}",
                    counted(*measurements, "measurement")
                )
            }
            Self::Included { round, measurements } => {
                let measurements = counted(*measurements, "measurement");
                write!(
                    f,
                    "round {round}: {measurements} found in committed batches, none left out"
                )
            }
            Self::LeftOut {
                round,
                measurements,
                included,
                causes,
                omitted,
                remedy,
            } => {
                let of = measurements + included;
                write!(
                    f,
                    "round {round}: {measurements} of {} left out of all batches",
                    counted(of, "measurement")
                )?;
                for (index, (cause, count)) in causes.iter().enumerate() {
                    let before = if index == 0 { ": " } else { ", " };
                    write!(f, "{before}{count} {}", cause.words())?;
                }
                f.write_str(match remedy {
                    Remedy::OwnReport => "; the station commits its own report",
                    Remedy::NoKey => "; with --inclusion-keystore the station would commit its own report",
                    Remedy::TooLate => "; it is too late for the station's own report",
                })?;
                if omitted.is_empty() || *remedy != Remedy::OwnReport {
                    return Ok(());
                }
                f.write_str(", which has no room for those of tasks")?;
                for (index, task) in omitted.iter().enumerate() {
                    let before = if index == 0 { " " } else { ", " };
                    write!(f, "{before}{task}")?;
                }
                Ok(())
            }
            Self::OwnReport {
                round,
                measurements,
                bytes,
                fee,
                ..
            } => {
                let measurements = counted(*measurements, "measurement");
                write!(
                    f,
                    "round {round}: the station's own report is committed, {measurements}, {bytes} bytes"
                )?;
                match fee {
                    Some(fee) => write!(f, ", fee {fee}"),
                    None => Ok(()),
                }
            }
            Self::OwnReportFailed { round, error, .. } => {
                write!(
                    f,
                    "round {round}: the station's own report is not committed: {}",
                    Plain(error)
                )
            }
            Self::Finished {
                round,
                measured,
                missed: 0,
            } => write!(f, "round {round}: all {measured} tasks are done"),
            Self::Finished {
                round,
                measured,
                missed,
            } => write!(f, "round {round}: {measured} tasks done, {missed} not"),
            Self::Paid { atto } => write!(f, "paid so far: {atto}"),
            Self::Ended { waiting, kept } => {
                f.write_str("ended")?;
                if *waiting > 0 {
                    write!(
                        f,
                        "; the next run will submit {}",
                        counted(*waiting, "measurement")
                    )?;
                }
                if *kept > 0 {
                    write!(f, "; the next run will look after {}", counted(*kept, "round"))?;
                }
                Ok(())
            }
        }
    }
}

/// A receiver of events.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(&Event) + Send + Sync>);

impl Listener {
    /// Calls `hear` with every event; it must not block.
    pub fn new(hear: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_json_and_one_plain_sentence() {
        let event = Event::Measured {
            round: RoundNumber(7),
            committee: CommitteeIndex(1),
            task: TaskIndex(2),
            cid: "bafkqaaa".parse().unwrap(),
            provider: ProviderId(1_000),
            result: "HTTP_404".into(),
            ttfb: None,
            took: 12,
            bytes: 0,
        };
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            serde_json::json!({"event": "measured", "round": 7, "committee": 1, "task": 2, "cid": "bafkqaaa",
                "provider": "f01000", "result": "HTTP_404", "ttfb": null, "took": 12, "bytes": 0})
        );
        assert_eq!(
            event.to_string(),
            "round 7, task 2: HTTP_404, bafkqaaa of f01000, 12 ms"
        );
        let paid = Event::Paid {
            atto: AttoFil::from_fil(1),
        };
        assert_eq!(paid.to_string(), "paid so far: 1 FIL");
        assert_eq!(
            serde_json::to_string(&paid).unwrap(),
            r#"{"event":"paid","atto":"1000000000000000000"}"#
        );
    }

    #[test]
    fn untrusted_text_cannot_control_the_terminal() {
        let evil = || "\u{1b}[2J\u{202e}\n".repeat(200);
        let (round, task) = (RoundNumber(7), TaskIndex(2));
        let events = [
            Event::Trouble {
                what: "heartbeat",
                error: evil(),
            },
            Event::Refused {
                round,
                task,
                problem: evil(),
                detail: evil(),
            },
            Event::Disagreement {
                round,
                what: evil(),
                expected: evil(),
                got: evil(),
            },
            Event::NotMeasured {
                round,
                task,
                provider: ProviderId(1_000),
                error: evil(),
                again: false,
            },
            Event::Measured {
                round,
                committee: CommitteeIndex(1),
                task,
                cid: "bafkqaaa".parse().unwrap(),
                provider: ProviderId(1_000),
                result: evil(),
                ttfb: None,
                took: 12,
                bytes: 0,
            },
        ];
        let mut view = crate::View::default();
        for event in &events {
            view.apply(event);
            let texts = [event.to_string(), view.render(0).replace('\n', "")];
            for text in texts {
                let bad = |character: char| character.is_control() || character == '\u{202e}';
                assert!(!text.contains(bad) && text.chars().count() < 2_500, "{text:?}");
            }
        }
    }

    #[test]
    fn a_station_that_is_not_drawn_gets_a_reason() {
        let message = |live_since| {
            let event = Event::NotInRoster {
                round: RoundNumber(7),
                opened_at: 100,
                live_since,
                next_opening: 200,
            };
            event.to_string()
        };
        assert!(message(Some(150)).contains(
            "before this station was live; the next round can be opened from 1970-01-01 00:03:20 UTC"
        ));
        assert!(message(Some(50)).contains("limited number of stations per subnet"));
        let behind = Event::ClockOff { ahead: -3_600 };
        assert_eq!(
            behind.to_string(),
            "the clock is 3600 s behind the coordinator's; set it (NTP)"
        );
    }
}
