//! Heartbeats, and each of their faults.

use super::*;

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
    let scene = Scene::new().await;
    scene.open_round().await;
    let chain = scene.world.rounds.round(RoundNumber(1)).await.unwrap();
    let now = scene.clock.now();
    for place in places() {
        let served = scene.serve(&place.location).await;
        let first = heartbeat(&scene, 1, now);
        let liveness: Liveness = beat(&served, &first).await.json();
        assert_eq!(liveness.round, Some(RoundNumber(1)));
        assert_eq!(liveness.next_opening, Some(chain.times.closes_at));
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
