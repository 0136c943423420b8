//! The record of a source.

use super::GateParams;

/// Counts of content from a source, decaying over time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Record {
    /// Useful.
    pub deliver: f64,
    /// Duplicates.
    pub duplicate: f64,
    /// Useless, but not at fault.
    pub ignore: f64,
    /// Invalid.
    pub reject: f64,
}

impl Record {
    /// The probability with which a request of this source is accepted while the gate is active: `(1 + deliver) / (1 +
    /// total)`. Never zero.
    #[must_use]
    pub fn probability(&self, params: &GateParams) -> f64 {
        let total = self.deliver
            + params.duplicate_weight * self.duplicate
            + params.ignore_weight * self.ignore
            + params.reject_weight * self.reject;
        if total == 0.0 {
            1.0
        } else {
            (1.0 + self.deliver) / (1.0 + total)
        }
    }

    pub(super) fn decay(&mut self, params: &GateParams) {
        for count in [
            &mut self.deliver,
            &mut self.duplicate,
            &mut self.ignore,
            &mut self.reject,
        ] {
            shrink(count, params.source_decay, params.decay_to_zero);
        }
    }
}

pub(super) fn shrink(count: &mut f64, factor: f64, zero: f64) {
    *count *= factor;
    if *count < zero {
        *count = 0.0;
    }
}
