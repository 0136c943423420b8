//! Success rates of a demo in every format, and read by DuckDB.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assize_testkit::services::or_skip;
use common::{ended, json_of, refused, run, stdout_of};
use serde_json::Value;

/// A Python with DuckDB; `None` if it is not installed and not required.
fn duckdb() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/duckdb");
    let python = tools.join("ready").exists().then(|| tools.join("bin/python"));
    or_skip(python, "no DuckDB: run `make services`")
}

#[test]
fn rates_are_available_in_every_format() {
    let directory = tempfile::tempdir().unwrap();
    let play = directory.path().join("play");
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let report = json_of([
        "demo",
        "--stations",
        "100",
        "--rounds",
        "2",
        "--format",
        "json",
        "--keep",
        play.to_str().unwrap(),
    ]);
    let (catalog, store) = (path("play/rates.json"), path("play/store"));
    let rsr = |more: &[&str]| run(["rsr", "--rates", &catalog, "--store", &store].iter().chain(more));
    let ask = |more: &[&str]| -> Vec<Value> {
        let output = rsr(&[more, &["--format", "json"]].concat());
        serde_json::from_str(&ended(output, 0)).unwrap()
    };

    // The same figures as in the demo's report, which computes them separately.
    let providers = ask(&["--by", "provider"]);
    for provider in report["providers"].as_array().unwrap() {
        let row = providers
            .iter()
            .find(|row| row["id"] == provider["provider"])
            .unwrap();
        assert_eq!(
            (&row["total"], &row["successful"]),
            (&provider["measurements"], &provider["successful"])
        );
    }
    let total = |rows: &[Value]| rows.iter().map(|row| row["total"].as_u64().unwrap()).sum::<u64>();
    let network = ask(&[]);
    assert_eq!((network.len(), total(&network)), (1, total(&providers)));
    assert!(
        network[0]["ttfbHttpMs"]["p50"].as_u64().unwrap() > 0
            && network[0]["results"]["OK"].as_u64().unwrap() > 0
    );
    let days = ask(&["--per-day"]);
    assert_eq!((days.len(), total(&days)), (2, total(&network)));
    let day = days[0]["day"].as_str().unwrap();
    let one_day = ["--from", day, "--to", day];
    assert_eq!(total(&ask(&one_day)), days[0]["total"].as_u64().unwrap());
    assert!(!ask(&["--by", "client"]).is_empty());
    // The recorded deals name no allocators.
    assert!(ask(&["--by", "allocator"]).is_empty());

    let csv = String::from_utf8(rsr(&["--by", "provider", "--format", "csv"]).stdout).unwrap();
    assert_eq!(csv.lines().count(), providers.len() + 1);
    let table = stdout_of(["rsr", "--rates", &catalog, "--store", &store, "--by", "provider"]);
    assert!(table.contains("RSR http") && table.lines().count() > providers.len());

    let (svg, answer, export, document) = (
        path("rsr.svg"),
        path("rsr.parquet"),
        path("export"),
        path("day.json"),
    );
    let output = rsr(&[
        "--by", "provider", "--format", "parquet", "--out", &answer, "--export", &export,
    ]);
    assert!(output.status.success() && output.stdout.is_empty());
    let output = rsr(&["--plot", &svg]);
    if cfg!(feature = "plots") {
        assert!(output.status.success());
        assert!(
            fs::read_to_string(svg)
                .unwrap()
                .contains("Retrieval success rate by day")
        );
    } else {
        refused(&output, 2, &["--plot", "feature `plots`"]);
    }
    let output = rsr(&[&one_day[..], &["--dag-json", &document]].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && stderr.contains("baguqeera"),
        "{stderr}"
    );
    let document: Value = serde_json::from_slice(&fs::read(document).unwrap()).unwrap();
    assert_eq!(document["date"], day);
    assert_eq!(document["meta"]["rounds"].as_array().unwrap().len(), 1);

    if let Some(python) = duckdb() {
        let script = format!(
            "import duckdb\n\
             day = duckdb.sql(\"SELECT party, sum(total)::BIGINT, sum(successful)::BIGINT FROM read_parquet('{export}/rates/*/*.parquet', hive_partitioning=true) WHERE day::VARCHAR = '{day}' AND party = 'network' GROUP BY party\").fetchall()\n\
             codes = duckdb.sql(\"SELECT sum(count)::BIGINT FROM read_parquet('{export}/results/*/*.parquet') WHERE party = 'network'\").fetchall()\n\
             answer = duckdb.sql(\"SELECT sum(total)::BIGINT, count(*) FROM '{answer}'\").fetchall()\n\
             times = duckdb.sql(\"SELECT sum(count)::BIGINT FROM read_parquet('{export}/ttfb/*/*.parquet') WHERE party = 'network' AND protocol = 'http'\").fetchall()\n\
             print(day[0][1], day[0][2], codes[0][0], answer[0][0], answer[0][1], times[0][0])"
        );
        let output = Command::new(&python).args(["-c", &script]).output().unwrap();
        let found: Vec<u64> = ended(output, 0)
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        let number = |value: &Value| value.as_u64().unwrap();
        let expected = [
            number(&days[0]["total"]),
            number(&days[0]["successful"]),
            total(&network),
            total(&providers),
            providers.len() as u64,
            number(&network[0]["ttfbHttpMs"]["measurements"]),
        ];
        assert_eq!(found, expected);

        // The first query of the documentation, on these files.
        let documented = include_str!("../docs/rates.md").split("```sql\n").nth(1).unwrap();
        let query = documented.split("```").next().unwrap();
        let query = query
            .replace("'days/", &format!("'{export}/"))
            .replace("2026-11-01", day);
        let script = format!(
            "import duckdb, json\nprint(json.dumps(duckdb.sql(\"\"\"{}\"\"\").fetchall()))",
            query.trim_end().trim_end_matches(';')
        );
        let output = Command::new(&python).args(["-c", &script]).output().unwrap();
        let rows: Vec<(String, f64, f64)> = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(rows.len(), providers.len());
        for (id, rate, _) in rows {
            let row = providers.iter().find(|row| row["id"] == id.as_str()).unwrap();
            assert!((row["rsr"].as_f64().unwrap() - rate).abs() < 1e-9, "{id}");
        }
    }

    refused(
        &rsr(&["--from", "2001-01-01", "--to", "2001-01-02"]),
        2,
        &[
            "no figures are available from 2001-01-01",
            "the available days are",
        ],
    );
    refused(
        &rsr(&["--from", day, "--to", "2001-01-02"]),
        2,
        &["is after --to"],
    );
    refused(&rsr(&["--dag-json", "x"]), 2, &["needs one day"]);
    refused(&rsr(&["--export", &export]), 2, &["is not empty"]);
    for output in ["--out", "--plot", "--dag-json"] {
        refused(&rsr(&[output, &catalog]), 2, &["is the catalog"]);
    }
    refused(
        &run(["rsr", "--rates", &path("none.json")]),
        2,
        &["does not exist", "assize rsr build --rates"],
    );
    fs::write(path("bad.json"), "{\"version\":9,\"days\":{}}").unwrap();
    refused(
        &run(["rsr", "--rates", &path("bad.json")]),
        2,
        &["bad.json", "version 9"],
    );
    fs::write(path("empty.json"), "{\"version\":1,\"days\":{}}").unwrap();
    refused(&run(["rsr", "--rates", &path("empty.json")]), 2, &["is empty"]);
    // A missing partition and a damaged one are named.
    let cid =
        serde_json::from_slice::<Value>(&fs::read(&catalog).unwrap()).unwrap()["days"][day]["rates"].clone();
    let file = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path());
    let file = file
        .into_iter()
        .find(|path| path.to_str().unwrap().contains(cid.as_str().unwrap()))
        .unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    refused(&rsr(&[]), 2, &[day, cid.as_str().unwrap()]);
    fs::remove_file(file).unwrap();
    refused(&rsr(&[]), 2, &[day, cid.as_str().unwrap()]);
}
