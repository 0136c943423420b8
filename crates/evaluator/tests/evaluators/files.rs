//! Files that cannot be read: copies, objections, keeping, drops.

use alloy_primitives::B256;
use assize_evaluator::Objection;
use assize_facts::{FileKey, FileKind};
use assize_protocol::{List, RoundNumber};
use assize_store::{Backed, LocalStore, Store};
use assize_wire::HeldDocument;

use crate::stage::{Court, pass_twice};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_serves_is_dropped_after_two_objections() {
    let court = Court::start().await;
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let number = court.open_round().await;
    court.measure(number).await;
    // A publisher's key committed a root of nothing.
    let nothing = assize_measurement::unixfs::file_cid(b"nobody has this");
    let root = B256::repeat_byte(9);
    court.world.commit_root(number, &nothing, root, 10).await.unwrap();
    court.world.finish(number).await.unwrap();

    let pass = evaluators[0].pass().await.unwrap();
    assert_eq!(pass.missing.len(), 1);
    assert_eq!((pass.missing[0].file.index, pass.waiting), (1, None));
    assert!(matches!(pass.missing[0].objection, Objection::In(_)));
    assert_eq!(rewards.drop_count().await.unwrap(), 0);

    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    // Without a queue it can only say so.
    let mut penniless = [court.evaluator(1)];
    court.try_for_an_hour(&mut penniless).await;
    let pass = penniless[0].pass().await.unwrap();
    assert_eq!(pass.not_objected, [FileKey::batch(number, 1)]);
    court.try_for_an_hour(&mut evaluators).await;
    // The guardian has time to keep it.
    assert_eq!(rewards.drop_count().await.unwrap(), 0);
    let [(file, said)] = &rewards.objections(RoundNumber(0)).await.unwrap()[..] else {
        panic!("not one file")
    };
    assert_eq!((file.round, file.index), (number, 1));
    court.world.anvil.mine_at(said.due_from(1).unwrap()).unwrap();
    for evaluator in &mut evaluators {
        evaluator.pass().await.unwrap();
    }
    assert_eq!(rewards.drop_count().await.unwrap(), 1);
    for evaluator in evaluators.iter_mut().rev() {
        let pass = evaluator.pass().await.unwrap();
        assert!(pass.missing.is_empty());
    }
    assert_eq!(evaluators[0].pass().await.unwrap().settled, number);
    let head = rewards.head().await.unwrap().unwrap();
    let proposal = rewards.settlement(head).await.unwrap().proposal;
    assert_eq!(proposal.drops, 1);
    assert!(!proposal.cumulative_total.is_zero(), "the other batch is paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guardian_kept_can_be_objected_to_a_window_later() {
    let court = Court::start().await;
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let number = court.open_round().await;
    court.measure(number).await;
    let nothing = assize_measurement::unixfs::file_cid(b"nobody has this");
    let root = B256::repeat_byte(9);
    court.world.commit_root(number, &nothing, root, 10).await.unwrap();
    court.world.finish(number).await.unwrap();
    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    court.try_for_an_hour(&mut evaluators).await;
    let file = FileKey::batch(number, 1);
    assert!(rewards.objections_to(file).await.unwrap().due_from(1).is_some());

    // The guardian says that it has it, and shows it to nobody.
    court.world.send(&rewards.keep(file)).await.unwrap();
    court.try_for_an_hour(&mut evaluators).await;
    let kept = rewards.objections_to(file).await.unwrap();
    assert_eq!((kept.seats.len(), kept.due_from(1)), (0, None));
    let (_, until) = kept.kept.unwrap();
    court.world.anvil.mine_at(until).unwrap();
    court.try_for_an_hour(&mut evaluators).await;
    let said = rewards.objections_to(file).await.unwrap();
    assert_eq!(said.seats.len(), 2);
    court.world.anvil.mine_at(said.due_from(1).unwrap()).unwrap();
    pass_twice(&mut evaluators).await;
    assert_eq!(rewards.drop_count().await.unwrap(), 1);
    // Who watches is not told of a file that is dropped, nor of one that is settled.
    pass_twice(&mut evaluators).await;
    assert!(rewards.head().await.unwrap().is_some());
    let pass = court.guardian(false).pass().await;
    assert!(pass.alerts.is_empty(), "{:?}", pass.alerts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_file_is_no_alert_though_evaluators_objected_to_it() {
    let court = Court::start().await;
    let number = court.play_round(true).await;
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    let roster = FileKey::list(number, List::Roster);
    court.object(roster).await;
    assert!(!court.guardian(false).pass().await.alerts.is_empty());
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    pass_twice(&mut evaluators).await;
    assert!(rewards.head().await.unwrap().is_some());
    let pass = court.guardian(false).pass().await;
    assert!(pass.alerts.is_empty(), "{:?}", pass.alerts);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_moment_drops_nothing() {
    let court = Court::start().await;
    let mut evaluators = [court.evaluator(0), court.evaluator(2)];
    let number = court.play_round(true).await;
    let round = court.world.rounds.round(number).await.unwrap();
    court.world.anvil.mine_at(round.times.objections_from).unwrap();
    let (store, away) = (
        court.directory.path().join("store"),
        court.directory.path().join("away"),
    );
    std::fs::rename(&store, &away).unwrap();
    for evaluator in &mut evaluators {
        for _ in 0..4 {
            assert_eq!(evaluator.pass().await.unwrap().missing.len(), 3);
        }
    }
    std::fs::rename(&away, &store).unwrap();
    assert!(evaluators[0].pass().await.unwrap().missing.is_empty());
    let roster = FileKey::list(number, List::Roster);
    let said = court.world.rewards.objections_to(roster).await.unwrap();
    assert!(said.seats.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guardian_can_read_is_kept_whatever_evaluators_say() {
    let court = Court::start().await;
    let number = court.play_round(true).await;
    let (rounds, rewards) = (&court.world.rounds, &court.world.rewards);
    let from = rounds.round(number).await.unwrap().times.objections_from;
    court.world.anvil.mine_at(from).unwrap();
    let roster = FileKey::list(number, List::Roster);
    court.object(roster).await;
    let said = rewards.objections_to(roster).await.unwrap();
    assert!(said.due_from(1).is_some());
    // Whoever watches is told; whoever has the key acts.
    let pass = court.guardian(false).pass().await;
    assert!(pass.failed.is_none(), "{:?}", pass.failed);
    let told = pass.alerts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(
        told[0].contains("the roster of round") && told[0].contains("keep-file"),
        "{told:?}"
    );
    assert_eq!(rewards.objections_to(roster).await.unwrap(), said);

    // It keeps only what it has in its own store by then, where evaluators can get it.
    let own = || LocalStore::open(court.directory.path().join("guardian")).unwrap();
    let backed = Backed::new(Box::new(own()), vec![Box::new(court.store())]);
    let mut guardian = court.guardian_with(true, Box::new(backed));
    assert_eq!(guardian.pass().await.kept, 1);
    let cid = rounds.round(number).await.unwrap().roster.cid;
    assert!(own().has(&cid).unwrap());
    assert!(guardian.pass().await.alerts.is_empty());
    let kept = rewards.objections_to(roster).await.unwrap();
    let address = rewards.roles().await.unwrap().guardian().await.unwrap();
    assert_eq!(
        (kept.kept.map(|(keeper, _)| keeper), kept.due_from(1)),
        (Some(address), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluator_says_which_batches_it_holds() {
    let court = Court::start().await;
    let mut evaluator = court.evaluator(0);
    let number = court.play_round(true).await;
    let nothing = assize_measurement::unixfs::file_cid(b"nobody has this");
    let other = court.open_round().await;
    // Under a CID that it has, but with other lines.
    let lists = court.world.rounds.round(other).await.unwrap();
    for (cid, byte) in [(nothing, 8), (lists.roster.cid, 9)] {
        let root = B256::repeat_byte(byte);
        court.world.commit_root(other, &cid, root, 10).await.unwrap();
    }
    evaluator.pass().await.unwrap();
    let held = |round: RoundNumber| {
        let url = format!("{}/held/{round}", court.boards[0].1);
        let text = ureq::get(url)
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        serde_json::from_str::<HeldDocument>(&text).unwrap().roots
    };
    let batches = court
        .world
        .rounds
        .commitments(number, FileKind::Lines)
        .await
        .unwrap();
    let roots: Vec<_> = batches.iter().map(|batch| batch.root).collect();
    assert_eq!(tokio::task::block_in_place(|| held(number)), roots);
    assert!(tokio::task::block_in_place(|| held(other)).is_empty());
}
