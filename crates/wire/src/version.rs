//! Versions of checkers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A checker version: `major.minor.patch`, three numbers, ordered numerically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(pub u32, pub u32, pub u32);

/// Malformed version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a version: use three numbers, such as 1.20.0")]
pub struct VersionError {
    text: String,
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let refuse = || VersionError {
            text: text.chars().take(64).collect(),
        };
        let mut numbers = text.split('.').map(|part| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let plain = plain && (part == "0" || !part.starts_with('0'));
            plain.then(|| part.parse().ok()).flatten().ok_or_else(refuse)
        });
        let mut next = || numbers.next().ok_or_else(refuse).flatten();
        let version = Self(next()?, next()?, next()?);
        match numbers.next() {
            None => Ok(version),
            Some(_) => Err(refuse()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number_not_by_text() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("1.9.0") < version("1.20.0"));
        assert!(version("1.20.0") < version("2.0.0"));
        assert_eq!(version("1.20.3").to_string(), "1.20.3");
    }

    #[test]
    fn other_text_is_rejected() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "1.2.-3",
            "01.2.3",
            "1.2.4294967296",
            "v1.2.3",
            "1..2",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
