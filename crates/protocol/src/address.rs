//! Addresses in user input: `0x…`, and for operators also `f410…` or `t410…`. Files have one spelling only
//! (`docs/protocol.md` §6.1).

use alloc::string::String;
use alloc::vec::Vec;

use alloy_primitives::Address;
use blake2::digest::consts::U4;
use blake2::{Blake2b, Digest};
use cid::multibase::Base;

/// Text that is not a valid address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Neither `0x` and 40 hexadecimal digits nor `f410f`/`t410f`.
    #[error(
        "`{text}` is not an address: give 0x and 40 hexadecimal digits (for an operator, f410… is accepted too)"
    )]
    Unknown {
        /// The text given.
        text: String,
    },
    /// The zero address, whose key does not exist.
    #[error("the zero address has no owner: give the address to pay")]
    Zero,
    /// A Filecoin address of a class without a 0x form.
    #[error("`{text}` is a Filecoin address without a 0x form: rewards go to f410 (0x) addresses only")]
    NotDelegated {
        /// The text given.
        text: String,
    },
    /// Neither an EVM address nor one of Filecoin's classes that can be paid.
    #[error(
        "`{text}` is not an address: give 0x and 40 hexadecimal digits, or a Filecoin address that begins with f410f, f0, f1, f2 or f3"
    )]
    NotPayable {
        /// The text given.
        text: String,
    },
    /// An f4 address of another namespace than the Ethereum Address Manager's.
    #[error(
        "`{text}` cannot be paid: of the f4 addresses only f410f… can, which are 0x addresses; give another address, such as the f0 \
         address of the same actor"
    )]
    Namespace {
        /// The text given.
        text: String,
    },
    /// An f0 address without an actor's id of 63 bits in its one spelling.
    #[error(
        "`{text}` is malformed: f0 must be followed by the id of an actor, a number up to 9223372036854775807 without leading zeros; \
         copy the address again"
    )]
    Id {
        /// The text given.
        text: String,
    },
    /// A masked id (0xff, eleven zero bytes, the id) of more than 63 bits.
    #[error(
        "`{text}` has the form of an actor's id (0xff and zeros before it), but ids go up to 9223372036854775807: copy the address again"
    )]
    MaskedId {
        /// The text given.
        text: String,
    },
    /// Mixed-case hexadecimal digits that fail the EIP-55 checksum.
    #[error(
        "`{text}` fails its EIP-55 checksum: check for typos; correct capitals are {expected}, or use lower case only"
    )]
    CapitalsChecksum {
        /// The text given.
        text: String,
        /// The same digits with correct capitals.
        expected: Address,
    },
    /// An f410 address that is not base32 of 20 bytes and a checksum.
    #[error("`{text}` is malformed: f410f must be followed by 39 characters of a-z and 2-7")]
    Length {
        /// The text given.
        text: String,
    },
    /// An f1, f2 or f3 address that is not base32 of its payload and a checksum.
    #[error(
        "`{text}` is malformed: f1 and f2 addresses have 41 characters, f3 addresses 86, of a-z and 2-7 after the digit"
    )]
    NativeLength {
        /// The text given.
        text: String,
    },
    /// A Filecoin address with a wrong checksum.
    #[error("`{text}` fails its checksum: copy the address again")]
    Checksum {
        /// The text given.
        text: String,
    },
}

/// Protocol 4 (delegated) in the namespace 10 of the Ethereum Address Manager, as covered by the checksum (FIP-0048).
const EAM: [u8; 2] = [4, 10];
const ADDRESS_LENGTH: usize = 20;
/// Characters of base32 for an address and its checksum.
const DELEGATED_LENGTH: usize = 39;

/// Parses the address of a station: `0x…` in one case or with EIP-55 capitals.
///
/// # Errors
/// [`AddressError`] with the text and the problem.
pub fn parse_station(text: &str) -> Result<Address, AddressError> {
    match text.strip_prefix("0x") {
        Some(digits) => parse_hex(text, digits),
        None => Err(AddressError::Unknown { text: text.into() }),
    }
}

/// Parses an operator address: `0x…` in one case or with EIP-55 capitals, or `f410f…`/`t410f…` with its checksum.
///
/// The result's `Display` is the EIP-55 form.
///
/// # Errors
/// [`AddressError`] with the text and the problem.
pub fn parse_operator(text: &str) -> Result<Address, AddressError> {
    if let Some(digits) = text.strip_prefix("0x") {
        return parse_hex(text, digits);
    }
    if let Some(body) = text.strip_prefix("f410f").or_else(|| text.strip_prefix("t410f")) {
        return parse_delegated(text, body);
    }
    let class = text.strip_prefix(['f', 't']).and_then(|rest| rest.bytes().next());
    if matches!(class, Some(b'0'..=b'4')) {
        return Err(AddressError::NotDelegated { text: text.into() });
    }
    Err(AddressError::Unknown { text: text.into() })
}

/// The f410 form of an address (FIP-0048).
#[must_use]
pub fn to_delegated(address: Address) -> String {
    let bytes = [address.as_slice(), &checksum_of(address.as_slice())].concat();
    alloc::format!("f410f{}", Base::Base32Lower.encode(bytes))
}

fn parse_hex(text: &str, digits: &str) -> Result<Address, AddressError> {
    let well_formed = digits.len() == 2 * ADDRESS_LENGTH;
    let Some(address) = digits.parse::<Address>().ok().filter(|_| well_formed) else {
        return Err(AddressError::Unknown { text: text.into() });
    };
    let one_case =
        !digits.bytes().any(|c| c.is_ascii_uppercase()) || !digits.bytes().any(|c| c.is_ascii_lowercase());
    if address.is_zero() {
        return Err(AddressError::Zero);
    }
    if one_case || address.to_checksum(None) == text {
        return Ok(address);
    }
    Err(AddressError::CapitalsChecksum {
        text: text.into(),
        expected: address,
    })
}

/// Whether the text has the length and the characters of an address's base32; it may still end in bits that are not used.
pub(crate) fn looks_like_base32(body: &str, length: usize) -> bool {
    body.len() == length && body.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'))
}

fn parse_delegated(text: &str, body: &str) -> Result<Address, AddressError> {
    let bytes = Base::Base32Lower.decode(body).unwrap_or_default();
    // Re-encoding rejects spellings that differ only in unused bits.
    let canonical = Base::Base32Lower.encode(&bytes) == body;
    let Some((address, checksum)) = bytes
        .split_at_checked(ADDRESS_LENGTH)
        .filter(|(_, rest)| canonical && rest.len() == 4)
    else {
        return Err(match looks_like_base32(body, DELEGATED_LENGTH) {
            true => AddressError::Checksum { text: text.into() },
            false => AddressError::Length { text: text.into() },
        });
    };
    if checksum_of(address) != checksum {
        return Err(AddressError::Checksum { text: text.into() });
    }
    match Address::from_slice(address) {
        Address::ZERO => Err(AddressError::Zero),
        address => Ok(address),
    }
}

fn checksum_of(address: &[u8]) -> Vec<u8> {
    Blake2b::<U4>::new()
        .chain_update(EAM)
        .chain_update(address)
        .finalize()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{AddressError, parse_operator, to_delegated};

    const CHECKSUMMED: &str = "0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E";

    /// From spark-evaluate `test/preprocess.js`.
    #[test]
    fn vectors() {
        for (text, expected) in [
            ("f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i", CHECKSUMMED),
            ("t410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i", CHECKSUMMED),
            (
                "0x3356fd7D01F001f5FdA3dc032e8bA14E54C2a1a1",
                "0x3356fd7D01F001f5FdA3dc032e8bA14E54C2a1a1",
            ),
        ] {
            assert_eq!(parse_operator(text).unwrap().to_string(), expected);
        }
        let delegated = "f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i";
        assert_eq!(to_delegated(parse_operator(CHECKSUMMED).unwrap()), delegated);
    }

    #[test]
    fn capitals_may_be_absent_but_not_wrong() {
        let lower = CHECKSUMMED.to_lowercase();
        let upper = alloc::format!("0x{}", CHECKSUMMED[2..].to_uppercase());
        assert_eq!(parse_operator(&lower), parse_operator(CHECKSUMMED));
        assert_eq!(parse_operator(&upper), parse_operator(CHECKSUMMED));
        let wrong = CHECKSUMMED.replace("cf", "cF");
        assert!(matches!(
            parse_operator(&wrong),
            Err(AddressError::CapitalsChecksum { .. })
        ));
    }

    #[test]
    fn each_problem_has_its_own_error() {
        let fault = |text: &str| parse_operator(text).unwrap_err();
        assert!(matches!(
            fault("f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43j"),
            AddressError::Checksum { .. }
        ));
        assert!(matches!(
            fault("f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc42i"),
            AddressError::Checksum { .. }
        ));
        assert!(matches!(
            fault("f410fugmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i"),
            AddressError::Checksum { .. }
        ));
        assert!(matches!(fault("f410ftgmz"), AddressError::Length { .. }));
        assert!(matches!(fault("f410f"), AddressError::Length { .. }));
        assert!(matches!(
            fault("f1tgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i"),
            AddressError::NotDelegated { .. }
        ));
        assert!(matches!(fault("f01234"), AddressError::NotDelegated { .. }));
        assert!(matches!(
            fault(&alloc::format!("0x{CHECKSUMMED}")),
            AddressError::Unknown { .. }
        ));
        assert!(matches!(fault("0x1234"), AddressError::Unknown { .. }));
        assert!(matches!(fault(""), AddressError::Unknown { .. }));
    }
}
