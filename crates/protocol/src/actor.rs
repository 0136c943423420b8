//! Ids of Filecoin actors (`f0…`).

use core::fmt;
use core::str::FromStr;

use alloc::string::String;

use crate::text::serde_as_text;

/// Text that is not an f0 id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an actor id: write f0 and decimal digits without leading zeros, such as f01234")]
pub struct ActorIdError {
    /// The text given.
    pub text: String,
}

fn parse(text: &str) -> Result<u64, ActorIdError> {
    let id = text.strip_prefix("f0").and_then(canonical_decimal);
    id.ok_or_else(|| ActorIdError { text: text.into() })
}

/// Digits without sign or leading zero, so that one id has one spelling.
fn canonical_decimal(digits: &str) -> Option<u64> {
    let canonical = digits == "0" || digits.starts_with(|first: char| matches!(first, '1'..='9'));
    if canonical { digits.parse().ok() } else { None }
}

macro_rules! actor {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "f0{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = ActorIdError;

            fn from_str(text: &str) -> Result<Self, ActorIdError> {
                parse(text).map(Self)
            }
        }

        serde_as_text!($name);
    };
}

actor!(
    /// The id of a storage provider; displayed as `f01234`.
    ProviderId
);
actor!(
    /// The id of a client or allocator; displayed as `f01234`.
    ActorId
);

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::ProviderId;

    #[test]
    fn one_spelling_each() {
        assert_eq!("f01234".parse(), Ok(ProviderId(1234)));
        assert_eq!("f00".parse(), Ok(ProviderId(0)));
        assert_eq!(ProviderId(u64::MAX).to_string().parse(), Ok(ProviderId(u64::MAX)));
        for text in [
            "",
            "f0",
            "1234",
            "f001",
            "f0+1",
            "f0 1",
            "f1234",
            "F01",
            "f018446744073709551616",
        ] {
            assert_eq!(text.parse::<ProviderId>().unwrap_err().text, text);
        }
    }
}
