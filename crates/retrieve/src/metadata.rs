//! IPNI metadata: the protocols over which an advertisement offers its payloads.
//!
//! `uvarint protocol ‖ payload`, repeated, in ascending order (ipni/specs, IPNI.md "Metadata"). Bitswap and both HTTP
//! protocols have no payload. Graphsync has a CBOR map, which must be skipped exactly to read what follows.

use crate::{cbor, varint};

/// A protocol of an advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Protocol {
    Bitswap,
    Graphsync,
    Http,
    PieceHttp,
    Unknown(u64),
}

impl Protocol {
    fn of(code: u64) -> Self {
        match code {
            0x0900 => Self::Bitswap,
            // The second was its code before the multicodec table had one; Spark knows it too.
            0x0910 | 0x3f_0000 => Self::Graphsync,
            0x0920 => Self::Http,
            0x0930 => Self::PieceHttp,
            code => Self::Unknown(code),
        }
    }
}

/// The protocols, distinct, in order.
///
/// Malformed data ends the list; what precedes it counts. So does an unknown protocol, because the length of its
/// payload is unknown, unless a known protocol with a higher code follows at once: then it has no payload.
pub(crate) fn protocols(metadata: &[u8]) -> Vec<Protocol> {
    let mut found = Vec::new();
    let mut rest = metadata;
    while let Some(code) = varint::take(&mut rest) {
        let protocol = Protocol::of(code);
        if !found.contains(&protocol) {
            found.push(protocol);
        }
        match protocol {
            // Some implementations write the code twice, as does the specification's own batch example.
            Protocol::Graphsync if !rest.first().is_some_and(|first| cbor::is_map(*first)) => {}
            Protocol::Graphsync if cbor::take_item(&mut rest).is_none() => break,
            Protocol::Unknown(_) => {
                let next = varint::take(&mut { rest });
                if !next
                    .is_some_and(|next| next > code && !matches!(Protocol::of(next), Protocol::Unknown(_)))
                {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use cid::multibase::Base;
    use proptest::prelude::*;

    use super::Protocol::*;
    use super::*;

    fn of(base64: &str) -> Vec<Protocol> {
        protocols(&Base::Base64Pad.decode(base64).unwrap())
    }

    /// The last three are examples from ipni/specs.
    #[test]
    fn known_metadata_is_read() {
        assert_eq!(of("oBI="), [Http]);
        assert_eq!(of("sBI="), [PieceHttp]);
        assert_eq!(of("gBI="), [Bitswap]);
        let graphsync = "kBKjaFBpZWNlQ0lE2CpYKAABgeIDkiAg7H0Gb8ZK4LC8aijKk56XS4diZvoLv9hcDz6iiE0gJhNsVmVyaWZpZWREZWFs9W1GYXN0UmV0cmlldmFs9Q==";
        assert_eq!(of(graphsync), [Graphsync]);
        let twice = "kBKQEqNoUGllY2VDSUTYKlgoAAGB4gOSICAYVAKmPqL1mpkiiDhd9iBaXoU/3rXorXxzjiyESP4hB2xWZXJpZmllZERlYWz0bUZhc3RSZXRyaWV2YWz1";
        assert_eq!(of(twice), [Graphsync]);

        // Spark saw only the first of these.
        let mut both = Base::Base64Pad.decode(graphsync).unwrap();
        both.extend([0xa0, 0x12, 0xb0, 0x12]);
        assert_eq!(protocols(&both), [Graphsync, Http, PieceHttp]);
        assert_eq!(protocols(&[0x80, 0x12, 0xa0, 0x12]), [Bitswap, Http]);
    }

    #[test]
    fn malformed_data_and_unknown_protocols_end_the_list() {
        assert_eq!(protocols(&[]), []);
        assert_eq!(protocols(&[0xa0]), []);
        // A truncated payload.
        assert_eq!(
            protocols(&[0x80, 0x12, 0x90, 0x12, 0xa3, 0x68]),
            [Bitswap, Graphsync]
        );
        // An unknown protocol between two known ones, with and without payload. The payload may be any bytes.
        assert_eq!(protocols(&[0x95, 0x12, 0xa0, 0x12]), [Unknown(0x915), Http]);
        assert_eq!(protocols(&[0x95, 0x12, 0x05, 0xa0, 0x12]), [Unknown(0x915)]);
        assert_eq!(
            protocols(&[0xa0, 0x12, 0x80, 0x80, 0xf4, 0x01]),
            [Http, Unknown(0x3d_0000)]
        );
        assert_eq!(
            protocols(&[0x80, 0x80, 0xf4, 0x01, 0xa0, 0x12]),
            [Unknown(0x3d_0000)]
        );
    }

    proptest! {
        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>) {
            protocols(&bytes);
        }
    }
}
