//! Submits measurements from the spool to the ingest, and stores their receipts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use assize_measurement::ndjson;
use assize_service::{Clock, Daemon, NoMetrics, PassError, Status, Stop, run};
use assize_wire::{Answer, KeptReceipt, Problem, ProblemKind, Receipt};

use crate::checker::{CheckerError, Shared};
use crate::coordinator::wait;
use crate::heartbeat::RETRY;
use crate::spool::{Decision, Waiting};
use crate::{AskError, Event};

/// Label of failures.
const SUBMITTING: &str = "submitting";
/// Maximum number of measurements per request: the ingest's limit.
const MAX_LINES: usize = 100;
/// Maximum bytes per request: half of the ingest's limit.
const MAX_BYTES: usize = 512 * 1024;
/// Timeout of the last attempt during shutdown.
const LAST_TRY: Duration = Duration::from_secs(3);

/// Submits until shutdown; then once more, briefly.
pub(crate) async fn submit(shared: Arc<Shared>, stop: Stop) {
    let mut submitter = Submitter {
        shared,
        limit: MAX_LINES,
    };
    // Heartbeats alone tell whether the checker is healthy, and no error is fatal.
    let status = Status::new(NoMetrics::default(), 0);
    let _ = run(&mut submitter, RETRY, &status, &stop).await;
    // The rest waits for the next run.
    let _ = tokio::time::timeout(LAST_TRY, async {
        while let Ok(Submitted::Some) = submitter.submit().await {}
    })
    .await;
}

/// The submission loop.
struct Submitter {
    shared: Arc<Shared>,
    /// Measurements per request: fewer after a whole request was rejected.
    limit: usize,
}

/// The result of a request.
#[derive(Debug, PartialEq, Eq)]
enum Submitted {
    /// There was nothing to submit.
    Nothing,
    /// There may be more to submit.
    Some,
}

/// Why something could not be submitted now.
#[derive(Debug, thiserror::Error)]
enum SubmitError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("{reason}")]
    Refused {
        reason: String,
        retry_after: Option<Duration>,
    },
    #[error(transparent)]
    Own(#[from] CheckerError),
}

impl PassError for SubmitError {
    fn is_transient(&self) -> bool {
        !matches!(self, Self::Own(_))
    }

    fn is_fatal(&self) -> bool {
        false
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Ask(error) => error.retry_after(),
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Own(_) => None,
        }
    }
}

impl Daemon for Submitter {
    type Metrics = NoMetrics;
    type Alert = Infallible;
    type Error = SubmitError;

    async fn pass(&mut self, _: &NoMetrics, stop: &Stop) -> Result<Vec<Infallible>, SubmitError> {
        let shared = Arc::clone(&self.shared);
        let measured = shared.measured.notified();
        if self.submit().await? == Submitted::Nothing {
            tokio::select! {
                () = measured => {}
                () = stop.asked() => {}
            }
        }
        Ok(Vec::new())
    }

    fn pause(&self, _: Duration) -> Duration {
        Duration::ZERO
    }

    fn failed(&mut self, error: &SubmitError, _: bool) {
        let asked = match error {
            SubmitError::Ask(asked) => Some(asked),
            _ => None,
        };
        self.shared.failed_asking(SUBMITTING, error, asked);
    }
}

impl Submitter {
    async fn submit(&mut self) -> Result<Submitted, SubmitError> {
        let shared = &self.shared;
        let now = Clock::system().now();
        let mut waiting = shared
            .spool
            .waiting(now, self.limit)
            .map_err(CheckerError::from)?;
        let mut bytes = 0;
        let fit = waiting.iter().take_while(|waiting| {
            bytes += waiting.line.len() + 1;
            bytes <= MAX_BYTES
        });
        let fit = fit.count().max(1);
        waiting.truncate(fit);
        if waiting.is_empty() {
            return Ok(Submitted::Nothing);
        }
        let lines: Vec<_> = waiting.iter().map(|waiting| waiting.line.as_str()).collect();
        let answers = match shared.coordinator.submit(&lines).await {
            Ok(answers) => {
                self.limit = MAX_LINES;
                answers
            }
            Err(AskError::Refused { problem, kind }) if !kind.is_retryable() => {
                if lines.len() > 1 {
                    // One of them is at fault, or their number: sending them separately will show it.
                    self.limit = 1;
                    return Ok(Submitted::Some);
                }
                vec![Answer::Problem(*problem)]
            }
            Err(error) => return Err(error.into()),
        };
        match settle(shared, &waiting, answers)? {
            Some((reason, retry_after)) => Err(SubmitError::Refused { reason, retry_after }),
            None => Ok(Submitted::Some),
        }
    }
}

/// Stores receipts, and drops measurements that were rejected for good. Returns why others were rejected for now, and when to
/// retry.
fn settle(
    shared: &Shared,
    waiting: &[Waiting],
    answers: Vec<Answer>,
) -> Result<Option<(String, Option<Duration>)>, CheckerError> {
    let mut kept: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut later = None;
    for (waiting, answer) in waiting.iter().zip(answers) {
        match answer {
            Answer::Receipt(receipt) => match check(shared, waiting, &receipt)? {
                Ok(()) => kept.entry(waiting.round).or_default().push((waiting, receipt)),
                Err(reason) => later = Some((reason, None)),
            },
            Answer::Problem(problem) => match problem.kind() {
                Some(kind) if !kind.is_retryable() => refuse(shared, waiting, &problem, kind)?,
                _ => later = Some((problem.detail, problem.retry_after.map(wait))),
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
        // Before the spool drops it: only a receipt on disk counts.
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
    Ok(later)
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

/// Checks that the receipt is for this measurement and by the trusted ingest; otherwise returns the reason.
fn check(shared: &Shared, waiting: &Waiting, receipt: &Receipt) -> Result<Result<(), String>, CheckerError> {
    let digest = ndjson::parse_any_round(waiting.line.as_bytes())
        .map(|measurement| measurement.digest(&shared.domain))
        .unwrap_or_default();
    if receipt.digest != digest {
        let got = receipt.digest;
        return Ok(Err(format!(
            "the receipt is for {got}, not for measurement {digest}"
        )));
    }
    if !receipt.is_signed(&shared.domain) {
        let reason = format!(
            "the receipt for {digest} is not signed by {}, as it claims",
            receipt.ingest
        );
        return Ok(Err(reason));
    }
    let pinned = shared.spool.pin(receipt.ingest)?;
    if receipt.ingest != pinned {
        let reason = format!(
            "the receipt is signed by {}, but the pinned ingest key is {pinned}; if it was really changed, set the new one \
             with --ingest-address",
            receipt.ingest
        );
        return Ok(Err(reason));
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests;
