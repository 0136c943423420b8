//! What chain, store and beacon say, as the interface serves it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_what_chain_store_and_beacon_say() {
    let scene = Scene::new().await;
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
    assert_eq!((round.opened_at, round.times), (chain.opened_at, chain.times));
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
    scene.clock.set(chain.times.dedupe_from + 1);
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
    let scene = Scene::new().await;
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
    let scene = Scene::new().await;
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
async fn without_the_chain_known_rounds_are_served_and_readiness_fails() {
    let scene = Scene::new().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn without_the_lists_of_the_latest_round_it_is_not_ready() {
    let scene = Scene::new().await;
    let place = sqlite();
    let served = scene.serve(&place.location).await;
    scene.open_round().await;
    for file in std::fs::read_dir(scene.store.directory()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    served.api.refresh().await.unwrap();
    let problem = served.get("/readyz").await.problem(ProblemKind::Unavailable);
    assert!(
        problem.detail.contains("round 1 cannot accept"),
        "{}",
        problem.detail
    );
    let trouble = served.api.lasting_trouble(std::time::Duration::ZERO).unwrap();
    assert!(
        trouble.contains("round 1") && trouble.contains("roster") && trouble.contains("store"),
        "{trouble}"
    );
    let long = std::time::Duration::from_secs(60);
    assert_eq!(served.api.lasting_trouble(long), None);
    served.end().await;
}
