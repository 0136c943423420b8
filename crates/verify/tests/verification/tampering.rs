//! Every posted value that does not follow from the public inputs is named, with the right value.

use assize_evaluate::SettlementDocument;
use assize_facts::SettlementId;
use assize_protocol::{Address, Allocation, AttoFil, B256, RoundNumber, Seed, SheetEntry};
use assize_store::{Source, Store};
use assize_verify::VerifyError;

use crate::case::{Case, UNREVEALED, commit};

#[test]
fn a_seed_that_is_not_the_beacons() {
    let mut case = Case::new();
    let genuine = case.round(2).seed.unwrap();
    case.round(2).seed = Some(Seed(B256::repeat_byte(1)));
    let (path, ours, theirs) = case.mismatch();
    assert_eq!((path, ours), ("chain.rounds[2].seed".into(), genuine.to_string()));
    assert_eq!(theirs, B256::repeat_byte(1).to_string());
    let conclusion = case.evidence().verify_round(RoundNumber(2)).unwrap();
    assert_eq!(conclusion.mismatch().unwrap().path, "chain.rounds[2].seed");
}

#[test]
fn a_timetable_that_is_not_the_parameters() {
    let mut case = Case::new();
    case.round(1).times.closes_at -= 1;
    assert_eq!(case.mismatch().0, "chain.rounds[1].times.closesAt");

    let mut case = Case::new();
    case.round(1).times.commits_until += 1;
    assert_eq!(case.mismatch().0, "chain.rounds[1].times.commitsUntil");
}

#[test]
fn beacons_that_were_known_in_advance() {
    let mut case = Case::new();
    let frozen = case.round(2).beacon_round;
    case.round(2).beacon_round.0 -= 1;
    let (path, ours, theirs) = case.mismatch();
    assert_eq!(
        (path, theirs),
        ("chain.rounds[2].beaconRound".into(), (frozen.0 - 1).to_string())
    );
    assert!(ours.starts_with(&format!("{frozen} or later")), "{ours}");

    let mut case = Case::new();
    case.round(2).dedupe_beacon_round.0 -= 1;
    assert_eq!(case.mismatch().0, "chain.rounds[2].dedupeBeaconRound");
}

#[test]
fn a_label_count() {
    let mut case = Case::new();
    let genuine = case.document(1).rounds[1].labels.dup_subnet;
    case.forge(|d| d.rounds[1].labels.dup_subnet += 1);
    let expected = (
        "rounds[1].labels.DUP_SUBNET".into(),
        genuine.to_string(),
        (genuine + 1).to_string(),
    );
    assert_eq!(case.mismatch(), expected);
}

#[test]
fn an_invented_decision() {
    let mut case = Case::new();
    case.forge(|d| d.rounds[0].decisions.extend([("HTTP_418".into(), 2)]));
    assert_eq!(
        case.mismatch(),
        (
            "rounds[0].decisions.HTTP_418".into(),
            "nothing".into(),
            "2".into()
        )
    );
}

#[test]
fn a_success_rate() {
    let mut case = Case::new();
    let genuine = *case.document(1).rates.providers.values().next().unwrap();
    case.forge(|d| d.rates.providers.values_mut().next().unwrap().successful += 1);
    let (path, ours, _) = case.mismatch();
    assert_eq!(
        (path.as_str(), ours),
        ("rates.providers[0].successful", genuine.successful.to_string())
    );
}

fn raise(amount: &mut AttoFil) {
    *amount = amount.checked_add(AttoFil::new(1)).unwrap();
}

#[test]
fn an_allocation() {
    let mut case = Case::new();
    let (index, genuine) = (3, case.document(1).allocations[3].cumulative);
    case.forge(|d| raise(&mut d.allocations[index].cumulative));
    let expected = (
        format!("allocations[{index}].cumulative"),
        genuine.atto().to_string(),
        genuine.checked_add(AttoFil::new(1)).unwrap().atto().to_string(),
    );
    assert_eq!(case.mismatch(), expected);
}

#[test]
fn an_operator_who_never_earned() {
    let mut case = Case::new();
    let last = case.document(1).allocations.len();
    case.forge(|d| {
        d.allocations.push(Allocation {
            operator: Address::repeat_byte(0xff),
            cumulative: AttoFil::new(5),
            running: AttoFil::ZERO,
            grown: AttoFil::new(5),
            reports: 0,
            sheet: B256::ZERO,
        });
    });
    let (path, ours, theirs) = case.mismatch();
    assert_eq!((path, ours.as_str()), (format!("allocations[{last}]"), "nothing"));
    assert!(
        theirs.contains("operator: 0xffff") && theirs.contains("cumulative: 5"),
        "{theirs}"
    );
}

#[test]
fn a_report() {
    let mut case = Case::new();
    let genuine = case.document(1).reports[7];
    case.forge(|d| d.reports[7].rank += 1);
    let (path, ours, theirs) = case.mismatch();
    assert_eq!(path, "reports[7]");
    let show = |rank| {
        let SheetEntry {
            round,
            station,
            tasks,
            accepted,
            running,
            ..
        } = genuine;
        format!(
            "[{round},{station},\"{}\",{rank},{accepted},\"{}\"]",
            tasks.0,
            running.atto()
        )
    };
    assert_eq!((ours, theirs), (show(genuine.rank), show(genuine.rank + 1)));
}

#[test]
fn a_report_too_many_or_too_few() {
    let mut case = Case::new();
    let count = case.document(1).reports.len();
    case.forge(|d| d.reports.push(*d.reports.last().unwrap()));
    let (path, ours, _) = case.mismatch();
    assert_eq!((path, ours.as_str()), (format!("reports[{count}]"), "nothing"));

    let mut case = Case::new();
    case.forge(|d| d.reports.truncate(count - 1));
    let (path, _, theirs) = case.mismatch();
    assert_eq!(
        (path, theirs.as_str()),
        (format!("reports[{}]", count - 1), "nothing")
    );
}

#[test]
fn roots_and_sums_in_the_document() {
    let tamper = |change: fn(&mut SettlementDocument)| {
        let mut case = Case::new();
        let mut document = case.document(1);
        change(&mut document);
        case.post(SettlementId(1), &document);
        case.mismatch().0
    };
    assert_eq!(tamper(|d| d.root = B256::ZERO), "root");
    assert_eq!(
        tamper(|d| d.allocations[2].sheet = B256::ZERO),
        "allocations[2].sheet"
    );
    assert_eq!(
        tamper(|d| raise(&mut d.allocations[2].running)),
        "allocations[2].running"
    );
    assert_eq!(tamper(|d| raise(&mut d.cumulative_total)), "cumulativeTotal");
    assert_eq!(tamper(|d| d.contracts.chain_id = 1), "contracts.chainId");
    assert_eq!(tamper(|d| d.rounds.truncate(1)), "rounds[1]");
    assert_eq!(tamper(|d| d.rounds[0].facts.draw = None), "rounds[0].draw");
    assert_eq!(
        tamper(|d| d.rounds[0].facts.tasks.count = 1),
        "rounds[0].tasks.count"
    );
    assert_eq!(
        tamper(|d| raise(&mut d.rounds[1].reward_each)),
        "rounds[1].rewardEach"
    );
    // The first of several.
    assert_eq!(
        tamper(|d| {
            raise(&mut d.cumulative_total);
            raise(&mut d.rounds[1].distributed);
        }),
        "rounds[1].distributed"
    );
}

#[test]
fn a_settlement_that_differs_from_the_chain() {
    let mut case = Case::new();
    case.proposal(1).root = B256::ZERO;
    assert_eq!(case.mismatch().0, "chain.settlements[1].root");
    let mut case = Case::new();
    raise(&mut case.proposal(1).cumulative_total);
    assert_eq!(case.mismatch().0, "chain.settlements[1].cumulativeTotal");
    let mut case = Case::new();
    case.proposal(1).operators += 1;
    assert_eq!(case.mismatch().0, "chain.settlements[1].operators");
    let mut case = Case::new();
    let mut document = case.document(1);
    document.drops += 1;
    case.post(SettlementId(1), &document);
    case.proposal(1).drops = 0;
    assert_eq!(case.mismatch().0, "drops");
}

#[test]
fn a_document_in_other_bytes() {
    let mut case = Case::new();
    let document = case.document(1);
    let text = String::from_utf8(document.to_bytes()).unwrap();
    let spaced = case.store.put(text.replace(":{", ": {").as_bytes()).unwrap();
    case.proposal(1).cid = spaced;
    let expected = (
        "chain.settlements[1].cid".into(),
        document.cid().to_string(),
        spaced.to_string(),
    );
    assert_eq!(case.mismatch(), expected);
}

#[test]
fn a_batch_withheld_reordered_or_miscounted() {
    let mut case = Case::new();
    case.chain_round(1).commitments.pop();
    assert_eq!(case.mismatch().0, "rounds[0].commitments[1]");

    let mut case = Case::new();
    case.chain_round(1).commitments.reverse();
    assert_eq!(case.mismatch().0, "rounds[0].commitments[0].root");

    let mut case = Case::new();
    case.chain_round(1).commitments[0].publisher = Address::ZERO;
    assert_eq!(case.mismatch().0, "rounds[0].commitments[0].publisher");

    let mut case = Case::new();
    case.chain_round(1).commitments[0].count += 1;
    let error = case.error();
    assert!(matches!(error, VerifyError::NotTheBatch { .. }), "{error}");
}

#[test]
fn a_report_of_a_stations_own_withheld() {
    let mut case = Case::new();
    case.chain_round(2).own.clear();
    assert_eq!(case.mismatch().0, "rounds[1].own[0]");
}

#[test]
fn a_batch_in_an_unrevealed_round() {
    let mut case = Case::new();
    let batch = case.facts.rounds[&RoundNumber(1)].commitments[0];
    case.chain_round(UNREVEALED.0).commitments.push(batch);
    let conclusion = case.evidence().verify_round(UNREVEALED).unwrap();
    assert_eq!(conclusion.mismatch().unwrap().path, "chain.rounds[3].commitments");
}

#[test]
fn a_batch_with_one_byte_changed_and_a_consistent_root() {
    let mut case = Case::new();
    let mut batch = case.store.get(&case.batch(1, 0).cid).unwrap();
    let place = batch.windows(4).position(|four| four == b"1220").unwrap() + 5;
    batch[place] = if batch[place] == b'0' { b'1' } else { b'0' };
    let commitment = commit(&case.store, &batch, 0);
    case.chain_round(1).commitments[0] = commitment;
    assert_eq!(case.mismatch().0, "rounds[0].commitments[0].root");
    let conclusion = case.evidence().verify_round(RoundNumber(1)).unwrap();
    let (_, evaluation) = conclusion.matching().unwrap();
    let before = case.document(1).rounds[0].labels.bad_signature;
    assert_eq!(evaluation.labels.bad_signature, before + 1);
}

#[test]
fn a_parent_that_differs_from_the_chain() {
    let mut case = Case::new();
    case.forge(|d| raise(&mut d.allocations[0].cumulative));
    // The document contradicts itself: it grants more than it distributes.
    let error = case.verify(2).unwrap_err();
    assert!(
        matches!(
            error,
            VerifyError::Document {
                settlement: SettlementId(1),
                ..
            }
        ),
        "{error}"
    );

    let mut case = Case::new();
    case.proposal(1).root = B256::ZERO;
    let error = case.verify(2).unwrap_err();
    assert!(
        matches!(error, VerifyError::WrongParent { field: "root", .. }),
        "{error}"
    );
    assert!(error.to_string().contains("verify settlement 1 first"), "{error}");
}

#[test]
fn allocations_that_do_not_begin_with_the_parents() {
    let mut case = Case::new();
    let mut document = case.document(2);
    let range = case
        .evidence()
        .evaluate_range(RoundNumber(1), RoundNumber(2), None)
        .unwrap();
    document.parent = None;
    document.allocations = range.document.allocations;
    case.post(SettlementId(2), &document);
    let conclusion = case.verify(2).unwrap();
    assert_eq!(conclusion.mismatch().unwrap().path, "parent");
}
