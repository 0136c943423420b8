//! The engine against a literal implementation of Spark's rules, on any rows, split in any way, on any number of
//! threads.

use std::collections::HashSet;

use assize_evaluate::Verdict;
use assize_spark::{Evaluation, Parser, Round, Rules, SparkLabel};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{RANDOMNESS, Way, lines, round, run, with};

/// Spark's rules, one after the other, over rows that are all valid.
fn by_the_book(round: &Round, rows: &[Value], required: usize) -> Vec<(SparkLabel, Option<Verdict>)> {
    let sha = |text: &str| <[u8; 32]>::from(Sha256::digest(text));
    let xor = |a: [u8; 32], b: [u8; 32]| std::array::from_fn::<u8, 32, _>(|index| a[index] ^ b[index]);
    let task_of = |row: &Value| {
        (
            row["cid"].as_str().unwrap().to_owned(),
            row["miner_id"].as_str().unwrap().to_owned(),
        )
    };
    let listed: Vec<_> = round
        .tasks
        .iter()
        .map(|task| (task.cid.clone(), task.miner_id.clone()))
        .collect();
    let allowed = |station: &str| {
        let mut nearest = listed.clone();
        nearest.sort_by_key(|(cid, miner)| xor(sha(station), sha(&format!("{cid}\n{miner}\n{RANDOMNESS}"))));
        nearest.truncate(round.max_tasks_per_node);
        nearest
    };
    let mut labels = vec![None; rows.len()];
    for (row, label) in rows.iter().zip(&mut labels) {
        if !listed.contains(&task_of(row)) {
            *label = Some(SparkLabel::TaskNotInRound);
        } else if !allowed(row["station_id"].as_str().unwrap()).contains(&task_of(row)) {
            *label = Some(SparkLabel::TaskWrongNode);
        }
    }
    let groups: HashSet<_> = rows.iter().map(|row| row["inet_group"].clone()).collect();
    for group in groups {
        let mut members: Vec<_> = (0..rows.len())
            .filter(|row| labels[*row].is_none() && rows[*row]["inet_group"] == group)
            .collect();
        members.sort_by_key(|row| sha(rows[*row]["finished_at"].as_str().unwrap()));
        let mut seen = HashSet::new();
        for row in members {
            labels[row] = Some(if seen.contains(&task_of(&rows[row])) {
                SparkLabel::DupInetGroup
            } else if seen.len() >= round.max_tasks_per_node {
                SparkLabel::TooManyTasks
            } else {
                seen.insert(task_of(&rows[row]));
                SparkLabel::Ok
            });
        }
    }
    let key = |row: usize| {
        let row = &rows[row];
        let fields = [
            "provider_id",
            "indexer_result",
            "provider_address",
            "byte_length",
            "car_checksum",
        ];
        let fields: Vec<_> = fields
            .iter()
            .map(|field| row.get(field).map(Value::to_string))
            .collect();
        (
            fields,
            row["protocol"].as_str().map(str::to_lowercase),
            row["timeout"].clone(),
            row["status_code"].clone(),
        )
    };
    (0..rows.len())
        .map(|row| {
            let label = labels[row].unwrap();
            if label != SparkLabel::Ok {
                return (label, None);
            }
            let committee: Vec<_> = (0..rows.len())
                .filter(|other| {
                    labels[*other] == Some(SparkLabel::Ok) && task_of(&rows[*other]) == task_of(&rows[row])
                })
                .collect();
            let agreeing = |one: usize| committee.iter().filter(|other| key(**other) == key(one)).count();
            let found = committee.iter().any(|one| 2 * agreeing(*one) > committee.len());
            let verdict = match () {
                () if committee.len() < required => Verdict::CommitteeTooSmall,
                () if !found => Verdict::MajorityNotFound,
                () if 2 * agreeing(row) > committee.len() => Verdict::MajorityResult,
                () => Verdict::MinorityResult,
            };
            (label, Some(verdict))
        })
        .collect()
}

fn rows() -> impl Strategy<Value = Vec<Value>> {
    let row = (0_u8..12, 0_usize..14, 0_u8..4, 0_u8..6, 0_u8..9).prop_map(
        |(station, task, subnet, second, deed)| {
            let mut row = with(&json!({
                "station_id": format!("{station:x}").repeat(88),
                // The last two tasks are not in the round.
                "cid": format!("bafy{}", task / 2), "miner_id": format!("f0{}", task % 2),
                "inet_group": format!("u{subnet}"),
                "finished_at": format!("2023-11-01T09:42:0{second}.000Z"),
                "participant_address": format!("0x{}", format!("{:02x}", station % 5 + 1).repeat(20)),
            }));
            match deed {
                0 => row["timeout"] = json!(true),
                1 => row["status_code"] = json!(502),
                2 => row["car_checksum"] = Value::Null,
                3 => drop(row.as_object_mut().unwrap().remove("car_checksum")),
                4 => row["protocol"] = json!("HTTP"),
                _ => {}
            }
            row
        },
    );
    proptest::collection::vec(row, 0..120)
}

fn labels(evaluation: &Evaluation) -> Vec<(SparkLabel, Option<Verdict>)> {
    evaluation
        .labels
        .iter()
        .map(|labels| (labels.tasking_evaluation.unwrap(), labels.consensus_evaluation))
        .collect()
}

proptest! {
    #[test]
    fn labels_match_the_literal_rules(rows in rows(), max_tasks in 0_usize..8, required in 0_usize..5) {
        let round = round(12, max_tasks);
        let way = Way { required_committee_size: required, ..Way::default() };
        let evaluation = run(&round, &[lines(&rows)], way);
        prop_assert_eq!(labels(&evaluation), by_the_book(&round, &rows, required));

        let report = &evaluation.report;
        prop_assert_eq!(report.outcomes.values().sum::<u64>(), rows.len() as u64);
        prop_assert_eq!(report.decisions.values().sum::<u64>(), report.committees);
        prop_assert_eq!(report.scores.values().sum::<u128>(), 1_000_000_000_000_000);
        let ok = labels(&evaluation).iter().filter(|(label, _)| *label == SparkLabel::Ok).count() as u64;
        prop_assert_eq!(report.rsr.overall.total, ok);
        prop_assert_eq!(report.rsr.by_miner.values().map(|counts| counts.total).sum::<u64>(), ok);
    }

    #[test]
    fn the_result_does_not_depend_on_threads_files_or_parser(
        rows in rows(), cut: prop::sample::Index, rules in prop_oneof![Just(Rules::February2025), Just(Rules::December2025)]
    ) {
        let round = round(12, 5);
        let way = Way { rules, ..Way::default() };
        let whole = run(&round, &[lines(&rows)], way);
        let (one, two) = rows.split_at(cut.index(rows.len() + 1));
        let files = [lines(one), lines(two), String::new()];
        for threads in [1, 2, 16] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for parser in [Parser::Fast, Parser::Reference] {
                let cut = pool.install(|| run(&round, &files, Way { parser, ..way }));
                prop_assert_eq!(&cut, &whole);
            }
        }
    }

    /// Spark's order: rows are ordered by arrival time, and equal ones by position.
    #[test]
    fn the_order_of_rows_does_not_matter_if_their_times_differ(
        (rows, shuffled) in rows().prop_flat_map(|mut rows| {
            for (number, row) in rows.iter_mut().enumerate() {
                row["finished_at"] = json!(format!("2023-11-01T09:42:03.{number:03}Z"));
            }
            (Just(rows.clone()), Just(rows).prop_shuffle())
        })
    ) {
        let round = round(12, 4);
        let reports = [rows, shuffled].map(|rows| run(&round, &[lines(&rows)], Way::default()).report);
        prop_assert_eq!(&reports[0], &reports[1]);
    }
}
