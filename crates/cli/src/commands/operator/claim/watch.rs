//! `assize operator claim --watch`.

use assize_service::shutdown_signal;
use serde_json::json;
use tokio::time::sleep;

use super::super::shared::fil;
use super::ClaimArgs;
use super::pass::Claimer;
use crate::output::{self, Outcome};

/// Claims what becomes claimable until stopped. Prints a line of JSON when it is ready, and a line for each claim; an
/// error is reported once on stderr and retried.
pub(super) async fn run(claimer: &mut Claimer, args: &ClaimArgs) -> eyre::Result<Outcome> {
    let question = format!(
        "Claim for {} operators, now and whenever there is {}, with the key {}?",
        claimer.operators.len(),
        match claimer.min {
            0 => "anything to claim".into(),
            min => format!("at least {} for one of them", fil(min)),
        },
        claimer.signer.address()
    );
    if !output::ask(&question, args.yes)? {
        output::say("nothing was claimed");
        return Ok(Outcome::CheckFailed);
    }
    output::json(&json!({
        "watching": claimer.operators,
        "min": claimer.min.to_string(),
        "pollSeconds": args.poll.as_secs_f64(),
        "key": claimer.signer.address(),
    }))?;
    let end = shutdown_signal();
    tokio::pin!(end);
    let mut last = String::new();
    loop {
        let outcome = tokio::select! {
            biased;
            () = &mut end => break,
            outcome = pass(claimer, args) => outcome,
        };
        let talk = match outcome {
            Ok(talk) => talk,
            Err(error) => format!("cannot claim now, will retry: {error:#}"),
        };
        // Once, however often it repeats.
        if talk != last && !talk.is_empty() {
            output::say(&talk);
        }
        last = talk;
        tokio::select! {
            biased;
            () = &mut end => break,
            () = sleep(args.poll) => {}
        }
    }
    output::say("stopped; transactions already sent will still pay, exactly once");
    Ok(Outcome::Done)
}

/// Claims what is due; returns why the other operators get nothing now.
async fn pass(claimer: &mut Claimer, args: &ClaimArgs) -> eyre::Result<String> {
    let plan = claimer.plan().await?;
    for (batch, _) in &plan.batches {
        let sent = claimer.send(plan.id(), batch).await?;
        match args.format.is_json() {
            true => output::json(&sent.json())?,
            false => output::line(sent.text())?,
        }
    }
    Ok(plan.nothing_text())
}
