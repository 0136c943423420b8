//! Checks that a document is consistent.

use std::fmt::Display;

use assize_protocol::{AttoFil, RoundNumber};

use super::{DocumentError, RoundFigures, SettlementDocument};
use crate::{Accepted, Label, Reward, Verdict};

type Result<T = ()> = std::result::Result<T, DocumentError>;

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
    check_money(document)?;
    check_accepted(document)
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

    fn run(&self, document: &SettlementDocument) -> Result {
        let RoundFigures {
            facts,
            labels,
            verdicts,
            commitments,
            ..
        } = self.figures;
        match &facts.draw {
            Some(draw) => {
                let seed = document.contracts.seed(facts.round, draw.randomness);
                self.agree("draw.seed", draw.seed, seed)?;
            }
            // A round accepts batches only once it is revealed.
            None => self.agree("commitments", commitments.len(), 0)?,
        }
        let total = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
        let lines = total(&mut commitments.iter().map(|batch| batch.lines));
        let invalid = total(&mut commitments.iter().map(|batch| batch.invalid));
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

fn check_money(document: &SettlementDocument) -> Result {
    if let Some((operator, _)) = document
        .allocations
        .iter()
        .find(|(_, cumulative)| cumulative.is_zero())
    {
        return Err(contradiction(
            format_args!("allocations of {operator}"),
            0,
            "no entry",
        ));
    }
    let total = document.cumulative_total.atto();
    let allocated = AttoFil::saturating_sum(document.allocations.values().copied());
    agree("cumulativeTotal", total, allocated.atto())?;
    let distributed = document.distributed().atto();
    if document.parent.is_none() {
        agree("cumulativeTotal", total, distributed)?;
    } else if total < distributed {
        let least = format_args!("at least {distributed}");
        return Err(contradiction("cumulativeTotal", total, least));
    }
    agree("root", document.root, document.reward_tree().root())
}

fn check_accepted(document: &SettlementDocument) -> Result {
    let mut counts = vec![0_u64; document.rounds.len()];
    for (index, accepted) in document.accepted.iter().enumerate() {
        let field = || format!("accepted[{index}]");
        let place = accepted.round.0.checked_sub(document.first_round.0);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let round = place.and_then(|place| Some((document.rounds.get(place)?, counts.get_mut(place)?)));
        let Some((figures, count)) = round else {
            let RoundNumber(first) = document.first_round;
            let range = format_args!("a round of {first} to {}", document.last_round);
            return Err(contradiction(field(), show(accepted), range));
        };
        *count += 1;
        let exists = accepted.station.0 < figures.facts.roster.count
            && accepted.committee.0 < figures.committees
            && accepted.k.0 < figures.tasks_per_committee;
        if !exists {
            return Err(contradiction(
                field(),
                show(accepted),
                "an existing station, committee and task",
            ));
        }
        if let Some(previous) = index
            .checked_sub(1)
            .and_then(|previous| document.accepted.get(previous))
            && previous >= accepted
        {
            let order = format_args!("more than {}, the entry before it,", show(previous));
            return Err(contradiction(field(), show(accepted), order));
        }
    }
    for (index, (figures, count)) in document.rounds.iter().zip(counts).enumerate() {
        agree(format_args!("rounds[{index}].rewarded"), figures.rewarded, count)?;
    }
    agree(
        "acceptedRoot",
        document.accepted_root,
        document.accepted_tree().root(),
    )
}

fn show(accepted: &Accepted) -> String {
    let Accepted {
        round,
        station,
        committee,
        k,
    } = accepted;
    format!("[{round}, {station}, {committee}, {k}]")
}

fn agree<T: PartialEq + Display>(field: impl Display, stated: T, computed: T) -> Result {
    if stated == computed {
        return Ok(());
    }
    Err(contradiction(field, stated, computed))
}

fn contradiction(field: impl Display, stated: impl Display, computed: impl Display) -> DocumentError {
    DocumentError::Inconsistent {
        field: field.to_string(),
        stated: stated.to_string(),
        computed: computed.to_string(),
    }
}
