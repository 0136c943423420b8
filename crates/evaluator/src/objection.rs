//! Objections to files that nobody serves (docs/protocol.md §11.3).

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_chain::{Objections, Rewards};
use assize_facts::{ChainFacts, FileKey};
use assize_outbox::{Ended, Kind, NewIntent, Outbox};
use assize_store::Reached;
use assize_verify::{CommittedFile, Tried};

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

/// The batches that count, of which it is known that their CIDs lead to something else, with the reasons.
pub(crate) fn wrong(chain: &ChainFacts, ledger: &Ledger) -> BTreeMap<FileKey, String> {
    let rounds = chain.rounds.values().filter(|chain| chain.round.seed.is_some());
    let files = rounds.flat_map(|chain| CommittedFile::all(&chain.round, &chain.commitments));
    files
        .filter(|file| !chain.drops.contains(&file.key()))
        .filter_map(|file| Some((file.key(), ledger.wrong(&file)?.to_owned())))
        .collect()
}

/// What could not be read in a pass, or is `wrong`. `heard` tells whether a source answered before in the same pass.
pub(crate) fn missing(
    chain: &ChainFacts,
    window: u64,
    tried: Tried,
    wrong: BTreeMap<FileKey, String>,
    ledger: &mut Ledger,
    heard: bool,
) -> Missing {
    let Tried { failed, read, left } = tried;
    let tried = failed
        .into_iter()
        .map(|(file, error)| (file, error.to_string(), error.reached()));
    let wrong = wrong.into_iter();
    let known = wrong.map(|(file, reason)| (file, reason, Reached::default()));
    let failed: Vec<_> = tried.chain(known).collect();
    let reached = failed
        .iter()
        .map(|(_, _, reached)| *reached)
        .fold(Reached::default(), Reached::and);
    // Without gateways there is nobody to be silent.
    let heard = heard || reached.answered || !reached.silent;
    let failing = failed.iter().map(|(file, ..)| *file);
    let rounds = chain.rounds.keys();
    if let (Some(&first), Some(&last)) = (rounds.clone().min(), rounds.max()) {
        let others = failing.clone().chain(left.iter().copied()).collect();
        ledger.only(first..=last, &others);
    }
    ledger.tried(failing.chain(read).collect::<Vec<_>>());
    let judged = failed.into_iter().map(|(file, reason, reached)| {
        let round = chain.rounds.get(&file.round);
        let objections_from = round.map_or(u64::MAX, |round| round.round.times.objections_from(file.kind));
        let circumstances = Circumstances {
            now: chain.now,
            objections_from,
            window,
            heard,
            local: reached.local,
        };
        if !circumstances.local {
            ledger.failed(file, chain.now);
        }
        let missing = MissingFile {
            file,
            reason,
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

#[cfg(test)]
mod tests {
    use assize_facts::{BatchCommitment, ChainRound, Contracts, ListCommitment, Round, Times};
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{B256, BeaconRound, Parameters, RoundNumber, Seed};
    use assize_store::StoreError;
    use assize_verify::VerifyError;

    use super::*;

    const WINDOW: u64 = 172_800;
    const ROUND: RoundNumber = RoundNumber(1);

    /// A round with batches of these numbers of lines, at a time.
    fn facts(now: u64, counts: &[u32]) -> ChainFacts {
        let list = ListCommitment {
            root: B256::ZERO,
            count: 0,
            cid: file_cid(b""),
        };
        let batch = |&count: &u32| BatchCommitment {
            publisher: Address::ZERO,
            root: B256::ZERO,
            count,
            cid: file_cid(b"lines"),
            committed_at: 0,
        };
        let parameters = Parameters::default();
        let round = Round {
            number: ROUND,
            roster: list,
            tasks: list,
            parameters,
            opened_at: 0,
            times: Times::of_round(0, &parameters),
            beacon_round: BeaconRound(1),
            dedupe_beacon_round: BeaconRound(2),
            seed: Some(Seed(B256::ZERO)),
        };
        let chain = ChainRound {
            round,
            commitments: counts.iter().map(batch).collect(),
            own: Vec::new(),
        };
        ChainFacts {
            contracts: Contracts {
                chain_id: 1,
                rounds: Address::ZERO,
                rewards: Address::ZERO,
            },
            drops: Vec::new(),
            now,
            rounds: BTreeMap::from([(ROUND, chain)]),
            settlements: BTreeMap::new(),
        }
    }

    fn failed(file: FileKey) -> (FileKey, VerifyError) {
        let source = StoreError::NotFound {
            cid: file_cid(b"lines"),
            place: "the store".into(),
        };
        let error = VerifyError::Store {
            what: file.to_string(),
            source: Box::new(source),
        };
        (file, error)
    }

    /// The objections to what failed in a pass, and to what failed in an earlier one.
    fn said(missing: &Missing) -> [Vec<(FileKey, Objection)>; 2] {
        [&missing.failed, &missing.earlier].map(|files| {
            files
                .iter()
                .map(|missing| (missing.file, missing.objection))
                .collect()
        })
    }

    #[test]
    fn what_a_pass_had_no_time_for_stays_as_it_was() {
        let [lost, other, good] = [0, 1, 2].map(|index| FileKey::batch(ROUND, index));
        let mut ledger = Ledger::default();
        let mut pass = |now, tried| {
            let chain = facts(now, &[1, 1, 1]);
            said(&missing(
                &chain,
                WINDOW,
                tried,
                BTreeMap::new(),
                &mut ledger,
                true,
            ))
        };
        let from = 1_000_000;
        for attempt in 0..3 {
            let [failed, earlier] = pass(
                from + attempt,
                Tried {
                    failed: vec![failed(lost)],
                    read: vec![],
                    left: vec![other, good],
                },
            );
            assert_eq!(failed, [(lost, Objection::In(3_600 - attempt))]);
            assert!(earlier.is_empty(), "nothing is known of the others");
        }
        let without_time = Tried {
            failed: vec![],
            read: vec![good],
            left: vec![lost, other],
        };
        // Not tried, so it is not objected to, though the hour is over.
        let later = pass(from + 3_600, without_time);
        assert_eq!(later, [vec![], vec![(lost, Objection::In(3_598))]]);
        let again = |lost, left| Tried {
            failed: vec![failed(lost)],
            read: vec![],
            left: vec![left, good],
        };
        assert_eq!(
            pass(from + 3_601, again(lost, other))[0],
            [(lost, Objection::Due)]
        );
        let both = pass(from + 3_602, again(other, lost));
        assert_eq!(
            both,
            [vec![(other, Objection::In(3_600))], vec![(lost, Objection::Due)]]
        );
        let read = Tried {
            read: vec![lost],
            left: vec![other, good],
            ..Tried::default()
        };
        assert_eq!(
            pass(from + 3_603, read),
            [vec![], vec![(other, Objection::In(3_600))]]
        );
        let turns = [lost, other, good].map(|file| ledger.turn(file));
        assert_eq!(turns, [7, 6, 4]);
    }

    #[test]
    fn what_is_known_to_be_another_file_is_objected_to_without_getting_it_again() {
        let mut ledger = Ledger::default();
        let chain = facts(1_000_000, &[5]);
        let round = &chain.rounds[&ROUND];
        let files = CommittedFile::all(&round.round, &round.commitments);
        ledger.found_wrong(files[2], "it has other lines".into());
        let file = FileKey::batch(ROUND, 0);
        let mut last = Vec::new();
        for now in [1_000_000, 1_001_800, 1_003_600] {
            let chain = facts(now, &[5]);
            let wrong = wrong(&chain, &ledger);
            let [failed, _] = said(&missing(
                &chain,
                WINDOW,
                Tried::default(),
                wrong,
                &mut ledger,
                false,
            ));
            last = failed;
        }
        assert_eq!(last, [(file, Objection::Due)]);
        // It does not hold for a file that is dropped, or replaced by another commitment.
        let dropped = ChainFacts {
            drops: vec![file],
            ..facts(1_003_600, &[5])
        };
        assert!(wrong(&dropped, &ledger).is_empty());
        assert!(wrong(&facts(1_003_600, &[6]), &ledger).is_empty());
    }
}
