//! Single rules, bad input, and Spark's own cases.

use assize_spark::Rules;
use assize_spark::{DEAD, Round, RoundError, SparkCounts, SparkLabel};
use serde_json::{Value, json};

use crate::support::{Way, lines, read, round, row, run, with};

/// Gives each row its own subnet and time, so that all of them vote.
fn apart(rows: &[Value]) -> Vec<Value> {
    let apart = rows.iter().enumerate().map(|(number, row)| {
        let mut row = row.clone();
        row["inet_group"] = json!(format!("u{number}"));
        row
    });
    apart.collect()
}

#[test]
fn the_report_has_sparks_form() {
    let round = round(2, 2);
    let rows = apart(&[
        row(),
        row(),
        with(&json!({"timeout": true})),
        with(&json!({"miner_id": "f01"})),
    ]);
    let stray = with(&json!({"cid": "elsewhere"}));
    let invalid = with(&json!({"indexer_result": null}));
    let text = lines(&rows) + &lines(&[stray, invalid]) + "nonsense\n";
    let evaluation = run(
        &round,
        &[text],
        Way {
            required_committee_size: 2,
            ..Way::default()
        },
    );
    let counts = |total, successful| json!({"total": total, "successful": successful, "successfulHttp": successful, "successfulHttpHead": successful});
    let mut rsr = counts(4, 3);
    rsr["byMiner"] = json!({"f00": counts(3, 2), "f01": counts(1, 1)});
    // A client that is listed twice counts twice, as in Spark.
    rsr["byClient"] = json!({"f0c0": counts(3, 2), "f0c1": counts(5, 4)});
    rsr["byAllocator"] = json!({"f0a": counts(4, 3)});
    rsr["deals"] = json!({
        "tested": 4, "indexMajorityFound": 2, "indexed": 2, "indexedHttp": 2, "retrievalMajorityFound": 2, "retrievable": 2,
    });
    assert_eq!(
        serde_json::to_value(&evaluation.report).unwrap(),
        json!({
            "total": 7, "valid": 5,
            "outcomes": {
                "OK/COMMITTEE_TOO_SMALL": 1, "OK/MAJORITY_RESULT": 2, "OK/MINORITY_RESULT": 1, "TASK_NOT_IN_ROUND/null": 1,
            },
            "decisions": {"COMMITTEE_TOO_SMALL": 1, "OK": 1},
            "committees": 2,
            "scores": {"0x3356fd7D01F001f5FdA3dc032e8bA14E54C2a1a1": "1000000000000000"},
            "rsr": rsr,
        })
    );
    let labels: Vec<_> = evaluation
        .labels
        .iter()
        .map(|labels| serde_json::to_string(labels).unwrap())
        .collect();
    assert_eq!(
        labels[0],
        r#"{"taskingEvaluation":"OK","consensusEvaluation":"MAJORITY_RESULT"}"#
    );
    assert_eq!(
        labels[4],
        r#"{"taskingEvaluation":"TASK_NOT_IN_ROUND","consensusEvaluation":null}"#
    );
    assert_eq!(
        labels[5],
        r#"{"taskingEvaluation":null,"consensusEvaluation":null}"#
    );
    assert_eq!(labels.len(), 7);
}

#[test]
fn without_measurements_the_dead_address_gets_everything() {
    let report = run(&round(0, 15), &[], Way::default()).report;
    assert_eq!((report.total, report.committees), (0, 0));
    assert_eq!(report.scores, [(DEAD.to_owned(), 1_000_000_000_000_000)].into());
}

#[test]
fn two_spellings_of_an_address_are_two_participants() {
    let rows = apart(&[
        row(),
        with(&json!({"participant_address": "0x3356fd7d01f001f5fda3dc032e8ba14e54c2a1a1"})),
    ]);
    let report = run(&round(2, 2), &[lines(&rows)], Way::default()).report;
    assert_eq!(report.scores.len(), 2);
    let delegated = with(&json!({"participant_address": "f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i"}));
    let same = with(&json!({"participant_address": "0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E"}));
    let report = run(&round(2, 2), &[lines(&apart(&[delegated, same]))], Way::default()).report;
    assert_eq!(
        report.scores.keys().collect::<Vec<_>>(),
        ["0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E"]
    );
}

#[test]
fn equal_times_fall_back_to_the_files_order() {
    let evaluation = run(&round(2, 2), &[lines(&[row(), row()])], Way::default());
    let labels: Vec<_> = evaluation
        .labels
        .iter()
        .map(|labels| labels.tasking_evaluation.unwrap())
        .collect();
    assert_eq!(labels, [SparkLabel::Ok, SparkLabel::DupInetGroup]);
}

#[test]
fn a_row_without_a_station_has_no_task() {
    let rows = [
        with(&json!({"station_id": null})),
        with(&json!({"station_id": ""})),
        with(&json!({"cid": null})),
    ];
    let evaluation = run(&round(2, 2), &[lines(&apart(&rows))], Way::default());
    let labels: Vec<_> = evaluation
        .labels
        .iter()
        .map(|labels| labels.tasking_evaluation.unwrap())
        .collect();
    assert_eq!(
        labels,
        [
            SparkLabel::TaskWrongNode,
            SparkLabel::Ok,
            SparkLabel::TaskNotInRound
        ]
    );
}

#[test]
fn success_rates_match_spark() {
    let vectors: Value = serde_json::from_str(include_str!("../fixtures/rsr_stats.json")).unwrap();
    let result = |code: &str| match code {
        "OK" => json!({}),
        "TIMEOUT" => json!({"timeout": true}),
        "IPNI_ERROR_504" => json!({"indexer_result": "ERROR_504"}),
        "HTTP_500" | "LASSIE_500" => json!({"status_code": 500}),
        other => panic!("{other}"),
    };
    let rate = |rows: &[Value]| {
        let way = Way {
            rules: Rules::December2025,
            ..Way::default()
        };
        let evaluation = run(&round(2, 2), &[lines(&apart(rows))], way);
        assert_eq!(evaluation.report.valid, rows.len() as u64);
        evaluation.report.rsr
    };
    let number = |value: &Value| value.as_u64().unwrap();

    let first = &vectors["perMiner"][0];
    let rows: Vec<_> = first["measurements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let mut changes = result(row[1].as_str().unwrap());
            changes["miner_id"] = json!(format!("f0{}", row[0].as_str().unwrap()));
            changes["protocol"] = row[2].clone();
            changes["head_status_code"] = row[3].clone();
            with(&changes)
        })
        .collect();
    let rsr = rate(&rows);
    for (miner, expected) in first["expected"].as_object().unwrap() {
        let counts = rsr.by_miner[&format!("f0{miner}")];
        assert_eq!(serde_json::to_value(counts).unwrap(), *expected);
    }
    for case in &vectors["perMiner"].as_array().unwrap()[1..3] {
        let rows: Vec<_> = case["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|code| with(&result(code.as_str().unwrap())))
            .collect();
        let SparkCounts {
            total, successful, ..
        } = rate(&rows).overall;
        assert_eq!(
            (total, successful),
            (
                number(&case["expected"]["total"]),
                number(&case["expected"]["successful"])
            )
        );
    }
    let last = &vectors["perMiner"][3];
    let rows: Vec<_> = last["measurements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let mut changes = result(row[1].as_str().unwrap());
            changes["protocol"] = row[0].clone();
            changes["head_status_code"] = row[2].clone();
            with(&changes)
        })
        .collect();
    let counts = rate(&rows).overall;
    let expected = ["total", "successful", "successful_http", "successful_http_head"]
        .map(|name| number(&last["expected"][name]));
    assert_eq!(
        [
            counts.total,
            counts.successful,
            counts.successful_http,
            counts.successful_http_head
        ],
        expected
    );
}

#[test]
fn indexer_failures_counted_only_in_february() {
    let rows = apart(&[
        row(),
        with(&json!({"indexer_result": "ERROR_504"})),
        with(&json!({"indexer_result": "ERROR_5xx"})),
    ]);
    let total = |rules| {
        run(
            &round(2, 2),
            &[lines(&rows)],
            Way {
                rules,
                ..Way::default()
            },
        )
        .report
        .rsr
        .overall
        .total
    };
    assert_eq!((total(Rules::February2025), total(Rules::December2025)), (3, 2));
}

#[test]
fn malformed_rows_are_reported_with_file_line_field_and_reason() {
    let good = row().to_string();
    let first = format!(
        "{good}\n\nnonsense\n{}\n",
        with(&json!({"participant_address": "0x3356FD7D01F001f5FdA3dc032e8bA14E54C2a1a1"}))
    );
    let second = format!("{good}\n{}\n{good}", "x".repeat(3_000_000));
    let list = format!("[{good},{{\"cid\":7}},{good}]");
    let measurements = read(&round(2, 2), &[first, second, list], Way::default());
    assert_eq!((measurements.total(), measurements.valid()), (9, 5));
    let message: Vec<_> = measurements
        .first_rejected()
        .iter()
        .map(|row| (row.file, row.number, row.field))
        .collect();
    assert_eq!(
        message,
        [
            (0, 3, "line"),
            (0, 4, "participant_address"),
            (1, 2, "line"),
            (2, 2, "cid")
        ]
    );
    assert!(
        measurements.first_rejected()[2]
            .reason
            .contains("3000000 bytes long")
    );
    assert_eq!(
        *measurements.rejected(),
        [("cid", 1), ("line", 2), ("participant_address", 1)].into()
    );
}

#[test]
fn a_malformed_round_file_is_rejected() {
    let parse = |text: &str| Round::parse(text.as_bytes());
    let details = r#""roundDetails":{"maxTasksPerNode":15,"startEpoch":"x","retrievalTasks":[]}"#;
    assert!(matches!(parse("{}"), Err(RoundError::Json(_))));
    assert!(matches!(
        parse(&format!("{{{details}}}")),
        Err(RoundError::StartEpoch(_))
    ));
    let details = details.replace("\"x\"", "12");
    assert!(matches!(
        parse(&format!(r#"{{"randomness":"zz",{details}}}"#)),
        Err(RoundError::Randomness(_))
    ));
    assert_eq!(parse(&format!("{{{details}}}")).unwrap().start_epoch, Some(12));
    let error = parse(&details.replace("15", "-1").replacen("\"roundDetails\":", "", 1)).unwrap_err();
    assert!(error.to_string().contains("retrievalTasks"), "{error}");
}

#[test]
fn a_task_listed_twice_is_reported_and_counts_twice() {
    let mut round = round(4, 1);
    round.tasks.push(round.tasks[1].clone());
    let duplicates: Vec<_> = round
        .duplicates()
        .into_iter()
        .map(|(_, first, again)| (first, again))
        .collect();
    assert_eq!(duplicates, [(2, 5)]);
}

#[test]
fn deals_match_spark() {
    let vectors: Value = serde_json::from_str(include_str!("../fixtures/rsr_stats.json")).unwrap();
    let case = &vectors["dailyDeals"][0];
    let mut round = round(8, 8);
    // One client each, as in the vectors.
    round.tasks.iter_mut().for_each(|task| task.clients.truncate(1));
    let rows: Vec<_> = case["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, task)| {
            let status = if task["retrieval"] == "HTTP_502" { 502 } else { 200 };
            with(&json!({"cid": format!("bafy{number}"), "indexer_result": task["indexer"], "status_code": status}))
        })
        .collect();
    let deals = run(&round, &[lines(&apart(&rows))], Way::default())
        .report
        .rsr
        .deals;
    let number = |name: &str| case["expected"][name].as_u64().unwrap();
    assert_eq!(
        (deals.tested, deals.indexed, deals.retrievable),
        (number("tested"), number("indexed"), number("retrievable"))
    );
    let results = &vectors["indexerQuery"][0];
    let rows: Vec<_> = results["indexerResults"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, said)| with(&json!({"cid": format!("bafy{number}"), "indexer_result": said})))
        .collect();
    let deals = run(&round, &[lines(&apart(&rows))], Way::default())
        .report
        .rsr
        .deals;
    assert_eq!(
        (deals.tested, deals.indexed_http),
        (
            results["expected"]["deals_tested"].as_u64().unwrap(),
            results["expected"]["deals_advertising_http"].as_u64().unwrap()
        )
    );
}
