//! Every route and every rejection, over real sockets, on both databases.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use alloy_primitives::{Address, B256};
use assize_measurement::unixfs::file_cid;
use assize_measurement::{Domain, Measurement, Millis, Signature};
use assize_protocol::{CommitteeIndex, RoundNumber, StationIndex, TaskIndex, merkle};
use assize_wire::{
    Answer, ClientSummary, CommitteeDocument, Heartbeat, InspectDocument, Liveness, MinerSummary,
    NetworkDocument, ProblemKind, Progress, Receipt, RoundDocument, State, StationDocument, Version,
};
use secp256k1::SecretKey;

use crate::common::server::{STATIONS, Scene, Served, ingest_key, roomy};
use crate::common::{places, sqlite};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
/// The `Cache-Control` of a round that a reorganisation may still change.
const BRIEFLY: &str = "public, max-age=10";

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_what_chain_store_and_beacon_say() {
    let scene = Scene::new(600).await;
    let place = sqlite();
    let served = scene.serve(&place.location).await;
    served.get("/rounds/current").await.problem(ProblemKind::NotFound);
    served.get("/rounds/1").await.problem(ProblemKind::NotFound);
    served
        .get("/miner/f01/deals/eligible/summary")
        .await
        .problem(ProblemKind::NotFound);

    let number = scene.open_round().await;
    served.api.refresh().await.unwrap();
    let current = served.get("/rounds/current").await;
    assert_eq!(
        (current.status, current.header("location")),
        (307, Some("/rounds/1"))
    );
    assert_eq!(current.header("cache-control"), Some("no-store"));

    let chain = scene.world.rounds.round(number).await.unwrap();
    let answer = served.get("/rounds/1").await;
    // A reorganisation may still undo it.
    assert_eq!(answer.header("cache-control"), Some(BRIEFLY));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("x-request-id").map(str::len), Some(16));
    let round: RoundDocument = answer.json();
    assert_eq!(round.chain_id, scene.domain().chain_id);
    assert_eq!(round.contract, scene.domain().rounds);
    assert_eq!(
        (round.opened_at, round.closes_at),
        (chain.opened_at, chain.closes_at)
    );
    assert_eq!(round.commits_until, chain.commits_until);
    assert_eq!(
        (round.roster.root, round.roster.count),
        (chain.roster.root, STATIONS)
    );
    assert_eq!(
        (round.tasks.root, round.tasks.cid),
        (chain.tasks.root, chain.tasks.cid)
    );
    assert_eq!((round.seed, round.parameters), (chain.seed, chain.parameters));
    let beacon = scene.world.beacon(chain.beacon_round);
    assert_eq!(round.beacon.round, chain.beacon_round);
    assert_eq!(round.beacon.chain_hash, scene.world.drand_chain().hash());
    assert_eq!(round.beacon.randomness, Some(beacon.randomness().0));
    let assignment = scene.assignment(number).await;
    assert_eq!(round.committees, assignment.committee_count());
    assert_eq!(round.tasks_per_committee, assignment.tasks_per_committee());

    let tag = answer.header("etag").unwrap().to_owned();
    let again = served
        .ask("GET", "/rounds/1", &[("if-none-match", &tag)], Vec::new())
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = served.ask("HEAD", "/rounds/1", &[], Vec::new()).await;
    assert_eq!(
        (head.status, head.header("etag"), head.body.len()),
        (200, Some(&*tag), 0)
    );
    assert_eq!(
        head.header("content-length"),
        Some(&*answer.body.len().to_string())
    );
    scene.clock.set(chain.commits_until + 1);
    for path in [
        "/rounds/1",
        "/rounds/1/committees/0",
        "/rounds/1/roster",
        "/rounds/1/tasks",
    ] {
        let answer = served.get(path).await;
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=31536000, immutable"),
            "{path}"
        );
    }

    for (path, field) in [
        ("/rounds/x", "round"),
        ("/rounds/-1", "round"),
        ("/rounds/18446744073709551616", "round"),
    ] {
        let problem = served.get(path).await.problem(ProblemKind::Malformed);
        assert_eq!(problem.field.as_deref(), Some(field), "{path}");
    }
    for path in ["/rounds/0", "/rounds/2", "/rounds/9999"] {
        served.get(path).await.problem(ProblemKind::NotFound);
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn committees_stations_and_lists_can_be_checked_against_the_chain() {
    let scene = Scene::new(600).await;
    let place = sqlite();
    let number = scene.open_round().await;
    let served = scene.serve(&place.location).await;
    let chain = scene.world.rounds.round(number).await.unwrap();
    let assignment = scene.assignment(number).await;
    let roster = scene.network.roster().unwrap();

    for index in 0..assignment.committee_count() {
        let committee = CommitteeIndex(index);
        let answer = served.get(&format!("/rounds/1/committees/{index}")).await;
        assert_eq!(answer.header("cache-control"), Some(BRIEFLY));
        let document: CommitteeDocument = answer.json();
        let members: Vec<_> = document.members.iter().map(|member| member.index).collect();
        assert_eq!(members, assignment.members(committee).unwrap());
        for member in &document.members {
            let entry = roster.get(member.index).unwrap();
            assert_eq!((member.station, member.subnet), (entry.station, entry.subnet));
            assert_eq!(
                assignment.seat_of(member.index).unwrap(),
                (committee, member.seat)
            );
        }
        let tasks: Vec<_> = document.tasks.iter().map(|task| task.index).collect();
        assert_eq!(tasks, assignment.tasks(committee).unwrap());
        for task in &document.tasks {
            let leaf = merkle::task_leaf(task.index, &task.cid.to_bytes(), task.provider);
            assert!(merkle::verify(chain.tasks.root, leaf, &task.proof));
        }
    }
    served
        .get(&format!("/rounds/1/committees/{}", assignment.committee_count()))
        .await
        .problem(ProblemKind::NotFound);

    let station = roster.entries()[17].station;
    let document: StationDocument = served.get(&format!("/rounds/1/stations/{station}")).await.json();
    assert_eq!(document.index, StationIndex(17));
    let leaf = merkle::roster_leaf(document.index, station, document.operator, document.subnet);
    assert!(merkle::verify(chain.roster.root, leaf, &document.proof));
    let (committee, seat) = assignment.seat_of(document.index).unwrap();
    assert_eq!((document.committee, document.seat), (Some(committee), Some(seat)));
    let tasks: Vec<_> = document.tasks.iter().map(|task| task.index).collect();
    assert_eq!(tasks, assignment.tasks(committee).unwrap());
    let outsider = scene.network.outsider().address;
    served
        .get(&format!("/rounds/1/stations/{outsider}"))
        .await
        .problem(ProblemKind::NotFound);
    let problem = served
        .get("/rounds/1/stations/0x12")
        .await
        .problem(ProblemKind::Malformed);
    assert_eq!(problem.field.as_deref(), Some("station"));

    for (path, cid) in [
        ("/rounds/1/roster", chain.roster.cid),
        ("/rounds/1/tasks", chain.tasks.cid),
    ] {
        let answer = served.get(path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(NDJSON))
        );
        let tag = format!("\"{cid}\"");
        assert_eq!(answer.header("etag"), Some(&*tag));
        assert_eq!(answer.header("cache-control"), Some(BRIEFLY));
        assert_eq!(file_cid(&answer.body), cid, "{path}");
        // Its length is unknown before it is read: a length of 0 would be wrong.
        let known = [("if-none-match", &*tag)];
        for (method, headers, status) in [
            ("HEAD", &[][..], 200),
            ("HEAD", &known, 304),
            ("GET", &known, 304),
        ] {
            let answer = served.ask(method, path, headers, Vec::new()).await;
            assert_eq!(
                (answer.status, answer.header("content-length"), answer.body.len()),
                (status, None, 0),
                "{method} {path}"
            );
        }
    }
    served.get("/rounds/2/tasks").await.problem(ProblemKind::NotFound);

    let task = &scene.tasks.entries()[0];
    let (miner, client) = (task.provider, task.clients[0]);
    let answer = served
        .get(&format!("/miner/{miner}/deals/eligible/summary"))
        .await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=21600"));
    let summary: MinerSummary = answer.json();
    let count = scene
        .tasks
        .entries()
        .iter()
        .filter(|task| task.provider == miner)
        .count();
    assert_eq!(summary.deal_count, count as u64);
    assert!(summary.clients.is_sorted_by(|a, b| a.deal_count >= b.deal_count));
    let summary: ClientSummary = served
        .get(&format!("/client/{client}/deals/eligible/summary"))
        .await
        .json();
    let count = scene
        .tasks
        .entries()
        .iter()
        .filter(|task| task.clients.contains(&client))
        .count();
    assert_eq!(summary.deal_count, count as u64);
    let nobody = served.get("/allocator/f09999/deals/eligible/summary").await;
    assert_eq!(
        nobody.text(),
        r#"{"allocatorId":"f09999","dealCount":0,"clients":[]}"#
    );
    served
        .get("/miner/t01/deals/eligible/summary")
        .await
        .problem(ProblemKind::Malformed);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_beacon_only_the_roster_entry_is_known() {
    let scene = Scene::new(600).await;
    let place = sqlite();
    let (roster, tasks) = scene.lists();
    scene
        .world
        .send(&scene.world.rounds.open(&roster, &tasks))
        .await
        .unwrap();
    scene.clock.set(scene.world.anvil.timestamp().unwrap());
    let served = scene.serve(&place.location).await;
    let answer = served.get("/rounds/1").await;
    assert_eq!(
        (answer.header("cache-control"), answer.header("etag")),
        (Some("no-store"), None)
    );
    let round: RoundDocument = answer.json();
    assert_eq!(
        (round.seed, round.beacon.randomness, round.committees),
        (None, None, 0)
    );
    served
        .get("/rounds/1/committees/0")
        .await
        .problem(ProblemKind::NotRevealed);
    let station = scene.network.stations()[3].address;
    let answer = served.get(&format!("/rounds/1/stations/{station}")).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let document: StationDocument = answer.json();
    assert_eq!(
        (document.index, document.committee, document.tasks.len()),
        (StationIndex(3), None, 0)
    );
    let leaf = merkle::roster_leaf(document.index, station, document.operator, document.subnet);
    assert!(merkle::verify(roster.root, leaf, &document.proof));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_is_accepted_once_and_its_receipt_is_valid() {
    let scene = Scene::new(600).await;
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
    let scene = Scene::new(600).await;
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

/// A change of a measurement, the resulting problem, and the named field.
type Change = (
    &'static str,
    Box<dyn Fn(&mut Measurement)>,
    ProblemKind,
    &'static str,
);

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_the_door_is_named_when_it_is_broken() {
    let scene = Scene::new(600).await;
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

    // Measurements are accepted in the first half of the commit window; the second half is the publisher's.
    let last = chain.closes_at + 300;
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

fn heartbeat(scene: &Scene, key: u8, time: u64) -> Heartbeat {
    let key = SecretKey::from_secret_bytes([key; 32]).unwrap();
    Heartbeat::new(
        &key,
        &scene.domain(),
        Address::repeat_byte(3),
        Version(1, 20, 0),
        time,
    )
}

async fn beat(served: &Served, heartbeat: &Heartbeat) -> common::server::Answer {
    served
        .post("/heartbeats", JSON, serde_json::to_vec(heartbeat).unwrap())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_noted_and_every_fault_of_theirs_is_named() {
    let scene = Scene::new(600).await;
    scene.open_round().await;
    let chain = scene.world.rounds.round(RoundNumber(1)).await.unwrap();
    let now = scene.clock.now();
    for place in places() {
        let served = scene.serve(&place.location).await;
        let first = heartbeat(&scene, 1, now);
        let liveness: Liveness = beat(&served, &first).await.json();
        assert_eq!(liveness.round, Some(RoundNumber(1)));
        assert_eq!(liveness.next_opening, Some(chain.closes_at));
        assert_eq!((liveness.time, liveness.live_until), (now, now + 3_600));
        assert_eq!((liveness.interval, liveness.outdated), (60, false));

        beat(&served, &first).await.problem(ProblemKind::Replayed);
        beat(&served, &heartbeat(&scene, 1, now - 1))
            .await
            .problem(ProblemKind::Replayed);
        beat(&served, &heartbeat(&scene, 1, now + 1))
            .await
            .json::<Liveness>();
        for time in [now - 3_600, now + 3_600] {
            let problem = beat(&served, &heartbeat(&scene, 2, time))
                .await
                .problem(ProblemKind::ClockSkew);
            assert_eq!(problem.time, Some(now));
        }
        let key = SecretKey::from_secret_bytes([2; 32]).unwrap();
        let foreign = Domain {
            chain_id: 314,
            ..scene.domain()
        };
        let foreign = Heartbeat::new(&key, &foreign, Address::repeat_byte(3), Version(1, 20, 0), now);
        beat(&served, &foreign).await.problem(ProblemKind::BadSignature);
        let old = Heartbeat::new(
            &key,
            &scene.domain(),
            Address::repeat_byte(3),
            Version(0, 0, 9),
            now,
        );
        assert!(beat(&served, &old).await.json::<Liveness>().outdated);

        let json = serde_json::to_string(&heartbeat(&scene, 3, now)).unwrap();
        let f1 = json.replace(
            &format!("{:#x}", Address::repeat_byte(3)),
            "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za",
        );
        for (body, field) in [
            (json.replace("1.20.0", "1.20"), Some("version")),
            (f1, Some("operator")),
            (json.replace("\"time\"", "\"when\""), None),
            (json.clone() + "{}", None),
            ("nonsense".into(), None),
        ] {
            let problem = served
                .post("/heartbeats", JSON, body.clone())
                .await
                .problem(ProblemKind::Malformed);
            assert_eq!(
                problem.field.as_deref().filter(|field| *field != "when"),
                field,
                "{body}"
            );
        }
        let long = json.clone() + &" ".repeat(3_000);
        served
            .post("/heartbeats", JSON, long)
            .await
            .problem(ProblemKind::TooLarge);
        served
            .post("/heartbeats", NDJSON, json)
            .await
            .problem(ProblemKind::UnsupportedMediaType);
        served.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_is_followed_from_the_door_to_its_label() {
    use assize_ingest::BatchState;
    for place in places() {
        let scene = Scene::new(60).await;
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
        let batch = ingest.close(round, 100).unwrap().unwrap();
        assert_eq!(served.get(&path).await.json::<Progress>().state, State::Received);
        let file = measurement.to_line() + "\n";
        let cid = assize_store::Store::put(&scene.store, file.as_bytes()).unwrap();
        ingest.set_stored(batch.id, &cid, file.len() as u64).unwrap();
        let progress: Progress = served.get(&path).await.json();
        assert_eq!((progress.state, progress.cid), (State::Batched, Some(cid)));
        scene.world.commit(round, &cid, 1).await.unwrap();
        ingest
            .set_state(batch.id, BatchState::Committed, Some(1))
            .unwrap();
        assert_eq!(served.get(&path).await.json::<Progress>().state, State::Committed);
        assert!(
            !served.api.evaluate().await,
            "nothing to do while the window is open"
        );

        let chain = scene.world.rounds.round(round).await.unwrap();
        scene.world.anvil.mine_at(chain.commits_until + 10).unwrap();
        scene.clock.set(chain.commits_until + 10);
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
    let scene = Scene::new(600).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_service_describes_itself() {
    let scene = Scene::new(600).await;
    let place = sqlite();
    scene.open_round().await;
    let served = scene.serve(&place.location).await;
    let network: NetworkDocument = served.get("/network").await.json();
    assert_eq!(
        (network.chain_id, network.rounds),
        (scene.domain().chain_id, scene.domain().rounds)
    );
    assert_eq!(network.rewards, scene.world.rewards.address());
    assert_eq!(network.ingest, ingest_key().address());
    assert_eq!(network.drand_chain, scene.world.drand_chain().hash());

    let asked = served
        .ask(
            "GET",
            "/inspect-request",
            &[("x-forwarded-for", "192.0.2.1")],
            Vec::new(),
        )
        .await;
    let seen: InspectDocument = asked.json();
    assert_eq!((&*seen.address, seen.trusted_header), ("127.0.0.1", None));
    assert!(
        seen.headers
            .contains(&("x-forwarded-for".into(), "192.0.2.1".into()))
    );

    for path in ["/healthz", "/readyz"] {
        let answer = served.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, "ok\n"), "{path}");
    }
    served.get("/nothing").await.problem(ProblemKind::NotFound);
    for (method, path, allow) in [
        ("POST", "/rounds/1", "GET,HEAD"),
        ("GET", "/measurements", "POST"),
        ("DELETE", "/network", "GET,HEAD"),
    ] {
        let answer = served.ask(method, path, &[], Vec::new()).await;
        answer.problem(ProblemKind::MethodNotAllowed);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }

    let figures = served.get("/metrics").await;
    let text = figures.text();
    for line in [
        "assize_api_round 1.0",
        "assize_api_requests_total{method=\"GET\",route=\"/network\",status=\"200\"} 1",
        "assize_api_refusals_total{kind=\"method-not-allowed\"} 3",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }

    served.end().await;
}

#[cfg(not(feature = "openapi"))]
#[tokio::test(flavor = "multi_thread")]
async fn without_the_feature_openapi_the_error_names_it() {
    let scene = Scene::new(600).await;
    let served = scene.serve(&sqlite().location).await;
    let problem = served.get("/openapi.json").await.problem(ProblemKind::NotFound);
    assert!(problem.detail.contains("feature `openapi`"), "{}", problem.detail);
    served.end().await;
}

#[cfg(feature = "openapi")]
#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_has_each_route_and_no_other_methods() {
    let scene = Scene::new(600).await;
    let served = scene.serve(&sqlite().location).await;
    let document: serde_json::Value = served.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/heartbeats",
        "/measurements",
        "/rounds/{round}/stations/{station}",
        "/inspect-request",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert_eq!(
        document["openapi"].as_str().map(|version| &version[..4]),
        Some("3.1.")
    );
    for (path, methods) in paths {
        let concrete = path.replace(['{', '}'], "");
        let answer = served.ask("TRACE", &concrete, &[], Vec::new()).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").unwrap().to_lowercase();
        let mut allowed: Vec<_> = allowed.split(',').filter(|method| *method != "head").collect();
        let mut documented: Vec<_> = methods.as_object().unwrap().keys().map(String::as_str).collect();
        allowed.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, allowed, "{path}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_chain_known_rounds_are_served_and_readiness_fails() {
    let scene = Scene::new(600).await;
    let round = scene.open_round().await;
    let place = sqlite();
    let config = assize_api::ApiConfig {
        patience: std::time::Duration::ZERO,
        ..roomy()
    };
    let (measurement, _) = scene.good(round).await;
    let served = scene.serve_with(&place.location, config, u64::MAX).await;
    let killed = std::process::Command::new("kill")
        .args(["-9", &scene.world.anvil.pid().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(served.api.refresh().await.is_err());
    assert_eq!(
        served
            .post("/measurements", JSON, measurement.to_line())
            .await
            .status,
        201
    );
    let station = measurement.station;
    let path = format!("/rounds/1/stations/{station}");
    served.get(&path).await.json::<StationDocument>();
    assert_eq!(served.get("/healthz").await.status, 200);
    let problem = served.get("/readyz").await.problem(ProblemKind::Unavailable);
    // The response does not name the machines that the api uses.
    assert!(!problem.detail.contains("127.0.0.1"), "{}", problem.detail);
    served.end().await;
}
