//! What breaks past promises is found, and shown as the Court asks for it (docs/protocol.md §11.2).

use assize_chain::{Place, Search};
use assize_evaluate::SettlementDocument;
use assize_facts::SettlementId;
use assize_protocol::{Address, Allocation, AttoFil, B256, positional};
use assize_verify::{Fraud, VerifyError};

use crate::case::Case;

const TWO: SettlementId = SettlementId(2);

/// Posts a changed document as settlement 2; its root is that of its allocations, and its total that of the last of them.
fn forged(change: impl FnOnce(&mut SettlementDocument)) -> Case {
    let mut case = Case::new();
    let mut document = case.document(2);
    change(&mut document);
    document.cumulative_total = document
        .allocations
        .last()
        .map_or(AttoFil::ZERO, |last| last.running);
    document.root = document.rewards_tree().root();
    case.post(TWO, &document);
    case
}

fn fraud(case: &Case) -> Option<Fraud> {
    case.evidence().find_fraud(TWO).unwrap()
}

/// Makes the running sums follow from the allocations.
fn run(document: &mut SettlementDocument) {
    let mut running = AttoFil::ZERO;
    for allocation in &mut document.allocations {
        running = running.saturating_add(allocation.cumulative);
        allocation.running = running;
    }
}

fn less(amount: &mut AttoFil) {
    *amount = amount.checked_sub(AttoFil::new(1)).unwrap();
}

/// Whether the settlement's tree holds what is shown.
fn holds(case: &Case, settlement: u64, shown: &(Allocation, Vec<B256>), index: u32) -> bool {
    let document = case.document(settlement);
    let count = document.allocations.len() as u32;
    positional::verify(document.root, count, shown.0.leaf(), index, &shown.1)
}

fn order(case: &Case) -> (u32, Option<Address>) {
    let Some(Fraud::Order { lower, upper }) = fraud(case) else {
        panic!("no disorder")
    };
    let Place {
        index,
        allocation,
        proof,
    } = lower;
    assert!(holds(case, 2, &(allocation, proof), index));
    assert!(upper.iter().all(|upper| holds(case, 2, upper, index + 1)));
    (index, upper.map(|(allocation, _)| allocation.operator))
}

fn growth(case: &Case) -> Address {
    let Some(Fraud::Growth {
        operator,
        here,
        before,
    }) = fraud(case)
    else {
        panic!("no wrong growth")
    };
    for (settlement, search) in [(2, here), (1, before)] {
        match search {
            Search::Present(Place {
                index,
                allocation,
                proof,
            }) => {
                assert_eq!(allocation.operator, operator);
                assert!(holds(case, settlement, &(allocation, proof), index));
            }
            Search::Absent { index, lower, upper } => {
                assert!(lower.iter().all(|(allocation, _)| allocation.operator < operator));
                assert!(upper.iter().all(|(allocation, _)| allocation.operator > operator));
                assert!(
                    lower
                        .iter()
                        .all(|lower| holds(case, settlement, lower, index - 1))
                );
                assert!(upper.iter().all(|upper| holds(case, settlement, upper, index)));
                assert!(lower.is_some() || upper.is_some());
            }
        }
    }
    operator
}

#[test]
fn honest_settlements_break_nothing() {
    let case = Case::new();
    for id in [1, 2] {
        assert_eq!(case.evidence().find_fraud(SettlementId(id)).unwrap(), None);
    }
    assert_eq!(fraud(&forged(|_| ())), None);
}

#[test]
fn operators_out_of_order_or_twice() {
    let last = Case::new().document(2).allocations.len() - 1;
    let swapped = forged(|d| {
        d.allocations.swap(1, 2);
        run(d);
    });
    assert_eq!(order(&swapped).0, 1);
    let twice = forged(|d| {
        d.allocations.push(d.allocations[last]);
        run(d);
    });
    assert_eq!(
        order(&twice),
        (last as u32, Some(twice.document(2).allocations[last].operator))
    );
}

#[test]
fn wrong_sums() {
    assert_eq!(
        order(&forged(|d| less(&mut d.allocations[0].running))),
        (0, Some(Case::new().document(2).allocations[1].operator))
    );
    let operator = |index: usize| Some(Case::new().document(2).allocations[index].operator);
    assert_eq!(
        order(&forged(|d| less(&mut d.allocations[3].running))),
        (2, operator(3))
    );
    // The last is not the total that was signed.
    let mut case = Case::new();
    less(&mut case.proposal(2).cumulative_total);
    assert_eq!(
        order(&case),
        (case.document(2).allocations.len() as u32 - 1, None)
    );
}

#[test]
fn an_operator_that_lost_something() {
    let operator = |index: usize| Case::new().document(2).allocations[index].operator;
    let lost = forged(|d| {
        less(&mut d.allocations[2].cumulative);
        run(d);
    });
    assert_eq!(growth(&lost), operator(2));
    let missing = forged(|d| {
        d.allocations.remove(1);
        run(d);
    });
    assert_eq!(growth(&missing), operator(1));
    let first = forged(|d| {
        d.allocations.remove(0);
        run(d);
    });
    assert_eq!(growth(&first), operator(0));
    let grown = forged(|d| d.allocations[4].grown = AttoFil::ZERO);
    assert_eq!(growth(&grown), operator(4));
    // One that nobody promised anything, with more than it has grown by.
    let stranger = forged(|d| {
        d.allocations.push(Allocation {
            operator: Address::repeat_byte(0xff),
            cumulative: AttoFil::new(5),
            running: AttoFil::ZERO,
            grown: AttoFil::new(4),
            reports: 0,
            sheet: B256::ZERO,
        });
        run(d);
    });
    assert_eq!(growth(&stranger), Address::repeat_byte(0xff));
}

#[test]
fn without_the_allocations_of_the_root_nothing_can_be_shown() {
    let mut case = Case::new();
    case.proposal(2).root = B256::ZERO;
    let error = case.evidence().find_fraud(TWO).unwrap_err();
    assert!(
        matches!(error, VerifyError::Mismatch(ref mismatch) if mismatch.path == "chain.settlements[2].root"),
        "{error}"
    );
    let mut case = Case::new();
    case.proposal(1).operators += 1;
    assert!(matches!(
        case.evidence().find_fraud(TWO),
        Err(VerifyError::Mismatch(_))
    ));
}

#[test]
fn a_settlement_of_the_parents_tree_cannot_be_wrong() {
    // The Court refuses to look at it.
    let mut case = forged(|d| {
        d.allocations[0].running = AttoFil::ZERO;
    });
    let document = case.document(2);
    case.post(SettlementId(1), &document);
    case.facts
        .settlements
        .get_mut(&SettlementId(1))
        .unwrap()
        .proposal
        .parent = None;
    assert_eq!(fraud(&case), None);
}
