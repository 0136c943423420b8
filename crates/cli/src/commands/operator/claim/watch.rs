//! `assize operator claim --watch`.

use std::fmt;

use assize_payout::{Claimer, PayoutError};
use assize_service::{Alert, Daemon, NoMetrics, Status, Stop, counted};
use serde_json::json;

use super::{ClaimArgs, send, words};
use crate::output::{self, Outcome};

/// Claims until it is stopped. Prints a line of JSON when it is ready, and a line for each claim. An error is reported
/// once on stderr and retried.
pub(super) async fn run(claimer: Claimer, args: &ClaimArgs) -> eyre::Result<Outcome> {
    let question = format!(
        "Claim for {}, now and whenever there is {}, with the key {}?",
        counted(claimer.operators.len() as u64, "operator"),
        match claimer.min.is_zero() {
            true => "anything to claim".into(),
            false => format!("at least {} for one of them", claimer.min),
        },
        claimer.signer.address()
    );
    if !output::ask(&question, args.yes)? {
        output::say("nothing was claimed");
        return Ok(Outcome::CheckFailed);
    }
    output::json(&json!({
        "watching": claimer.operators,
        "min": claimer.min,
        "pollSeconds": args.poll.as_secs_f64(),
        "key": claimer.signer.address(),
    }))?;
    let (status, stop) = (Status::new(NoMetrics::default(), 0), Stop::default());
    stop.set_on_signal();
    assize_service::run(&mut Watch { claimer, args }, args.poll, &status, &stop).await?;
    output::say("stopped; transactions already sent will still pay, exactly once");
    Ok(Outcome::Done)
}

struct Watch<'a> {
    claimer: Claimer,
    args: &'a ClaimArgs,
}

/// Why nothing is claimed for an operator.
struct Sentence {
    why: &'static str,
    text: String,
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Alert for Sentence {
    fn kind(&self) -> &'static str {
        self.why
    }

    fn subject(&self) -> Option<String> {
        Some(self.text.clone())
    }
}

impl Daemon for Watch<'_> {
    type Metrics = NoMetrics;
    type Alert = Sentence;
    type Error = PayoutError;

    /// Claims what is due; returns why nothing is claimed for the other operators.
    async fn pass(&mut self, _: &NoMetrics, stop: &Stop) -> Result<Vec<Sentence>, PayoutError> {
        let plan = self.claimer.plan().await?;
        for (batch, _) in &plan.batches {
            if stop.is_set() {
                break;
            }
            let sent = send(&mut self.claimer, &plan, batch).await?;
            // A closed stdout does not stop it.
            let _ = match self.args.format.is_json() {
                true => output::json(&words::sent_json(&sent)),
                false => output::line(words::sent(&sent)),
            };
        }
        let sentence = plan.unclaimed.iter().map(|(statement, why)| Sentence {
            why: why.name(),
            text: words::unclaimed(&plan.timeline, statement, why),
        });
        Ok(sentence.collect())
    }

    fn raised(&mut self, alert: &Sentence) {
        output::say(&alert.text);
    }

    fn failed(&mut self, error: &PayoutError, is_news: bool) {
        if is_news {
            output::say(format!("cannot claim now, will retry: {error}"));
        }
    }
}
