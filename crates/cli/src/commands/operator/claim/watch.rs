//! `assize claim --watch`.

use std::time::Duration;

use assize_service::shutdown_signal;
use serde_json::json;
use tokio::time::sleep;

use super::ClaimArgs;
use super::pass::Claimer;
use crate::commands::operators::fil;
use crate::output::{self, Outcome};

/// Claims what becomes claimable until told to end. Says in one line of JSON when it has begun, and one line for each claim;
/// what goes wrong is told once on stderr and tried again.
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
        "every": args.every,
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
            Err(error) => format!("cannot claim now, and will try again: {error:#}"),
        };
        // Once, however often it is so.
        if talk != last && !talk.is_empty() {
            output::say(&talk);
        }
        last = talk;
        tokio::select! {
            biased;
            () = &mut end => break,
            () = sleep(Duration::from_secs(args.every)) => {}
        }
    }
    output::say("told to end: whatever was sent before pays once, and nobody needs to wait for it");
    Ok(Outcome::Done)
}

/// Claims what is due, and says why other operators get nothing now.
async fn pass(claimer: &mut Claimer, args: &ClaimArgs) -> eyre::Result<String> {
    let plan = claimer.plan().await?;
    for (batch, _) in &plan.batches {
        let sent = claimer.send(plan.id(), batch).await?;
        match args.json {
            true => output::json(&sent.json())?,
            false => output::line(sent.text())?,
        }
    }
    Ok(plan.nothing_text())
}
