//! From accepted measurements to sheets and allocations (docs/protocol.md §8.2, §11).

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_protocol::{Allocation, AttoFil, RoundNumber, SheetEntry, positional::RootOf};

use super::SettleError;
use crate::RoundEvaluation;

/// The sheets of the operators that earned something, while rounds are added.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sheets: BTreeMap<Address, Vec<SheetEntry>>,
}

impl Ledger {
    /// Adds what was accepted of a round, the rounds ascending. One whose share is zero is in no sheet.
    pub(super) fn credit(
        &mut self,
        round: RoundNumber,
        evaluation: &RoundEvaluation,
    ) -> Result<(), SettleError> {
        let each = evaluation.reward.each;
        if each.is_zero() {
            return Ok(());
        }
        let accepted = u32::try_from(evaluation.rewarded()).map_err(|_| SettleError::Overflow)?;
        let mut rank = 0;
        // Ascending by station.
        for of_station in &evaluation.accepted {
            let count = of_station.tasks.count();
            let sheet = self.sheets.entry(of_station.operator).or_default();
            let before = sheet.last().map_or(AttoFil::ZERO, |last| last.running);
            let running = each
                .checked_mul(count.into())
                .and_then(|earned| before.checked_add(earned))
                .ok_or(SettleError::Overflow)?;
            sheet.push(SheetEntry {
                round,
                station: of_station.station,
                tasks: of_station.tasks,
                rank,
                accepted,
                running,
            });
            // At most `accepted` in sum.
            rank += count;
        }
        Ok(())
    }

    /// The allocations on top of those that the parent promised, and the leaves of all sheets in the order of the operators. If
    /// nobody earned anything, the parent's allocations as they are.
    pub(super) fn close(
        self,
        promised: &[Allocation],
    ) -> Result<(Vec<Allocation>, Vec<SheetEntry>), SettleError> {
        if self.sheets.is_empty() {
            return Ok((promised.to_vec(), Vec::new()));
        }
        let mut cumulative: BTreeMap<Address, AttoFil> = promised
            .iter()
            .map(|allocation| (allocation.operator, allocation.cumulative))
            .collect();
        for operator in self.sheets.keys() {
            cumulative.entry(*operator).or_default();
        }
        let mut sheets = self.sheets;
        let mut allocations = Vec::with_capacity(cumulative.len());
        let mut reports = Vec::new();
        let mut running = AttoFil::ZERO;
        for (operator, promised) in cumulative {
            let sheet = sheets.remove(&operator).unwrap_or_default();
            let grown = sheet.last().map_or(AttoFil::ZERO, |last| last.running);
            let cumulative = promised.checked_add(grown).ok_or(SettleError::Overflow)?;
            running = running
                .checked_add(cumulative)
                .filter(|running| *running <= AttoFil::MAX_IN_FILES)
                .ok_or(SettleError::Overflow)?;
            allocations.push(Allocation {
                operator,
                cumulative,
                running,
                grown,
                reports: u32::try_from(sheet.len()).map_err(|_| SettleError::Overflow)?,
                sheet: sheet.iter().map(SheetEntry::leaf).collect::<RootOf>().root(),
            });
            reports.extend(sheet);
        }
        Ok((allocations, reports))
    }
}
