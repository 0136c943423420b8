//! Whose file is copied next.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::Address;

/// Publishers take turns, from one pass to the next: whoever had none for longest is next. So a publisher with many files, or with slow
/// ones, delays its own. The coordinator, which commits lists, has turns like a publisher.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: BTreeMap<Owner, u64>,
    count: u64,
}

/// A publisher; `None` is the coordinator.
type Owner = Option<Address>;

/// Files that wait for their owner's turn.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    /// Lists that have not failed yet. Nothing of a round counts without its lists.
    first: VecDeque<T>,
    /// The others, each owner's in order.
    queues: BTreeMap<Owner, VecDeque<T>>,
}

impl<T> Waiting<T> {
    /// Sorts files, each with its owner and how often it failed: of each owner, those first that failed least often, then as given.
    pub(super) fn new(files: impl IntoIterator<Item = (Owner, u32, T)>) -> Self {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by_key(|&(_, failures, _)| failures);
        let (mut first, mut queues) = (VecDeque::new(), BTreeMap::<Owner, VecDeque<T>>::new());
        for (owner, failures, file) in files {
            match (owner, failures) {
                (None, 0) => first.push_back(file),
                _ => queues.entry(owner).or_default().push_back(file),
            }
        }
        Self { first, queues }
    }
}

impl Turns {
    /// The next file.
    pub(super) fn next<T>(&mut self, waiting: &mut Waiting<T>) -> Option<T> {
        if let Some(list) = waiting.first.pop_front() {
            return Some(list);
        }
        waiting.queues.retain(|_, queue| !queue.is_empty());
        let queues = waiting.queues.iter_mut();
        let (&owner, queue) = queues.min_by_key(|(owner, _)| self.last.get(owner).copied())?;
        self.count += 1;
        self.last.insert(owner, self.count);
        queue.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COORDINATOR: Owner = None;
    const HOSTILE: Owner = Some(Address::repeat_byte(1));
    const HONEST: Owner = Some(Address::repeat_byte(2));

    /// All files of a pass, in order.
    fn order(files: &[(Owner, u32, &'static str)]) -> Vec<&'static str> {
        let (mut turns, mut waiting) = (Turns::default(), Waiting::new(files.iter().copied()));
        std::iter::from_fn(|| turns.next(&mut waiting)).collect()
    }

    #[test]
    fn publishers_take_turns_and_lists_are_first() {
        let files = [
            (HOSTILE, 0, "a"),
            (HOSTILE, 0, "b"),
            (HOSTILE, 0, "c"),
            (COORDINATOR, 1, "a list that fails"),
            (HONEST, 1, "failed once"),
            (HONEST, 0, "x"),
            (COORDINATOR, 0, "roster"),
            (COORDINATOR, 0, "tasks"),
        ];
        let expected = [
            "roster",
            "tasks",
            "a list that fails",
            "a",
            "x",
            "b",
            "failed once",
            "c",
        ];
        assert_eq!(order(&files), expected);
    }

    #[test]
    fn a_publisher_whose_file_takes_a_whole_pass_does_not_have_the_next_one_too() {
        let mut turns = Turns::default();
        let mut pass = |number: u32| {
            // It always has a new file that was committed before the others.
            let files = [(HOSTILE, 0, HOSTILE), (HONEST, number, HONEST)];
            turns.next(&mut Waiting::new(files))
        };
        let passes: Vec<_> = (0..4).map(|number| pass(number).flatten()).collect();
        assert_eq!(passes, [HOSTILE, HONEST, HOSTILE, HONEST]);
    }
}
