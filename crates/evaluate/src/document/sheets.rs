//! Checks that sheets, rounds and allocations of a document agree (docs/protocol.md §8.2).

use std::collections::BTreeMap;

use assize_protocol::{Allocation, AttoFil, RoundNumber, SheetEntry, StationIndex, positional::RootOf};

use super::check::{Result, agree, contradiction};
use super::{RoundFigures, SettlementDocument};

/// Without earnings there are no sheets, and the allocations are the parent's. Otherwise every allocation has grown by what its
/// sheet adds up to, and the sheets have every accepted measurement of the rounds once.
pub(super) fn check_sheets(document: &SettlementDocument) -> Result {
    let earned = document.rounds.iter().any(|round| !round.distributed.is_zero());
    let listed: u64 = if earned {
        document
            .allocations
            .iter()
            .map(|allocation| u64::from(allocation.reports))
            .sum()
    } else {
        0
    };
    agree("reports", document.reports.len() as u64, listed)?;
    if !earned {
        return Ok(());
    }
    let mut stations = BTreeMap::new();
    let mut index = 0;
    for (place, (allocation, sheet)) in document.sheets().enumerate() {
        let mut before: Option<&SheetEntry> = None;
        for entry in sheet {
            Checked {
                document,
                index,
                entry,
            }
            .check(before, &mut stations)?;
            before = Some(entry);
            index += 1;
        }
        check_allocation(document, place, allocation, sheet)?;
    }
    check_ranks(document, stations)
}

/// That an operator has grown by what its sheet adds up to.
fn check_allocation(
    document: &SettlementDocument,
    place: usize,
    allocation: &Allocation,
    sheet: &[SheetEntry],
) -> Result {
    let field = |name: &str| format!("allocations[{place}].{name}");
    let grown = sheet.last().map_or(AttoFil::ZERO, |last| last.running).atto();
    agree(field("grown"), allocation.grown.atto(), grown)?;
    let root = sheet.iter().map(SheetEntry::leaf).collect::<RootOf>().root();
    agree(field("sheet"), allocation.sheet, root)?;
    let cumulative = allocation.cumulative.atto();
    if document.parent.is_none() {
        return agree(field("cumulative"), cumulative, grown);
    }
    if cumulative < grown {
        return Err(contradiction(
            field("cumulative"),
            cumulative,
            format_args!("at least {grown}"),
        ));
    }
    Ok(())
}

/// What the sheets have of each round: by station, the place in `reports` and the entry.
type Stations<'a> = BTreeMap<(RoundNumber, StationIndex), (usize, &'a SheetEntry)>;

/// An entry of `reports`.
struct Checked<'a> {
    document: &'a SettlementDocument,
    index: usize,
    entry: &'a SheetEntry,
}

impl<'a> Checked<'a> {
    fn field(&self, name: &str) -> String {
        format!("reports[{}].{name}", self.index)
    }

    /// Everything about it but its rank.
    fn check(&self, before: Option<&SheetEntry>, stations: &mut Stations<'a>) -> Result {
        let entry = self.entry;
        let Some(round) = round_of(self.document, entry.round) else {
            let (first, last) = (self.document.first_round, self.document.last_round);
            let range = format_args!("a round of {first} to {last}");
            return Err(contradiction(self.field("round"), entry.round, range));
        };
        let place = (entry.round, entry.station);
        if let Some(before) = before.filter(|before| (before.round, before.station) >= place) {
            let order = format_args!("a station above {} of round {}", before.station, before.round);
            return Err(contradiction(self.field("station"), entry.station, order));
        }
        if entry.station.0 >= round.facts.roster.count {
            return Err(contradiction(
                self.field("station"),
                entry.station,
                "one of the roster",
            ));
        }
        if entry.tasks.is_empty() || entry.tasks.end() > round.tasks_per_committee {
            let range = format_args!("some of {} tasks", round.tasks_per_committee);
            return Err(contradiction(self.field("tasks"), entry.tasks.0, range));
        }
        agree(self.field("accepted"), u64::from(entry.accepted), round.rewarded)?;
        let earned = round.reward_each.checked_mul(entry.tasks.count().into());
        let running = before
            .map_or(AttoFil::ZERO, |before| before.running)
            .saturating_add(earned.unwrap_or(AttoFil::MAX));
        agree(self.field("running"), entry.running.atto(), running.atto())?;
        if stations.insert(place, (self.index, entry)).is_some() {
            let once = "one that no other sheet has";
            return Err(contradiction(self.field("station"), entry.station, once));
        }
        Ok(())
    }
}

/// That each rank is the number of accepted measurements of lower stations, and that none is missing of a round that pays.
fn check_ranks(document: &SettlementDocument, stations: Stations<'_>) -> Result {
    let mut counted = BTreeMap::<RoundNumber, u64>::new();
    for ((round, _), (index, entry)) in stations {
        let rank = counted.entry(round).or_default();
        agree(
            format_args!("reports[{index}].rank"),
            u64::from(entry.rank),
            *rank,
        )?;
        *rank += u64::from(entry.tasks.count());
    }
    for (index, round) in document.rounds.iter().enumerate() {
        let paid = if round.distributed.is_zero() {
            0
        } else {
            round.rewarded
        };
        let shown = counted.get(&round.facts.round).copied().unwrap_or_default();
        agree(format_args!("rounds[{index}].rewarded"), paid, shown)?;
    }
    Ok(())
}

fn round_of(document: &SettlementDocument, round: RoundNumber) -> Option<&RoundFigures> {
    let place = round.0.checked_sub(document.first_round.0)?;
    document.rounds.get(usize::try_from(place).ok()?)
}
