//! Addresses as text, with their checksum.

use alloy_primitives::Address;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub(crate) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    Spelled::deserialize(deserializer).map(|Spelled(address)| address)
}

pub(crate) fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    let spelled = Vec::<Spelled>::deserialize(deserializer)?;
    Ok(spelled.into_iter().map(|Spelled(address)| address).collect())
}

struct Spelled(Address);

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// An address. Mixed case is an EIP-55 checksum, which must be right; a single case carries no checksum.
fn parse(text: &str) -> Result<Address, String> {
    let address: Address = text
        .parse()
        .map_err(|_| format!("`{text}` is not an address: use 0x and 40 hex digits"))?;
    let digits = text.trim_start_matches("0x");
    let has = |is_case: fn(&u8) -> bool| digits.as_bytes().iter().any(is_case);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let right = address.to_checksum(None);
    if is_mixed && !right.ends_with(digits) {
        return Err(format!(
            "{text} has a wrong checksum (EIP-55), so a digit may be mistyped: compare it with its source; if all digits \
             are right, it is spelled {right}"
        ));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_checksum_is_rejected_and_a_missing_one_is_accepted() {
        let right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let address = parse(right).unwrap();
        assert_eq!(parse(&right.to_lowercase()), Ok(address));
        assert_eq!(parse(&format!("0x{}", right[2..].to_uppercase())), Ok(address));
        for wrong in [right.replace("39F", "39f"), right.replace("92266", "92267")] {
            let error = parse(&wrong).unwrap_err();
            assert!(error.contains(&wrong) && error.contains("checksum"), "{error}");
        }
        assert!(parse(&right.replace("39F", "39f")).unwrap_err().contains(right));
        assert!(parse("0x1234").unwrap_err().contains("40 hex digits"));
    }
}
