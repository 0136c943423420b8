//! Settlement documents: one document per range, and every manipulation is named.

use alloy_primitives::{Address, B256};
use assize_evaluate::{
    DocumentError, Parent, ParentReference, RoundEvaluation, RoundFacts, RoundFigures, SettleError,
    SettlementDocument, settle,
};
use assize_facts::{ChainRound, Contracts, Drops, Round, Times};
use assize_protocol::canonical::FormError;
use assize_protocol::{
    Allocation, AttoFil, List, Randomness, RoundNumber, allocations_in, claim_leaf, positional,
};
use proptest::prelude::*;

use crate::support::{CONTRACTS, World, operator};

/// Rounds in which stations `0..honest` agree and each of the others reports a different lie.
fn round(number: u64, honest: usize) -> (RoundFacts, RoundEvaluation) {
    let mut world = World::new(20, 30);
    world.round = RoundNumber(number);
    world.randomness = Randomness(B256::repeat_byte(number as u8));
    let measurements: Vec<_> = (0..20)
        .flat_map(|station| [(station, 0), (station, 1)])
        .map(|(station, k)| {
            world.measure(station, k, |m| {
                if station >= honest {
                    m.car_checksum = Some(format!("1220{station}"));
                }
            })
        })
        .collect();
    let (one, two) = measurements.split_at(measurements.len() / 2);
    (world.facts(), world.evaluate(&[one.to_vec(), two.to_vec()]))
}

fn unrevealed(number: u64) -> (RoundFacts, RoundEvaluation) {
    let facts = RoundFacts {
        draw: None,
        ..round(number, 0).0
    };
    let chain = ChainRound {
        round: Round {
            number: facts.round,
            roster: facts.roster,
            tasks: facts.tasks,
            parameters: facts.parameters,
            opened_at: 0,
            times: Times::of_round(0, &facts.parameters),
            beacon_round: facts.beacon_round,
            dedupe_beacon_round: facts.dedupe_beacon_round,
            seed: None,
        },
        commitments: Vec::new(),
        own: Vec::new(),
    };
    (facts, RoundEvaluation::not_drawn(&chain, &Drops::default()))
}

fn first() -> SettlementDocument {
    settle(CONTRACTS, None, 2, &[round(1, 20), unrevealed(2), round(3, 14)]).unwrap()
}

#[test]
fn documents_parse_back() {
    let document = first();
    let bytes = document.to_bytes();
    assert_eq!(SettlementDocument::parse(&bytes).unwrap(), document);
    let text = String::from_utf8(bytes).unwrap();
    // DAG-JSON: ascending keys, links, no white space.
    assert!(text.starts_with(r#"{"allocations":[{"cumulative":"#), "{text}");
    let keys = [
        "allocations",
        "contracts",
        "cumulativeTotal",
        "drops",
        "firstRound",
        "lastRound",
        "parent",
        "rates",
        "reports",
        "root",
        "rounds",
        "version",
    ];
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value.as_object().unwrap().len(), keys.len());
    assert!(
        text.ends_with(r#","version":3}"#) && !text.contains([' ', '\n']),
        "{text}"
    );
    let contracts = r#""contracts":{"chainId":31337,"rewards":"0xa2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2","rounds":"0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"}"#;
    assert!(text.contains(contracts), "{text}");
    assert!(
        text.contains(r#""commitments":[],"committees":0,"decisions":{},"#),
        "{text}"
    );
    assert!(text.contains(r#""commitments":[{"cid":{"/":"baf"#), "{text}");
    assert!(
        text.contains(r#""droppedLists":[],"invalid":{},"labels":"#) && text.contains(r#""own":[],"#),
        "{text}"
    );
    // Station 0 has both of its tasks, of 40.
    let tasks = format!("0x{}03", "00".repeat(31));
    assert!(
        text.contains(&format!(
            r#""reports":[[1,0,"{tasks}",0,40,"50000000"],[1,1,"{tasks}",2,40,"100000000"],"#
        )),
        "{text}"
    );
    assert!(
        text.contains(r#""remainder":"7","rewardEach":"25000000","rewarded":40,"#),
        "{text}"
    );
    sorted(&value);
}

/// It has a dropped batch, a round without its roster, and a report of a station's own.
#[test]
fn the_document_of_the_vectors_is_consistent() {
    let vectors = include_str!("../../../../docs/vectors/v2/documents-invalid.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["kind"] == "settlement").unwrap();
    let good = case["good"].as_str().unwrap();
    let document = SettlementDocument::parse(good.as_bytes()).unwrap();
    assert_eq!(document.to_bytes(), good.as_bytes());
    assert_eq!(allocations_in(good.as_bytes()).unwrap(), document.allocations);
}

/// Checks that the keys of all objects ascend.
fn sorted(value: &serde_json::Value) {
    if let Some(fields) = value.as_object() {
        assert!(fields.keys().is_sorted(), "{value}");
        fields.values().for_each(sorted);
    }
    value.as_array().into_iter().flatten().for_each(sorted);
}

#[test]
fn the_same_rounds_give_the_same_document() {
    assert_eq!(first().cid(), first().cid());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| first().to_bytes()), first().to_bytes());
}

#[test]
fn every_operator_can_prove_its_reward() {
    let document = first();
    assert!(document.allocations.len() > 4);
    let count = document.allocations.len() as u32;
    for (index, allocation) in (0..).zip(&document.allocations) {
        let Allocation {
            operator, cumulative, ..
        } = *allocation;
        let proof = document.proof(operator).unwrap();
        assert_eq!((proof.index, proof.cumulative), (index, cumulative));
        let leaf = claim_leaf(operator, cumulative, proof.rest);
        assert!(positional::verify(
            document.root,
            count,
            leaf,
            index,
            &proof.proof
        ));
        let more = claim_leaf(operator, one_more(cumulative), proof.rest);
        assert!(!positional::verify(
            document.root,
            count,
            more,
            index,
            &proof.proof
        ));
    }
    assert_eq!(document.proof(operator(999)), None);
}

#[test]
fn a_settlement_continues_its_parent() {
    let parent = first();
    let reference = Parent {
        settlement: 5,
        document: &parent,
    };
    let document = settle(CONTRACTS, Some(reference), 0, &[round(4, 20)]).unwrap();
    assert_eq!(
        (document.first_round, document.last_round),
        (RoundNumber(4), RoundNumber(4))
    );
    assert_eq!(
        document.parent.map(|parent| (parent.settlement, parent.cid)),
        Some((5, parent.cid()))
    );
    assert_continues(&document, &parent);
    assert_eq!(
        document.cumulative_total.checked_sub(parent.cumulative_total),
        Some(document.distributed())
    );
    assert!(
        document
            .reports
            .iter()
            .all(|report| report.round == RoundNumber(4))
    );
    assert_eq!(SettlementDocument::parse(&document.to_bytes()).unwrap(), document);
}

/// Every operator has what it had, and what it has grown by.
fn assert_continues(document: &SettlementDocument, parent: &SettlementDocument) {
    for before in &parent.allocations {
        assert!(document.allocation(before.operator).is_some());
    }
    let mut running = AttoFil::ZERO;
    for allocation in &document.allocations {
        let before = parent
            .allocation(allocation.operator)
            .map_or(AttoFil::ZERO, |(_, before)| before.cumulative);
        assert_eq!(before.checked_add(allocation.grown), Some(allocation.cumulative));
        running = running.checked_add(allocation.cumulative).unwrap();
        assert_eq!(allocation.running, running);
    }
    assert_eq!(running, document.cumulative_total);
}

#[test]
fn a_settlement_of_nothing_keeps_its_parents_tree() {
    let parent = first();
    let reference = Parent {
        settlement: 5,
        document: &parent,
    };
    let nothing = settle(CONTRACTS, Some(reference), 3, &[unrevealed(4)]).unwrap();
    assert_eq!(nothing.allocations, parent.allocations);
    assert_eq!(
        (nothing.root, nothing.cumulative_total, nothing.drops),
        (parent.root, parent.cumulative_total, 3)
    );
    assert!(nothing.reports.is_empty() && nothing.sheets().all(|(_, sheet)| sheet.is_empty()));
    assert_eq!(SettlementDocument::parse(&nothing.to_bytes()).unwrap(), nothing);
    // The next that grants something has grown over it, not over its parent's growth.
    let reference = Parent {
        settlement: 6,
        document: &nothing,
    };
    let next = settle(CONTRACTS, Some(reference), 3, &[round(5, 14)]).unwrap();
    assert_continues(&next, &parent);
    assert!(
        next.allocations
            .iter()
            .any(|allocation| allocation.grown.is_zero())
    );
    assert_eq!(SettlementDocument::parse(&next.to_bytes()).unwrap(), next);
}

#[test]
fn a_budget_smaller_than_the_number_of_measurements_is_in_no_sheet() {
    let (mut facts, _) = round(1, 20);
    let mut world = World::new(20, 30);
    world.parameters.budget = AttoFil::new(39);
    world.randomness = Randomness(B256::repeat_byte(1));
    facts.parameters = world.parameters;
    let document = settle(
        CONTRACTS,
        None,
        0,
        &[(facts, world.evaluate(&[world.honest()])), round(2, 20)],
    )
    .unwrap();
    assert_eq!(document.rounds[0].rewarded, 40);
    assert!(
        document
            .reports
            .iter()
            .all(|report| report.round == RoundNumber(2))
    );
    assert_eq!(SettlementDocument::parse(&document.to_bytes()).unwrap(), document);
}

#[test]
fn rounds_must_follow_each_other() {
    let parent = first();
    let reference = Parent {
        settlement: 1,
        document: &parent,
    };
    let not_next = |result| match result {
        Err(SettleError::NotNext { expected, round }) => (expected.0, round.0),
        other => panic!("{other:?}"),
    };
    assert_eq!(not_next(settle(CONTRACTS, None, 0, &[unrevealed(2)])), (1, 2));
    assert_eq!(
        not_next(settle(CONTRACTS, None, 0, &[unrevealed(1), unrevealed(3)])),
        (2, 3)
    );
    assert_eq!(
        not_next(settle(CONTRACTS, Some(reference), 0, &[unrevealed(3)])),
        (4, 3)
    );
    assert!(matches!(
        settle(CONTRACTS, None, 0, &[]),
        Err(SettleError::NoRounds { next: RoundNumber(1) })
    ));
    let elsewhere = Contracts {
        chain_id: 1,
        ..CONTRACTS
    };
    let error = settle(elsewhere, Some(reference), 0, &[unrevealed(4)]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("settlement 1 belongs to chain 31337"),
        "{error}"
    );
}

#[test]
fn without_rewards_the_root_is_zero() {
    let document = settle(CONTRACTS, None, 0, &[unrevealed(1)]).unwrap();
    assert_eq!(
        (
            document.root,
            document.allocations.len(),
            document.cumulative_total
        ),
        (B256::ZERO, 0, AttoFil::ZERO)
    );
    assert_eq!(document.proposal().operators, 0);
    assert_eq!(SettlementDocument::parse(&document.to_bytes()).unwrap(), document);
}

#[test]
fn a_total_that_no_document_can_hold_is_refused() {
    let (facts, mut evaluation) = round(1, 20);
    evaluation.reward.each = AttoFil::MAX_IN_FILES;
    let settled = settle(CONTRACTS, None, 0, &[(facts, evaluation)]);
    assert!(matches!(settled, Err(SettleError::Overflow)), "{settled:?}");
}

fn one_more(amount: AttoFil) -> AttoFil {
    amount.checked_add(AttoFil::new(1)).unwrap()
}

fn one_less(amount: AttoFil) -> AttoFil {
    amount.checked_sub(AttoFil::new(1)).unwrap()
}

/// The field for which a changed document is rejected.
fn fault(change: impl FnOnce(&mut SettlementDocument)) -> String {
    let mut document = first();
    change(&mut document);
    match SettlementDocument::parse(&document.to_bytes()) {
        Err(DocumentError::Inconsistent { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_inconsistent_document_is_rejected_with_the_field() {
    assert_eq!(fault(|d| d.first_round.0 = 2), "firstRound");
    assert_eq!(fault(|d| d.last_round.0 = 4), "rounds");
    assert_eq!(fault(|d| d.last_round.0 = 0), "lastRound");
    assert_eq!(fault(|d| d.rounds.swap(0, 2)), "rounds[0].round");
    assert_eq!(fault(|d| d.contracts.chain_id = 1), "rounds[0].draw.seed");
    assert_eq!(
        fault(|d| d.rounds[2].facts.draw.as_mut().unwrap().seed.0 = B256::ZERO),
        "rounds[2].draw.seed"
    );
    assert_eq!(fault(|d| d.rounds[0].facts.draw = None), "rounds[0].commitments");
    assert_eq!(fault(|d| d.rounds[2].labels.dup_subnet += 1), "rounds[2].labels");
    assert_eq!(
        fault(|d| d.rounds[2].commitments[0].invalid += 1),
        "rounds[2].invalid"
    );
    assert_eq!(
        fault(|d| d.rounds[2].verdicts.minority_result += 1),
        "rounds[2].verdicts"
    );
    assert_eq!(fault(|d| d.rounds[2].rewarded += 1), "rounds[2].rewarded");
    type Field = fn(&mut SettlementDocument) -> &mut AttoFil;
    let amounts: [(Field, _); 8] = [
        (|d| &mut d.rounds[2].reward_each, "rounds[2].rewardEach"),
        (|d| &mut d.rounds[1].distributed, "rounds[1].distributed"),
        (
            |d| &mut d.rounds[0].facts.parameters.budget,
            "rounds[0].remainder",
        ),
        (|d| &mut d.allocations[0].cumulative, "allocations[0].running"),
        (|d| &mut d.allocations[1].running, "allocations[1].running"),
        (|d| &mut d.allocations[1].grown, "allocations[1].grown"),
        (|d| &mut d.cumulative_total, "cumulativeTotal"),
        (|d| &mut d.reports[3].running, "reports[3].running"),
    ];
    for (field, path) in amounts {
        assert_eq!(fault(|d| *field(d) = one_more(*field(d))), path);
    }
    assert_eq!(
        fault(|d| d
            .rates
            .providers
            .values_mut()
            .for_each(|counts| counts.total += 1)),
        "rates.providers"
    );
    assert_eq!(
        fault(|d| {
            let verdicts = &mut d.rates.providers.values_mut().next().unwrap().verdicts;
            verdicts.majority_result -= 1;
            verdicts.minority_result += 1;
        }),
        "rates.providers, verdict MAJORITY_RESULT"
    );
    assert_eq!(fault(|d| d.root = B256::ZERO), "root");
    assert_eq!(fault(|d| d.allocations.swap(0, 1)), "allocations[0].running");
    assert_eq!(
        fault(|d| {
            let first = d.allocations[0].running;
            d.allocations[0].operator = Address::repeat_byte(0xff);
            assert_eq!(first, d.allocations[0].cumulative);
        }),
        "allocations[1].operator"
    );
    assert_eq!(
        fault(|d| d.allocations.push(Allocation {
            operator: operator(999),
            cumulative: AttoFil::ZERO,
            ..*d.allocations.last().unwrap()
        })),
        "allocations[7].cumulative"
    );
    assert_eq!(fault(|d| d.allocations[2].reports += 1), "reports");
    assert_eq!(
        fault(|d| d.allocations[2].sheet = B256::ZERO),
        "allocations[2].sheet"
    );
    assert_eq!(fault(|d| d.reports[3].station.0 = 20), "reports[3].station");
    assert_eq!(
        fault(|d| d.reports[3].tasks = Default::default()),
        "reports[3].tasks"
    );
    assert_eq!(fault(|d| d.reports[3].tasks.0[0] = 1), "reports[3].tasks");
    assert_eq!(fault(|d| d.reports[3].round.0 = 4), "reports[3].round");
    assert_eq!(fault(|d| d.reports[3].accepted += 1), "reports[3].accepted");
    assert_eq!(fault(|d| d.reports.swap(0, 1)), "reports[0].running");
    assert_eq!(fault(|d| d.reports[1] = d.reports[0]), "reports[1].station");
    assert_eq!(fault(|d| d.reports.truncate(d.reports.len() - 1)), "reports");
    // A wrong rank is in leaf and sheet, and no sum shows it.
    assert_eq!(
        fault(|d| with_sheets(d, |d| d.reports[2].rank += 1)),
        "reports[2].rank"
    );
    // A continuation may have any total that is at least what its own rounds distribute.
    assert_eq!(
        fault(|d| {
            d.parent = parent();
            d.allocations[0].cumulative = one_less(d.allocations[0].cumulative);
            run(d);
        }),
        "cumulativeTotal"
    );
    // Moving a reward from one operator to another keeps every sum, but not the sheets.
    assert_eq!(
        fault(|d| {
            let [from, to, ..] = &mut d.allocations[..] else {
                panic!()
            };
            (from.cumulative, to.cumulative) = (one_less(from.cumulative), one_more(to.cumulative));
            run(d);
        }),
        "allocations[0].cumulative"
    );
    // Nor does one that earned less than it had lose anything.
    assert_eq!(
        fault(|d| {
            d.parent = parent();
            d.allocations[0].cumulative = one_less(d.allocations[0].grown);
            d.allocations[1].cumulative = one_more(d.allocations[1].cumulative);
            run(d);
        }),
        "allocations[0].cumulative"
    );
}

/// Makes running sums and total follow from the allocations.
fn run(document: &mut SettlementDocument) {
    let mut running = AttoFil::ZERO;
    for allocation in &mut document.allocations {
        running = running.saturating_add(allocation.cumulative);
        allocation.running = running;
    }
    document.cumulative_total = running;
}

/// Makes the roots of the sheets follow from the reports.
fn with_sheets(document: &mut SettlementDocument, change: impl FnOnce(&mut SettlementDocument)) {
    change(document);
    let roots: Vec<B256> = document
        .sheets()
        .map(|(_, sheet)| positional::Tree::new(sheet.iter().map(|entry| entry.leaf()).collect()).root())
        .collect();
    for (allocation, root) in document.allocations.iter_mut().zip(roots) {
        allocation.sheet = root;
    }
}

#[test]
fn what_was_not_read_is_not_counted() {
    assert_eq!(
        fault(|d| d.rounds[0].commitments[0].dropped = true),
        "rounds[0].labels"
    );
    assert_eq!(
        fault(|d| {
            d.rounds[0].commitments[0].dropped = true;
            d.rounds[0].commitments[0].invalid = 1;
        }),
        "rounds[0].commitments[0].invalid"
    );
    assert_eq!(
        fault(|d| d.rounds[0].commitments[0].invalid = 21),
        "rounds[0].commitments[0].invalid"
    );
    assert_eq!(
        fault(|d| d.rounds[0].facts.dropped_lists = vec![List::Tasks]),
        "rounds[0].droppedLists"
    );
    assert_eq!(
        fault(|d| d.rounds[1].facts.dropped_lists = vec![List::Tasks, List::Roster]),
        "rounds[1].droppedLists"
    );
    assert_eq!(
        fault(|d| (d.drops, d.rounds[1].facts.dropped_lists) = (1, vec![List::Roster, List::Tasks])),
        "drops"
    );
}

#[test]
fn non_canonical_bytes_are_rejected() {
    let text = String::from_utf8(first().to_bytes()).unwrap();
    let offset = |text: &str| match SettlementDocument::parse(text.as_bytes()) {
        Err(DocumentError::Form(FormError::NotCanonical(difference))) => difference.offset,
        other => panic!("{other:?}"),
    };
    assert_eq!(offset(&format!("{text}\n")), text.len());
    assert_eq!(
        offset(&text.replacen("{\"allocations\"", "{ \"allocations\"", 1)),
        1
    );
    let unsorted = text
        .replacen(",\"version\":3}", "}", 1)
        .replacen('{', "{\"version\":3,", 1);
    assert_eq!(offset(&unsorted), 2);
    assert_eq!(
        offset(&text.replacen("\"0xa1a1", "\"0xA1a1", 1)),
        text.find("0xa1a1").unwrap() + 2
    );
    // Unknown fields, where the format might accept them.
    assert!(offset(&text.replacen("\"committees\":2", "\"extra\":2,\"committees\":2", 1)) > 0);
}

#[test]
fn malformed_documents_are_rejected() {
    let text = String::from_utf8(first().to_bytes()).unwrap();
    let message = |text: &str| {
        SettlementDocument::parse(text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert!(message("").starts_with("this is not a settlement document"));
    assert!(message(&text[..text.len() / 2]).starts_with("this is not a settlement document"));
    let newer = message(&text.replacen("\"version\":3", "\"version\":4", 1));
    assert!(
        newer.contains("has version 4, this program supports version 3"),
        "{newer}"
    );
    let amount = message(&text.replacen("\"remainder\":\"7\"", "\"remainder\":\"7.0\"", 1));
    assert!(amount.contains("`7.0` is not an amount in attoFIL"), "{amount}");
    let unknown = message(&text.replacen("\"parent\":null", "\"parent\":null,\"note\":1", 1));
    assert!(unknown.contains("unknown field `note`"), "{unknown}");
    let most = u128::MAX.to_string();
    let huge = message(&text.replacen("\"remainder\":\"7\"", &format!("\"remainder\":\"{most}0\""), 1));
    assert!(huge.contains("below 2^128"), "{huge}");
}

#[test]
fn invalid_ranges_are_rejected() {
    assert_eq!(
        fault(|d| (d.parent, d.first_round.0, d.last_round.0) = (parent(), u64::MAX, u64::MAX)),
        "rounds"
    );
    assert_eq!(fault(|d| d.last_round.0 = u64::MAX), "rounds");
    assert_eq!(
        fault(|d| (d.parent, d.first_round.0) = (parent(), 0)),
        "lastRound"
    );
}

fn parent() -> Option<ParentReference> {
    Some(ParentReference {
        settlement: 1,
        cid: first().cid(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_damage_is_detected(at: prop::sample::Index, byte: u8) {
        let document = first();
        let mut bytes = document.to_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        // Fields that are not cross-checked, such as a beacon's number, at least change the document.
        if let Ok(damaged) = SettlementDocument::parse(&bytes) {
            prop_assert_ne!(damaged, document);
        }
    }

    #[test]
    fn allocations_grow_by_exactly_what_is_distributed(
        settlements in proptest::collection::vec(proptest::collection::vec(0_usize..=21, 1..3), 1..4)
    ) {
        let mut parent: Option<SettlementDocument> = None;
        let mut next = 1;
        for (id, rounds) in (0_u64..).zip(settlements) {
            let rounds: Vec<_> = rounds
                .into_iter()
                .map(|honest| {
                    next += 1;
                    // 21 represents an unrevealed round.
                    if honest > 20 { unrevealed(next - 1) } else { round(next - 1, honest) }
                })
                .collect();
            let reference = parent.as_ref().map(|document| Parent { settlement: id, document });
            let document = settle(CONTRACTS, reference, 0, &rounds).unwrap();

            let sum = |of: fn(&RoundFigures) -> AttoFil| AttoFil::checked_sum(document.rounds.iter().map(of)).unwrap();
            let before = parent.as_ref().map_or(AttoFil::ZERO, |parent| parent.cumulative_total);
            let given = sum(|round| round.facts.parameters.budget).checked_add(before);
            prop_assert_eq!(document.cumulative_total.checked_add(sum(|round| round.remainder)), given);
            if let Some(parent) = &parent {
                if document.distributed().is_zero() {
                    prop_assert_eq!(&document.allocations, &parent.allocations);
                } else {
                    assert_continues(&document, parent);
                }
            }
            prop_assert_eq!(SettlementDocument::parse(&document.to_bytes()).unwrap(), document.clone());
            parent = Some(document);
        }
    }
}
