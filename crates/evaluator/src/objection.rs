//! Objections to files that nobody serves (docs/protocol.md §11.3).

use alloy_primitives::Address;
use assize_chain::{Objections, Rewards};
use assize_facts::{ChainFacts, FileKey};
use assize_outbox::{Ended, Kind, NewIntent, Outbox};
use assize_store::Reached;
use assize_verify::Tried;

use crate::EvaluatorError;
use crate::attempts::{Circumstances, Ledger, Objection};

/// A file that this evaluator could not get, and when it objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// The file.
    pub file: FileKey,
    /// Why it cannot be read.
    pub reason: String,
    /// When it objects.
    pub objection: Objection,
}

/// The missing files, as of a pass.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// Those that could not be read in this pass. Only to these is it objected, and only these are dropped.
    pub(crate) failed: Vec<MissingFile>,
    /// Those for which this pass had no time, as they were before.
    pub(crate) earlier: Vec<MissingFile>,
}

impl Missing {
    /// All of them, in the order of rounds.
    pub(crate) fn all(self) -> Vec<MissingFile> {
        let mut all = self.failed;
        all.extend(self.earlier);
        all.sort_by_key(|missing| missing.file);
        all
    }
}

/// What could not be read in a pass. `heard` tells whether a source answered before in the same pass.
pub(crate) fn missing(
    chain: &ChainFacts,
    window: u64,
    tried: Tried,
    ledger: &mut Ledger,
    heard: bool,
) -> Missing {
    let Tried { failed, read, left } = tried;
    let reached = failed
        .iter()
        .map(|(_, error)| error.reached())
        .fold(Reached::default(), Reached::and);
    // Without gateways there is nobody to be silent.
    let heard = heard || reached.answered || !reached.silent;
    let failing = failed.iter().map(|(file, _)| *file);
    let rounds = chain.rounds.keys();
    if let (Some(&first), Some(&last)) = (rounds.clone().min(), rounds.max()) {
        let others = failing.clone().chain(left.iter().copied()).collect();
        ledger.only(first..=last, &others);
    }
    ledger.tried(failing.chain(read));
    let judged = failed.into_iter().map(|(file, error)| {
        let round = chain.rounds.get(&file.round);
        let objections_from = round.map_or(u64::MAX, |round| round.round.times.objections_from(file.kind));
        let circumstances = Circumstances {
            now: chain.now,
            objections_from,
            window,
            heard,
            local: error.reached().local,
        };
        if !circumstances.local {
            ledger.failed(file, chain.now);
        }
        let missing = MissingFile {
            file,
            reason: error.to_string(),
            objection: ledger.objection(file, &circumstances),
        };
        ledger.said(missing.clone());
        missing
    });
    Missing {
        failed: judged.collect(),
        earlier: left
            .into_iter()
            .filter_map(|file| ledger.known(file).cloned())
            .collect(),
    }
}

/// Enqueues the drop of each missing file that enough evaluators objected to, once the guardian's time to keep it is over.
pub(crate) fn drop_due(
    rewards: &Rewards,
    outbox: &mut Outbox,
    set: u64,
    missing: &[MissingFile],
    objected: &[(FileKey, Objections)],
    now: u64,
) -> Result<(), EvaluatorError> {
    let is_missing = |file: &FileKey| missing.iter().any(|missing| missing.file == *file);
    let due = objected
        .iter()
        .filter_map(|(file, said)| Some((file, said.due_from(set)?)))
        .filter(|(file, from)| *from <= now && is_missing(file));
    for (file, from) in due {
        let draft = rewards.drop_files(&[*file]);
        let new = NewIntent {
            // A file that was kept meanwhile may be objected to anew, under another guardian.
            key: &format!("drop/{file}/set-{set}/{from}"),
            kind: Kind::Commit,
            draft: &draft,
        };
        if outbox.enqueue(&new)? {
            tracing::warn!(%file, "nobody serves it, and the guardian did not keep it: dropping");
        }
    }
    Ok(())
}

/// Enqueues an objection to each file for which it is time, once under each version of the evaluator set, and once more each time
/// that the guardian kept it and that is over.
pub(crate) fn object(
    rewards: &Rewards,
    outbox: &mut Outbox,
    set: u64,
    missing: &[MissingFile],
    objected: &[(FileKey, Objections)],
    guardian: Address,
    now: u64,
) -> Result<(), EvaluatorError> {
    let due = missing
        .iter()
        .filter(|missing| missing.objection == Objection::Due);
    for MissingFile { file, reason, .. } in due {
        let said = objected.iter().find(|(objected, _)| objected == file);
        let said = said.map(|(_, said)| said);
        if said.is_some_and(|said| said.is_kept(guardian, now)) {
            continue;
        }
        let key = match said.and_then(|said| said.kept) {
            Some((keeper, until)) => format!("unreadable/{file}/set-{set}/after-{keeper}-{until}"),
            None => format!("unreadable/{file}/set-{set}"),
        };
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
