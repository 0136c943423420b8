//! A small round, its rows as files, and the evaluation of both.

use assize_spark::{Chunks, Evaluation, Measurements, Parser, Round, Rules, evaluate};
use serde_json::{Value, json};

pub(crate) const RANDOMNESS: &str = "fc90e50dcdf20886b56c038b30fa921a5e57c532ea448dadcc209e44eec0445e";

/// `tasks` tasks of `tasks / 2` CIDs and two providers.
pub(crate) fn round(tasks: usize, max_tasks_per_node: usize) -> Round {
    let tasks: Vec<_> = (0..tasks)
        .map(|number| {
            json!({
                "cid": format!("bafy{}", number / 2),
                "minerId": format!("f0{}", number % 2),
                "clients": ["f0c1", format!("f0c{}", number % 3)],
                "allocators": [null, "f0a"],
            })
        })
        .collect();
    let file = json!({
        "randomness": RANDOMNESS,
        "roundDetails": {
            "roundId": "7", "startEpoch": "4622129", "maxTasksPerNode": max_tasks_per_node, "retrievalTasks": tasks,
        },
    });
    Round::parse(file.to_string().as_bytes()).unwrap()
}

/// A valid success over HTTP.
pub(crate) fn row() -> Value {
    json!({
        "participant_address": "0x3356fd7D01F001f5FdA3dc032e8bA14E54C2a1a1", "station_id": "8".repeat(88),
        "finished_at": "2023-11-01T09:42:03.246Z", "timeout": false, "start_at": "2023-11-01T09:40:03.000Z",
        "status_code": 200, "head_status_code": 200, "first_byte_at": "2023-11-01T09:40:04.000Z",
        "end_at": "2023-11-01T09:40:05.000Z", "byte_length": 200, "inet_group": "uFOO", "car_too_large": false,
        "car_checksum": "1220aa", "indexer_result": "OK", "miner_id": "f00", "provider_id": "12D3", "cid": "bafy0",
        "provider_address": "/dns/x/tcp/443/https", "protocol": "http",
    })
}

pub(crate) fn with(changes: &Value) -> Value {
    let mut row = row();
    for (field, value) in changes.as_object().unwrap() {
        row[field] = value.clone();
    }
    row
}

/// The variant in which a test evaluates a round.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub rules: Rules,
    pub parser: Parser,
    pub required_committee_size: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            rules: Rules::February2025,
            parser: Parser::Fast,
            required_committee_size: 1,
        }
    }
}

pub(crate) fn read(round: &Round, files: &[String], way: Way) -> Measurements {
    let chunks = Chunks::new(files.iter().map(|file| Ok(file.as_bytes())));
    Measurements::read(round, way.rules, way.parser, chunks).unwrap()
}

pub(crate) fn run(round: &Round, files: &[String], way: Way) -> Evaluation {
    let measurements = read(round, files, way);
    evaluate(round, RANDOMNESS, &measurements, way.required_committee_size)
}

pub(crate) fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}
