//! Runs a round's tasks, spread over the round.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assize_facts::Round;
use assize_retrieve::{Pacing, RetrieveError};
use assize_service::{Clock, Stop};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Event;
use crate::assignment::{AssignedTask, RoundAssignment};
use crate::checker::{CheckerError, Shared};
use crate::spool::Waiting;

/// Maximum duration of a retrieval; this much of the round is reserved for the last one.
const LONGEST_RETRIEVAL: u64 = 90;
/// How long running tasks may take during shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// Number of attempts for a task that fails on the checker's own side.
const TRIES: u32 = 3;
/// Pause before the next attempt while nothing can be done.
const RECHECK_PAUSE: Duration = Duration::from_secs(5);
/// Maximum number of unsubmitted measurements; beyond, none are made.
const SPOOL_LIMIT: u64 = 10_000;

/// The timetable of a round, Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timetable {
    /// The window over which the tasks are spread.
    spread_until: u64,
    /// No task is started after this.
    begin_until: u64,
    /// Unfinished tasks are abandoned after this.
    abandon_at: u64,
}

impl Timetable {
    pub(crate) fn new(round: &Round, now: u64, spread: Option<Duration>) -> Self {
        let length = round.times.closes_at.saturating_sub(round.opened_at);
        let reserve = LONGEST_RETRIEVAL.min(length / 5);
        let spread_until = round.times.closes_at.saturating_sub(reserve);
        let spread = spread.map_or(u64::MAX, |spread| now.saturating_add(spread.as_secs()));
        let taken_for = round.times.show_from.saturating_sub(round.times.closes_at);
        Self {
            spread_until: spread_until.min(spread),
            begin_until: round.times.closes_at,
            abandon_at: round.times.closes_at + LONGEST_RETRIEVAL.min(taken_for / 2),
        }
    }
}

/// The pause before the first task: random within a task's share, or within the time that the tasks leave in the round.
pub(crate) fn first_pause(window: Duration, tasks: u32, random: f64) -> Duration {
    let Some(share) = window.checked_div(tasks) else {
        return Duration::ZERO;
    };
    let pacing = Pacing {
        round: window,
        tasks,
        max_jitter: Duration::ZERO,
    };
    let busy = pacing.pause(Duration::ZERO, 0.0).saturating_mul(tasks);
    share.max(window.saturating_sub(busy)).mul_f64(random)
}

/// Runs the remaining tasks of a round.
pub(crate) async fn work(
    shared: &Arc<Shared>,
    assignment: RoundAssignment,
    stop: &Stop,
) -> Result<(), CheckerError> {
    let assignment = Arc::new(assignment);
    let RoundAssignment { round, station, .. } = &*assignment;
    let done = shared.spool.done(round.number)?;
    let mut left: Vec<_> = station
        .tasks
        .iter()
        .copied()
        .filter(|task| !done.contains(&task.index))
        .collect();
    // A task can be in a committee's list twice if the list is shorter than the committees need.
    left.sort_by_key(|task| task.index);
    left.dedup_by_key(|task| task.index);
    let mut order = Rng::with_seed(shared.key.fork(b"assize/order/v1", assignment.seed.0));
    order.shuffle(&mut left);
    shared.tell(&Event::Drawn {
        round: round.number,
        committee: station.committee,
        seat: station.seat,
        tasks: station.tasks.len(),
        done: station.tasks.len() - left.len(),
        closes_at: round.times.closes_at,
    });
    let count = left.len();
    let mut runner = TaskRunner {
        shared: Arc::clone(shared),
        timetable: Timetable::new(round, Clock::system().now(), shared.config.spread),
        queue: left.into_iter().map(|task| (task, 1)).collect(),
        assignment: Arc::clone(&assignment),
        running: JoinSet::new(),
        measured: 0,
        troubled: false,
    };
    runner.run(stop).await;
    if !stop.is_set() {
        shared.tell(&Event::Finished {
            round: round.number,
            measured: runner.measured,
            missed: count - runner.measured,
        });
    }
    Ok(())
}

/// The running tasks of a round.
struct TaskRunner {
    shared: Arc<Shared>,
    assignment: Arc<RoundAssignment>,
    timetable: Timetable,
    /// Tasks to start, with the number of the attempt.
    queue: VecDeque<(AssignedTask, u32)>,
    running: JoinSet<Ended>,
    measured: usize,
    /// Whether the last task failed on the checker's own side.
    troubled: bool,
}

/// How a task ended.
enum Ended {
    Measured,
    Failed(AssignedTask, u32, Box<Failure>),
}

enum Failure {
    Retrieval(RetrieveError),
    Own(CheckerError),
}

impl TaskRunner {
    async fn run(&mut self, stop: &Stop) {
        let window = until(self.timetable.spread_until);
        let mut pause = first_pause(window, self.queue.len() as u32, fastrand::f64());
        let most = self.shared.config.concurrency.max(1);
        loop {
            while self.running.len() >= most || (self.queue.is_empty() && !self.running.is_empty()) {
                if !self.reap(stop).await {
                    return self.close(stop).await;
                }
            }
            let Some((task, tries)) = self.queue.pop_front() else {
                return;
            };
            if self.troubled {
                pause = pause.max(Pacing::pause_after_failure());
                self.troubled = false;
            }
            stop.wait(pause.min(until(self.timetable.begin_until))).await;
            while self.blocked() && Clock::system().now() < self.timetable.begin_until && !stop.is_set() {
                stop.wait(RECHECK_PAUSE).await;
            }
            if stop.is_set() || Clock::system().now() >= self.timetable.begin_until {
                self.queue.push_front((task, tries));
                return self.close(stop).await;
            }
            let begun = Instant::now();
            self.begin(task, tries);
            // With a free slot, the next pause counts from this start; otherwise from this task's end.
            if self.running.len() >= most && !self.reap(stop).await {
                return self.close(stop).await;
            }
            pause = self.next_pause(begun.elapsed());
        }
    }

    /// The remaining time divided by the remaining tasks.
    fn next_pause(&self, last: Duration) -> Duration {
        let round = until(self.timetable.spread_until) + last;
        let tasks = self.queue.len() as u32 + 1;
        let pacing = Pacing {
            round,
            tasks,
            max_jitter: (round / tasks) / 4,
        };
        pacing.pause(last, fastrand::f64())
    }

    /// Whether nothing may be measured now.
    fn blocked(&self) -> bool {
        let full = self
            .shared
            .spool
            .count_waiting()
            .is_ok_and(|waiting| waiting >= SPOOL_LIMIT);
        full || self.shared.outdated.load(Ordering::SeqCst)
    }

    fn begin(&mut self, task: AssignedTask, tries: u32) {
        let (shared, assignment) = (Arc::clone(&self.shared), Arc::clone(&self.assignment));
        self.running.spawn(async move {
            match measure(&shared, &assignment, task).await {
                Ok(()) => Ended::Measured,
                Err(failure) => Ended::Failed(task, tries, Box::new(failure)),
            }
        });
    }

    /// Waits for one task; false if the time is over, or none is running.
    async fn reap(&mut self, stop: &Stop) -> bool {
        let ended = tokio::select! {
            ended = self.running.join_next() => ended,
            () = stop.asked() => return false,
            () = tokio::time::sleep(until(self.timetable.abandon_at)) => return false,
        };
        match ended {
            Some(Ok(ended)) => self.note(ended),
            // A panicked task has already logged it.
            Some(Err(_)) => self.troubled = true,
            None => return false,
        }
        true
    }

    fn note(&mut self, ended: Ended) {
        let (task, tries, failure) = match ended {
            Ended::Measured => return self.measured += 1,
            Ended::Failed(task, tries, failure) => (task, tries, failure),
        };
        self.troubled = true;
        let (error, retryable) = match *failure {
            Failure::Retrieval(error) => (error.to_string(), error.is_retryable()),
            Failure::Own(error) => (error.to_string(), true),
        };
        let again = retryable && tries < TRIES;
        self.shared.tell(&Event::NotMeasured {
            round: self.assignment.round.number,
            task: task.index,
            provider: task.provider,
            error,
            again,
        });
        if again {
            self.queue.push_back((task, tries + 1));
        }
    }

    /// Lets running tasks finish, if they do so soon.
    async fn close(&mut self, stop: &Stop) {
        let patience = match stop.is_set() {
            true => SHUTDOWN_GRACE,
            false => until(self.timetable.abandon_at),
        };
        let stop = stop.clone();
        let stopped = async {
            stop.asked().await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                if let Ok(Ended::Measured) = ended {
                    self.measured += 1;
                }
            }
        };
        tokio::select! {
            () = all => {}
            () = stopped => {}
            () = tokio::time::sleep(patience) => {}
        }
        self.running.abort_all();
    }
}

/// One task, from the retrieval to the spool.
async fn measure(shared: &Shared, assignment: &RoundAssignment, task: AssignedTask) -> Result<(), Failure> {
    let RoundAssignment { round, station, .. } = assignment;
    let begun = Instant::now();
    let retrieval = shared.retriever.retrieve(task.cid, task.provider).await;
    let retrieval = retrieval.map_err(Failure::Retrieval)?;
    let mut measurement = retrieval.measurement(round.number, task.index, shared.key.address());
    measurement.spark_version = Some(shared.config.version.to_string());
    measurement.sign(shared.key.secret(), &shared.domain);
    let waiting = Waiting {
        round: round.number,
        task: task.index,
        line: measurement.to_line(),
    };
    let new = shared.spool.put(&waiting, round.times.show_from);
    let new = new.map_err(|error| Failure::Own(error.into()))?;
    if new {
        let ttfb = measurement.first_byte_at.zip(measurement.start_at);
        let ttfb = ttfb.and_then(|(first, start)| u64::try_from(first.0 - start.0).ok());
        shared.tell(&Event::Measured {
            round: round.number,
            committee: station.committee,
            task: task.index,
            cid: task.cid,
            provider: task.provider,
            result: measurement.retrieval_result().to_string(),
            ttfb,
            took: begun.elapsed().as_millis() as u64,
            bytes: retrieval.received,
        });
        shared.count_waiting();
        shared.measured.notify_one();
    }
    Ok(())
}

/// From now until a Unix time; zero if it has passed.
fn until(time: u64) -> Duration {
    Duration::from_secs(time).saturating_sub(Clock::system().since_epoch())
}

#[cfg(test)]
mod tests {
    use assize_facts::{ListCommitment, Times};
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{BeaconRound, Parameters, RoundNumber};

    use super::*;

    fn round(length: u32, step: u32) -> Round {
        let list = ListCommitment {
            root: Default::default(),
            count: 1,
            cid: file_cid(b""),
        };
        let parameters = Parameters {
            round_duration: length,
            step,
            ..Parameters::default()
        };
        Round {
            number: RoundNumber(1),
            roster: list,
            tasks: list,
            opened_at: 1_000,
            times: Times::of_round(1_000, &parameters),
            parameters,
            beacon_round: BeaconRound(1),
            dedupe_beacon_round: BeaconRound(2),
            seed: None,
        }
    }

    #[test]
    fn the_last_task_has_time_within_the_round() {
        let day = Timetable::new(&round(1_200, 60), 1_060, None);
        assert_eq!(
            (day.spread_until, day.begin_until, day.abandon_at),
            (2_110, 2_200, 2_290)
        );
        let short = Timetable::new(&round(60, 3), 1_040, None);
        assert_eq!(
            (short.spread_until, short.begin_until, short.abandon_at),
            (1_048, 1_060, 1_076)
        );
        let hurried = Timetable::new(&round(1_200, 60), 1_060, Some(Duration::from_secs(10)));
        assert_eq!(hurried.spread_until, 1_070);
    }

    #[test]
    fn stations_start_at_different_times_and_all_finish() {
        let seconds = Duration::from_secs;
        // 100 tasks of 10 s each: within the first share.
        assert_eq!(first_pause(seconds(1_000), 100, 0.5), seconds(5));
        // One task of at most 60 s in 1 000 s: anywhere.
        assert_eq!(first_pause(seconds(1_000), 1, 0.5), seconds(500));
        // Five in 1 000 s take 300 s.
        assert_eq!(first_pause(seconds(1_000), 5, 0.99), seconds(693));
        assert_eq!(first_pause(seconds(1_000), 0, 0.5), Duration::ZERO);
        assert_eq!(first_pause(Duration::ZERO, 5, 0.5), Duration::ZERO);
    }
}
