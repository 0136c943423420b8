//! Objections to files that nobody serves (docs/protocol.md §11.3).

use assize_chain::Rewards;
use assize_facts::{ChainFacts, FileKey};
use assize_outbox::{Ended, Kind, NewIntent, Outbox};
use assize_verify::VerifyError;

use crate::EvaluatorError;

/// A file that this evaluator could not get, and when it may object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// The file.
    pub file: FileKey,
    /// Why it cannot be read.
    pub reason: String,
    /// Seconds until an objection is possible; 0 if it is.
    pub objection_in: u64,
}

/// What is missing at a time, Unix seconds.
pub(crate) fn missing(chain: &ChainFacts, unreadable: Vec<(FileKey, VerifyError)>) -> Vec<MissingFile> {
    let files = unreadable.into_iter();
    files
        .map(|(file, reason)| {
            let round = chain.rounds.get(&file.round);
            let from = round.map_or(u64::MAX, |round| round.round.times.objections_from(file.kind));
            MissingFile {
                file,
                reason: reason.to_string(),
                objection_in: from.saturating_sub(chain.now),
            }
        })
        .collect()
}

/// Enqueues an objection to each file for which it is time, once under each version of the evaluator set.
pub(crate) fn object(
    rewards: &Rewards,
    outbox: &mut Outbox,
    set: u64,
    missing: &[MissingFile],
) -> Result<(), EvaluatorError> {
    for MissingFile { file, reason, .. } in missing.iter().filter(|missing| missing.objection_in == 0) {
        let key = format!("unreadable/{file}/set-{set}");
        let draft = rewards.unreadable(&[*file]);
        let new = NewIntent {
            key: &key,
            kind: Kind::Commit,
            draft: &draft,
        };
        if outbox.enqueue(&new)? {
            tracing::warn!(%file, reason, "nobody serves it: objecting");
        }
        if let Some(Ended::Reverted { reason, .. } | Ended::Refused { reason }) = outbox.ended(&key)? {
            // Others may have dropped it first, or a settlement have passed it by.
            tracing::info!(%file, reason, "the objection was not needed");
        }
    }
    Ok(())
}
