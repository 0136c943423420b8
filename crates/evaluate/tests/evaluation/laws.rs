//! Properties for arbitrary batches.

use std::collections::{BTreeMap, BTreeSet};

use assize_evaluate::{AcceptedTasks, Label, RoundEvaluation, Verdict};
use assize_measurement::{Measurement, Verifier};
use assize_protocol::{AttoFil, StationIndex, TaskNumber};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::{DOMAIN, World};

/// Two committees, pairs of stations in one subnet.
fn world() -> World {
    World::with_subnets(16, 9, |station| station / 2)
}

/// What to report, and how.
#[derive(Clone, Debug)]
struct Claim {
    /// 16 and 17 are not in the roster.
    station: usize,
    k: u32,
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Honest,
    Lie,
    Timeout,
    Graphsync,
    Forge,
    Stray,
    Invent,
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    use Deed::*;
    let deed = select(vec![
        Honest, Honest, Honest, Honest, Lie, Timeout, Graphsync, Forge, Stray, Invent,
    ]);
    let claim = (0_usize..18, 0_u32..2, deed).prop_map(|(station, k, deed)| Claim { station, k, deed });
    proptest::collection::vec(claim, 0..80)
}

fn measure(world: &World, claim: &Claim) -> Measurement {
    let seated = claim.station.min(15);
    let task = match claim.deed {
        Deed::Stray => world.task_of_others(seated),
        _ => world.task_of(seated, claim.k),
    };
    let mut measurement = world.measure_task(claim.station, task, |m| match claim.deed {
        Deed::Lie => m.car_checksum = Some("1220ff".into()),
        Deed::Timeout => m.timeout = true,
        Deed::Graphsync => (m.protocol, m.head_status_code) = (Some("graphsync".into()), None),
        Deed::Invent => m.cid = "bafkqaaa".into(),
        Deed::Honest | Deed::Forge | Deed::Stray => {}
    });
    if claim.deed == Deed::Forge {
        measurement.byte_length = Some(7);
    }
    measurement
}

/// Splits the measurements into batches.
fn cut(measurements: &[Measurement], cuts: &[Index]) -> Vec<Vec<Measurement>> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(measurements.len() + 1)).collect();
    places.extend([0, measurements.len()]);
    places.sort_unstable();
    places
        .array_windows()
        .map(|[start, end]| measurements[*start..*end].to_vec())
        .collect()
}

/// The fields by which votes are compared (docs/protocol.md §10).
fn vote(m: &Measurement) -> impl PartialEq {
    (
        (
            m.provider_id.clone(),
            m.indexer_result.clone(),
            m.provider_address.clone(),
            m.protocol.clone(),
        ),
        (m.retrieval_result(), m.byte_length, m.car_checksum.clone()),
    )
}

/// docs/protocol.md §10, literally: every rule applies to all measurements that no earlier rule has labelled.
fn by_the_book(world: &World, measurements: &[Measurement]) -> Vec<(Label, Option<Verdict>)> {
    let assignment = world.assignment();
    let verifier = Verifier::new(&DOMAIN);
    let station_of = |m: &Measurement| world.roster.index_of(m.station);
    let seat_of = |m: &Measurement| assignment.seat_of(station_of(m).unwrap()).unwrap().0;
    let mut labels: Vec<Option<Label>> = vec![None; measurements.len()];
    let mut rule = |label: Label, applies: &dyn Fn(usize, &[usize]) -> bool| {
        let open: Vec<_> = (0..measurements.len())
            .filter(|index| labels[*index].is_none())
            .collect();
        let hits: Vec<_> = open
            .iter()
            .copied()
            .filter(|index| applies(*index, &open))
            .collect();
        hits.into_iter().for_each(|index| labels[index] = Some(label));
    };
    rule(Label::NotInRoster, &|i, _| station_of(&measurements[i]).is_none());
    rule(Label::BadSignature, &|i, _| {
        !verifier.signed_by_station(&measurements[i])
    });
    rule(Label::TaskNotInRound, &|i, _| {
        let m = &measurements[i];
        world
            .tasks
            .get(m.task)
            .is_none_or(|t| m.cid.value() != Some(&t.cid) || m.miner_id.value() != Some(&t.provider))
    });
    rule(Label::TaskWrongCommittee, &|i, _| {
        let m = &measurements[i];
        !assignment.tasks(seat_of(m)).unwrap().contains(&m.task)
    });
    rule(Label::Duplicate, &|i, open| {
        let same = |a: &Measurement, b: &Measurement| (a.station, a.task) == (b.station, b.task);
        open.iter()
            .any(|j| *j < i && same(&measurements[*j], &measurements[i]))
    });
    rule(Label::DupSubnet, &|i, open| {
        let subnet = |m: &Measurement| world.roster.get(station_of(m).unwrap()).unwrap().subnet;
        let rank = |m: &Measurement| world.dedupe_seed().rank(m.station, m.task);
        let mine = &measurements[i];
        open.iter()
            .map(|j| &measurements[*j])
            .any(|other| (subnet(other), other.task) == (subnet(mine), mine.task) && rank(other) < rank(mine))
    });
    rule(Label::Ok, &|_, _| true);

    let mut groups = BTreeMap::<_, Vec<usize>>::new();
    for (index, label) in labels.iter().enumerate() {
        if *label == Some(Label::Ok) {
            let measurement = &measurements[index];
            groups
                .entry((seat_of(measurement), measurement.task))
                .or_default()
                .push(index);
        }
    }
    let mut verdicts = vec![None; measurements.len()];
    for voters in groups.values() {
        let agreeing = |index: usize| {
            let mine = vote(&measurements[index]);
            voters
                .iter()
                .filter(|other| vote(&measurements[**other]) == mine)
                .count()
        };
        let found = voters.iter().any(|index| 2 * agreeing(*index) > voters.len());
        for index in voters {
            verdicts[*index] = Some(match () {
                () if voters.len() < usize::from(world.parameters.quorum) => Verdict::CommitteeTooSmall,
                () if !found => Verdict::MajorityNotFound,
                () if 2 * agreeing(*index) > voters.len() => Verdict::MajorityResult,
                () => Verdict::MinorityResult,
            });
        }
    }
    labels.into_iter().map(Option::unwrap).zip(verdicts).collect()
}

fn assert_conserved(world: &World, measurements: &[Measurement], evaluation: &RoundEvaluation) {
    let paid = AttoFil::checked_sum(evaluation.rewards.values().copied()).unwrap();
    assert_eq!(paid, evaluation.reward.distributed);
    let budget = paid.checked_add(evaluation.reward.remainder);
    assert_eq!(budget, Some(world.parameters.budget));
    let accepted = evaluation.accepted.iter().map(|accepted| accepted.tasks.count());
    assert_eq!(
        u64::from(accepted.sum::<u32>()),
        evaluation.verdicts.majority_result
    );
    assert!(evaluation.accepted.is_sorted_by(|a, b| a.station < b.station));
    assert_eq!(evaluation.labels.total(), evaluation.outcomes.len() as u64);
    assert_eq!(evaluation.verdicts.total(), evaluation.labels.ok);
    let rated = |totals: &mut dyn Iterator<Item = u64>| totals.sum::<u64>();
    assert_eq!(
        rated(&mut evaluation.rates().providers.values().map(|counts| counts.total)),
        evaluation.labels.ok
    );
    // Every task of these worlds has two clients and one allocator.
    assert_eq!(
        rated(&mut evaluation.rates().clients.values().map(|counts| counts.total)),
        2 * evaluation.labels.ok
    );
    assert_eq!(
        rated(&mut evaluation.rates().allocators.values().map(|counts| counts.total)),
        evaluation.labels.ok
    );
    for counts in evaluation.rates().providers.values() {
        assert!(counts.successful_http <= counts.successful && counts.successful <= counts.total);
        assert_eq!(counts.verdicts.total(), counts.total);
    }
    // What earns something is what the verdicts say, and of the station's own tasks.
    let assignment = world.assignment();
    let mut expected = BTreeSet::new();
    for (outcome, measurement) in evaluation.outcomes.iter().zip(measurements) {
        if outcome.verdict == Some(Verdict::MajorityResult) {
            let station = world.roster.index_of(measurement.station).unwrap();
            let committee = assignment.seat_of(station).unwrap().0;
            let tasks = assignment.tasks(committee).unwrap();
            let k = tasks.iter().position(|task| *task == measurement.task).unwrap();
            expected.insert((station, k as u32));
        }
    }
    let bits = |accepted: &AcceptedTasks| {
        let &AcceptedTasks {
            station,
            tasks,
            operator,
        } = accepted;
        assert_eq!(world.roster.get(station).unwrap().operator, operator);
        (0..300)
            .filter(move |k| tasks.contains(TaskNumber(*k)))
            .map(move |k| (station, k))
    };
    assert_eq!(
        evaluation.accepted.iter().flat_map(bits).collect::<BTreeSet<_>>(),
        expected
    );
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_evaluation_follows_the_protocol(claims in claims(), cuts in proptest::collection::vec(any::<Index>(), 0..4)) {
        let world = world();
        let measurements: Vec<_> = claims.iter().map(|claim| measure(&world, claim)).collect();
        let evaluation = world.evaluate(&cut(&measurements, &cuts));
        let found: Vec<_> = evaluation.outcomes.iter().map(|outcome| (outcome.label, outcome.verdict)).collect();
        prop_assert_eq!(found, by_the_book(&world, &measurements));
        assert_conserved(&world, &measurements, &evaluation);
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads(claims in claims()) {
        let world = world();
        let measurements: Vec<_> = claims.iter().map(|claim| measure(&world, claim)).collect();
        let batches = cut(&measurements, &[]);
        prop_assert_eq!(in_pool(1, || world.evaluate(&batches)), in_pool(4, || world.evaluate(&batches)));
    }

    #[test]
    fn without_duplicates_the_order_of_batches_is_irrelevant(
        claims in claims(),
        cuts in proptest::collection::vec(any::<Index>(), 0..6),
        order in any::<prop::sample::Selector>(),
    ) {
        let world = world();
        let mut unique = BTreeMap::new();
        for claim in &claims {
            let measurement = measure(&world, claim);
            unique.entry((measurement.station, measurement.task)).or_insert(measurement);
        }
        let batches = cut(&unique.into_values().collect::<Vec<_>>(), &cuts);
        let mut shuffled = batches.clone();
        let mut pool = batches.clone();
        for place in &mut shuffled {
            let at = order.select(0..pool.len());
            *place = pool.remove(at);
        }
        let (one, other) = (world.evaluate(&batches), world.evaluate(&shuffled));
        prop_assert_eq!((one.labels, one.verdicts), (other.labels, other.verdicts));
        prop_assert_eq!(one.figures, other.figures);
        prop_assert_eq!((one.accepted, one.rewards), (other.accepted, other.rewards));
        prop_assert_eq!(one.decisions, other.decisions);
    }
}

#[test]
fn every_label_occurs() {
    let world = world();
    let deeds = [
        Deed::Honest,
        Deed::Lie,
        Deed::Timeout,
        Deed::Graphsync,
        Deed::Forge,
        Deed::Stray,
        Deed::Invent,
    ];
    let mut claims: Vec<_> = (0..18)
        .map(|station| Claim {
            station,
            k: 0,
            deed: Deed::Honest,
        })
        .collect();
    claims.extend(deeds.map(|deed| Claim {
        station: 3,
        k: 1,
        deed,
    }));
    let measurements: Vec<_> = claims.iter().map(|claim| measure(&world, claim)).collect();
    let evaluation = world.evaluate(&[measurements]);
    for (label, count) in evaluation.labels.iter() {
        assert!(count > 0, "no {label} among {:?}", evaluation.labels);
    }
    assert!(evaluation.outcomes.iter().any(|outcome| {
        world.roster.index_of(outcome.station) == Some(StationIndex(3)) && outcome.label == Label::Duplicate
    }));
}
