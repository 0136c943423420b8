//! What `assize-chain` reads from the contracts and has them do, on a [`World`].
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::{BTreeMap, BTreeSet};

use assize_chain::{
    Address, Announced, BatchClaim, Blocks, ChainClient, ChainError, Claim, Claimed, FileKey, FileKind,
    ListCommitment, OwnReport, Place, Proposal, Rounds, Search, SettlementId, Status,
    contracts::rounds::Rounds as RoundsAbi,
};
use assize_measurement::{station_address, unixfs::file_cid};
use assize_protocol::positional::Tree;
use assize_protocol::{
    Allocation, AttoFil, B256, Parameters, Roster, RosterEntry, RoundNumber, StationIndex, TaskNumber,
    TaskSet,
};
use assize_testkit::fault::{Fault, FaultNode, Faults};
use assize_testkit::network::derive_key;
use assize_testkit::world::{World, WorldPlan, no_list};

/// Three operators, of whom one earned nothing new; their tree is in order.
fn allocations(parent: &[Allocation]) -> Vec<Allocation> {
    let mut running = AttoFil::ZERO;
    let mut leaf = |(byte, grown): (u8, u128)| {
        let operator = Address::repeat_byte(byte);
        let before = parent.iter().find(|allocation| allocation.operator == operator);
        let before = before.map_or(AttoFil::ZERO, |allocation| allocation.cumulative);
        let cumulative = before.saturating_add(AttoFil::new(grown));
        running = running.saturating_add(cumulative);
        Allocation {
            operator,
            cumulative,
            running,
            grown: AttoFil::new(grown),
            reports: 0,
            sheet: B256::ZERO,
        }
    };
    [(3, 30), (5, 50), (7, 70)].map(&mut leaf).to_vec()
}

fn tree(allocations: &[Allocation]) -> Tree {
    Tree::new(allocations.iter().map(Allocation::leaf).collect())
}

fn place(allocations: &[Allocation], index: u32) -> Place {
    Place {
        index,
        allocation: allocations[index as usize],
        proof: tree(allocations).proof(index).unwrap(),
    }
}

fn proposal(parent: Option<SettlementId>, round: RoundNumber, allocations: &[Allocation]) -> Proposal {
    let tree = tree(allocations);
    Proposal {
        parent,
        first_round: round,
        last_round: round,
        root: tree.root(),
        operators: tree.count(),
        cumulative_total: allocations.last().unwrap().running,
        drops: 0,
        cid: file_cid(b"a settlement"),
    }
}

#[tokio::test]
async fn a_report_that_a_station_commits_is_read_back() {
    let world = World::start(20).await.unwrap();
    let key = derive_key(1, "station", 0);
    let entry = RosterEntry {
        station: station_address(&key),
        operator: Address::repeat_byte(2),
        subnet: [3; 16].into(),
    };
    let other = RosterEntry {
        station: Address::repeat_byte(9),
        ..entry
    };
    let roster = Roster::new(vec![other, entry]).unwrap();
    let list = ListCommitment {
        root: roster.root(),
        count: roster.count(),
        cid: file_cid(&roster.to_ndjson()),
    };
    let round = world.open_lists(&list, &no_list()).await.unwrap();
    // More than one event holds.
    let report: Vec<u8> = (0..20_001_u32).map(|byte| byte as u8).collect();
    let (station, tasks) = (StationIndex(1), TaskSet::from_iter([TaskNumber(0)]));
    let signed = world.seal(round, &roster, station, &key, tasks, &report).unwrap();
    let digest = world.rounds.digest_of(&signed.seal).await.unwrap();
    assert_eq!(digest, signed.seal.digest(&world.domain()));

    world.send(&world.rounds.seal_own(&signed)).await.unwrap();
    world
        .send(&world.rounds.commit_own(&signed, &report))
        .await
        .unwrap();
    let seals = world.rounds.own_seals(round).await.unwrap();
    assert_eq!(seals.len(), 1);
    let own = world.rounds.own_reports(round).await.unwrap();
    let expected = OwnReport {
        station,
        report: signed.seal.report,
    };
    assert_eq!(own, [expected]);

    // During the round, and long after it.
    let facts = world.rounds.round(round).await.unwrap();
    let read = async |own: &[OwnReport]| {
        let mut blocks = Blocks::new(world.rounds.client());
        world.rounds.reports_of(&mut blocks, &facts, own).await
    };
    assert_eq!(read(&own).await.unwrap(), [&report[..]]);
    world.finish(round).await.unwrap();
    world.anvil.mine(30).unwrap();
    assert_eq!(read(&own).await.unwrap(), [&report[..]]);
    let other = OwnReport {
        station: StationIndex(0),
        ..own[0]
    };
    let error = read(&[own[0], other]).await.unwrap_err();
    assert!(matches!(error, ChainError::OwnReport { .. }), "{error}");
    assert!(error.to_string().contains("it has no event of it"), "{error}");
}

/// A round in which `count` stations commit reports of two pieces themselves, and those reports.
async fn round_with_reports(world: &World, count: u32) -> (RoundNumber, Vec<Vec<u8>>) {
    let keys: Vec<_> = (0..count)
        .map(|index| derive_key(1, "station", index.into()))
        .collect();
    let entry = |key| RosterEntry {
        station: station_address(key),
        operator: Address::repeat_byte(2),
        subnet: [3; 16].into(),
    };
    let roster = Roster::new(keys.iter().map(entry).collect()).unwrap();
    let list = ListCommitment::of(&roster, file_cid(&roster.to_ndjson()));
    let round = world.open_lists(&list, &no_list()).await.unwrap();
    let mut reports = Vec::new();
    for (index, key) in (0..).zip(&keys) {
        let report = vec![index as u8; 10_000];
        let tasks = TaskSet::from_iter([TaskNumber(0)]);
        let signed = world
            .seal(round, &roster, StationIndex(index), key, tasks, &report)
            .unwrap();
        world
            .send(&world.rounds.commit_own(&signed, &report))
            .await
            .unwrap();
        reports.push(report);
    }
    world.finish(round).await.unwrap();
    (round, reports)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_own_reports_are_read_with_as_few_calls_as_one() {
    let world = World::start(20).await.unwrap();
    let few = round_with_reports(&world, 2).await;
    let many = round_with_reports(&world, 20).await;
    // So many blocks that no search finds one by luck.
    world.anvil.mine(500).unwrap();
    let node = FaultNode::start(
        world.anvil.url(),
        Faults {
            null_rounds: true,
            ..Faults::none()
        },
    );
    let node = node.unwrap();
    let client = ChainClient::connect(&node.url().parse().unwrap()).await.unwrap();
    let rounds = Rounds::new(client.clone(), world.rounds.address());
    let calls = || node.calls().into_values().sum::<u64>();
    let mut blocks = Blocks::new(&client);
    let mut costs = Vec::new();
    for (round, reports) in [&few, &many, &many] {
        let facts = rounds.round(*round).await.unwrap();
        let own = rounds.own_reports(*round).await.unwrap();
        let before = calls();
        assert_eq!(
            rounds.reports_of(&mut blocks, &facts, &own).await.unwrap(),
            *reports
        );
        costs.push(calls() - before);
    }
    let [first, second, again] = costs[..] else {
        panic!("{costs:?}");
    };
    // The newest block, some to find the first, and one question for events.
    assert!(first <= 60 && second <= 40, "{costs:?}");
    // The blocks are known.
    assert_eq!(again, 1, "{costs:?}");

    // A node that answers with few events is asked for few blocks.
    node.set(Faults {
        null_rounds: true,
        log_results: Some(9),
        ..Faults::none()
    });
    let (round, reports) = &many;
    let facts = rounds.round(*round).await.unwrap();
    let own = rounds.own_reports(*round).await.unwrap();
    assert_eq!(
        rounds.reports_of(&mut blocks, &facts, &own).await.unwrap(),
        *reports
    );
    assert!(node.counts().contains_key(&Fault::LogResults));
    // A node that cannot answer for a single block has no report.
    node.set(Faults {
        null_rounds: true,
        log_results: Some(1),
        ..Faults::none()
    });
    let error = rounds.reports_of(&mut blocks, &facts, &own).await.unwrap_err();
    assert!(error.to_string().contains("too many events"), "{error}");
}

#[tokio::test]
async fn commitments_name_their_publisher_and_root() {
    let world = World::start(20).await.unwrap();
    let round = world.open_round().await.unwrap();
    let cid = world.commit(round, b"one\ntwo\n").await.unwrap();
    let batches = world.rounds.commitments(round, FileKind::Lines).await.unwrap();
    assert_eq!(batches.len(), 1);
    let batch = batches[0];
    assert_eq!(
        (batch.publisher, batch.count, batch.cid),
        (world.publisher.address(), 2, cid)
    );
    let rounds = &world.rounds;
    let publisher = batch.publisher;
    assert!(
        rounds
            .is_committed(publisher, round, FileKind::Lines, batch.root)
            .await
            .unwrap()
    );
    assert!(
        !rounds
            .is_committed(publisher, round, FileKind::Seals, batch.root)
            .await
            .unwrap()
    );
    assert_eq!(rounds.lists_as_before().await.unwrap(), Some(round));
    let times = rounds.round(round).await.unwrap().times;
    let from = rounds.objections_from(FileKey::batch(round, 0)).await.unwrap();
    assert_eq!(from, times.objections_from);
    let error = rounds
        .objections_from(FileKey::batch(round, 1))
        .await
        .unwrap_err();
    let missing = error.revert().unwrap().decode::<RoundsAbi::NoSuchFile>();
    assert!(missing.is_some(), "{error}");
    assert!(error.to_string().contains("kind: batch, index: 1"), "{error}");
}

#[tokio::test]
async fn changes_are_announced_cancelled_and_suspended() {
    let world = World::start(20).await.unwrap();
    let (rounds, roles) = (&world.rounds, &world.roles);
    let window = roles.challenge_window().await.unwrap();
    let someone = Address::repeat_byte(0x42);
    let parameters = Parameters {
        quorum: 3,
        ..rounds.parameters().await.unwrap()
    };
    for draft in [
        rounds.set_parameters(&parameters).unwrap(),
        rounds.set_coordinator(someone),
        rounds.set_publisher(someone, true),
        rounds.set_publisher(world.publisher.address(), false),
        roles.set_evaluators(&BTreeSet::from([someone]), 1),
        roles.set_guardian(someone),
        roles.set_challenge_window(window + 100),
    ] {
        world.send(&draft).await.unwrap();
    }
    // Only the longer window holds at once.
    assert_eq!(roles.challenge_window().await.unwrap(), window + 100);
    assert_eq!(
        rounds.next_parameters().await.unwrap().map(|next| next.value),
        Some(parameters)
    );
    let value = |next: Option<Announced<Address>>| next.map(|next| next.value);
    assert_eq!(value(rounds.next_coordinator().await.unwrap()), Some(someone));
    assert_eq!(value(roles.next_guardian().await.unwrap()), Some(someone));
    let next = roles.next_evaluators().await.unwrap().unwrap();
    assert_eq!((next.value.set, next.value.version), (vec![someone], 2));
    let now = world.anvil.timestamp().unwrap();
    let admission = rounds.admission_of(someone).await.unwrap().unwrap();
    assert!(!admission.covers(now) && admission.covers(now + window) && admission.until.is_none());
    let publisher = world.publisher.address();
    let admission = rounds.admission_of(publisher).await.unwrap().unwrap();
    assert!(admission.covers(now) && !admission.covers(now + window));

    world.send(&roles.set_challenge_window(window)).await.unwrap();
    let shorter = roles.next_challenge_window().await.unwrap();
    assert_eq!(shorter.map(|next| next.value), Some(window));
    for draft in [
        rounds.cancel_parameters(),
        rounds.cancel_coordinator(),
        rounds.cancel_publisher(someone),
        rounds.cancel_publisher(publisher),
        roles.cancel_evaluators(),
        roles.cancel_guardian(),
        roles.cancel_challenge_window(),
        world.rewards.set_end(Some(now + 40 * 86_400)),
        world.rewards.cancel_end(),
    ] {
        world.send(&draft).await.unwrap();
    }
    assert_eq!(rounds.next_parameters().await.unwrap(), None);
    assert_eq!(rounds.next_coordinator().await.unwrap(), None);
    assert_eq!(roles.next_evaluators().await.unwrap(), None);
    assert_eq!(roles.next_challenge_window().await.unwrap(), None);
    assert_eq!(rounds.admission_of(someone).await.unwrap(), None);
    assert_eq!(rounds.admission_of(publisher).await.unwrap().unwrap().until, None);
    assert_eq!(world.rewards.ends_at().await.unwrap(), None);

    let round = world.open_round().await.unwrap();
    world.send(&rounds.suspend_publisher(publisher)).await.unwrap();
    assert!(!rounds.is_publisher(publisher).await.unwrap());
    world
        .send(&rounds.suspend_coordinator(Some(round)))
        .await
        .unwrap();
    assert_eq!(rounds.coordinator().await.unwrap(), None);
    assert_eq!(rounds.lists_as_before().await.unwrap(), Some(round));
}

#[tokio::test]
async fn a_dropped_file_is_known_by_its_key() {
    let world = World::start(1).await.unwrap();
    let round = world.open_round().await.unwrap();
    let (roster, rewards) = (
        FileKey::list(round, assize_protocol::List::Roster),
        &world.rewards,
    );
    let draft = rewards.unreadable(&[roster]);
    let early = world.send(&draft).await.unwrap_err().to_string();
    assert!(early.contains("TooEarlyToObject"), "{early}");
    let from = world.rounds.objections_from(roster).await.unwrap();
    world.anvil.mine_at(from).unwrap();
    assert_eq!(rewards.objections_to(roster).await.unwrap().due_from(1), None);
    world.send(&draft).await.unwrap();
    let said = rewards.objections_to(roster).await.unwrap();
    assert_eq!((said.version, &said.seats[..], said.kept), (1, &[0][..], None));
    let due = said.due_from(1).unwrap();
    assert_eq!(said.due_from(2), None);
    assert_eq!(
        rewards.objections(RoundNumber(0)).await.unwrap(),
        [(roster, said)]
    );
    assert_eq!(rewards.drop_count().await.unwrap(), 0);
    world.anvil.mine_at(due).unwrap();
    world.send(&rewards.drop_files(&[roster])).await.unwrap();
    assert_eq!(rewards.drops().await.unwrap(), [roster]);
    assert_eq!(rewards.drop_count().await.unwrap(), 1);
    let said = rewards.objections_to(roster).await.unwrap();
    assert!(said.dropped && said.due_from(1).is_none());
}

#[tokio::test]
async fn the_guardian_keeps_a_file() {
    let world = World::start(1).await.unwrap();
    let round = world.open_round().await.unwrap();
    let (roster, rewards) = (
        FileKey::list(round, assize_protocol::List::Roster),
        &world.rewards,
    );
    let from = world.rounds.objections_from(roster).await.unwrap();
    world.anvil.mine_at(from).unwrap();
    let object = rewards.unreadable(&[roster]);
    world.send(&object).await.unwrap();
    world.send(&rewards.keep(roster)).await.unwrap();
    let said = rewards.objections_to(roster).await.unwrap();
    let guardian = world.roles.guardian().await.unwrap();
    assert_eq!(
        (said.kept.map(|(keeper, _)| keeper), said.due_from(1)),
        (Some(guardian), None)
    );
    let refused = world.send(&object).await.unwrap_err().to_string();
    assert!(refused.contains("IsKept"), "{refused}");
}

#[tokio::test]
async fn the_court_hears_demands_answers_and_challenges() {
    let window = 600;
    let plan = WorldPlan {
        step: 1,
        challenge_window: window,
        ..WorldPlan::default()
    };
    let world = World::start_with(plan).await.unwrap();
    let (rewards, court) = (&world.rewards, &world.court);
    let post = async |parent, allocations: &[Allocation]| {
        let round = world.open_round().await.unwrap();
        let proposal = proposal(parent, round, allocations);
        world.post_proposal(&proposal, false).await.unwrap()
    };
    let first = allocations(&[]);
    let honest = post(None, &first).await;
    assert_eq!((honest.status, honest.proposal.operators), (Status::Pending, 3));
    assert_eq!(rewards.court().await.unwrap().address(), court.address());

    // Demanded, and shown: the bond is of whoever answers.
    let bond = court.bond().await.unwrap();
    assert!(court.demands_until(&honest).await.unwrap() > world.anvil.timestamp().unwrap());
    world
        .send(&court.demand(honest.id, honest.proposal.root, 1, bond))
        .await
        .unwrap();
    let demands = court.demands(&honest).await.unwrap();
    assert_eq!(
        (demands.len(), demands[0].index, demands[0].bond, demands[0].open),
        (1, 1, bond, true)
    );
    assert_eq!(court.demand_of(honest.id, 2).await.unwrap(), None);
    let wrong = Place {
        index: 1,
        ..place(&first, 2)
    };
    let error = world
        .send(&court.answer(honest.id, &wrong).unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("NotInTree(index: 1)"), "{error}");
    world
        .send(&court.answer(honest.id, &place(&first, 1)).unwrap())
        .await
        .unwrap();
    assert!(!court.demand_of(honest.id, 1).await.unwrap().unwrap().open);
    let owner = world.owner().address();
    assert_eq!(court.owed(owner).await.unwrap(), bond);
    world.send(&court.withdraw(owner)).await.unwrap();

    // Nothing can be held against it.
    let last = court.challenge_order(honest.id, &place(&first, 2), None).unwrap();
    let error = world.send(&last).await.unwrap_err().to_string();
    assert!(error.contains("NotFraud"), "{error}");

    // Its operators are paid, one by one and together.
    world.anvil.mine_at(honest.active_at).unwrap();
    let claim = Claim {
        index: 0,
        share: (&first[0]).into(),
        proof: tree(&first).proof(0).unwrap(),
    };
    let receipt = world.send(&rewards.claim(honest.id, &claim)).await.unwrap();
    assert_eq!(rewards.payments_in(&receipt)[0].amount, first[0].cumulative);
    let batch = BatchClaim {
        start: 1,
        places: vec![
            Claimed::Unpaid(first[1].leaf()),
            Claimed::Paid((&first[2]).into()),
        ],
        siblings: tree(&first).range_proof(1, 2).unwrap(),
    };
    world.send(&rewards.claim_many(honest.id, &batch)).await.unwrap();
    let claimed = rewards
        .claimed_by(&[first[1].operator, first[2].operator])
        .await
        .unwrap();
    let claimed: Vec<_> = claimed.into_values().collect();
    assert_eq!(claimed, [AttoFil::ZERO, first[2].cumulative]);

    // A settlement that takes something back is voided, by the leaf or by its absence.
    let mut less = allocations(&first);
    less[0].cumulative = AttoFil::new(1);
    less[0].running = AttoFil::new(1);
    let fraud = post(Some(honest.id), &less).await;
    let here = Search::Present(place(&less, 0));
    let before = Search::Present(place(&first, 0));
    let draft = court
        .challenge_growth(fraud.id, first[0].operator, &here, &before)
        .unwrap();
    world.send(&draft).await.unwrap();
    assert_eq!(rewards.settlement(fraud.id).await.unwrap().status, Status::Void);

    let without: Vec<_> = allocations(&first).split_off(1);
    let proposal = Proposal {
        drops: 0,
        ..proposal(Some(honest.id), fraud.proposal.last_round, &without)
    };
    let fraud = world.post_proposal(&proposal, false).await.unwrap();
    let neighbour = (without[0], tree(&without).proof(0).unwrap());
    let here = Search::Absent {
        index: 0,
        lower: None,
        upper: Some(neighbour),
    };
    let draft = court
        .challenge_growth(fraud.id, first[0].operator, &here, &before)
        .unwrap();
    world.send(&draft).await.unwrap();
    assert_eq!(rewards.settlement(fraud.id).await.unwrap().status, Status::Void);

    // One whose sums are wrong, and one that nobody shows.
    let mut sums = allocations(&first);
    sums[1].running = sums[1].running.saturating_add(AttoFil::new(1));
    let proposal_of =
        |leaves: &[Allocation]| self::proposal(Some(honest.id), fraud.proposal.last_round, leaves);
    let fraud = world.post_proposal(&proposal_of(&sums), false).await.unwrap();
    let upper = (&sums[1], tree(&sums).proof(1).unwrap());
    let draft = court
        .challenge_order(fraud.id, &place(&sums, 0), Some((upper.0, &upper.1)))
        .unwrap();
    world.send(&draft).await.unwrap();
    assert_eq!(rewards.settlement(fraud.id).await.unwrap().status, Status::Void);

    let hidden = world
        .post_proposal(&proposal_of(&allocations(&first)), false)
        .await
        .unwrap();
    world
        .send(&court.demand(hidden.id, hidden.proposal.root, 2, bond))
        .await
        .unwrap();
    let due = court.demand_of(hidden.id, 2).await.unwrap().unwrap().due_at;
    let early = world.send(&court.lapse(hidden.id, 2)).await.unwrap_err();
    assert!(early.to_string().contains("NotDue"), "{early}");
    world.anvil.mine_at(due + 1).unwrap();
    world.send(&court.lapse(hidden.id, 2)).await.unwrap();
    assert_eq!(rewards.settlement(hidden.id).await.unwrap().status, Status::Void);
    assert_eq!(court.owed(owner).await.unwrap(), bond);
    // What was voided keeps its number.
    assert_eq!(rewards.settlement_count().await.unwrap(), 5);
    assert_eq!(rewards.head().await.unwrap(), Some(honest.id));
    let late = court.demand(hidden.id, hidden.proposal.root, 1, bond);
    let error = world.send(&late).await.unwrap_err().to_string();
    assert!(error.contains("NotPending"), "{error}");
    // Without a signature.
    let unsigned = rewards.post(SettlementId(6), &proposal_of(&first), &BTreeMap::new());
    assert!(world.send(&unsigned).await.is_err());
}
