//! Amounts of money as people read them.

use std::fmt;

use alloy::primitives::U256;

const ATTO_PER_FIL: u64 = 1_000_000_000_000_000_000;

/// An amount in attoFIL, shown in FIL with all its digits: `0.456621004566210045 FIL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fil(pub U256);

impl fmt::Display for Fil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, atto) = self.0.div_rem(U256::from(ATTO_PER_FIL));
        let digits = format!("{atto:0>18}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole} FIL"),
            fraction => write!(f, "{whole}.{fraction} FIL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_and_no_more() {
        let shown = |atto: u128| Fil(U256::from(atto)).to_string();
        assert_eq!(shown(0), "0 FIL");
        assert_eq!(shown(1), "0.000000000000000001 FIL");
        assert_eq!(shown(456_621_004_566_210_045), "0.456621004566210045 FIL");
        assert_eq!(shown(1_500_000_000_000_000_000), "1.5 FIL");
        assert_eq!(shown(20_000_000_000_000_000_000), "20 FIL");
    }
}
