//! Measurements: the door, receipts, labels.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_is_accepted_once_and_its_receipt_is_valid() {
    let scene = Scene::new().await;
    let round = scene.open_round().await;
    let (measurement, _) = scene.good(round).await;
    let domain = scene.domain();
    for place in places() {
        let served = scene.serve(&place.location).await;
        let taken = served.post("/measurements", JSON, measurement.to_line()).await;
        assert_eq!(taken.status, 201, "{}", taken.text());
        let receipt: Receipt = taken.json();
        assert!(receipt.is_signed(&domain));
        assert_eq!(receipt.ingest, ingest_key().address());
        assert_eq!(receipt.digest, measurement.digest(&domain));
        assert_eq!(receipt.received_at, scene.clock.now());

        // Again, later, in another encoding, after a restart: the same receipt.
        let before = scene.clock.now();
        scene.clock.set(before + 5);
        served.end().await;
        let served = scene.serve(&place.location).await;
        let spread = measurement.to_line().replace(",\"", " ,\n \"");
        let again = served
            .post("/measurements", "Application/JSON; charset=utf-8", spread)
            .await;
        assert_eq!(again.status, 200);
        assert_eq!(again.json::<Receipt>(), receipt);
        scene.clock.set(before);

        let digest = receipt.digest;
        let answer = served.get(&format!("/measurements/{digest}")).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let progress: Progress = answer.json();
        assert_eq!((progress.round, progress.state), (round, State::Received));
        assert_eq!(progress.received_at, receipt.received_at);
        let unknown = format!("/measurements/{}", B256::repeat_byte(7));
        served.get(&unknown).await.problem(ProblemKind::NotFound);
        served
            .get("/measurements/0x12")
            .await
            .problem(ProblemKind::Malformed);
        served.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_measurements_each_gets_its_own_answer() {
    let scene = Scene::new().await;
    let round = scene.open_round().await;
    let all = scene.measurements(round).await;
    let domain = scene.domain();
    for place in places() {
        let served = scene.serve(&place.location).await;
        // A liar's are accepted, since the committee decides. An outsider's and an inventor's are rejected.
        let mut receipts = 0;
        let mut refused = std::collections::BTreeMap::new();
        for chunk in all.chunks(100).step_by(7) {
            let body: String = chunk
                .iter()
                .map(|measurement| measurement.to_line() + "\n")
                .collect();
            let answer = served.post("/measurements", NDJSON, body).await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some(NDJSON))
            );
            let answers: Vec<Answer> = answer
                .text()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert_eq!(answers.len(), chunk.len());
            for (measurement, answer) in chunk.iter().zip(answers) {
                match answer {
                    Answer::Receipt(receipt) => {
                        assert!(receipt.is_signed(&domain));
                        assert_eq!(receipt.digest, measurement.digest(&domain));
                        receipts += 1;
                    }
                    Answer::Problem(problem) => {
                        *refused.entry(problem.kind().unwrap().title()).or_insert(0) += 1
                    }
                }
            }
        }
        assert!(receipts > 1_000, "{receipts}, {refused:?}");

        // An invalid one in the middle does not affect the others.
        let lines = [
            all[0].to_line(),
            "nonsense".into(),
            String::new(),
            all[1].to_line(),
        ];
        let answer = served.post("/measurements", NDJSON, lines.join("\n")).await;
        let kinds: Vec<_> = answer
            .text()
            .lines()
            .map(|line| match serde_json::from_str(line).unwrap() {
                Answer::Receipt(_) => None,
                Answer::Problem(problem) => problem.kind(),
            })
            .collect();
        assert_eq!(kinds, [None, Some(ProblemKind::Malformed), None]);
        let too_many = vec![all[0].to_line(); 101].join("\n");
        for body in [too_many, "\n\n".into(), String::new()] {
            served
                .post("/measurements", NDJSON, body)
                .await
                .problem(ProblemKind::Malformed);
        }
        served.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_is_followed_from_the_door_to_its_label() {
    use assize_ingest::{BatchLimit, BatchState, Stored};
    for place in places() {
        let scene = Scene::new().await;
        let round = scene.open_round().await;
        let (measurement, _) = scene.good(round).await;
        let digest = measurement.digest(&scene.domain());
        let served = scene.serve(&place.location).await;
        assert_eq!(
            served
                .post("/measurements", JSON, measurement.to_line())
                .await
                .status,
            201
        );
        let path = format!("/measurements/{digest}");

        // The publisher's steps on the same table.
        let location = place.location.clone();
        let mut ingest = tokio::task::spawn_blocking(move || location.connect_ingest().unwrap())
            .await
            .unwrap();
        let limit = BatchLimit {
            lines: 100,
            bytes: u64::MAX,
        };
        let batch = ingest.close(round, limit).unwrap().unwrap();
        assert_eq!(served.get(&path).await.json::<Progress>().state, State::Received);
        let file = measurement.to_line() + "\n";
        let cid = assize_store::Store::put(&scene.store, file.as_bytes()).unwrap();
        let root = LinesRoot::of(file.as_bytes()).root();
        ingest
            .set_stored(batch.id, &Stored { cid, root }, file.len() as u64)
            .unwrap();
        let progress: Progress = served.get(&path).await.json();
        assert_eq!((progress.state, progress.cid), (State::Batched, Some(cid)));
        assert_eq!(scene.world.commit(round, file.as_bytes()).await.unwrap(), cid);
        ingest
            .set_state(batch.id, BatchState::Committed, Some(1))
            .unwrap();
        assert_eq!(served.get(&path).await.json::<Progress>().state, State::Committed);
        assert!(
            !served.api.evaluate().await,
            "nothing to do while the round takes batches"
        );

        let chain = scene.world.rounds.round(round).await.unwrap();
        // It is committed, and the round no longer accepts batches, but is not over.
        scene.world.anvil.mine_at(chain.times.dedupe_from).unwrap();
        scene.clock.set(chain.times.dedupe_from);
        assert_eq!(served.get(&path).await.json::<Progress>().state, State::Committed);
        assert!(!served.api.evaluate().await, "the round is not over");
        scene.world.finish(round).await.unwrap();
        scene.clock.set(chain.times.dedupe_from + 1);
        assert_eq!(served.get(&path).await.json::<Progress>().state, State::Committed);
        // It was requested, so the api may have done it already.
        served.api.evaluate().await;
        let answer = served.get(&path).await;
        assert!(answer.header("cache-control").unwrap().contains("immutable"));
        let progress: Progress = answer.json();
        assert_eq!(progress.state, State::Evaluated);
        assert_eq!(progress.label.as_deref(), Some("OK"));
        assert_eq!(progress.verdict.as_deref(), Some("COMMITTEE_TOO_SMALL"));
        served.end().await;
        drop(ingest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_daily_limit_nothing_new_is_accepted_and_nothing_is_lost() {
    let scene = Scene::new().await;
    let round = scene.open_round().await;
    let all = scene.measurements(round).await;
    let lines: Vec<_> = all.iter().take(3).map(Measurement::to_line).collect();
    for place in places() {
        let limit = (lines[0].len() + lines[1].len()) as u64;
        let served = scene.serve_with(&place.location, roomy(), limit).await;
        for line in &lines[..2] {
            assert_eq!(served.post("/measurements", JSON, line.clone()).await.status, 201);
        }
        let refused = served.post("/measurements", JSON, lines[2].clone()).await;
        refused.problem(ProblemKind::LimitReached);
        assert_eq!(refused.header("retry-after"), Some("600"));
        assert_eq!(
            served.post("/measurements", JSON, lines[0].clone()).await.status,
            200
        );
        served.end().await;
    }
}
