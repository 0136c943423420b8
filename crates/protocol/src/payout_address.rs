//! Payout addresses in user input: `0x…`, `f410…`, `f0…`, `f1…`, `f2…`, `f3…`.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use alloy_primitives::Address;
use blake2::digest::consts::U4;
use blake2::{Blake2b, Digest};
use cid::multibase::Base;

use crate::address::{AddressError, looks_like_base32, parse_operator};

/// An address that can be paid: an EVM address, or a native Filecoin address without an EVM form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PayoutAddress {
    /// 0x or f410.
    Evm(Address),
    /// f0, f1, f2 or f3.
    Native(NativeAddress),
}

/// An f0, f1, f2 or f3 address: the protocol, then the id in LEB128 (f0), 20 bytes of hash (f1, f2) or a public key of 48 bytes
/// (f3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NativeAddress(Vec<u8>);

const ID: u8 = 0;
const SECP256K1: u8 = 1;
const ACTOR: u8 = 2;
const BLS: u8 = 3;
const MASK: u8 = 0xff;
const CHECKSUM_LENGTH: usize = 4;
/// Ids have 63 bits.
const LARGEST_ID: u64 = i64::MAX as u64;

impl NativeAddress {
    /// The f0 address of an actor's id.
    #[must_use]
    pub fn of_id(id: u64) -> Self {
        let mut bytes = Vec::from([ID]);
        let mut rest = id;
        while rest > 0x7f {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        Self(bytes)
    }

    /// Parses the bytes used on chain; `None` if they are not an f0, f1, f2 or f3 address.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let length = match bytes.first()? {
            &ID => return id_of(bytes).map(Self::of_id).filter(|address| address.0 == bytes),
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
        if let Some(id) = id_of(&self.0) {
            return write!(f, "f0{id}");
        }
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

impl PayoutAddress {
    /// An id is paid natively: by its masked form, only actors that handle calls could be.
    fn of_id(id: u64) -> Self {
        Self::Native(NativeAddress::of_id(id))
    }

    fn from_evm(text: &str) -> Result<Self, AddressError> {
        let address = parse_operator(text).map_err(|error| match error {
            AddressError::NotDelegated { text } => AddressError::Namespace { text },
            AddressError::Unknown { text } => AddressError::NotPayable { text },
            error => error,
        })?;
        match actor_id(address) {
            None => Ok(Self::Evm(address)),
            Some(id) if id <= LARGEST_ID => Ok(Self::of_id(id)),
            Some(_) => Err(AddressError::MaskedId { text: text.into() }),
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
            Some(("0", id)) => parse_id(text, id).map(Self::of_id),
            Some((protocol @ ("1" | "2" | "3"), body)) => {
                parse_native(text, protocol.as_bytes()[0] - b'0', body).map(Self::Native)
            }
            _ => Self::from_evm(text),
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

/// The id in the bytes of an f0 address, of 63 bits; `None` for other protocols.
fn id_of(bytes: &[u8]) -> Option<u64> {
    let (&ID, digits) = bytes.split_first()? else {
        return None;
    };
    if digits.is_empty() || digits.len() > 9 || digits.last()? & 0x80 != 0 {
        return None;
    }
    let id = digits.iter().rev();
    Some(id.fold(0, |id, digit| id << 7 | u64::from(digit & 0x7f)))
}

fn parse_id(text: &str, digits: &str) -> Result<u64, AddressError> {
    let id = digits.parse::<u64>().ok();
    id.filter(|id| id.to_string() == digits && *id <= LARGEST_ID)
        .ok_or_else(|| AddressError::Id { text: text.into() })
}

fn parse_native(text: &str, protocol: u8, body: &str) -> Result<NativeAddress, AddressError> {
    let bytes = Base::Base32Lower.decode(body).unwrap_or_default();
    // Re-encoding rejects spellings that differ only in unused bits.
    let canonical = Base::Base32Lower.encode(&bytes) == body;
    let characters = if protocol == BLS { 84 } else { 39 };
    let malformed = || match looks_like_base32(body, characters) {
        true => AddressError::Checksum { text: text.into() },
        false => AddressError::NativeLength { text: text.into() },
    };
    let payload = bytes.len().saturating_sub(CHECKSUM_LENGTH);
    let (payload, checksum) = bytes.split_at(payload);
    let address = NativeAddress::from_bytes(&[&[protocol], payload].concat()).filter(|_| canonical);
    let address = address.ok_or_else(malformed)?;
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
        ("f01729", "00c10d"),
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
    fn ids_are_native_also_in_their_masked_form() {
        let (text, bytes) = SPECIFIED[3];
        let address: PayoutAddress = text.parse().unwrap();
        let PayoutAddress::Native(native) = &address else {
            panic!("{text} is native");
        };
        assert_eq!(const_hex::encode(native.as_bytes()), bytes);
        assert_eq!(address.to_string(), text);
        assert_eq!(
            "0xff000000000000000000000000000000000006c1".parse(),
            Ok(address.clone())
        );
        let largest = NativeAddress::of_id(i64::MAX as u64);
        assert_eq!(NativeAddress::from_bytes(largest.as_bytes()), Some(largest));
        for bad in [
            &[0][..],
            &[0, 0x80],
            &[0, 0xe8, 0x07, 0],
            &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(NativeAddress::from_bytes(bad), None, "{bad:?}");
        }
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
        // The last character has bits that are not used, which are not zero here.
        assert!(matches!(
            fault(&f1.replace("wpryy", "wpryz")),
            AddressError::Checksum { .. }
        ));
        for id in [
            "f0",
            "f007",
            "f0-1",
            "f0+1",
            "f01e3",
            "f09223372036854775808",
            "f018446744073709551615",
            "f099999999999999999999999",
            "t000",
        ] {
            assert!(matches!(fault(id), AddressError::Id { .. }), "{id}");
        }
        assert!(matches!(fault("f1"), AddressError::NativeLength { .. }));
        for f4 in ["f4", "f432abc", "t418446744073709551616fabc"] {
            assert!(matches!(fault(f4), AddressError::Namespace { .. }), "{f4}");
        }
        for other in ["hello", "", "f", "f5abc", "F0999", "0x12"] {
            assert!(matches!(fault(other), AddressError::NotPayable { .. }), "{other}");
        }
        // Each names what was given.
        for text in ["f007", "f432abc", "f1", "f5abc"] {
            assert!(fault(text).to_string().starts_with(&format!("`{text}` ")));
        }
    }

    #[test]
    fn a_masked_id_has_63_bits() {
        let masked = |id: u64| format!("0xff{}{id:016x}", "0".repeat(22)).parse::<PayoutAddress>();
        assert_eq!(masked(LARGEST_ID), Ok(PayoutAddress::of_id(LARGEST_ID)));
        for id in [LARGEST_ID + 1, u64::MAX] {
            assert!(matches!(masked(id), Err(AddressError::MaskedId { .. })), "{id}");
        }
    }
}
