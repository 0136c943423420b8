//! Operators that the scheduler does not pay, for example because of sanctions.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::Address;
use assize_protocol::address::parse_operator;
use assize_protocol::plain_text::{self, NotText};

use crate::PolicyError;
use crate::policy::read_text;

/// Operators that the scheduler does not pay, with the reasons. The contract is not affected: they can still claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DenyList(BTreeMap<Address, String>);

impl DenyList {
    /// Reads a file: each line has an address (0x or f410) and the reason; `#` begins a comment line.
    ///
    /// # Errors
    /// [`PolicyError::Deny`] naming file and line.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let text = read_text(path)?;
        Self::parse(&text).map_err(|(line, reason)| PolicyError::Deny {
            path: path.to_owned(),
            line,
            reason,
        })
    }

    fn parse(text: &str) -> Result<Self, (usize, String)> {
        // Otherwise the next lines would belong to this one's reason or comment, and their operators would be paid.
        if let Err(error) = plain_text::expect_line_feeds(text) {
            let line = match error {
                NotText::LineBreak { line, .. } => line,
                _ => 1,
            };
            return Err((line, error.to_string()));
        }
        let mut list = BTreeMap::new();
        for (number, line) in plain_text::lines(text).filter(|(_, line)| !line.starts_with('#')) {
            let refuse = |reason: String| (number, reason);
            let (address, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let operator = parse_operator(address).map_err(|error| refuse(error.to_string()))?;
            let reason = reason.trim();
            if reason.is_empty() {
                return Err(refuse(format!(
                    "{operator} has no reason: write it after the address"
                )));
            }
            let mut words = reason.split(|character: char| !character.is_ascii_alphanumeric());
            if let Some(other) = words.find(|word| parse_operator(word).is_ok()) {
                return Err(refuse(format!(
                    "the reason names the operator {other}: give it a line of its own"
                )));
            }
            if list.insert(operator, reason.to_owned()).is_some() {
                return Err(refuse(format!(
                    "{operator} is listed twice: keep one of the lines"
                )));
            }
        }
        Ok(Self(list))
    }

    /// Why an operator is not paid; `None` if it is paid.
    #[must_use]
    pub fn reason(&self, operator: Address) -> Option<&str> {
        self.0.get(&operator).map(String::as_str)
    }

    /// Number of operators.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Address, String)> for DenyList {
    fn from_iter<I: IntoIterator<Item = (Address, String)>>(list: I) -> Self {
        Self(list.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn addresses_in_either_form_with_their_reasons() {
        let list = DenyList::parse(
            "# screened 2026-11-20\n\n0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E  OFAC SDN, 2026-11-01\n",
        )
        .unwrap();
        assert_eq!(
            list.reason(address!("999999cf1046e68e36E1aA2E0E07105eDDD1f08E")),
            Some("OFAC SDN, 2026-11-01")
        );
        assert_eq!(list.reason(Address::repeat_byte(1)), None);
        let delegated =
            DenyList::parse("f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i court order 7").unwrap();
        assert_eq!(delegated.len(), 1);
    }

    #[test]
    fn errors_name_the_line() {
        let fault = |text: &str| DenyList::parse(text).unwrap_err();
        assert_eq!(fault("# fine\nfoo bar").0, 2);
        assert!(
            fault("0x999999cf1046e68e36e1aa2e0e07105eddd1f08e")
                .1
                .contains("no reason")
        );
        let twice =
            "0x999999cf1046e68e36e1aa2e0e07105eddd1f08e a\n0x999999cf1046e68e36e1aa2e0e07105eddd1f08e b";
        assert!(fault(twice).1.contains("twice"));
        for text in [
            "# a comment\r0x9\r",
            "# fine\r\n0x999999cf1046e68e36e1aa2e0e07105eddd1f08e a\r0x9 b",
        ] {
            assert!(fault(text).1.contains("with line feeds only"), "{text:?}");
        }
        let (one, two) = (
            "0x999999cf1046e68e36e1aa2e0e07105eddd1f08e",
            "0x3356fd7d01f001f5fda3dc032e8ba14e54c2a1a1",
        );
        assert_eq!(fault(&format!("{one} a\u{2028}{two} b")).0, 1);
        for between in [", ", " ", "; also "] {
            let reason = fault(&format!("{one} fraud{between}{two} fraud")).1;
            assert!(reason.contains("a line of its own"), "{reason}");
        }
    }
}
