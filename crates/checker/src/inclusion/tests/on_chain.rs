//! Rounds that publishers are done with, on a real chain: what a station does then, with and without a key, and killed anywhere.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::B128;
use assize_chain::{Blocks, ListCommitment};
use assize_evaluate::{Committed, RoundEvaluation, RoundInput, evaluate_round};
use assize_facts::{FileKind, Round, StationAssignment};
use assize_keys::Signer;
use assize_measurement::{Measurement, Millis, ndjson, station_address};
use assize_outbox::Boundary;
use assize_protocol::{
    AttoFil, DedupeSeed, ListEntry, PayloadCid, ProviderId, Roster, RosterEntry, StationIndex, Task, TaskList,
};
use assize_service::Clock;
use assize_testkit::world::{World, WorldPlan};
use assize_wire::HeldDocument;
use tempfile::TempDir;

use super::*;
use crate::event::Remedy;
use crate::inclusion::{Place, keep};
use crate::spool::{Decision, Waiting};
use crate::testing::{Reply, Stub, json, parts, problem};
use crate::{Checker, Config, Event, Inclusion};

const OTHERS: u8 = 40;
const TASKS: u32 = 6;
const STEP: u32 = 20;
/// Index among anvil's accounts of the key that pays.
const GAS: usize = 7;
const OPERATOR: Address = Address::repeat_byte(0xee);

/// A closed round, and a station that measured all its tasks.
struct Case {
    world: World,
    stub: Stub,
    directory: TempDir,
    roster: Roster,
    tasks: TaskList,
    round: Round,
    place: Place,
    /// The station's lines, in the order of `k`.
    own: Vec<String>,
    events: Arc<Mutex<Vec<Event>>>,
    /// The batch that the coordinator proves places in.
    batch: Arc<Mutex<Vec<String>>>,
    /// An evaluator that says what it holds.
    witness: Option<Stub>,
}

/// The coordinator's answer: a proof for each line of the batch, by digest.
fn answer(batch: &[String], domain: &Domain, path: &str) -> Reply {
    let of = |line: &String| ndjson::parse_any_round(line.as_bytes()).unwrap();
    let found = batch
        .iter()
        .position(|line| path.contains(&of(line).digest(domain).to_string()));
    let Some(index) = found else {
        return problem(assize_wire::ProblemKind::NotFound, None);
    };
    let tree = positional::Tree::new(batch.iter().map(|line| line_leaf(line.as_bytes())).collect());
    let said = InclusionDocument {
        round: of(&batch[index]).round,
        root: tree.root(),
        count: tree.count(),
        index: index as u32,
        proof: tree.proof(index as u32).unwrap(),
    };
    json(200, &said)
}

fn task(index: u32) -> Task {
    let digest = [&[1, 0x55, 0x12, 32][..], &[index as u8; 32]].concat();
    Task {
        cid: PayloadCid::from_bytes(&digest).unwrap(),
        provider: ProviderId(1_000),
        clients: Vec::new(),
        allocators: Vec::new(),
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

impl Case {
    /// More than half of the time for own reports is over, so that everything is decided at once.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let world = World::start_with(WorldPlan {
            round_duration: 120,
            step: STEP,
            ..WorldPlan::default()
        });
        let world = world.await.unwrap();
        let state = directory.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let key = StationKey::open(&state.join("station.key")).unwrap();
        let other = |tag: u8| SecretKey::from_secret_bytes([tag; 32]).unwrap();
        let entry = |station, operator, tag| RosterEntry {
            station,
            operator,
            subnet: B128::repeat_byte(tag),
        };
        let others =
            (1..=OTHERS).map(|tag| entry(station_address(&other(tag)), Address::repeat_byte(tag), tag));
        let own = entry(key.address(), OPERATOR, 0);
        let roster = Roster::new(others.chain([own]).collect()).unwrap();
        let tasks = TaskList::new((0..TASKS).map(task).collect()).unwrap();
        let lists = (
            ListCommitment::of(&roster, file_cid(&roster.to_ndjson())),
            ListCommitment::of(&tasks, file_cid(&tasks.to_ndjson())),
        );
        let published = Clock::system().now() - u64::from(STEP) * 3 - 5;
        let opened_at = published - u64::from(STEP) * 21 - 120;
        world.anvil.set_next_timestamp(opened_at).unwrap();
        let number = world.open_lists(&lists.0, &lists.1).await.unwrap();
        let round = world.rounds.round(number).await.unwrap();
        let index = roster.index_of(key.address()).unwrap();
        let assigned = StationAssignment::derive(&round.assignment(round.seed.unwrap()), index).unwrap();
        let place = Place {
            round: number,
            times: round.times,
            index,
            station: own.station,
            operator: own.operator,
            subnet: own.subnet,
            roster_proof: roster.tree().proof(own.leaf(index.0)).unwrap(),
            tasks: assigned.tasks,
        };
        let domain = world.domain();
        let line = |task: TaskIndex, secret: &SecretKey| {
            let entry = tasks.get(task).unwrap();
            let (cid, provider) = (entry.cid.to_string(), entry.provider.to_string());
            let mut measurement = Measurement {
                spark_version: Some("0.1.0".into()),
                start_at: Some(Millis(1_760_000_000_000)),
                status_code: Some(404),
                byte_length: Some(0),
                indexer_result: Some("OK".into()),
                ..Measurement::new(number, task, station_address(secret), cid, provider)
            };
            measurement.sign(secret, &domain);
            measurement.to_line()
        };
        let lines = |secret: &SecretKey| {
            place
                .tasks
                .iter()
                .map(|task| line(*task, secret))
                .collect::<Vec<_>>()
        };
        let batch = Arc::new(Mutex::new(
            (1..=OTHERS)
                .flat_map(|tag| lines(&other(tag)))
                .collect::<Vec<_>>(),
        ));
        let proven = Arc::clone(&batch);
        let stub = Stub::start(move |path, _| answer(&proven.lock().unwrap(), &domain, path)).await;
        let case = Self {
            own: lines(key.secret()),
            world,
            stub,
            directory,
            roster,
            tasks,
            round,
            place,
            events: Arc::default(),
            batch,
            witness: None,
        };
        let spool = case.checker(false).await.shared().spool.clone();
        spool.keep(&case.place).unwrap();
        for (task, line) in case.place.tasks.iter().zip(&case.own) {
            let waiting = Waiting {
                round: number,
                task: *task,
                line: line.clone(),
            };
            assert!(spool.put(&waiting, round.times.show_from).unwrap());
        }
        case
    }

    /// The publisher commits the other stations' lines and the first of this station's.
    async fn publish(&self, own: usize) {
        let all = {
            let mut batch = self.batch.lock().unwrap();
            batch.extend_from_slice(&self.own[..own]);
            text(&batch)
        };
        self.world.commit(self.place.round, all.as_bytes()).await.unwrap();
    }

    /// The checker of the directory; with a key that pays, perhaps.
    async fn checker(&self, pays: bool) -> Checker {
        let state = self.directory.path().join("state");
        let mut config = Config::new(self.stub.url.parse().unwrap(), OPERATOR, state);
        let witnesses = self.witness.iter().map(|witness| witness.url.parse().unwrap());
        config.witnesses = witnesses.collect();
        let mut parts = parts(&self.stub, &self.events).await;
        parts.rounds = self.world.rounds.clone();
        parts.rewards = self.world.rewards.clone();
        parts.inclusion = pays.then(|| Inclusion {
            signer: self.gas(),
            max_fee: AttoFil::MAX,
        });
        Checker::open(config, parts).unwrap()
    }

    fn gas(&self) -> Signer {
        Signer::from_bytes(&self.world.anvil.dev_key(GAS)).unwrap()
    }

    /// Transactions of the key that pays.
    async fn sent(&self) -> u64 {
        let client = self.world.rounds.client();
        client.mined_nonce(self.gas().address()).await.unwrap()
    }

    /// Looks after the round until an event, or until the process "dies" at a boundary of the queue.
    async fn run(&self, pays: bool, dies_at: Option<Boundary>, until: impl Fn(&Event) -> bool) {
        let now = Clock::system().now();
        if self.world.anvil.timestamp().unwrap() < now {
            self.world.anvil.mine_at(now).unwrap();
        }
        let checker = self.checker(pays).await;
        let mut outbox = checker.take_outbox();
        let died = Arc::new(Mutex::new(false));
        if let (Some(outbox), Some(dies_at)) = (&mut outbox, dies_at) {
            let died = Arc::clone(&died);
            outbox.watch(move |boundary| {
                let dies = boundary == dies_at;
                *died.lock().unwrap() |= dies;
                !dies
            });
        }
        let before = self.events().len();
        let keeping = tokio::spawn(keep(
            Arc::clone(checker.shared()),
            outbox,
            assize_service::Stop::default(),
        ));
        let ended = async {
            while !*died.lock().unwrap() && !self.events()[before..].iter().any(&until) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        keeping.abort();
        let _ = keeping.await;
        assert!(ended.is_ok(), "{:?}", self.events());
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The own reports on the chain, and the evaluation with them.
    async fn evaluate(&self) -> (Vec<String>, RoundEvaluation) {
        let rounds = &self.world.rounds;
        let number = self.place.round;
        let mut reports = Vec::new();
        let own = rounds.own_reports(number).await.unwrap();
        let mut blocks = Blocks::new(rounds.client());
        let bytes = rounds.reports_of(&mut blocks, &self.round, &own).await.unwrap();
        for (own, bytes) in own.into_iter().zip(bytes) {
            assert_eq!(own.station, self.place.index);
            reports.push((own, String::from_utf8(bytes).unwrap()));
        }
        let commitments = rounds.commitments(number, FileKind::Lines).await.unwrap();
        let parse = |text: &str| ndjson::parse_batch(number, text.as_bytes());
        let batch = parse(&text(&self.batch.lock().unwrap()));
        let own: Vec<_> = reports.iter().map(|(own, text)| (*own, parse(text))).collect();
        let batches = commitments.iter().map(|&commitment| Committed::Batch {
            commitment,
            batch: &batch,
        });
        let own = own.iter().map(|(report, batch)| Committed::Own {
            report: *report,
            batch,
        });
        let committed: Vec<_> = batches.chain(own).collect();
        let input = RoundInput {
            round: number,
            domain: self.world.domain(),
            parameters: self.round.parameters,
            seed: self.round.seed.unwrap(),
            dedupe_seed: DedupeSeed::derive(self.world.beacon(self.round.dedupe_beacon_round).randomness()),
            roster: &self.roster,
            tasks: &self.tasks,
        };
        let texts = reports.into_iter().map(|(_, text)| text).collect();
        (texts, evaluate_round(&input, &committed))
    }
}

fn is_own_report(event: &Event) -> bool {
    matches!(event, Event::OwnReport { .. })
}

fn left_out(events: &[Event]) -> Vec<&Event> {
    let is = |event: &&Event| matches!(event, Event::LeftOut { .. });
    events.iter().filter(is).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_omits_is_committed_once_and_earns_wherever_the_process_is_killed() {
    let case = Case::new().await;
    case.publish(2).await;
    let spool = case.checker(false).await.shared().spool.clone();
    spool
        .decide(case.place.round, case.place.tasks[2], Decision::Receipted)
        .unwrap();
    drop(spool);
    case.run(true, None, |event| matches!(event, Event::LeftOut { .. }))
        .await;
    for boundary in [Boundary::Stored, Boundary::Sent, Boundary::Seen, Boundary::Saved] {
        case.run(true, Some(boundary), is_own_report).await;
    }
    case.run(true, None, is_own_report).await;

    let events = case.events();
    let [
        Event::LeftOut {
            measurements: 4,
            included: 2,
            causes,
            omitted,
            remedy: Remedy::OwnReport,
            ..
        },
    ] = left_out(&events)[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (causes, omitted.len()),
        (&BTreeMap::from([(Cause::NotAccepted, 3), (Cause::Omitted, 1)]), 0)
    );
    let reports: Vec<_> = events.iter().filter(|event| is_own_report(event)).collect();
    let [
        Event::OwnReport {
            measurements: 4,
            transaction: Some(_),
            fee: Some(_),
            ..
        },
    ] = reports[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(case.sent().await, 1);
    let (reports, evaluation) = case.evaluate().await;
    assert_eq!(reports, [text(&case.own[2..])]);
    let StationIndex(index) = case.place.index;
    let accepted = evaluation
        .accepted
        .iter()
        .find(|accepted| accepted.station.0 == index);
    assert_eq!(accepted.unwrap().tasks.count(), TASKS);
    assert_eq!(
        evaluation.rewards[&OPERATOR],
        evaluation.reward.each.checked_mul(TASKS.into()).unwrap()
    );
    assert!(!evaluation.reward.each.is_zero());
    // Nothing is left to look after.
    assert!(case.checker(true).await.shared().spool.kept().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_batches_everything_is_in_the_own_report_and_nobody_is_asked() {
    let case = Case::new().await;
    case.run(true, None, is_own_report).await;
    let (reports, _) = case.evaluate().await;
    assert_eq!(reports, [text(&case.own)]);
    let digest = ndjson::parse_any_round(case.own[0].as_bytes())
        .unwrap()
        .digest(&case.world.domain());
    let path = format!("GET /measurements/{digest}/inclusion");
    assert!(case.stub.seen(&path).is_empty());
    let message = left_out(&case.events())[0].to_string();
    assert_eq!(
        message,
        "round 1: 6 of 6 measurements left out of all batches: 6 because no batch was committed; the station commits its own \
         report"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_lies_or_says_nothing_keeps_nothing_out() {
    let case = Case::new().await;
    case.publish(TASKS as usize).await;
    case.stub
        .reply(problem(assize_wire::ProblemKind::Unavailable, Some(1)));
    case.run(true, None, is_own_report).await;
    let events = case.events();
    let Event::LeftOut { causes, included, .. } = left_out(&events)[0] else {
        panic!("{events:?}");
    };
    // Whoever does not answer once is not asked again.
    assert_eq!((causes, *included), (&BTreeMap::from([(Cause::NoAnswer, 6)]), 0));

    let case = Case::new().await;
    case.publish(TASKS as usize).await;
    // Its proofs are of a batch that nobody committed.
    case.batch.lock().unwrap().push(case.own[0].clone());
    case.run(true, None, is_own_report).await;
    let events = case.events();
    let Event::LeftOut { causes, .. } = left_out(&events)[0] else {
        panic!("{events:?}");
    };
    assert_eq!(causes, &BTreeMap::from([(Cause::FalseProof, 6)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_if_everything_is_included() {
    let case = Case::new().await;
    case.publish(TASKS as usize).await;
    case.run(true, None, |event| {
        matches!(event, Event::Included { measurements: 6, .. })
    })
    .await;
    assert!(left_out(&case.events()).is_empty());
    assert_eq!(case.sent().await, 0);
    assert!(case.checker(true).await.shared().spool.kept().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_it_warns_once_and_a_key_in_time_still_helps() {
    let case = Case::new().await;
    let warned = |event: &Event| {
        matches!(
            event,
            Event::LeftOut {
                remedy: Remedy::NoKey,
                ..
            }
        )
    };
    case.run(false, None, warned).await;
    case.run(true, None, is_own_report).await;
    assert_eq!(left_out(&case.events()).len(), 1);
    assert_eq!(case.sent().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_there_already_is_done() {
    let case = Case::new().await;
    let checker = case.checker(false).await;
    let lines = checker.shared().spool.made(case.place.round).unwrap();
    let report = Report::of(&case.place, &lines, &case.place.tasks);
    let seal = report.seal(&case.place, &checker.shared().key, &case.world.domain());
    drop(checker);
    case.world
        .send(&case.world.rounds.commit_own(&seal, &report.bytes))
        .await
        .unwrap();
    case.run(true, None, |event| {
        matches!(
            event,
            Event::OwnReport {
                transaction: None,
                ..
            }
        )
    })
    .await;
    assert_eq!(case.sent().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_a_report_is_not_sent() {
    let case = Case::new().await;
    case.world
        .anvil
        .mine_at(case.place.times.commits_until + 1)
        .unwrap();
    case.run(true, None, |event| {
        matches!(
            event,
            Event::LeftOut {
                remedy: Remedy::TooLate,
                ..
            }
        )
    })
    .await;
    assert_eq!(case.sent().await, 0);
    assert!(case.checker(true).await.shared().spool.kept().unwrap().is_empty());
}

/// A batch whose file is withheld is dropped after the time for own reports, so a proof alone does not show inclusion.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_no_witness_holds_includes_nobody() {
    for holds in [true, false] {
        let mut case = Case::new().await;
        case.publish(TASKS as usize).await;
        let round = case.place.round;
        let batches = case
            .world
            .rounds
            .commitments(round, FileKind::Lines)
            .await
            .unwrap();
        let roots = match holds {
            true => batches.iter().map(|batch| batch.root).collect(),
            false => Vec::new(),
        };
        let held = HeldDocument { round, roots };
        case.witness = Some(Stub::start(move |_, _| json(200, &held)).await);
        if holds {
            case.run(true, None, |event| {
                matches!(event, Event::Included { measurements: 6, .. })
            })
            .await;
            assert_eq!(case.sent().await, 0);
            continue;
        }
        case.run(true, None, is_own_report).await;
        let events = case.events();
        let Event::LeftOut { causes, included, .. } = left_out(&events)[0] else {
            panic!("{events:?}");
        };
        assert_eq!((causes, *included), (&BTreeMap::from([(Cause::NotHeld, 6)]), 0));
        let (reports, _) = case.evaluate().await;
        assert_eq!(reports, [text(&case.own)]);
    }
}
