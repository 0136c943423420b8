//! Money: whole attoFIL.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use alloy_primitives::U256;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Digits of a FIL after the point.
const DECIMALS: usize = 18;
/// Digits after the point in the short form.
const SHORT_DECIMALS: usize = 6;
const ATTO_PER_FIL: u64 = 1_000_000_000_000_000_000;

/// An amount of money in attoFIL, a `uint256` in the contracts.
///
/// It has no operators that could overflow or lose a remainder silently: sums, differences and products are checked or named
/// saturating, and division rounds down explicitly.
///
/// | form | example | where |
/// |---|---|---|
/// | JSON, [`from_digits`](Self::from_digits) | `"456621004566210045"` | documents, APIs, databases: whole attoFIL as a decimal string, since JSON numbers are too small |
/// | `Display`, `FromStr` | `0.456621004566210045 FIL`, `0.456621004566210045` | messages, command lines: exact |
/// | [`short`](Self::short) | `0.456621` | tables |
///
/// ```
/// use assize_protocol::AttoFil;
///
/// let budget: AttoFil = "1.5".parse()?;
/// assert_eq!(budget.to_string(), "1.5 FIL");
/// assert_eq!(budget.div_floor(7).unwrap().to_string(), "0.214285714285714285 FIL");
/// assert_eq!(AttoFil::new(1).checked_sub(budget), None);
/// # Ok::<(), assize_protocol::AmountError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttoFil(U256);

/// What a unit of gas costs, in attoFIL. It is a plain number, because nodes, transactions and the arithmetic of EIP-1559 have it so;
/// what is paid in the end is its product with an amount of gas, [`AttoFil::of_gas`].
pub type GasPrice = u128;

/// Text that is not an amount of FIL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a valid FIL amount: use one such as 0.1, with at most {DECIMALS} decimals")]
pub struct AmountError(String);

impl AttoFil {
    /// Zero.
    pub const ZERO: Self = Self(U256::ZERO);
    /// The most that a `uint256` holds: as a limit, none.
    pub const MAX: Self = Self(U256::MAX);
    /// The most that a file may say (`docs/protocol.md` §6.1). Sums of such amounts fit: there are no 2¹²⁸ of them.
    pub const MAX_IN_FILES: Self = Self::new(u128::MAX);

    /// So many attoFIL.
    #[must_use]
    pub const fn new(atto: u128) -> Self {
        Self(U256::from_limbs([atto as u64, (atto >> 64) as u64, 0, 0]))
    }

    /// So many whole FIL.
    #[must_use]
    pub const fn from_fil(fil: u64) -> Self {
        Self::new(fil as u128 * ATTO_PER_FIL as u128)
    }

    /// The cost of this many units of gas: at most 192 bits, so it always fits.
    #[must_use]
    pub fn of_gas(gas: u64, price: GasPrice) -> Self {
        Self(U256::from(gas) * U256::from(price))
    }

    /// Reads whole attoFIL: decimal digits and nothing else. [`atto`](Self::atto) writes them.
    #[must_use]
    pub fn from_digits(text: &str) -> Option<Self> {
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let atto = is_decimal.then(|| U256::from_str_radix(text, 10).ok());
        atto.flatten().map(Self)
    }

    /// The number of attoFIL.
    #[must_use]
    pub const fn atto(self) -> U256 {
        self.0
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum; `None` if it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` if `other` is larger.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The product; `None` if it does not fit.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.0.checked_mul(U256::from(times)).map(Self)
    }

    /// The sum of all; `None` if it does not fit.
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The sum, [`MAX`](Self::MAX) at most: to compare with a limit, or to show. Amounts that exist never reach it.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The sum of all, as [`saturating_add`](Self::saturating_add) forms it.
    #[must_use]
    pub fn saturating_sum(amounts: impl IntoIterator<Item = Self>) -> Self {
        amounts.into_iter().fold(Self::ZERO, Self::saturating_add)
    }

    /// What `other` leaves of it; nothing if `other` is larger.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// One of this many equal parts, rounded down; `None` for no parts.
    #[must_use]
    pub fn div_floor(self, parts: u64) -> Option<Self> {
        self.0.checked_div(U256::from(parts)).map(Self)
    }

    /// How often `part` fits into it, [`u64::MAX`] at most; `None` for a part of nothing.
    #[must_use]
    pub fn count_of(self, part: Self) -> Option<u64> {
        self.0.checked_div(part.0).map(|count| count.saturating_to())
    }

    /// In FIL, rounded: for metrics, which are floating-point numbers.
    #[must_use]
    pub fn to_fil_f64(self) -> f64 {
        f64::from(self.0) / ATTO_PER_FIL as f64
    }

    /// In FIL with six decimals, rounded down, without the unit: for tables.
    #[must_use]
    pub fn short(self) -> String {
        let (whole, digits) = self.parts();
        let mut text = whole.to_string();
        text.push('.');
        text.push_str(&digits[..SHORT_DECIMALS]);
        text
    }

    /// Whole FIL, and the 18 digits after the point.
    fn parts(self) -> (U256, String) {
        let (whole, atto) = self.0.div_rem(U256::from(ATTO_PER_FIL));
        (whole, alloc::format!("{atto:0>DECIMALS$}"))
    }
}

/// For what contracts and nodes say.
impl From<U256> for AttoFil {
    fn from(atto: U256) -> Self {
        Self(atto)
    }
}

/// In FIL, exact: `0.456621004566210045 FIL`.
impl fmt::Display for AttoFil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, digits) = self.parts();
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole} FIL"),
            fraction => write!(f, "{whole}.{fraction} FIL"),
        }
    }
}

impl FromStr for AttoFil {
    type Err = AmountError;

    /// Parses an amount of FIL without its unit: digits and at most one point, no sign.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut digits = whole.bytes().chain(fraction.bytes());
        let is_amount = !(whole.is_empty() && fraction.is_empty())
            && digits.all(|byte| byte.is_ascii_digit())
            && fraction.len() <= DECIMALS;
        let atto = is_amount.then(|| alloc::format!("{whole}{fraction:0<DECIMALS$}"));
        atto.and_then(|atto| U256::from_str_radix(&atto, 10).ok())
            .map(Self)
            .ok_or_else(|| AmountError(text.to_owned()))
    }
}

impl Serialize for AttoFil {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AttoFil {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let amount = Self::from_digits(&text).filter(|amount| *amount <= Self::MAX_IN_FILES);
        amount.ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{text}` is not an amount in attoFIL: use decimal digits in quotes, below 2^128"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use std::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_digit_is_shown_and_no_more() {
        let shown = |atto: u128| AttoFil::new(atto).to_string();
        assert_eq!(shown(0), "0 FIL");
        assert_eq!(shown(1), "0.000000000000000001 FIL");
        assert_eq!(shown(456_621_004_566_210_045), "0.456621004566210045 FIL");
        assert_eq!(shown(1_500_000_000_000_000_000), "1.5 FIL");
        assert_eq!(AttoFil::from_fil(20).to_string(), "20 FIL");
        assert_eq!(AttoFil::new(456_621_904_566_210_045).short(), "0.456621");
        assert_eq!(AttoFil::new(20_000_000_000_000_000_000).short(), "20.000000");
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<AttoFil>().map(|amount| amount.atto().to::<u128>());
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("20"), Ok(20_000_000_000_000_000_000));
        assert_eq!(read("0.006"), Ok(6_000_000_000_000_000));
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

    #[test]
    fn json_is_whole_attofil_as_a_string() {
        let amount = AttoFil::new(456_621_004_566_210_045);
        let json = serde_json::to_string(&amount).unwrap();
        assert_eq!(json, r#""456621004566210045""#);
        assert_eq!(serde_json::from_str::<AttoFil>(&json).unwrap(), amount);
        for other in [
            r#""""#,
            r#""1 FIL""#,
            r#""7.0""#,
            r#""+7""#,
            r#""-7""#,
            r#""0x7""#,
            r#""1_0""#,
            r#""340282366920938463463374607431768211456""#,
        ] {
            let error = serde_json::from_str::<AttoFil>(other).unwrap_err().to_string();
            assert!(error.contains("is not an amount in attoFIL"), "{other}: {error}");
        }
        assert!(serde_json::from_str::<AttoFil>("7").is_err());
        let most = serde_json::to_string(&AttoFil::MAX_IN_FILES).unwrap();
        assert_eq!(
            serde_json::from_str::<AttoFil>(&most).unwrap().atto(),
            U256::from(u128::MAX)
        );
    }

    #[test]
    fn nothing_overflows_unseen() {
        let most = AttoFil::MAX;
        assert_eq!(most.checked_add(AttoFil::new(1)), None);
        assert_eq!(AttoFil::ZERO.checked_sub(AttoFil::new(1)), None);
        assert_eq!(most.checked_mul(2), None);
        assert_eq!(most.div_floor(0), None);
        assert_eq!(AttoFil::checked_sum([most, most]), None);
        assert_eq!(AttoFil::checked_sum([]), Some(AttoFil::ZERO));
        assert_eq!(AttoFil::saturating_sum([most, most]), most);
        assert_eq!(AttoFil::ZERO.saturating_sub(most), AttoFil::ZERO);
        assert_eq!(
            (most.count_of(AttoFil::ZERO), most.count_of(AttoFil::new(1))),
            (None, Some(u64::MAX))
        );
        assert!(AttoFil::of_gas(u64::MAX, u128::MAX) < most);
    }

    proptest! {
        #[test]
        fn shown_amounts_are_read_back(atto: u128) {
            let amount = AttoFil::new(atto);
            let text = amount.to_string();
            prop_assert_eq!(text.trim_end_matches(" FIL").parse(), Ok(amount));
        }

        #[test]
        fn parts_and_remainder_make_the_whole(atto: u128, parts in 1_u64..) {
            let amount = AttoFil::new(atto);
            let part = amount.div_floor(parts).unwrap();
            let rest = amount.checked_sub(part.checked_mul(parts).unwrap()).unwrap();
            prop_assert!(rest < AttoFil::new(parts.into()));
        }
    }
}
