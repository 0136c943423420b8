//! Operators' balances: earned, paid, claimable, pending.

use alloy_primitives::Address;
use assize_chain::Rewards;
use assize_facts::{Settlement, SettlementId, Status};
use assize_protocol::AttoFil;

use crate::{Allocations, PayoutError};

/// The settlements that determine balances, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementTimeline {
    /// Time of the chain, Unix seconds, which decides about activation.
    pub now: u64,
    /// The newest active settlement.
    pub active: Option<Settlement>,
    /// Its descendants in their challenge window, oldest first.
    pub pending: Vec<Settlement>,
    /// The newest settlement of all, if it was voided: a later one can grant the same amounts.
    pub voided: Option<Settlement>,
}

impl SettlementTimeline {
    /// Reads them from the chain.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn read(rewards: &Rewards) -> Result<Self, PayoutError> {
        let now = rewards.client().head().await?.timestamp;
        let mut timeline = Self {
            now,
            active: None,
            pending: Vec::new(),
            voided: None,
        };
        let mut next = rewards.head().await?;
        let newest = SettlementId(rewards.settlement_count().await?);
        if newest.0 > 0 && next != Some(newest) {
            let settlement = rewards.settlement(newest).await?;
            timeline.voided = Some(settlement).filter(|settlement| settlement.status == Status::Void);
        }
        while let Some(id) = next {
            let settlement = rewards.settlement(id).await?;
            if settlement.status == Status::Active {
                timeline.active = Some(settlement);
                break;
            }
            next = settlement.proposal.parent;
            timeline.pending.push(settlement);
        }
        timeline.pending.reverse();
        Ok(timeline)
    }
}

/// What a pending settlement would add for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The settlement.
    pub settlement: SettlementId,
    /// When it becomes active unless it is voided, Unix seconds.
    pub active_at: u64,
    /// What it grants beyond the previous settlement; `None` if its document is unavailable.
    pub amount: Option<AttoFil>,
}

/// The balance of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The operator.
    pub operator: Address,
    /// Cumulative amount in the newest active settlement.
    pub granted: AttoFil,
    /// Amount paid.
    pub paid: AttoFil,
    /// One entry per pending settlement, oldest first.
    pub pending: Vec<Pending>,
}

impl Statement {
    /// Compares granted and paid amounts. `pending` are the cumulative amounts in each pending settlement; `None` if
    /// its document is unavailable.
    #[must_use]
    pub fn new(
        operator: Address,
        paid: AttoFil,
        active: Option<&Allocations>,
        pending: &[(Settlement, Option<&Allocations>)],
    ) -> Self {
        let granted = active.map_or(AttoFil::ZERO, |allocations| allocations.cumulative(operator));
        let mut before = granted;
        let pending = pending.iter().map(|(settlement, allocations)| {
            let amount = allocations.map(|allocations| {
                let cumulative = allocations.cumulative(operator);
                let more = cumulative.saturating_sub(before);
                before = before.max(cumulative);
                more
            });
            Pending {
                settlement: settlement.id,
                active_at: settlement.active_at,
                amount,
            }
        });
        Self {
            pending: pending.collect(),
            operator,
            granted,
            paid,
        }
    }

    /// The claimable amount.
    #[must_use]
    pub fn claimable(&self) -> AttoFil {
        self.granted.saturating_sub(self.paid)
    }

    /// The known amount in challenge windows.
    #[must_use]
    pub fn awaited(&self) -> AttoFil {
        AttoFil::saturating_sum(self.pending.iter().filter_map(|pending| pending.amount))
    }

    /// Everything earned, including pending amounts.
    #[must_use]
    pub fn earned(&self) -> AttoFil {
        self.granted.saturating_add(self.awaited())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use assize_facts::Proposal;
    use assize_protocol::{FileCid, RoundNumber};

    use super::*;
    use crate::allocations::tests::book;

    const OPERATOR: Address = Address::repeat_byte(1);

    fn pending(id: u64) -> Settlement {
        let cid: FileCid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
            .parse()
            .unwrap();
        Settlement {
            id: SettlementId(id),
            proposal: Proposal {
                parent: None,
                first_round: RoundNumber(id),
                last_round: RoundNumber(id),
                root: B256::ZERO,
                operators: 0,
                cumulative_total: AttoFil::ZERO,
                drops: 0,
                cid,
            },
            posted_at: 0,
            active_at: 100 * id,
            status: Status::Pending,
        }
    }

    fn allocations(amount: u128) -> Allocations {
        let amounts = [(OPERATOR, amount), (Address::repeat_byte(2), 1)];
        book(
            &amounts
                .map(|(operator, amount)| (operator, AttoFil::new(amount)))
                .into(),
        )
    }

    #[test]
    fn earned_is_paid_and_claimable_and_pending() {
        let (active, third, fourth) = (allocations(50), allocations(70), allocations(75));
        let coming = [(pending(3), Some(&third)), (pending(4), Some(&fourth))];
        let statement = Statement::new(OPERATOR, AttoFil::new(20), Some(&active), &coming);
        assert_eq!(
            [statement.claimable(), statement.awaited(), statement.earned()],
            [30, 25, 75].map(AttoFil::new)
        );
        let amounts: Vec<_> = statement.pending.iter().map(|pending| pending.amount).collect();
        assert_eq!(amounts, [20, 5].map(|amount| Some(AttoFil::new(amount))));
    }

    #[test]
    fn an_unavailable_document_hides_nothing_else() {
        let (active, fourth) = (allocations(50), allocations(75));
        let coming = [(pending(3), None), (pending(4), Some(&fourth))];
        let statement = Statement::new(OPERATOR, AttoFil::ZERO, Some(&active), &coming);
        assert_eq!(
            [statement.claimable(), statement.earned()],
            [50, 75].map(AttoFil::new)
        );
        assert_eq!(statement.pending[0].amount, None);
    }

    #[test]
    fn strangers_and_overpaid_operators_have_nothing_due() {
        let active = allocations(50);
        let stranger = Statement::new(Address::repeat_byte(9), AttoFil::ZERO, Some(&active), &[]);
        assert_eq!([stranger.claimable(), stranger.earned()], [AttoFil::ZERO; 2]);
        let more = Statement::new(OPERATOR, AttoFil::new(60), Some(&active), &[]);
        assert_eq!(more.claimable(), AttoFil::ZERO);
        let none = Statement::new(OPERATOR, AttoFil::ZERO, None, &[]);
        assert_eq!(none.claimable(), AttoFil::ZERO);
    }
}
