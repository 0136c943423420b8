//! Rounds that follow each other without a pause are under way at once.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_rounds_under_way_is_served_in_its_own_time() {
    let scene = Scene::new().await;
    let place = sqlite();
    let mut measurements = Vec::new();
    for _ in 0..4 {
        let round = scene.open_round().await;
        measurements.push((round, scene.good(round).await));
    }
    let served = scene.serve(&place.location).await;
    let mut over = Vec::new();
    for (round, _) in &measurements {
        let chain = scene.world.rounds.round(*round).await.unwrap();
        assert!(chain.times.accepts_measurements(scene.clock.now()), "{round}");
        over.push(chain.times.show_from + 1);
        let document: RoundDocument = served.get(&format!("/rounds/{round}")).await.json();
        assert_eq!((document.times, document.seed), (chain.times, chain.seed));
    }
    for (passed, now) in over.into_iter().enumerate() {
        for (at, (round, (measurement, key))) in measurements.iter_mut().enumerate() {
            // Each time another measurement of the same task: what is new is a duplicate at most.
            measurement.byte_length = Some(1_000 + passed as i64);
            measurement.sign(key, &scene.domain());
            let answer = served.post("/measurements", JSON, measurement.to_line()).await;
            match (at < passed, passed) {
                (true, _) => _ = answer.problem(ProblemKind::RoundOver),
                (false, 0) => assert_eq!(answer.status, 201, "round {round}: {}", answer.text()),
                (false, _) => _ = answer.problem(ProblemKind::Duplicate),
            }
        }
        scene.clock.set(now);
        served.api.refresh().await.unwrap();
    }
    // Rounds that accept nothing any more are served all the same.
    for (round, (measurement, _)) in &measurements {
        let path = format!("/rounds/{round}/stations/{}", measurement.station);
        let document: StationDocument = served.get(&path).await.json();
        assert_eq!(document.round, *round);
    }
    served.end().await;
}
