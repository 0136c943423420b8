//! Proofs that measurements are in their batches.

use assize_ingest::{Batch, BatchLimit, BatchState, Ingest, Stored};

use super::*;

async fn connect(location: &assize_ingest::Location) -> Box<dyn Ingest> {
    let location = location.clone();
    tokio::task::spawn_blocking(move || location.connect_ingest().unwrap())
        .await
        .unwrap()
}

/// Closes a batch and stores it, as the publisher does.
fn publish(ingest: &mut dyn Ingest, round: RoundNumber, lines: u32) -> (Batch, Stored) {
    let limit = BatchLimit {
        lines,
        bytes: u64::MAX,
    };
    let batch = ingest.close(round, limit).unwrap().unwrap();
    let mut file = Vec::new();
    let mut take = |_, line: &[u8]| {
        file.extend_from_slice(line);
        file.push(b'\n');
        Ok(())
    };
    ingest.read(&batch, &mut take).unwrap();
    let stored = Stored {
        cid: file_cid(&file),
        root: LinesRoot::of(&file).root(),
    };
    ingest.set_stored(batch.id, &stored, file.len() as u64).unwrap();
    (batch, stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn once_its_batch_is_stored_a_measurement_has_a_proof() {
    let scene = Scene::new().await;
    // Of two rounds, whose measurements come in turn.
    let mut lines = Vec::new();
    for _ in 0..2 {
        let round = scene.open_round().await;
        let all = scene.measurements(round).await;
        let mut stations = std::collections::BTreeSet::new();
        let mut places = all
            .iter()
            .filter(|measurement| stations.insert((measurement.station, measurement.task)));
        let some: Vec<_> = places.by_ref().take(40).cloned().collect();
        lines.push((round, some));
    }
    for place in places() {
        let served = scene.serve(&place.location).await;
        let mut kept = Vec::new();
        for at in 0..40 {
            for (round, some) in &lines {
                let line = some[at].to_line();
                let answer = served.post("/measurements", JSON, line.clone()).await;
                if answer.status == 201 {
                    let receipt: Receipt = answer.json();
                    kept.push((
                        *round,
                        line,
                        format!("/measurements/{}/inclusion", receipt.digest),
                    ));
                }
            }
        }
        assert!(kept.len() > 20, "{}", kept.len());
        let (_, _, first) = &kept[0];
        let refused = served.get(first).await.problem(ProblemKind::NotFound);
        assert!(refused.detail.contains("ask again"), "{}", refused.detail);
        let mut ingest = connect(&place.location).await;
        let batches: Vec<_> = lines
            .iter()
            .map(|(round, _)| (*round, publish(&mut *ingest, *round, 7)))
            .collect();
        for (round, (batch, stored)) in &batches {
            let of_round = kept.iter().filter(|(of, ..)| of == round);
            for (index, (_, line, path)) in (0..).zip(of_round) {
                let answer = served.get(path).await;
                if index == batch.count {
                    // It is in no batch yet.
                    answer.problem(ProblemKind::NotFound);
                    break;
                }
                assert!(answer.header("cache-control").unwrap().contains("immutable"));
                let inclusion: InclusionDocument = answer.json();
                assert_eq!((inclusion.round, inclusion.index), (*round, index));
                assert_eq!((inclusion.root, inclusion.count), (stored.root, batch.count));
                assert!(inclusion.shows(line.as_bytes()));
            }
        }
        // What was not committed in time is in no batch of the round.
        let (_, (batch, _)) = batches[0];
        ingest.set_state(batch.id, BatchState::Late, None).unwrap();
        let refused = served.get(first).await.problem(ProblemKind::NotFound);
        assert!(refused.detail.contains("not committed"), "{}", refused.detail);
        let unknown = format!("/measurements/{}/inclusion", B256::repeat_byte(7));
        served.get(&unknown).await.problem(ProblemKind::NotFound);
        served
            .get("/measurements/0x12/inclusion")
            .await
            .problem(ProblemKind::Malformed);
        served.end().await;
        drop(ingest);
    }
}
