//! Checks that a document is consistent.

use std::fmt::Display;

use assize_protocol::AttoFil;

use super::sheets::check_sheets;
use super::{DocumentError, RoundFigures, SettlementDocument};
use crate::{Label, Reward, Verdict};

pub(super) type Result<T = ()> = std::result::Result<T, DocumentError>;

/// Recomputes every sum and root.
pub(super) fn check(document: &SettlementDocument) -> Result {
    check_range(document)?;
    for (index, figures) in document.rounds.iter().enumerate() {
        let check = RoundCheck {
            path: format!("rounds[{index}]"),
            figures,
        };
        check.run(document)?;
    }
    check_rates(document)?;
    check_drops(document)?;
    check_money(document)?;
    check_sheets(document)?;
    agree("root", document.root, document.rewards_tree().root())
}

fn check_range(document: &SettlementDocument) -> Result {
    let (first, last) = (document.first_round.0, document.last_round.0);
    if let Some(parent) = document.parent {
        if parent.settlement == 0 {
            return Err(contradiction("parent.settlement", 0, "a number from 1"));
        }
    } else {
        agree("firstRound", first, 1)?;
    }
    if last < first || first == 0 {
        return Err(contradiction(
            "lastRound",
            last,
            format_args!("at least {}", first.max(1)),
        ));
    }
    agree("rounds", document.rounds.len() as u64, last - first + 1)?;
    for (number, (index, figures)) in (first..=last).zip(document.rounds.iter().enumerate()) {
        agree(
            format_args!("rounds[{index}].round"),
            figures.facts.round.0,
            number,
        )?;
    }
    Ok(())
}

struct RoundCheck<'a> {
    path: String,
    figures: &'a RoundFigures,
}

impl RoundCheck<'_> {
    fn agree<T: PartialEq + Display>(&self, field: impl Display, stated: T, computed: T) -> Result {
        agree(format_args!("{}.{field}", self.path), stated, computed)
    }

    fn at_most(&self, field: impl Display, stated: u32, most: u32) -> Result {
        if stated <= most {
            return Ok(());
        }
        let path = format_args!("{}.{field}", self.path);
        Err(contradiction(path, stated, format_args!("at most {most}")))
    }

    fn run(&self, document: &SettlementDocument) -> Result {
        let RoundFigures {
            facts,
            labels,
            verdicts,
            commitments,
            own,
            ..
        } = self.figures;
        if let Some(draw) = &facts.draw {
            self.agree("droppedLists", facts.dropped_lists.len(), 0)?;
            let seed = document.contracts.seed(facts.round, draw.randomness);
            self.agree("draw.seed", draw.seed, seed)?;
        } else if facts.dropped_lists.is_empty() {
            // A round accepts batches and reports only once it is revealed.
            self.agree("commitments", commitments.len(), 0)?;
            self.agree("own", own.len(), 0)?;
        }
        if !facts.dropped_lists.is_sorted_by(|one, next| one < next) {
            let path = format_args!("{}.droppedLists", self.path);
            return Err(contradiction(
                path,
                "something else",
                "the roster, then the task list",
            ));
        }
        let is_read = |dropped: bool| facts.draw.is_some() && !dropped;
        for (index, batch) in commitments.iter().enumerate() {
            self.at_most(
                format_args!("commitments[{index}].invalid"),
                batch.invalid,
                if is_read(batch.dropped) { batch.count } else { 0 },
            )?;
        }
        for (index, report) in own.iter().enumerate() {
            let most = if is_read(false) { u32::MAX } else { 0 };
            self.at_most(format_args!("own[{index}].lines"), report.lines, most)?;
            self.at_most(format_args!("own[{index}].invalid"), report.invalid, report.lines)?;
        }
        let total = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
        let read = commitments.iter().filter(|batch| is_read(batch.dropped));
        let lines = total(
            &mut read
                .map(|batch| batch.count)
                .chain(own.iter().map(|report| report.lines))
                .map(u64::from),
        );
        let invalid = total(
            &mut (commitments.iter().map(|batch| batch.invalid))
                .chain(own.iter().map(|report| report.invalid))
                .map(u64::from),
        );
        self.agree(
            "invalid",
            total(&mut self.figures.invalid.values().copied()),
            invalid,
        )?;
        self.agree("labels", labels.total(), lines.saturating_sub(invalid))?;
        self.agree("verdicts", verdicts.total(), labels.get(Label::Ok))?;
        self.agree(
            "rewarded",
            self.figures.rewarded,
            verdicts.get(Verdict::MajorityResult),
        )?;
        let reward = Reward::share(facts.parameters.budget, self.figures.rewarded);
        for (field, stated, computed) in [
            ("rewardEach", self.figures.reward_each, reward.each),
            ("distributed", self.figures.distributed, reward.distributed),
            ("remainder", self.figures.remainder, reward.remainder),
        ] {
            self.agree(field, stated.atto(), computed.atto())?;
        }
        Ok(())
    }
}

/// Every OK measurement belongs to one provider.
fn check_rates(document: &SettlementDocument) -> Result {
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    let rated = sum(&mut document.rates.providers.values().map(|counts| counts.total));
    let ok = sum(&mut document.rounds.iter().map(|round| round.labels.get(Label::Ok)));
    agree("rates.providers", rated, ok)?;
    for verdict in Verdict::ALL {
        let rated = sum(&mut document
            .rates
            .providers
            .values()
            .map(|counts| counts.verdicts.get(verdict)));
        let given = sum(&mut document.rounds.iter().map(|round| round.verdicts.get(verdict)));
        agree(format_args!("rates.providers, verdict {verdict}"), rated, given)?;
    }
    Ok(())
}

/// As many files were dropped as the rounds show, or more: of earlier rounds, and lists of seals.
fn check_drops(document: &SettlementDocument) -> Result {
    let dropped = |round: &RoundFigures| {
        let batches = round.commitments.iter().filter(|batch| batch.dropped).count();
        (batches + round.facts.dropped_lists.len()) as u64
    };
    let shown = document.rounds.iter().map(dropped).fold(0, u64::saturating_add);
    if u64::from(document.drops) < shown {
        let least = format_args!("at least {shown}");
        return Err(contradiction("drops", document.drops, least));
    }
    Ok(())
}

fn check_money(document: &SettlementDocument) -> Result {
    let mut running = AttoFil::ZERO;
    let mut before = None;
    for (index, allocation) in document.allocations.iter().enumerate() {
        let field = |name: &str| format!("allocations[{index}].{name}");
        if let Some(before) = before.filter(|before| *before >= allocation.operator) {
            let order = format_args!("an address above {before}, that of the entry before it");
            return Err(contradiction(field("operator"), allocation.operator, order));
        }
        before = Some(allocation.operator);
        if allocation.cumulative.is_zero() {
            return Err(contradiction(field("cumulative"), 0, "no entry"));
        }
        running = running.saturating_add(allocation.cumulative);
        agree(field("running"), allocation.running.atto(), running.atto())?;
    }
    let total = document.cumulative_total.atto();
    agree("cumulativeTotal", total, running.atto())?;
    let distributed = document.distributed().atto();
    if document.parent.is_none() {
        agree("cumulativeTotal", total, distributed)?;
    } else if total < distributed {
        let least = format_args!("at least {distributed}");
        return Err(contradiction("cumulativeTotal", total, least));
    }
    Ok(())
}

pub(super) fn agree<T: PartialEq + Display>(field: impl Display, stated: T, computed: T) -> Result {
    if stated == computed {
        return Ok(());
    }
    Err(contradiction(field, stated, computed))
}

pub(super) fn contradiction(
    field: impl Display,
    stated: impl Display,
    computed: impl Display,
) -> DocumentError {
    DocumentError::Inconsistent {
        field: field.to_string(),
        stated: stated.to_string(),
        computed: computed.to_string(),
    }
}
