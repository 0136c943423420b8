//! Handing in: from the spool to the ingest, against receipts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assize_measurement::ndjson;
use assize_service::Stop;
use assize_wire::{Answer, KeptReceipt, Problem, ProblemKind, Receipt};

use crate::checker::{CheckerError, Shared};
use crate::coordinator::wait;
use crate::pause::Backoff;
use crate::spool::{Decision, Waiting};
use crate::{AskError, Event};

/// What trouble with it is called.
const HANDING_IN: &str = "handing in";
/// Most measurements in a request: what the ingest takes.
const MOST: usize = 100;
/// Most bytes in a request: half of what the ingest takes.
const MOST_BYTES: usize = 512 * 1024;
/// The last try when the checker ends.
const LAST_TRY: Duration = Duration::from_secs(3);

/// Hands in until it is told to stop; then once more, briefly.
pub(crate) async fn hand_in(shared: Arc<Shared>, stop: Stop) {
    let mut hand = Hand {
        most: MOST,
        backoff: Backoff::default(),
    };
    while !stop.is_set() {
        let measured = shared.measured.notified();
        match hand.pass(&shared).await {
            Pass::Idle => tokio::select! {
                () = measured => {}
                () = stop.asked() => {}
            },
            Pass::More => {}
            Pass::Later(pause) => stop.wait(pause).await,
        }
    }
    // What does not get through now waits for the next run.
    let _ = tokio::time::timeout(LAST_TRY, async {
        while matches!(hand.pass(&shared).await, Pass::More) {}
    })
    .await;
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Nothing waits.
    Idle,
    /// Something may wait.
    More,
    /// Something waits, and was not taken now.
    Later(Duration),
}

/// One who hands in.
#[derive(Debug)]
struct Hand {
    /// Measurements in a request: fewer after a request was refused as a whole.
    most: usize,
    backoff: Backoff,
}

impl Hand {
    async fn pass(&mut self, shared: &Shared) -> Pass {
        match self.try_pass(shared).await {
            Ok(pass) => {
                if pass == Pass::More {
                    self.backoff = Backoff::default();
                }
                pass
            }
            Err(error) => {
                shared.trouble(HANDING_IN, &error);
                Pass::Later(self.backoff.next(None))
            }
        }
    }

    async fn try_pass(&mut self, shared: &Shared) -> Result<Pass, CheckerError> {
        let mut waiting = shared.spool.waiting(self.most)?;
        let mut bytes = 0;
        let fit = waiting.iter().take_while(|waiting| {
            bytes += waiting.line.len() + 1;
            bytes <= MOST_BYTES
        });
        let fit = fit.count().max(1);
        waiting.truncate(fit);
        if waiting.is_empty() {
            return Ok(Pass::Idle);
        }
        let lines: Vec<_> = waiting.iter().map(|waiting| waiting.line.as_str()).collect();
        let answers = match shared.coordinator.hand_in(&lines).await {
            Ok(answers) => {
                self.most = MOST;
                answers
            }
            Err(AskError::Refused { problem, kind }) if !kind.is_retryable() => {
                if lines.len() > 1 {
                    // One of them, or their number: each by itself tells.
                    self.most = 1;
                    return Ok(Pass::More);
                }
                vec![Answer::Problem(*problem)]
            }
            Err(error) => {
                shared.trouble(HANDING_IN, &error);
                return Ok(Pass::Later(self.backoff.next(error.retry_after())));
            }
        };
        self.settle(shared, &waiting, answers)
    }

    /// Keeps receipts, gives up what was refused for good.
    fn settle(
        &mut self,
        shared: &Shared,
        waiting: &[Waiting],
        answers: Vec<Answer>,
    ) -> Result<Pass, CheckerError> {
        let mut kept: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut later: Option<(String, Option<u64>)> = None;
        for (waiting, answer) in waiting.iter().zip(answers) {
            match answer {
                Answer::Receipt(receipt) => match check(shared, waiting, &receipt)? {
                    Ok(()) => kept.entry(waiting.round).or_default().push((waiting, receipt)),
                    Err(reason) => later = Some((reason, None)),
                },
                Answer::Problem(problem) => match problem.kind() {
                    Some(kind) if !kind.is_retryable() => refuse(shared, waiting, &problem, kind)?,
                    _ => later = Some((problem.detail, problem.retry_after)),
                },
            }
        }
        for (round, receipts) in kept {
            let lines: Vec<_> = receipts
                .iter()
                .map(|(waiting, receipt)| KeptReceipt {
                    measurement: waiting.line.clone(),
                    receipt: receipt.clone(),
                })
                .collect();
            // Before the spool lets go of it: a receipt that is not on disk is none.
            shared.receipts().keep(round, &lines)?;
            for (waiting, receipt) in receipts {
                shared.spool.decide(round, waiting.task, Decision::Receipted)?;
                shared.tell(&Event::Submitted {
                    round,
                    task: waiting.task,
                    digest: receipt.digest,
                    received_at: receipt.received_at,
                });
            }
        }
        shared.count_waiting();
        Ok(match later {
            Some((error, retry_after)) => {
                shared.tell(&Event::Trouble {
                    what: HANDING_IN,
                    error,
                });
                Pass::Later(self.backoff.next(retry_after.map(wait)))
            }
            None => Pass::More,
        })
    }
}

fn refuse(
    shared: &Shared,
    waiting: &Waiting,
    problem: &Problem,
    kind: ProblemKind,
) -> Result<(), CheckerError> {
    shared
        .spool
        .decide(waiting.round, waiting.task, Decision::Refused)?;
    let name = kind.uri();
    shared.tell(&Event::Refused {
        round: waiting.round,
        task: waiting.task,
        problem: name.rsplit(':').next().unwrap_or_default().to_owned(),
        detail: problem.detail.clone(),
    });
    Ok(())
}

/// Whether the receipt is of this measurement, and of the ingest that is believed; if not, why.
fn check(shared: &Shared, waiting: &Waiting, receipt: &Receipt) -> Result<Result<(), String>, CheckerError> {
    let digest = ndjson::parse_any_round(waiting.line.as_bytes())
        .map(|measurement| measurement.digest(&shared.domain))
        .unwrap_or_default();
    if receipt.digest != digest {
        let got = receipt.digest;
        return Ok(Err(format!(
            "the receipt is of {got}, and not of the measurement {digest}"
        )));
    }
    if !receipt.is_signed(&shared.domain) {
        let reason = format!(
            "the receipt of {digest} is not signed by {}, which it names",
            receipt.ingest
        );
        return Ok(Err(reason));
    }
    let pinned = shared.spool.pin(receipt.ingest)?;
    if receipt.ingest != pinned {
        let reason = format!(
            "the receipt is signed by {}, but the ingest key is known as {pinned}; if it was really changed, give the new one \
             with --ingest-address",
            receipt.ingest
        );
        return Ok(Err(reason));
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests;
