//! Names of keys on a Ledger.

use std::fmt;
use std::str::FromStr;

use crate::SignerError;

/// First number of a hardened step (BIP-32).
const HARDENED: u32 = 1 << 31;
/// Maximum number of steps that the Ethereum app accepts.
const MAX_STEPS: usize = 10;

/// A key on a Ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerPath {
    /// The number of an account in Ledger Live, from 0: m/44'/60'/N'/0/0.
    Live(u32),
    /// The number of an account in MyEtherWallet and old Ledger software, from 0: m/44'/60'/0'/N.
    Legacy(u32),
    /// Any other path, step by step; hardened steps have the highest bit.
    Custom(Vec<u32>),
}

impl Default for LedgerPath {
    fn default() -> Self {
        Self::Live(0)
    }
}

impl FromStr for LedgerPath {
    type Err = SignerError;

    fn from_str(text: &str) -> Result<Self, SignerError> {
        let parsed = match text.split_once(':') {
            Some(("live", number)) => number_of(number).map(Self::Live),
            Some(("legacy", number)) => number_of(number).map(Self::Legacy),
            Some(_) => None,
            None => match text.strip_prefix("m/") {
                Some(steps) => steps_of(steps).map(Self::Custom),
                None => number_of(text).map(Self::Live),
            },
        };
        parsed.ok_or_else(|| SignerError::BadLedgerPath { given: text.into() })
    }
}

/// Digits only: no sign, no white space.
fn number_of(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok())??;
    (number < HARDENED).then_some(number)
}

fn steps_of(text: &str) -> Option<Vec<u32>> {
    let step = |text: &str| match text.strip_suffix(['\'', 'h', 'H']) {
        Some(number) => number_of(number).map(|number| number | HARDENED),
        None => number_of(text),
    };
    let steps: Vec<u32> = text.split('/').map(step).collect::<Option<_>>()?;
    (steps.len() <= MAX_STEPS).then_some(steps)
}

impl fmt::Display for LedgerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(number) => write!(f, "m/44'/60'/{number}'/0/0"),
            Self::Legacy(number) => write!(f, "m/44'/60'/0'/{number}"),
            Self::Custom(steps) => {
                f.write_str("m")?;
                steps.iter().try_for_each(|step| match step & HARDENED {
                    0 => write!(f, "/{step}"),
                    _ => write!(f, "/{}'", step ^ HARDENED),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_paths_are_understood() {
        let cases = [
            ("0", LedgerPath::default(), "m/44'/60'/0'/0/0"),
            ("7", LedgerPath::Live(7), "m/44'/60'/7'/0/0"),
            ("live:7", LedgerPath::Live(7), "m/44'/60'/7'/0/0"),
            ("legacy:2", LedgerPath::Legacy(2), "m/44'/60'/0'/2"),
            (
                "m/44h/60'/3H/1/2147483647",
                LedgerPath::Custom(vec![44 | HARDENED, 60 | HARDENED, 3 | HARDENED, 1, HARDENED - 1]),
                "m/44'/60'/3'/1/2147483647",
            ),
        ];
        for (text, path, shown) in cases {
            assert_eq!(text.parse::<LedgerPath>().unwrap(), path, "{text}");
            assert_eq!(path.to_string(), shown);
            assert_eq!(shown.parse::<LedgerPath>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn invalid_text_is_rejected_with_the_remedy() {
        let long = format!("m{}", "/1".repeat(11));
        let nonsense = [
            "",
            " ",
            "-1",
            "+1",
            "x",
            "m",
            "m/",
            "m/44'/",
            "m//0",
            "m/2147483648",
            "2147483648",
            "m/44''",
            "m/'",
            "legacy:",
            "legacy:x",
            "old:1",
            "44'/60'/0'",
            "99999999999999999999",
            &long,
        ];
        for text in nonsense {
            let error = text.parse::<LedgerPath>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{text}`")) && error.contains("m/44'/60'/0'/0/0"),
                "{error}"
            );
        }
    }
}
