//! When a file that cannot be read is given up (docs/protocol.md §11.3): an objection is for good, so an outage must not be one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use assize_facts::FileKey;
use assize_protocol::RoundNumber;
use assize_verify::CommittedFile;

use crate::objection::MissingFile;

/// Failed attempts before an objection.
const ENOUGH: u64 = 3;
/// The part of the challenge window over which they are spread, if some source answers: an hour of 48.
const ANSWERED: u64 = 48;
/// The part of the challenge window if none does: six hours of 48. For longer, settlement would wait for a source that is gone.
const SILENT: u64 = 8;

/// Failed attempts of this process to read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// Time of the first, Unix seconds.
    pub(crate) since: u64,
    pub(crate) count: u64,
}

/// What decides besides them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// Time of the newest block.
    pub(crate) now: u64,
    /// From when the contract accepts objections to the file.
    pub(crate) objections_from: u64,
    /// The challenge window, seconds.
    pub(crate) window: u64,
    /// Whether some source answered in this pass, so that the own network is not down.
    pub(crate) heard: bool,
    /// Whether this machine, or its own store, is at fault.
    pub(crate) local: bool,
}

/// Whether an evaluator objects to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// Now.
    Due,
    /// Not before this many seconds; at least 1.
    In(u64),
    /// Never: the fault is this machine's.
    Local,
}

impl Attempts {
    /// The rule.
    pub(crate) fn objection(self, circumstances: &Circumstances) -> Objection {
        let &Circumstances {
            now,
            objections_from,
            window,
            heard,
            local,
        } = circumstances;
        if local {
            return Objection::Local;
        }
        let patience = window / if heard { ANSWERED } else { SILENT };
        let from = objections_from.max(self.since.saturating_add(patience));
        match now >= from && self.count >= ENOUGH {
            true => Objection::Due,
            false => Objection::In(from.saturating_sub(now).max(1)),
        }
    }
}

/// The attempts of this process, by file.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    failed: BTreeMap<FileKey, Attempts>,
    /// What was said last of files that could not be read.
    known: BTreeMap<FileKey, MissingFile>,
    /// In which turn a file was tried last when a settlement was due.
    turns: BTreeMap<FileKey, u64>,
    turn: u64,
    /// Files that were got by their CIDs and are not what was committed, with the reasons.
    wrong: BTreeMap<FileKey, (CommittedFile, String)>,
}

impl Ledger {
    /// Counts a failed attempt at a time.
    pub(crate) fn failed(&mut self, file: FileKey, now: u64) {
        let first = Attempts { since: now, count: 0 };
        self.failed.entry(file).or_insert(first).count += 1;
    }

    /// Applies the rule.
    pub(crate) fn objection(&self, file: FileKey, circumstances: &Circumstances) -> Objection {
        let none = Attempts {
            since: circumstances.now,
            count: 0,
        };
        self.failed.get(&file).unwrap_or(&none).objection(circumstances)
    }

    /// Remembers what is said of a file that could not be read.
    pub(crate) fn said(&mut self, missing: MissingFile) {
        self.known.insert(missing.file, missing);
    }

    /// What was said last of a file that could not be read, and was not read since.
    pub(crate) fn known(&self, file: FileKey) -> Option<&MissingFile> {
        self.known.get(&file)
    }

    /// When a file was tried last; 0 is never.
    pub(crate) fn turn(&self, file: FileKey) -> u64 {
        self.turns.get(&file).copied().unwrap_or_default()
    }

    /// These files were tried now.
    pub(crate) fn tried(&mut self, files: impl IntoIterator<Item = FileKey>) {
        self.turn += 1;
        let turn = self.turn;
        self.turns.extend(files.into_iter().map(|file| (file, turn)));
    }

    /// Remembers that what is behind a file's CID is not what was committed. That stays so, so it need not be got again: a source that
    /// has it could be slow each time.
    pub(crate) fn found_wrong(&mut self, file: CommittedFile, reason: String) {
        self.wrong.insert(file.key(), (file, reason));
    }

    /// Why a file is known not to be what was committed. A reorganisation may have put another commitment in its place.
    pub(crate) fn wrong(&self, file: &CommittedFile) -> Option<&str> {
        let (known, reason) = self.wrong.get(&file.key())?;
        (known == file).then_some(reason)
    }

    /// Forgets a file that could be read.
    pub(crate) fn succeeded(&mut self, file: FileKey) {
        self.failed.remove(&file);
        self.known.remove(&file);
    }

    /// Forgets what could be read of these rounds: all but `missing`.
    pub(crate) fn only(&mut self, rounds: RangeInclusive<RoundNumber>, missing: &BTreeSet<FileKey>) {
        let stays = |file: &FileKey| !rounds.contains(&file.round) || missing.contains(file);
        self.failed.retain(|file, _| stays(file));
        self.known.retain(|file, _| stays(file));
    }

    /// Forgets the files of rounds up to this one.
    pub(crate) fn settled(&mut self, round: RoundNumber) {
        self.failed.retain(|file, _| file.round > round);
        self.known.retain(|file, _| file.round > round);
        self.turns.retain(|file, _| file.round > round);
        self.wrong.retain(|file, _| file.round > round);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 172_800;
    const HOUR: u64 = 3_600;

    fn at(now: u64) -> Circumstances {
        Circumstances {
            now,
            objections_from: 1_000,
            window: WINDOW,
            heard: true,
            local: false,
        }
    }

    const MANY: Attempts = Attempts { since: 0, count: 9 };

    #[test]
    fn a_short_outage_is_no_reason() {
        assert_eq!(MANY.objection(&at(HOUR - 1)), Objection::In(1));
        assert_eq!(MANY.objection(&at(HOUR)), Objection::Due);
        let few = Attempts { since: 0, count: 2 };
        assert_eq!(few.objection(&at(9 * HOUR)), Objection::In(1), "two attempts");
        let first = Attempts { since: 500, count: 1 };
        assert_eq!(first.objection(&at(500)), Objection::In(HOUR));
    }

    #[test]
    fn nothing_is_objected_to_before_the_contract_allows_it() {
        let later = Circumstances {
            objections_from: 2 * HOUR,
            ..at(HOUR)
        };
        assert_eq!(MANY.objection(&later), Objection::In(HOUR));
    }

    #[test]
    fn a_network_that_is_down_is_given_six_hours() {
        let unheard = |now| Circumstances {
            heard: false,
            ..at(now)
        };
        assert_eq!(MANY.objection(&unheard(6 * HOUR - 1)), Objection::In(1));
        assert_eq!(MANY.objection(&unheard(6 * HOUR)), Objection::Due);
    }

    #[test]
    fn a_fault_of_this_machine_is_never_a_reason() {
        let local = Circumstances {
            local: true,
            ..at(100 * HOUR)
        };
        assert_eq!(MANY.objection(&local), Objection::Local);
    }

    #[test]
    fn attempts_count_from_the_first_until_one_succeeds() {
        let mut ledger = Ledger::default();
        let (round, file) = (RoundNumber(3), FileKey::batch(RoundNumber(3), 0));
        let fails = |ledger: &mut Ledger, now| {
            ledger.failed(file, now);
            ledger.objection(file, &at(now))
        };
        for (now, expected) in [(2_000, HOUR), (2_100, HOUR - 100), (2_000 + HOUR - 1, 1)] {
            assert_eq!(fails(&mut ledger, now), Objection::In(expected));
        }
        ledger.only(round..=round, &BTreeSet::from([file]));
        assert_eq!(fails(&mut ledger, 2_000 + HOUR), Objection::Due);
        ledger.only(round..=round, &BTreeSet::new());
        assert_eq!(fails(&mut ledger, 9_000), Objection::In(HOUR));
        ledger.succeeded(file);
        assert_eq!(fails(&mut ledger, 9_100), Objection::In(HOUR));
        ledger.settled(round);
        assert_eq!(fails(&mut ledger, 9_500), Objection::In(HOUR));
        let other = FileKey::batch(RoundNumber(4), 0);
        assert_eq!(
            ledger.objection(other, &at(9_700)),
            Objection::In(HOUR),
            "never tried"
        );
    }
}
