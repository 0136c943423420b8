//! The rounds that are looked after, and the measurements kept for them.

use std::collections::BTreeMap;

use assize_protocol::{RoundNumber, TaskIndex};
use rusqlite::types::Type;
use rusqlite::{Error, params};
use serde::de::DeserializeOwned;

use super::{Decision, Spool, SpoolError};
use crate::inclusion::Place;

/// A round that is looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The station's place in it.
    pub(crate) place: Place,
    /// The tasks of the station's own report, once that is decided.
    pub(crate) report: Option<Vec<TaskIndex>>,
}

/// A measurement that was made, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its line, without a line feed.
    pub(crate) line: String,
    /// Whether there is a receipt for it.
    pub(crate) receipted: bool,
}

impl Spool {
    /// Begins to look after a round. A place that it had before a reorganisation is replaced.
    pub(crate) fn keep(&self, place: &Place) -> Result<(), SpoolError> {
        self.with(|connection| {
            let insert = "INSERT INTO round (number, place) VALUES (?, ?)
                          ON CONFLICT (number) DO UPDATE SET place = excluded.place";
            connection
                .execute(insert, params![place.round.0.cast_signed(), to_json(place)])
                .map(drop)
        })
    }

    /// The rounds that are looked after, oldest first.
    pub(crate) fn kept(&self) -> Result<Vec<Kept>, SpoolError> {
        self.with(|connection| {
            let mut select = connection.prepare_cached("SELECT place, report FROM round ORDER BY number")?;
            let rows = select.query_map([], |row| {
                let report: Option<String> = row.get(1)?;
                Ok(Kept {
                    place: from_json(0, &row.get::<_, String>(0)?)?,
                    report: report.map(|report| from_json(1, &report)).transpose()?,
                })
            })?;
            rows.collect()
        })
    }

    /// The measurements that were made in a round that is looked after.
    pub(crate) fn made(&self, round: RoundNumber) -> Result<BTreeMap<TaskIndex, Made>, SpoolError> {
        self.with(|connection| {
            let select = "SELECT task, line, state FROM measurement WHERE round = ? AND line IS NOT NULL";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map([round.0.cast_signed()], |row| {
                let made = Made {
                    line: row.get(1)?,
                    receipted: row.get::<_, i64>(2)? == Decision::Receipted as i64,
                };
                Ok((TaskIndex(row.get(0)?), made))
            })?;
            rows.collect()
        })
    }

    /// Decides whose measurements go into the station's own report of a round. What was decided before stands.
    pub(crate) fn decide_report(&self, round: RoundNumber, tasks: &[TaskIndex]) -> Result<(), SpoolError> {
        self.with(|connection| {
            let update = "UPDATE round SET report = ? WHERE number = ? AND report IS NULL";
            let row = params![to_json(tasks), round.0.cast_signed()];
            connection.execute(update, row).map(drop)
        })
    }

    /// Ends looking after a round. Its measurements are dropped.
    pub(crate) fn release(&self, round: RoundNumber) -> Result<(), SpoolError> {
        let number = round.0.cast_signed();
        self.with(|connection| {
            // In this order: a round without measurements is released again.
            let drop_lines =
                "UPDATE measurement SET line = NULL, state = iif(state = 0, 3, state) WHERE round = ?";
            connection.execute(drop_lines, [number])?;
            connection
                .execute("DELETE FROM round WHERE number = ?", [number])
                .map(drop)
        })
    }
}

fn to_json(value: &(impl serde::Serialize + ?Sized)) -> String {
    // Only strings and numbers, so serialisation cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: DeserializeOwned>(column: usize, text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inclusion::testing::place;
    use crate::spool::Waiting;
    use crate::spool::tests::open;

    fn waiting(round: u64, task: u32) -> Waiting {
        Waiting {
            round: RoundNumber(round),
            task: TaskIndex(task),
            line: format!("{round}/{task}"),
        }
    }

    #[test]
    fn measurements_are_kept_until_their_round_is_released_whatever_becomes_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool.sqlite");
        let spool = open(&path).unwrap();
        let place = place(7, &[4, 1, 2, 3]);
        spool.keep(&place).unwrap();
        for task in 1..=4 {
            assert!(spool.put(&waiting(7, task), 100).unwrap());
        }
        let seven = RoundNumber(7);
        spool.decide(seven, TaskIndex(1), Decision::Receipted).unwrap();
        spool.decide(seven, TaskIndex(2), Decision::Refused).unwrap();
        assert_eq!(spool.drop_late(101).unwrap(), 2);
        drop(spool);

        let spool = open(&path).unwrap();
        spool.forget(RoundNumber(1_000)).unwrap();
        let made = spool.made(seven).unwrap();
        let receipted: Vec<_> = made.values().map(|made| made.receipted).collect();
        assert_eq!(receipted, [true, false, false, false]);
        assert_eq!(made[&TaskIndex(3)].line, "7/3");
        assert_eq!(spool.kept().unwrap(), [Kept { place, report: None }]);

        spool.release(seven).unwrap();
        assert!(spool.kept().unwrap().is_empty() && spool.made(seven).unwrap().is_empty());
        assert_eq!(spool.done(seven).unwrap().len(), 4);
        spool.forget(RoundNumber(1_000)).unwrap();
        assert!(spool.done(seven).unwrap().is_empty());
    }

    #[test]
    fn a_report_is_decided_once() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(&directory.path().join("spool.sqlite")).unwrap();
        let place = place(7, &[1, 2]);
        let [one, two] = [TaskIndex(1), TaskIndex(2)];
        spool.keep(&place).unwrap();
        spool.decide_report(place.round, &[one]).unwrap();
        spool.decide_report(place.round, &[one, two]).unwrap();
        assert_eq!(spool.kept().unwrap()[0].report.as_deref(), Some(&[one][..]));
        spool.decide_report(RoundNumber(8), &[one]).unwrap();
        assert_eq!(spool.kept().unwrap().len(), 1);
    }
}
