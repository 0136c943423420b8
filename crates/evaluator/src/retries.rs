//! When files that could not be read are tried again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use assize_facts::FileKey;

/// Pauses before a file is tried again: they double from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(900));

/// Files that could not be read, each with how often, and when it is tried again.
#[derive(Debug, Default)]
pub(crate) struct Retries(BTreeMap<FileKey, Failure>);

#[derive(Debug, Clone, Copy)]
struct Failure {
    count: u32,
    again: Instant,
}

impl Retries {
    /// Whether it is time to try a file.
    pub(crate) fn is_due(&self, file: FileKey) -> bool {
        self.0
            .get(&file)
            .is_none_or(|failure| failure.again <= Instant::now())
    }

    /// How often a file could not be read.
    pub(crate) fn count(&self, file: FileKey) -> u32 {
        self.0.get(&file).map_or(0, |failure| failure.count)
    }

    /// A file could not be read; returns how often by now.
    pub(crate) fn failed(&mut self, file: FileKey) -> u32 {
        let count = self.count(file).saturating_add(1);
        let (first, last) = PAUSES;
        let pause = first.saturating_mul(1 << count.min(10)) / 2;
        let again = Instant::now() + pause.min(last);
        self.0.insert(file, Failure { count, again });
        count
    }

    /// A file was read.
    pub(crate) fn succeeded(&mut self, file: FileKey) {
        self.0.remove(&file);
    }

    /// Forgets all other files.
    pub(crate) fn retain(&mut self, wanted: impl Fn(FileKey) -> bool) {
        self.0.retain(|file, _| wanted(*file));
    }
}

#[cfg(test)]
mod tests {
    use assize_protocol::{List, RoundNumber};

    use super::*;

    #[test]
    fn a_file_that_fails_waits_and_others_do_not() {
        let [roster, tasks] = [List::Roster, List::Tasks].map(|list| FileKey::list(RoundNumber(1), list));
        let mut retries = Retries::default();
        assert_eq!((retries.failed(roster), retries.failed(roster)), (1, 2));
        assert_eq!((retries.is_due(roster), retries.is_due(tasks)), (false, true));
        retries.retain(|file| file == tasks);
        assert!(retries.is_due(roster));
        retries.failed(tasks);
        retries.succeeded(tasks);
        assert_eq!((retries.is_due(tasks), retries.count(tasks)), (true, 0));
    }
}
