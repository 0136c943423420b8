//! Rounds of Spark through the binary: all options that give the same result, and invalid input.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use assize_testkit::spark::SparkRound;
use common::{answer, assize, refused, run};
use serde_json::{Value, json};

/// A round of 20 000 rows in four files.
struct Round {
    directory: tempfile::TempDir,
}

impl Round {
    fn write() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let round = Self { directory };
        let spec = SparkRound {
            measurements: 20_000,
            tasks: 100,
            participants: 200,
            seed: 3,
        };
        fs::write(round.path("round.json"), spec.round_file()).unwrap();
        let mut files: Vec<_> = round
            .files()
            .iter()
            .map(|path| File::create(path).unwrap())
            .collect();
        spec.write(&mut files).unwrap();
        round
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn files(&self) -> Vec<PathBuf> {
        (0..4)
            .map(|number| self.path(&format!("{number}.ndjson")))
            .collect()
    }

    fn evaluate(&self, more: &[&str], threads: &str) -> Value {
        let mut command = assize();
        command
            .args(["spark", "evaluate", "--format", "json", "--round"])
            .arg(self.path("round.json"));
        let output = command
            .args(more)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        answer(output)
    }
}

#[test]
fn threads_parsers_and_file_splits_do_not_change_the_result() {
    let round = Round::write();
    let files: Vec<_> = round
        .files()
        .iter()
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    let labels = round.path("labels.ndjson");
    let labels = labels.to_str().unwrap();
    let whole = round.path("whole.ndjson");
    fs::write(
        &whole,
        files
            .iter()
            .flat_map(|file| fs::read(file).unwrap())
            .collect::<Vec<_>>(),
    )
    .unwrap();
    let list = round.path("list.json");
    let rows: Vec<Value> = fs::read_to_string(&whole)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    fs::write(&list, Value::from(rows).to_string()).unwrap();

    let apart: Vec<&str> = ["--measurements"]
        .into_iter()
        .chain(files.iter().map(|file| &**file))
        .collect();
    let answer = round.evaluate(&[&apart[..], &["--labels", labels]].concat(), "2");
    assert_eq!(answer["total"], 20_000);
    assert_eq!(answer["committees"], 100);
    let expected = fs::read(labels).unwrap();
    assert_eq!(expected.split(|byte| *byte == b'\n').count(), 20_001);
    let ways: [(&[&str], &str); 4] = [
        (&["--parser", "reference"], "1"),
        (&["--parser", "reference"], "2"),
        (&["--parser", "fast"], "1"),
        (&["--parser", "fast"], "16"),
    ];
    for (more, threads) in ways {
        for files in [
            &apart[..],
            &["--measurements", whole.to_str().unwrap()],
            &["--measurements", list.to_str().unwrap()],
        ] {
            let again = round.evaluate(&[files, more, &["--labels", labels]].concat(), threads);
            assert_eq!(again, answer, "{more:?} {threads} {files:?}");
            assert!(
                fs::read(labels).unwrap() == expected,
                "{more:?} {threads} {files:?}"
            );
        }
    }
    // The later rules exclude the indexer's failures, of which this round has none; all its successes have times.
    assert_eq!(
        round.evaluate(&[&apart[..], &["--rules", "2025-12"]].concat(), "2"),
        answer
    );
    let small = round.evaluate(
        &[&apart[..], &["--required-committee-size", "1000"]].concat(),
        "2",
    );
    assert_eq!(small["decisions"], json!({"COMMITTEE_TOO_SMALL": 100}));
    assert_eq!(
        small["scores"],
        json!({"0x000000000000000000000000000000000000dEaD": "1000000000000000"})
    );
}

#[test]
fn invalid_rows_are_reported_and_do_not_affect_others() {
    let round = Round::write();
    let good = fs::read_to_string(round.path("0.ndjson")).unwrap();
    let line = good.lines().next().unwrap();
    let bad = [
        line.replace("\"status_code\":200", "\"status_code\":NaN"),
        line.replace("\"byte_length\":", "\"byte_length\":1e999,\"x\":"),
        line.replace("\"byte_length\":", "\"byte_length\":99999999999999999999,\"x\":"),
        line.replace("\"protocol\"", "\"miner_id\":\"f01\",\"protocol\""),
        line.replace(
            "\"participant_address\":\"",
            "\"participant_address\":\"0xDEADbeefDEADbeefDEADbeefDEADbeefDEADbeef\",\"x\":\"",
        ),
        line.replace("\"indexer_result\":\"OK\"", "\"indexer_result\":null"),
        line[..line.len() / 2].to_owned(),
    ];
    let path = round.path("bad.ndjson");
    fs::write(&path, bad.join("\n") + "\n" + line).unwrap();
    let output = run([
        "spark",
        "evaluate",
        "--format",
        "json",
        "--round",
        round.path("round.json").to_str().unwrap(),
        "--measurements",
        path.to_str().unwrap(),
    ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["total"], &answer["valid"]), (&json!(8), &json!(1)));
    for (number, field) in [
        (1, "line"),
        (2, "line"),
        (3, "byte_length"),
        (4, "miner_id"),
        (5, "participant_address"),
        (6, "indexer_result"),
        (7, "line"),
    ] {
        assert!(
            stderr.contains(&format!("bad.ndjson:{number}: {field}: ")),
            "{number} {field}: {stderr}"
        );
    }
    assert!(stderr.contains("7 of 8 rows rejected"), "{stderr}");
}

#[test]
fn labels_never_overwrite_an_input_or_a_file_on_failure() {
    let round = Round::write();
    let (file, rows) = (round.path("round.json"), round.path("0.ndjson"));
    let before = (fs::read(&file).unwrap(), fs::read(&rows).unwrap());
    std::os::unix::fs::symlink(&rows, round.path("link")).unwrap();
    let evaluate = |rows: &str, labels: &str| {
        let (rows, labels) = (round.path(rows), round.path(labels));
        run([
            "spark",
            "evaluate",
            "--round",
            file.to_str().unwrap(),
            "--measurements",
            rows.to_str().unwrap(),
            "--labels",
            labels.to_str().unwrap(),
        ])
    };
    for labels in ["0.ndjson", "link", "round.json"] {
        refused(&evaluate("0.ndjson", labels), 2, &["is also the input"]);
    }
    assert_eq!((fs::read(&file).unwrap(), fs::read(&rows).unwrap()), before);
    fs::write(round.path("labels"), "precious").unwrap();
    refused(&evaluate("nothing.ndjson", "labels"), 2, &["nothing.ndjson"]);
    assert_eq!(fs::read(round.path("labels")).unwrap(), b"precious");
    assert!(evaluate("0.ndjson", "labels").status.success());
    assert_eq!(
        fs::read_to_string(round.path("labels")).unwrap().lines().count(),
        5_000
    );
    refused(
        &evaluate("0.ndjson", "no/such/directory"),
        2,
        &["cannot write --labels"],
    );
}

#[test]
fn a_line_of_a_gigabyte_is_skipped() {
    let round = Round::write();
    let path = round.path("endless.ndjson");
    // A sparse file, which uses no disk space.
    File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let files = [path, round.path("1.ndjson")].map(|path| path.to_str().unwrap().to_owned());
    let answer = round.evaluate(&["--measurements", &files[0], &files[1]], "2");
    assert_eq!(answer["total"], 5_001);
    let labels = &answer["outcomes"];
    assert_eq!(
        labels
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum::<u64>(),
        answer["valid"]
    );
}

#[test]
fn a_bad_round_is_named() {
    let round = Round::write();
    let path = round.path("0.ndjson");
    let try_with = |file: &str| {
        fs::write(round.path("other.json"), file).unwrap();
        let other = round.path("other.json");
        run([
            "spark",
            "evaluate",
            "--round",
            other.to_str().unwrap(),
            "--measurements",
            path.to_str().unwrap(),
        ])
    };
    let file = fs::read_to_string(round.path("round.json")).unwrap();
    refused(
        &try_with("{}"),
        2,
        &["other.json", "not a round file", "roundDetails"],
    );
    refused(&try_with(&file[..file.len() / 2]), 2, &["other.json", "EOF"]);
    refused(
        &try_with(&file.replace("fc90", "no hex")),
        2,
        &["not hexadecimal"],
    );
    refused(
        &try_with(&file.replace("\"randomness\"", "\"other\"")),
        2,
        &["no `randomness`", "--randomness-from-drand"],
    );
    refused(
        &try_with(&file.replace("\"maxTasksPerNode\":15", "\"maxTasksPerNode\":-1")),
        2,
        &["-1"],
    );
    let missing = round.path("nothing.ndjson");
    let output = run([
        "spark",
        "evaluate",
        "--round",
        round.path("round.json").to_str().unwrap(),
        "--measurements",
        missing.to_str().unwrap(),
    ]);
    refused(&output, 2, &["nothing.ndjson", "No such file"]);

    // A duplicate task is reported, and counts as in Spark.
    let mut twice: Value = serde_json::from_str(&file).unwrap();
    let tasks = twice["roundDetails"]["retrievalTasks"].as_array_mut().unwrap();
    tasks.push(tasks[4].clone());
    let output = try_with(&twice.to_string());
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("task 101 (bafy"),
        "named"
    );
}

/// The quicknet round of epoch 4863281 is 17133822, whose beacon is recorded.
#[test]
fn the_randomness_can_come_from_drand() {
    let round = Round::write();
    let beacons = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/beacons.json");
    let recorded: Vec<Value> = serde_json::from_slice(&fs::read(&beacons).unwrap()).unwrap();
    let beacon = recorded
        .iter()
        .find(|beacon| beacon["round"] == 17_133_822)
        .unwrap();
    let mut file: Value = serde_json::from_slice(&fs::read(round.path("round.json")).unwrap()).unwrap();
    file["roundDetails"]["startEpoch"] = json!("4863281");
    let evaluate = |file: &Value, more: &[&str]| {
        fs::write(round.path("drand.json"), file.to_string()).unwrap();
        let mut command = assize();
        command
            .args(["spark", "evaluate", "--format", "json", "--round"])
            .arg(round.path("drand.json"));
        command
            .arg("--measurements")
            .arg(round.path("0.ndjson"))
            .args(more)
            .output()
            .unwrap()
    };
    let from_drand = ["--randomness-from-drand", "--beacons", beacons.to_str().unwrap()];
    // The file has another one.
    refused(
        &evaluate(&file, &from_drand),
        1,
        &["fc90e50d", "17133822", beacon["randomness"].as_str().unwrap()],
    );
    file["randomness"] = beacon["randomness"].clone();
    let stated = evaluate(&file, &[]);
    assert!(stated.status.success());
    file.as_object_mut().unwrap().remove("randomness");
    assert_eq!(evaluate(&file, &from_drand).stdout, stated.stdout);
    file["roundDetails"]["startEpoch"] = json!("1");
    refused(&evaluate(&file, &from_drand), 2, &["before this drand chain"]);
    file["roundDetails"].as_object_mut().unwrap().remove("startEpoch");
    refused(&evaluate(&file, &from_drand), 2, &["no `startEpoch`"]);
    refused(
        &evaluate(&file, &from_drand[1..]),
        2,
        &["--beacons needs --randomness-from-drand"],
    );
}
