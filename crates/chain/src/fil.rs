//! Amounts of money as people read them.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::U256;
use thiserror::Error;

const ATTO_PER_FIL: u64 = 1_000_000_000_000_000_000;
const DECIMALS: usize = 18;

/// An amount in attoFIL, shown in FIL with all its digits: `0.456621004566210045 FIL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fil(pub U256);

/// Not an amount of FIL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a valid FIL amount: use one such as 0.1, with at most {DECIMALS} decimals")]
pub struct NoAmount(String);

impl FromStr for Fil {
    type Err = NoAmount;

    /// Digits and at most one point; no sign, unlike alloy's `parse_ether`, which makes huge numbers of negative ones.
    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut digits = whole.bytes().chain(fraction.bytes());
        let is_amount = !(whole.is_empty() && fraction.is_empty())
            && digits.all(|byte| byte.is_ascii_digit())
            && fraction.len() <= DECIMALS;
        let atto = is_amount.then(|| format!("{whole}{fraction:0<DECIMALS$}"));
        atto.and_then(|atto| U256::from_str_radix(&atto, 10).ok())
            .map(Self)
            .ok_or_else(|| NoAmount(text.to_owned()))
    }
}

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

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Fil>().map(|Fil(atto)| atto.to::<u128>());
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("20"), Ok(20_000_000_000_000_000_000));
        assert_eq!(read("0.1"), Ok(100_000_000_000_000_000));
        assert_eq!(read(".5"), Ok(500_000_000_000_000_000));
        assert_eq!(read("1."), Ok(1_000_000_000_000_000_000));
        assert_eq!(read("0.000000000000000001"), Ok(1));
        let huge = "9".repeat(70);
        let nonsense = [
            "-1", "+1", "-0", "", ".", "1_0", "1e3", "0x1", "1 FIL", " 1", "1.2.3", "0.-1", "0,1",
        ];
        for text in nonsense.into_iter().chain(["0.0000000000000000001", &huge]) {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!(
                    "`{text}` is not a valid FIL amount: use one such as 0.1"
                )),
                "{error}"
            );
        }
    }
}
