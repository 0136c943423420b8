//! The loop of every daemon: one pass after another, until it is asked to end.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::{Metrics, Status, Stop};

/// How long the pass that is under way may take once the daemon is to end.
const LAST_PASS: Duration = Duration::from_secs(5);
/// The longest pause after failed passes, unless the usual pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause after failed passes in usual pauses, so that a fast devnet recovers fast.
const LONGEST_FACTOR: u32 = 32;

/// How many usual pauses a daemon sleeps at most while it has nothing to do.
const IDLE_PAUSES: u32 = 60;

/// The pause of a daemon that has nothing to do for `seconds`, or, if it does not know, until it looks at the chain again. It
/// is at most sixty usual pauses: five minutes on Filecoin, in which a pass asks the node a few times.
#[must_use]
pub fn idle_pause(usual: Duration, seconds: Option<u64>) -> Duration {
    let longest = usual.saturating_mul(IDLE_PAUSES);
    let known = seconds.map_or(longest, Duration::from_secs);
    known.clamp(usual, longest)
}

/// A daemon's work, in passes. All that a pass must not lose is on the chain or on the disk.
pub trait Daemon {
    /// Its metrics.
    type Metrics: Metrics;
    /// What a person should look at; [`Infallible`] if there is no such thing.
    type Alert: Alert;
    /// Why a pass fails.
    type Error: PassError;

    /// Looks at the world once, does what is due, updates `metrics`, and returns the alerts that hold now.
    ///
    /// Ends early between two steps when `stop` is set. A pass that does not may be dropped at any `await`, as if the
    /// process had been killed there.
    ///
    /// # Errors
    /// The next pass goes on, unless the error [is fatal](PassError::is_fatal).
    fn pass(
        &mut self,
        metrics: &Self::Metrics,
        stop: &Stop,
    ) -> impl Future<Output = Result<Vec<Self::Alert>, Self::Error>>;

    /// The pause after a pass that has just succeeded.
    fn pause(&self, usual: Duration) -> Duration {
        usual
    }

    /// Whether there is nothing left to do; by default never.
    fn is_done(&self) -> bool {
        false
    }

    /// Reports an alert that did not hold before; by default in the log.
    fn raised(&mut self, alert: &Self::Alert) {
        tracing::warn!(kind = alert.kind(), "{alert}");
    }

    /// Reports why a pass failed; by default in the log, which omits repetitions. It is news unless the pass before failed with
    /// the same error.
    fn failed(&mut self, error: &Self::Error, _is_news: bool) {
        match error.is_transient() {
            true => tracing::warn!(%error, "cannot work now; trying again"),
            false => tracing::error!(%error, "cannot work now; trying again"),
        }
    }
}

/// An error that ends a pass.
pub trait PassError: Error {
    /// Whether the same may succeed later without anybody doing anything.
    fn is_transient(&self) -> bool;

    /// Whether to go on makes no sense, such as when another process has taken over the key.
    fn is_fatal(&self) -> bool;

    /// The least pause before the next pass, if whoever refused this one has asked for it.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Whether a test [stopped](crate::Stopped) the pass.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// What a person should look at.
pub trait Alert: Display {
    /// Its kind, as metrics name it.
    fn kind(&self) -> &'static str;

    /// Which of several alerts of its kind it is, such as an operator's address.
    fn subject(&self) -> Option<String> {
        None
    }

    /// Whether the daemon does not do its work while it holds: health reports it.
    fn is_grave(&self) -> bool {
        false
    }
}

impl Alert for Infallible {
    fn kind(&self) -> &'static str {
        match *self {}
    }
}

/// Runs passes, `pause` apart, until `stop` is set or the daemon is done.
///
/// A failed pass is retried after a growing pause; each error is reported when it first appears, and recovery is logged. An
/// alert is reported once while it holds. `status` is good after a pass that leaves no grave alert. Ends within seconds of `stop`,
/// even if a pass hangs.
///
/// # Errors
/// Fatal ones.
pub async fn run<D: Daemon>(
    daemon: &mut D,
    pause: Duration,
    status: &Status<D::Metrics>,
    stop: &Stop,
) -> Result<(), D::Error> {
    let mut failures = Failures::new(pause);
    let mut alerts = AlertLog::default();
    while !stop.is_set() && !daemon.is_done() {
        let passed = tokio::select! {
            passed = daemon.pass(status.metrics(), stop) => passed,
            () = overdue(stop) => {
                tracing::warn!("the current pass takes too long; ending without it");
                break;
            }
        };
        let pause = match passed {
            Ok(raised) => {
                for alert in alerts.update(&raised) {
                    daemon.raised(alert);
                }
                match raised.iter().find(|alert| alert.is_grave()) {
                    Some(grave) => status.bad(grave),
                    None => status.good(),
                }
                if let Some(count) = failures.succeeded() {
                    tracing::info!("pass succeeded after {count} failures");
                }
                let pause = daemon.pause(pause);
                status.rest(pause);
                pause
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                status.bad(&error);
                daemon.failed(&error, failures.failed(&error));
                failures.pause(error.retry_after())
            }
        };
        if !daemon.is_done() {
            stop.wait(pause).await;
        }
    }
    Ok(())
}

/// A node that does not answer must not keep a daemon from ending.
async fn overdue(stop: &Stop) {
    stop.asked().await;
    tokio::time::sleep(LAST_PASS).await;
}

/// Failures in a row: how long to pause, and whether the last one is news.
struct Failures {
    builder: ExponentialBuilder,
    pauses: ExponentialBackoff,
    usual: Duration,
    count: u64,
    error: Option<String>,
}

impl Failures {
    /// None yet. The first pause after a failure is `pause` to twice that, by chance, and they double up to a minute, but
    /// not beyond 32 times `pause`.
    fn new(pause: Duration) -> Self {
        let longest = LONGEST_PAUSE.min(pause.saturating_mul(LONGEST_FACTOR)).max(pause);
        let builder = ExponentialBuilder::default()
            .with_min_delay(pause)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter();
        Self {
            builder,
            pauses: builder.build(),
            usual: pause,
            count: 0,
            error: None,
        }
    }

    /// Another failure; whether its error is another one than before.
    fn failed(&mut self, error: &impl ToString) -> bool {
        let error = error.to_string();
        self.count += 1;
        let is_news = self.error.as_ref() != Some(&error);
        self.error = Some(error);
        is_news
    }

    /// How long to pause before the next try.
    fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.pauses.next().unwrap_or(self.usual);
        match asked {
            // By chance, so that those who were refused at once do not come back at once.
            Some(asked) if asked > pause => asked + pause.min(self.usual),
            _ => pause,
        }
    }

    /// A success; how many failures it ends, if any.
    fn succeeded(&mut self) -> Option<u64> {
        let count = std::mem::take(&mut self.count);
        self.error = None;
        self.pauses = self.builder.build();
        (count > 0).then_some(count)
    }
}

/// The alerts that hold and have been logged.
#[derive(Debug, Default)]
struct AlertLog(Vec<(&'static str, Option<String>)>);

impl AlertLog {
    /// Takes over the alerts that hold now; returns those that are new.
    fn update<'a, A: Alert>(&mut self, alerts: &'a [A]) -> Vec<&'a A> {
        let keys: Vec<_> = alerts
            .iter()
            .map(|alert| (alert.kind(), alert.subject()))
            .collect();
        let new = alerts.iter().zip(&keys);
        let new = new.filter_map(|(alert, key)| (!self.0.contains(key)).then_some(alert));
        let new = new.collect();
        self.0 = keys;
        new
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use tokio::time::Instant;

    use super::*;
    use crate::NoMetrics;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Low {
        who: Option<&'static str>,
        grave: bool,
    }

    impl fmt::Display for Low {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("funds are low")
        }
    }

    impl Alert for Low {
        fn kind(&self) -> &'static str {
            "low"
        }

        fn subject(&self) -> Option<String> {
            self.who.map(str::to_owned)
        }

        fn is_grave(&self) -> bool {
            self.grave
        }
    }

    #[derive(Debug, Clone, thiserror::Error)]
    #[error("{text}")]
    struct Fault {
        text: &'static str,
        fatal: bool,
    }

    impl PassError for Fault {
        fn is_transient(&self) -> bool {
            true
        }

        fn is_fatal(&self) -> bool {
            self.fatal
        }
    }

    /// What a pass does.
    enum Act {
        Alerts(Vec<Low>),
        Fail(Fault),
        Hang,
    }

    /// Does one act a pass, and is asked to end in the last one.
    struct Play {
        acts: Vec<Act>,
        at: Vec<Instant>,
    }

    impl Daemon for Play {
        type Metrics = NoMetrics;
        type Alert = Low;
        type Error = Fault;

        async fn pass(&mut self, _: &NoMetrics, stop: &Stop) -> Result<Vec<Low>, Fault> {
            self.at.push(Instant::now());
            let act = self.acts.remove(0);
            if self.acts.is_empty() {
                stop.set();
            }
            match act {
                Act::Alerts(alerts) => Ok(alerts),
                Act::Fail(fault) => Err(fault),
                Act::Hang => std::future::pending().await,
            }
        }
    }

    async fn play(acts: Vec<Act>) -> (Result<(), Fault>, Status<NoMetrics>, Vec<Instant>) {
        let (status, stop) = (Status::new(NoMetrics::default(), 60), Stop::default());
        let mut play = Play { acts, at: Vec::new() };
        let end = run(&mut play, Duration::from_secs(1), &status, &stop).await;
        (end, status, play.at)
    }

    fn fail(text: &'static str, fatal: bool) -> Act {
        Act::Fail(Fault { text, fatal })
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_with_failures_and_are_usual_after_a_success() {
        let mut acts: Vec<_> = (0..10).map(|_| fail("no answer", false)).collect();
        acts.extend([Act::Alerts(vec![]), Act::Alerts(vec![])]);
        let (end, _, at) = play(acts).await;
        end.unwrap();
        let pauses: Vec<_> = at
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs_f64())
            .collect();
        let expected = [1, 2, 4, 8, 16, 32, 32, 32, 32, 32].map(f64::from);
        for (pause, expected) in pauses.iter().zip(expected) {
            assert!(
                (expected - 0.01..=2.0 * expected + 0.01).contains(pause),
                "{pauses:?}"
            );
        }
        assert!((pauses[10] - 1.0).abs() < 0.01, "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_hangs_does_not_keep_it_from_ending() {
        let began = Instant::now();
        let (end, _, _) = play(vec![Act::Hang]).await;
        end.unwrap();
        assert!(began.elapsed() <= LAST_PASS + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fatal_error_ends_it_and_others_do_not() {
        let (end, _, at) = play(vec![fail("no answer", false), fail("fenced", true), Act::Hang]).await;
        assert_eq!(end.unwrap_err().text, "fenced");
        assert_eq!(at.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn errors_and_grave_alerts_are_bad_and_others_are_not() {
        let low = |grave| Low { who: None, grave };
        let (_, status, _) = play(vec![Act::Alerts(vec![low(false)])]).await;
        assert_eq!(status.error(), None);
        let (_, status, _) = play(vec![Act::Alerts(vec![low(false), low(true)])]).await;
        assert_eq!(status.error().unwrap(), "funds are low");
        let (_, status, _) = play(vec![fail("no answer", false)]).await;
        assert_eq!(status.error().unwrap(), "no answer");
        let (_, status, _) = play(vec![fail("no answer", false), Act::Alerts(vec![])]).await;
        assert_eq!(status.error(), None);
    }

    #[test]
    fn an_error_is_news_when_it_changes() {
        let mut failures = Failures::new(Duration::from_secs(1));
        let news: Vec<_> = ["a", "a", "b", "a"]
            .iter()
            .map(|error| failures.failed(error))
            .collect();
        assert_eq!(news, [true, false, true, true]);
        assert_eq!(failures.succeeded(), Some(4));
        assert_eq!(failures.succeeded(), None);
        assert!(failures.failed(&"a"));
        let asked = Duration::from_secs(600);
        assert!(failures.pause(Some(asked)) >= asked);
    }

    #[test]
    fn an_alert_is_logged_once_while_it_is_active() {
        let mut log = AlertLog::default();
        let low = |who| Low { who, grave: false };
        let (all, one, two) = (low(None), low(Some("one")), low(Some("two")));
        assert_eq!(log.update(&[all.clone(), one.clone()]).len(), 2);
        assert_eq!(log.update(&[all.clone(), one.clone(), two.clone()]), [&two]);
        assert_eq!(log.update(std::slice::from_ref(&two)).len(), 0);
        assert_eq!(log.update(&[one.clone(), two]), [&one]);
    }
}
