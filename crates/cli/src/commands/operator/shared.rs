//! What the commands for operators share: who, what settlements grant them, and how that is said.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use assize_chain::{Rewards, Settlement, SettlementId};
use assize_evaluate::SettlementDocument;
use assize_payout::{Allocations, SettlementTimeline, Statement, expect_own};
use assize_protocol::address::to_delegated;
use assize_protocol::{Address, AttoFil, PayoutAddress};
use assize_store::Source;
use eyre::{WrapErr, eyre};
use tokio::task::block_in_place;

use crate::args::SourceArgs;
use crate::evidence::source;
use crate::output::time::moment;
use assize_service::DataDir;

/// What settlements grant, by their documents; each is fetched once.
pub(crate) struct AllocationCache {
    source: Box<dyn Source>,
    known: BTreeMap<SettlementId, Allocations>,
}

impl AllocationCache {
    pub(crate) fn open(args: &SourceArgs, data: &DataDir) -> eyre::Result<Self> {
        Ok(Self {
            source: source(args, data)?,
            known: BTreeMap::new(),
        })
    }

    /// What a settlement grants. The document is the one that the CID on chain names, and its allocations have the root that
    /// is on chain; nothing else in it matters to a claim, and nothing else is checked.
    pub(crate) fn get(&mut self, settlement: &Settlement) -> eyre::Result<&Allocations> {
        let id = settlement.id;
        if !self.known.contains_key(&id) {
            let allocations = block_in_place(|| self.fetch(settlement))
                .wrap_err_with(|| format!("cannot load the document of settlement {id}"))?;
            self.known.insert(id, allocations);
        }
        self.known
            .get(&id)
            .ok_or_else(|| eyre!("settlement {id} was fetched and is missing"))
    }

    fn fetch(&self, settlement: &Settlement) -> eyre::Result<Allocations> {
        let bytes = self.source.get(&settlement.proposal.cid)?;
        let document = SettlementDocument::decode(&bytes)?;
        let allocations = Allocations::new(document.allocations);
        expect_own(settlement, &allocations)?;
        Ok(allocations)
    }
}

/// Where operators stand, in the order given. If the document of a pending settlement is unavailable, the rest is still
/// shown, and the second value has the reason by settlement.
pub(crate) async fn statements(
    rewards: &Rewards,
    timeline: &SettlementTimeline,
    cache: &mut AllocationCache,
    operators: &[Address],
) -> eyre::Result<(Vec<Statement>, BTreeMap<SettlementId, String>)> {
    let claimed = rewards.claimed_by(operators).await?;
    let mut unknown = BTreeMap::new();
    for settlement in &timeline.pending {
        if let Err(error) = cache.get(settlement) {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            unknown.insert(settlement.id, causes.join(": "));
        }
    }
    if let Some(settlement) = &timeline.active {
        cache.get(settlement)?;
    }
    let book = |settlement: &Settlement| cache.known.get(&settlement.id);
    let pending: Vec<_> = timeline
        .pending
        .iter()
        .map(|settlement| (*settlement, book(settlement)))
        .collect();
    let statement = |operator: &Address| {
        let paid = claimed.get(operator).copied().unwrap_or_default();
        Statement::new(*operator, paid, timeline.active.as_ref().and_then(book), &pending)
    };
    Ok((operators.iter().map(statement).collect(), unknown))
}

/// An amount as people read it.
pub(crate) fn fil(atto_fil: u128) -> AttoFil {
    AttoFil::from(atto_fil)
}

/// Why there is nothing to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    NoSettlement,
    NeverEarned,
    InChallengeWindow,
    AllPaid,
}

impl Why {
    /// None if there is something to claim.
    pub(crate) fn of(timeline: &SettlementTimeline, statement: &Statement) -> Option<Self> {
        if statement.claimable() > 0 {
            return None;
        }
        Some(match (statement.awaited() > 0, statement.granted > 0) {
            (true, _) => Self::InChallengeWindow,
            (false, true) => Self::AllPaid,
            (false, false) if !statement.paid.is_zero() => Self::AllPaid,
            (false, false) if timeline.active.is_none() && timeline.pending.is_empty() => Self::NoSettlement,
            (false, false) => Self::NeverEarned,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoSettlement => "no-settlement",
            Self::NeverEarned => "never-earned",
            Self::InChallengeWindow => "in-challenge-window",
            Self::AllPaid => "all-paid",
        }
    }

    /// The same as a sentence.
    pub(crate) fn sentence(self, timeline: &SettlementTimeline, statement: &Statement) -> String {
        let operator = statement.operator;
        let newest = timeline.active.as_ref().map(|settlement| settlement.id);
        let mut text = match self {
            Self::NoSettlement => {
                format!("nothing to claim for {operator}: no settlement has been posted yet")
            }
            Self::NeverEarned => match newest {
                Some(id) => format!(
                    "nothing to claim for {operator}: it earned nothing up to settlement {id}; check the address"
                ),
                None => format!("nothing to claim for {operator}: no settlement is active yet"),
            },
            Self::InChallengeWindow => format!(
                "nothing to claim for {operator} yet: {} are still in the challenge window",
                fil(statement.awaited())
            ),
            Self::AllPaid => match U256::from(statement.granted) < statement.paid {
                true => format!(
                    "nothing to claim for {operator}: it has been paid {}, and settlement {} grants no more than {}; an \
                     earlier one granted more",
                    AttoFil::from(statement.paid),
                    newest.map_or_else(|| "–".into(), |id| id.to_string()),
                    fil(statement.granted)
                ),
                false => format!(
                    "nothing to claim for {operator}: everything it earned is paid, {}",
                    AttoFil::from(statement.paid)
                ),
            },
        };
        if let Some(next) = next_activation(timeline) {
            text.push_str(&format!(". {next}"));
        } else if let Some(void) = voided(timeline) {
            text.push_str(&format!(". {void}"));
        }
        text
    }
}

/// When the next settlement pays.
pub(crate) fn next_activation(timeline: &SettlementTimeline) -> Option<String> {
    let next = timeline.pending.first()?;
    Some(format!(
        "Settlement {} becomes active at {}, unless it is vetoed",
        next.id,
        moment(next.active_at, timeline.now)
    ))
}

/// That the newest settlement was voided.
pub(crate) fn voided(timeline: &SettlementTimeline) -> Option<String> {
    let void = timeline.voided.as_ref()?;
    Some(format!(
        "Settlement {} is void and never pays; a later settlement grants the same amounts again",
        void.id
    ))
}

/// An address as Filecoin writes it: f410, f0 for masked ids, f1, f2 or f3.
pub(crate) fn in_filecoin(address: &PayoutAddress) -> String {
    match address {
        PayoutAddress::Native(native) => native.to_string(),
        PayoutAddress::Evm(evm) => match address.to_string().split_once(' ') {
            Some((id, _)) => id.to_owned(),
            None => to_delegated(*evm),
        },
    }
}

/// An address in both notations, where it has two.
pub(crate) fn in_full(address: &PayoutAddress) -> String {
    match address {
        PayoutAddress::Native(native) => native.to_string(),
        PayoutAddress::Evm(evm) => format!("{evm} ({})", in_filecoin(address)),
    }
}

/// Where money goes, in words.
pub(crate) fn destination(operator: Address, recipient: &PayoutAddress) -> String {
    match *recipient == PayoutAddress::Evm(operator) {
        true => "its own address".into(),
        false => format!("its payout address {recipient}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_in_filecoins_notation() {
        let shown = |text: &str| in_filecoin(&text.parse().unwrap());
        assert_eq!(shown("f01729"), "f01729");
        let f1 = "f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy";
        assert_eq!(shown(f1), f1);
        let f410 = "f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i";
        assert_eq!(shown("0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E"), f410);
        assert_eq!(
            in_full(&f410.parse().unwrap()),
            format!("0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E ({f410})")
        );
    }
}
