//! Every rule by which a measurement is refused.

use super::*;

/// A change of a measurement, the resulting problem, and the named field.
type Change = (
    &'static str,
    Box<dyn Fn(&mut Measurement)>,
    ProblemKind,
    &'static str,
);

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_the_door_is_named_when_it_is_broken() {
    let scene = Scene::new().await;
    let place = sqlite();
    let round = scene.open_round().await;
    let served = scene.serve(&place.location).await;
    let (measurement, key) = scene.good(round).await;
    let domain = scene.domain();
    let assignment = scene.assignment(round).await;
    let own = scene
        .network
        .roster()
        .unwrap()
        .index_of(measurement.station)
        .unwrap();
    let (committee, _) = assignment.seat_of(own).unwrap();
    let drawn = assignment.tasks(committee).unwrap();
    let stray = (0..).map(TaskIndex).find(|task| !drawn.contains(task)).unwrap();
    let other = scene.tasks.get(stray).unwrap();
    let (payload, provider) = (other.cid.to_string(), other.provider.to_string());
    let chain = scene.world.rounds.round(round).await.unwrap();
    let now = scene.clock.now();
    let foreign = Domain {
        chain_id: 314,
        ..domain
    };
    let hour = 3_600_000;
    let at = |seconds: u64, millis: i64| Some(Millis(seconds as i64 * 1_000 + millis));
    use ProblemKind as K;
    let resigned = |change: fn(&mut Measurement)| -> Box<dyn Fn(&mut Measurement)> {
        Box::new(move |m| {
            change(m);
            m.sign(&key, &domain);
        })
    };
    let changes: Vec<Change> = vec![
        (
            "another chain's",
            Box::new(move |m| m.sign(&key, &foreign)),
            K::BadSignature,
            "signature",
        ),
        (
            "changed after it was signed",
            Box::new(|m| m.byte_length = Some(1)),
            K::BadSignature,
            "signature",
        ),
        (
            "no signature at all",
            Box::new(|m| m.signature = Signature([0; 65])),
            K::BadSignature,
            "signature",
        ),
        (
            "another's",
            Box::new(move |m| {
                m.sign(&SecretKey::from_secret_bytes([5; 32]).unwrap(), &domain);
            }),
            K::BadSignature,
            "signature",
        ),
        (
            "outdated",
            resigned(|m| m.spark_version = Some("0.0.9".into())),
            K::OutdatedClient,
            "spark_version",
        ),
        (
            "versionless",
            resigned(|m| m.spark_version = None),
            K::OutdatedClient,
            "spark_version",
        ),
        (
            "of a strange version",
            resigned(|m| m.spark_version = Some("new".into())),
            K::OutdatedClient,
            "spark_version",
        ),
        (
            "of a round that the api may not have seen yet",
            resigned(|m| m.round.0 += 2),
            K::Unavailable,
            "round",
        ),
        (
            "of a round far away",
            resigned(|m| m.round.0 += 1_000),
            K::NotFound,
            "round",
        ),
        (
            "of no round",
            resigned(|m| m.round = RoundNumber(0)),
            K::NotFound,
            "round",
        ),
        (
            "of the next round",
            resigned(|m| m.round = RoundNumber(2)),
            K::NotRevealed,
            "round",
        ),
        (
            "of an unknown station",
            resigned(|m| m.station = Address::repeat_byte(9)),
            K::NotInRoster,
            "station",
        ),
        (
            "of another task",
            Box::new(move |m| {
                m.task = stray;
                m.cid = payload.as_str().into();
                m.miner_id = provider.as_str().into();
                m.sign(&key, &domain);
            }),
            K::NotDrawn,
            "task",
        ),
        (
            "of no task",
            resigned(|m| m.task = TaskIndex(u32::MAX)),
            K::NotDrawn,
            "task",
        ),
        (
            "of another payload",
            resigned(|m| {
                m.cid = "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq".into();
            }),
            K::NotDrawn,
            "cid",
        ),
        (
            "of another provider",
            resigned(|m| m.miner_id = "f01".into()),
            K::NotDrawn,
            "miner_id",
        ),
        (
            "invalid",
            resigned(|m| m.indexer_result = None),
            K::Malformed,
            "indexer_result",
        ),
        (
            "an hour early",
            Box::new(move |m| {
                m.start_at = at(chain.opened_at, -hour);
                m.sign(&key, &domain);
            }),
            K::ClockSkew,
            "start_at",
        ),
        (
            "an hour late",
            Box::new(move |m| {
                (m.first_byte_at, m.end_at) = (at(now, hour), at(now, hour));
                m.sign(&key, &domain);
            }),
            K::ClockSkew,
            "first_byte_at",
        ),
    ];
    for (name, change, kind, field) in changes {
        let mut changed = measurement.clone();
        change(&mut changed);
        let answer = served.post("/measurements", JSON, changed.to_line()).await;
        assert_ne!(answer.status, 201, "{name}");
        let problem = answer.problem(kind);
        assert_eq!(problem.field.as_deref(), Some(field), "{name}: {problem:?}");
        match kind {
            K::OutdatedClient => {
                assert_eq!((problem.status, &*problem.title), (400, "OUTDATED CLIENT"));
                assert_eq!(problem.minimum_version, Some(Version(0, 1, 0)));
            }
            K::ClockSkew => assert_eq!(problem.time, Some(now)),
            _ => {}
        }
    }
    let broken = [
        (JSON, "".to_owned(), K::Malformed),
        (JSON, "[]".into(), K::Malformed),
        (JSON, "{\"round\":1}".into(), K::OutdatedClient),
        (
            JSON,
            "{\"round\":1,\"spark_version\":\"1.0.0\"}".into(),
            K::Malformed,
        ),
        (
            JSON,
            measurement
                .to_line()
                .replacen("\"task\":", "\"task\":\"7\",\"task\":", 1),
            K::Malformed,
        ),
        (
            JSON,
            measurement.to_line().replacen('{', "{\"reward\":1,", 1),
            K::Malformed,
        ),
        (JSON, " ".repeat(65_537), K::TooLarge),
        (NDJSON, " ".repeat((1 << 20) + 1), K::TooLarge),
        ("text/plain", measurement.to_line(), K::UnsupportedMediaType),
        ("", measurement.to_line(), K::UnsupportedMediaType),
    ];
    for (kind, body, expected) in broken {
        served.post("/measurements", kind, body).await.problem(expected);
    }

    // Afterwards is the publisher's time.
    let last = chain.times.show_from;
    scene.clock.set(last);
    let mut late = measurement.clone();
    late.end_at = late.end_at.map(|time| Millis(time.0 + 1));
    late.sign(&key, &domain);
    assert_eq!(
        served.post("/measurements", JSON, late.to_line()).await.status,
        201
    );
    scene.clock.set(last + 1);
    let problem = served
        .post("/measurements", JSON, measurement.to_line())
        .await
        .problem(K::RoundOver);
    assert_eq!(problem.field.as_deref(), Some("round"));
    served.end().await;
}
