//! Rows grouped by a small number, such as their task.

use rayon::prelude::*;

/// Row positions by group, ascending within each group. A counting sort: two passes, one array.
#[derive(Debug, Default)]
pub struct Groups {
    /// Where each group begins, and where the last one ends.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Groups {
    /// `keys` yields each row's group, below `count`; `None` leaves the row out. At most 2^32 rows.
    ///
    /// # Panics
    /// If a group is `count` or more.
    #[must_use]
    pub fn new(count: usize, keys: impl Iterator<Item = Option<usize>> + Clone) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for key in keys.clone().flatten() {
            starts[key + 1] += 1;
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        let mut next = starts.clone();
        let mut rows = vec![0; before as usize];
        for (row, key) in (0..).zip(keys) {
            if let Some(key) = key {
                rows[next[key] as usize] = row;
                next[key] += 1;
            }
        }
        Self { starts, rows }
    }

    /// Every group that has rows: its number, and the positions of its rows.
    pub fn par_iter(&self) -> impl ParallelIterator<Item = (usize, &[u32])> {
        self.starts
            .par_windows(2)
            .enumerate()
            .map(|(group, bounds)| (group, &self.rows[bounds[0] as usize..bounds[1] as usize]))
            .filter(|(_, rows)| !rows.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_in_its_group(keys in proptest::collection::vec(proptest::option::of(0_usize..7), 0..60)) {
            let groups = Groups::new(7, keys.iter().copied());
            let mut found = vec![None; keys.len()];
            let pairs: Vec<_> = groups.par_iter().map(|(group, rows)| (group, rows.to_vec())).collect();
            for (group, rows) in pairs {
                prop_assert!(rows.is_sorted());
                for row in rows {
                    found[row as usize] = Some(group);
                }
            }
            prop_assert_eq!(found, keys);
        }
    }
}
