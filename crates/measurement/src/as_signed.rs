//! A text as its station signed it, with its parsed value.

use std::fmt;
use std::str::FromStr;

use assize_protocol::{PayloadCid, ProviderId};

/// A text as it was signed, and its value, parsed once.
///
/// The signature covers the text, so it is kept unchanged, even if it has no valid value: such a measurement is labelled only
/// after its signature has been checked (`docs/protocol.md` §10.1). Two are equal if their texts are.
#[derive(Debug, Clone)]
pub struct AsSigned<T> {
    text: String,
    value: Option<T>,
}

impl<T> AsSigned<T> {
    /// The text that is signed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its value; `None` if the text is invalid, or is not how the value is written: a task list has one spelling of each.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

impl<T: FromStr + fmt::Display> From<String> for AsSigned<T> {
    fn from(text: String) -> Self {
        let parsed = text.parse::<T>().ok();
        let value = parsed.filter(|value| value.to_string() == text);
        Self { text, value }
    }
}

impl<T: FromStr + fmt::Display> From<&str> for AsSigned<T> {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

macro_rules! from_value {
    ($($value:ty),*) => {$(
        impl From<$value> for AsSigned<$value> {
            /// The value in its canonical form.
            fn from(value: $value) -> Self {
                Self { text: value.to_string(), value: Some(value) }
            }
        }
    )*};
}

from_value!(PayloadCid, ProviderId);

impl<T> PartialEq for AsSigned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for AsSigned<T> {}

impl<T> fmt::Display for AsSigned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stays_and_the_value_is_parsed() {
        let capitals = "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU";
        let (signed, canonical) = (capitals, capitals.to_lowercase());
        let signed = AsSigned::<PayloadCid>::from(signed);
        assert_eq!((signed.as_str(), signed.value()), (capitals, None));
        let canonical = AsSigned::<PayloadCid>::from(canonical);
        assert_eq!(canonical.value(), capitals.parse().ok().as_ref());
        assert_ne!(signed, canonical);
        let nothing = AsSigned::<ProviderId>::from("t01000");
        assert_eq!((nothing.as_str(), nothing.value()), ("t01000", None));
        assert_eq!(AsSigned::from(ProviderId(7)), "f07".into());
    }
}
