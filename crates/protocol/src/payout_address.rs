//! Payout addresses in user input: `0x…`, `f410…`, `f0…`, `f1…`, `f2…`, `f3…`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use alloy_primitives::Address;
use blake2::digest::consts::U4;
use blake2::{Blake2b, Digest};
use cid::multibase::Base;

use crate::address::{AddressError, parse_operator};

/// An address that can be paid: an EVM address, or a native Filecoin address without an EVM form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PayoutAddress {
    /// 0x or f410, or the masked form of an id address (f0): 0xff, eleven zero bytes, the id.
    Evm(Address),
    /// f1, f2 or f3.
    Native(NativeAddress),
}

/// An f1, f2 or f3 address: the protocol, then 20 bytes of hash (f1, f2) or a public key of 48 bytes (f3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NativeAddress(Vec<u8>);

const SECP256K1: u8 = 1;
const ACTOR: u8 = 2;
const BLS: u8 = 3;
const MASK: u8 = 0xff;
const CHECKSUM_LENGTH: usize = 4;

impl NativeAddress {
    /// Parses the bytes used on chain; `None` if they are not an f1, f2 or f3 address.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let length = match bytes.first()? {
            &SECP256K1 | &ACTOR => 21,
            &BLS => 49,
            _ => return None,
        };
        (bytes.len() == length).then(|| Self(bytes.to_vec()))
    }

    /// Protocol and payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for NativeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, payload) = (self.0[0], &self.0[1..]);
        let body = [payload, &checksum_of(&self.0)].concat();
        write!(f, "f{protocol}{}", Base::Base32Lower.encode(body))
    }
}

impl fmt::Display for PayoutAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evm(address) => match actor_id(*address) {
                Some(id) => write!(f, "f0{id} ({address})"),
                None => address.fmt(f),
            },
            Self::Native(address) => address.fmt(f),
        }
    }
}

impl FromStr for PayoutAddress {
    type Err = AddressError;

    /// # Errors
    /// [`AddressError`] with the text and the problem. The `t…` of test networks is read as `f…`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix(['f', 't']).unwrap_or_default();
        match rest.split_at_checked(1) {
            Some(("0", id)) => parse_id(text, id).map(Self::Evm),
            Some((protocol @ ("1" | "2" | "3"), body)) => {
                parse_native(text, protocol.as_bytes()[0] - b'0', body).map(Self::Native)
            }
            _ => parse_operator(text).map(Self::Evm),
        }
    }
}

/// The actor id (f0) in a masked address: 0xff, eleven zero bytes, the id. `None` for any other address.
#[must_use]
pub fn actor_id(address: Address) -> Option<u64> {
    let (mask, id) = address.split_at(12);
    let masked = mask[0] == MASK && mask[1..].iter().all(|byte| *byte == 0);
    masked.then(|| u64::from_be_bytes(id.try_into().unwrap_or_default()))
}

fn parse_id(text: &str, digits: &str) -> Result<Address, AddressError> {
    let id = digits.parse::<u64>().ok();
    let Some(id) = id.filter(|id| id.to_string() == digits && *id <= i64::MAX as u64) else {
        return Err(AddressError::Unknown { text: text.into() });
    };
    let mut bytes = [0; 20];
    bytes[0] = MASK;
    bytes[12..].copy_from_slice(&id.to_be_bytes());
    Ok(Address::from(bytes))
}

fn parse_native(text: &str, protocol: u8, body: &str) -> Result<NativeAddress, AddressError> {
    let bytes = Base::Base32Lower.decode(body).unwrap_or_default();
    // Re-encoding rejects spellings that differ only in unused bits.
    let canonical = Base::Base32Lower.encode(&bytes) == body;
    let cut_short = || AddressError::NativeLength {
        text: String::from(text),
    };
    let payload = bytes.len().saturating_sub(CHECKSUM_LENGTH);
    let (payload, checksum) = bytes.split_at(payload);
    let address = NativeAddress::from_bytes(&[&[protocol], payload].concat()).filter(|_| canonical);
    let address = address.ok_or_else(cut_short)?;
    match checksum_of(address.as_bytes()) == checksum {
        true => Ok(address),
        false => Err(AddressError::Checksum { text: text.into() }),
    }
}

/// Over protocol and payload (Filecoin specification, Appendix: Address).
fn checksum_of(address: &[u8]) -> Vec<u8> {
    Blake2b::<U4>::digest(address).to_vec()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    /// From the Filecoin specification's address test vectors.
    const SPECIFIED: [(&str, &str); 4] = [
        (
            "f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy",
            "01fd1d0f4dfcd7e99afcb99a8326b7dc459d32c628",
        ),
        (
            "f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as6i",
            "02e54dea4f9bc5b47d261819826d5e1fbf8bc5503b",
        ),
        (
            "f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss4a",
            "03ad58df696e2d4e91ea86c881e938ba4ea81b395e12797b84b9cf314b9546705e839c7a99d606b247ddb4f9ac7a3414dd",
        ),
        ("f01729", ""),
    ];

    #[test]
    fn the_specifications_addresses_are_read_and_written() {
        for (text, bytes) in &SPECIFIED[..3] {
            let address: PayoutAddress = text.parse().unwrap();
            let PayoutAddress::Native(native) = &address else {
                panic!("{text} is native");
            };
            assert_eq!(const_hex::encode(native.as_bytes()), *bytes);
            assert_eq!(address.to_string(), *text);
            assert_eq!(format!("t{}", &text[1..]).parse(), Ok(address));
        }
    }

    #[test]
    fn id_addresses_are_masked() {
        let address: PayoutAddress = SPECIFIED[3].0.parse().unwrap();
        let masked = "0xff000000000000000000000000000000000006C1".parse().unwrap();
        assert_eq!(address, PayoutAddress::Evm(masked));
        assert_eq!(
            address.to_string(),
            "f01729 (0xFF000000000000000000000000000000000006c1)"
        );
    }

    #[test]
    fn each_problem_has_its_own_error() {
        let fault = |text: &str| text.parse::<PayoutAddress>().unwrap_err();
        let f1 = SPECIFIED[0].0;
        assert!(matches!(
            fault(&f1[..f1.len() - 1]),
            AddressError::NativeLength { .. }
        ));
        assert!(matches!(
            fault(&f1.replace("7u", "7v")),
            AddressError::Checksum { .. }
        ));
        // The checksum covers the protocol.
        assert!(matches!(
            fault(&f1.replace("f1", "f2")),
            AddressError::Checksum { .. }
        ));
        assert!(matches!(fault("f007"), AddressError::Unknown { .. }));
        assert!(matches!(
            fault("f018446744073709551615"),
            AddressError::Unknown { .. }
        ));
        assert!(matches!(fault("f1"), AddressError::NativeLength { .. }));
        assert!(matches!(fault("hello"), AddressError::Unknown { .. }));
    }
}
