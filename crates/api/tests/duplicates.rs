//! A second measurement of a task, and very long texts, over real sockets, on both databases.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use assize_wire::{Answer, ProblemKind};

use crate::common::places;
use crate::common::server::Scene;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

#[tokio::test(flavor = "multi_thread")]
async fn of_a_stations_measurements_of_a_task_the_first_counts() {
    let scene = Scene::new().await;
    let round = scene.open_round().await;
    let (first, key) = scene.good(round).await;
    let with = |text: String| {
        let mut other = first.clone();
        other.attestation = Some(text);
        other.sign(&key, &scene.domain());
        other.to_line()
    };
    let second = with("I have it".into());
    for place in places() {
        let served = scene.serve(&place.location).await;
        for (length, field) in [(1_025, "attestation"), (8_192, "line")] {
            let refused = served.post("/measurements", JSON, with("x".repeat(length))).await;
            let problem = refused.problem(ProblemKind::Malformed);
            assert_eq!(problem.field.as_deref(), Some(field));
        }
        let lines = [first.to_line(), second.clone(), first.to_line()].join("\n");
        let answer = served.post("/measurements", NDJSON, lines).await;
        let kinds: Vec<_> = answer
            .text()
            .lines()
            .map(|line| match serde_json::from_str(line).unwrap() {
                Answer::Receipt(_) => None,
                Answer::Problem(problem) => problem.kind(),
            })
            .collect();
        assert_eq!(kinds, [None, Some(ProblemKind::Duplicate), None]);
        // Permanently; the first one gets its receipt again.
        served.end().await;
        let served = scene.serve(&place.location).await;
        let refused = served.post("/measurements", JSON, second.clone()).await;
        assert_eq!(refused.status, 409);
        let problem = refused.problem(ProblemKind::Duplicate);
        assert_eq!(
            (problem.field.as_deref(), problem.retry_after),
            (Some("task"), None)
        );
        let again = served.post("/measurements", JSON, first.to_line()).await;
        assert_eq!(again.status, 200);
        served.end().await;
    }
}
