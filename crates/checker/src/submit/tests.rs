use std::fs;

use assize_protocol::{RoundNumber, TaskIndex};
use secp256k1::SecretKey;

use super::*;
use crate::testing::{Bench, Reply, Stub, digests, ingest, json, problem, receipt, true_ingest};

fn submitter(bench: &Bench) -> Submitter {
    Submitter {
        shared: Arc::clone(bench.checker.shared()),
        limit: MAX_LINES,
    }
}

impl Submitter {
    /// One request that ends without a receipt; returns when to retry.
    async fn later(&mut self) -> Option<Duration> {
        let error = self.submit().await.unwrap_err();
        self.failed(&error, true);
        error.retry_after()
    }

    async fn all(&mut self) {
        while self.submit().await.unwrap() == Submitted::Some {}
        assert_eq!(self.shared.spool.count_waiting().unwrap(), 0);
    }
}

fn kept(bench: &Bench, round: u64) -> String {
    let path = bench
        .directory
        .path()
        .join(format!("state/receipts/round-{round}.ndjson"));
    fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test]
async fn measurements_are_submitted_together_and_receipts_stored_by_round() {
    let stub = Stub::start(true_ingest).await;
    let bench = Bench::new(&stub).await;
    for (round, task) in [(1, 5), (1, 6), (2, 5)] {
        bench.measure(round, task);
    }
    submitter(&bench).all().await;
    let requests = stub.seen("POST /measurements");
    assert_eq!(requests.len(), 1);
    assert_eq!(String::from_utf8_lossy(&requests[0]).lines().count(), 3);
    assert_eq!(
        (digests(&kept(&bench, 1)).len(), digests(&kept(&bench, 2)).len()),
        (2, 1)
    );
    let submitted = bench
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Submitted { .. }));
    assert_eq!(submitted.count(), 3);
    // Finished tasks are remembered.
    assert!(
        bench
            .checker
            .shared()
            .spool
            .done(RoundNumber(1))
            .unwrap()
            .contains(&TaskIndex(5))
    );
}

#[tokio::test]
async fn temporary_rejections_are_retried_at_the_requested_time() {
    let replies: [(Reply, Option<u64>); 6] = [
        (problem(ProblemKind::TooManyRequests, Some(40)), Some(40)),
        (
            (429, vec![("retry-after", "50".into())], b"slow down".to_vec()),
            Some(50),
        ),
        (problem(ProblemKind::Gated, None), None),
        (problem(ProblemKind::LimitReached, Some(600)), Some(600)),
        ((502, Vec::new(), b"<html>".to_vec()), None),
        // Not a problem of the ingest, but of a proxy.
        ((404, Vec::new(), b"nothing here".to_vec()), None),
    ];
    let stub = Stub::start(true_ingest).await;
    let bench = Bench::new(&stub).await;
    bench.measure(1, 5);
    for (reply, retry_after) in replies {
        stub.reply(reply);
        assert_eq!(
            submitter(&bench).later().await,
            retry_after.map(Duration::from_secs)
        );
        assert_eq!(bench.checker.shared().spool.count_waiting().unwrap(), 1);
    }
    let requests = stub.seen("POST /measurements");
    submitter(&bench).all().await;
    assert_eq!(digests(&kept(&bench, 1)).len(), 1);
    // Always the same bytes.
    assert!(requests.iter().all(|request| *request == requests[0]));
    assert_eq!(requests.len(), 6);
}

#[tokio::test]
async fn permanent_rejections_are_reported_and_not_retried() {
    let kinds = [
        (ProblemKind::OutdatedClient, "outdated-client"),
        (ProblemKind::RoundOver, "round-over"),
        (ProblemKind::ClockSkew, "clock-skew"),
        (ProblemKind::NotDrawn, "not-drawn"),
        (ProblemKind::Duplicate, "duplicate"),
        (ProblemKind::BadSignature, "bad-signature"),
    ];
    let stub = Stub::start(true_ingest).await;
    let bench = Bench::new(&stub).await;
    for (task, (kind, name)) in (0..).zip(kinds) {
        bench.measure(1, task);
        stub.reply(problem(kind, None));
        submitter(&bench).all().await;
        let event = Event::Refused {
            round: RoundNumber(1),
            task: TaskIndex(task),
            problem: name.into(),
            detail: "so it is".into(),
        };
        assert_eq!(bench.events().last(), Some(&event));
    }
    assert_eq!(stub.seen("POST /measurements").len(), kinds.len());
    assert_eq!(kept(&bench, 1), "");
}

#[tokio::test]
async fn each_measurement_has_its_own_answer() {
    let stub = Stub::start(|path, body| match body.last() {
        Some(b'\n') => {
            let lines: Vec<_> = body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .collect();
            let answers = [
                Answer::Receipt(receipt(lines[0], &ingest())),
                Answer::Problem(Problem::new(ProblemKind::RoundOver, "too late")),
                Answer::Problem(Problem::new(ProblemKind::Gated, "retry later")),
            ];
            let lines = answers
                .iter()
                .map(|answer| serde_json::to_string(answer).unwrap() + "\n");
            (200, Vec::new(), lines.collect::<String>().into_bytes())
        }
        _ => true_ingest(path, body),
    })
    .await;
    let bench = Bench::new(&stub).await;
    (0..3).for_each(|task| bench.measure(1, task));
    let mut submitter = submitter(&bench);
    submitter.later().await;
    let waiting = bench.checker.shared().spool.waiting(0, 9).unwrap();
    assert_eq!(
        waiting.iter().map(|waiting| waiting.task.0).collect::<Vec<_>>(),
        [2]
    );
    submitter.all().await;
    assert_eq!(digests(&kept(&bench, 1)).len(), 2);
}

#[tokio::test]
async fn no_answer_stops_submission_forever() {
    for retry_after in [3_601, u64::MAX] {
        let stub = Stub::start(true_ingest).await;
        let bench = Bench::new(&stub).await;
        (0..2).for_each(|task| bench.measure(1, task));
        let mut later = Problem::new(ProblemKind::Gated, "retry later");
        later.retry_after = Some(retry_after);
        let line = serde_json::to_string(&Answer::Problem(later)).unwrap() + "\n";
        stub.reply((200, Vec::new(), line.repeat(2).into_bytes()));
        let limit = Duration::from_secs(3_600);
        assert_eq!(submitter(&bench).later().await, Some(limit));
    }
}

#[tokio::test]
async fn a_request_rejected_as_a_whole_is_split() {
    let stub = Stub::start(|path, body| match body.last() {
        Some(b'\n') => problem(ProblemKind::TooLarge, None),
        _ => true_ingest(path, body),
    })
    .await;
    let bench = Bench::new(&stub).await;
    (0..3).for_each(|task| bench.measure(1, task));
    let mut submitter = submitter(&bench);
    submitter.submit().await.unwrap();
    submitter.submit().await.unwrap();
    submitter.all().await;
    assert_eq!(digests(&kept(&bench, 1)).len(), 3);
}

#[tokio::test]
async fn an_invalid_receipt_is_ignored() {
    let stub = Stub::start(true_ingest).await;
    let bench = Bench::new(&stub).await;
    bench.measure(1, 5);
    let line = bench.checker.shared().spool.waiting(0, 1).unwrap().remove(0).line;
    let other = SecretKey::from_secret_bytes([0x22; 32]).unwrap();
    let good = receipt(line.as_bytes(), &ingest());
    let mut of_another = good.clone();
    of_another.digest.0[0] ^= 1;
    let mut unsigned = good.clone();
    unsigned.received_at += 1;
    for (receipt, words) in [
        (of_another, "not for measurement"),
        (unsigned, "is not signed by"),
    ] {
        stub.reply(json(201, &receipt));
        submitter(&bench).later().await;
        let message = bench.events().last().unwrap().to_string();
        assert!(message.contains(words), "{message}");
    }
    // The first valid receipt pins its key; a second ingest's is rejected.
    submitter(&bench).all().await;
    bench.measure(1, 6);
    let line = bench.checker.shared().spool.waiting(0, 1).unwrap().remove(0).line;
    stub.reply(json(201, &receipt(line.as_bytes(), &other)));
    submitter(&bench).later().await;
    let message = bench.events().last().unwrap().to_string();
    assert!(message.contains("--ingest-address"), "{message}");
    submitter(&bench).all().await;
    assert_eq!(digests(&kept(&bench, 1)).len(), 2);
}

#[tokio::test]
async fn redirects_are_followed_within_the_host_only() {
    let home = Stub::start(true_ingest).await;
    let elsewhere = Stub::start(true_ingest).await;
    let bench = Bench::new(&home).await;
    bench.measure(1, 5);
    home.reply((
        307,
        vec![("location", format!("{}/measurements", elsewhere.url))],
        Vec::new(),
    ));
    submitter(&bench).later().await;
    let message = bench.events().last().unwrap().to_string();
    assert!(
        message.contains("redirects to another host") && message.contains(&elsewhere.url),
        "{message}"
    );
    assert!(elsewhere.seen("POST /measurements").is_empty());
    // An endless redirect.
    for _ in 0..8 {
        home.reply((307, vec![("location", "/measurements".into())], Vec::new()));
    }
    submitter(&bench).later().await;
    let message = bench.events().last().unwrap().to_string();
    assert!(message.contains("more than 3 redirects"), "{message}");
}

#[tokio::test]
async fn a_crash_between_receipt_and_spool_stores_the_receipt_once() {
    let stub = Stub::start(true_ingest).await;
    let bench = Bench::new(&stub).await;
    bench.measure(1, 5);
    let line = bench.checker.shared().spool.waiting(0, 1).unwrap().remove(0).line;
    let receipt = receipt(line.as_bytes(), &ingest());
    // As if it had been killed right after the receipt was on disk.
    let measurement = line;
    bench
        .checker
        .shared()
        .receipts()
        .keep(RoundNumber(1), &[KeptReceipt { measurement, receipt }])
        .unwrap();
    let bench = bench.reopen(&stub).await;
    submitter(&bench).all().await;
    assert_eq!(digests(&kept(&bench, 1)).len(), 1);
}
