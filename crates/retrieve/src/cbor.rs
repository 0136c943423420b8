//! The part of CBOR (RFC 8949) that is needed to find the end of an item and to recognise a CAR's header.

/// Maximum nesting depth.
const DEEPEST: u32 = 32;

/// Splits one well-formed item off the front and returns its bytes. Items of indefinite length are rejected, as in
/// dag-cbor.
pub(crate) fn take_item<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let all = *from;
    skip(from, DEEPEST)?;
    Some(&all[..all.len() - from.len()])
}

/// Whether bytes are a CARv1 header: one map in which `version` is 1. Roots are ignored, because gateways differ in them
/// and they prove nothing.
pub(crate) fn is_car_header(mut bytes: &[u8]) -> bool {
    fn read(bytes: &mut &[u8]) -> Option<bool> {
        let (5, pairs) = head(bytes)? else { return None };
        let mut version = false;
        for _ in 0..pairs {
            let key = take_item(bytes)?;
            let value = take_item(bytes)?;
            version |= key == b"\x67version" && value == [1];
        }
        Some(version)
    }
    read(&mut bytes) == Some(true) && bytes.is_empty()
}

/// Whether an item that begins with this byte is a map.
pub(crate) fn is_map(first: u8) -> bool {
    first >> 5 == 5
}

/// Major type and argument.
fn head(from: &mut &[u8]) -> Option<(u8, u64)> {
    let (&first, mut rest) = from.split_first()?;
    let length = match first & 0x1f {
        direct @ 0..=23 => {
            *from = rest;
            return Some((first >> 5, u64::from(direct)));
        }
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (bytes, after) = rest.split_at_checked(length)?;
    rest = after;
    *from = rest;
    let argument = bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some((first >> 5, argument))
}

fn skip(from: &mut &[u8], depth: u32) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let (major, argument) = head(from)?;
    let items = match major {
        0 | 1 | 7 => 0,
        2 | 3 => {
            (_, *from) = from.split_at_checked(usize::try_from(argument).ok()?)?;
            0
        }
        4 => argument,
        5 => argument.checked_mul(2)?,
        _ => 1,
    };
    // Each item has at least one byte, so a false count ends with the input.
    for _ in 0..items {
        skip(from, depth)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn items_end_at_their_last_byte() {
        for item in [
            &b"\x00"[..],
            b"\x18\x18",
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x43abc",
            b"\x63abc",
            b"\x83\x01\x02\x03",
            b"\xa1\x61a\x82\x01\xf5",
            b"\xd8\x2a\x42\x00\x01",
            b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a",
        ] {
            let more = [item, b"\xa0\x12"].concat();
            let mut from = &more[..];
            assert_eq!(take_item(&mut from), Some(item));
            assert_eq!(from, b"\xa0\x12");
            assert_eq!(take_item(&mut &item[..item.len() - 1]), None, "cut: {item:x?}");
        }
        // Indefinite length, reserved, false length, too deep.
        for bytes in [
            &b"\x9f\x01\xff"[..],
            b"\x1c",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            &[0x81; 100],
        ] {
            assert_eq!(take_item(&mut &bytes[..]), None, "{bytes:x?}");
        }
    }

    #[test]
    fn headers_of_cars_are_recognised() {
        assert!(is_car_header(b"\xa2\x65roots\x80\x67version\x01"));
        assert!(is_car_header(b"\xa2\x67version\x01\x65roots\x80"));
        assert!(is_car_header(b"\xa1\x67version\x01"));
        for bytes in [
            &b""[..],
            b"\x02",
            b"\xa0",
            b"\xa1\x67version\x02",
            b"\xa1\x67version\x01\x00",
            b"\xa1\x67version",
            b"\x67version",
        ] {
            assert!(!is_car_header(bytes), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>) {
            let mut from = &bytes[..];
            if let Some(item) = take_item(&mut from) {
                prop_assert!(bytes.starts_with(item));
            }
            is_car_header(&bytes);
        }
    }
}
