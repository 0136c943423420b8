//! Encodes the retrieval protocols of an advertisement (ipni/specs IPNI.md, "Metadata").

use super::payload::put_varint;

/// A retrieval protocol and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// `transport-bitswap`, 0x0900.
    Bitswap,
    /// `transport-graphsync-filecoinv1`, 0x0910.
    Graphsync {
        /// CID of the piece, binary.
        piece: Vec<u8>,
        /// Whether the deal is verified.
        verified: bool,
        /// Whether there is an unsealed copy.
        fast: bool,
    },
    /// `transport-ipfs-gateway-http`, 0x0920: the trustless gateway.
    TrustlessGateway,
    /// `transport-filecoin-piece-http`, 0x0930.
    PieceHttp,
    /// Any other.
    Other {
        /// Its multicodec.
        code: u64,
        /// Its payload.
        payload: Vec<u8>,
    },
}

impl Protocol {
    /// Graphsync for a piece of a verified deal with an unsealed copy.
    #[must_use]
    pub fn graphsync(piece: [u8; 32]) -> Self {
        Self::Graphsync {
            // CIDv1, fil-commitment-unsealed, sha2-256-trunc254-padded.
            piece: [&[0x01, 0x81, 0xe2, 0x03, 0x92, 0x20, 0x20][..], &piece].concat(),
            verified: true,
            fast: true,
        }
    }

    /// Its multicodec.
    #[must_use]
    pub fn code(&self) -> u64 {
        match self {
            Self::Bitswap => 0x0900,
            Self::Graphsync { .. } => 0x0910,
            Self::TrustlessGateway => 0x0920,
            Self::PieceHttp => 0x0930,
            Self::Other { code, .. } => *code,
        }
    }

    /// Its name in the multicodec table, which delegated routing uses.
    pub(super) fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bitswap => "transport-bitswap",
            Self::Graphsync { .. } => "transport-graphsync-filecoinv1",
            Self::TrustlessGateway => "transport-ipfs-gateway-http",
            Self::PieceHttp => "transport-filecoin-piece-http",
            Self::Other { .. } => return None,
        })
    }

    fn put(&self, to: &mut Vec<u8>) {
        put_varint(to, self.code());
        match self {
            Self::Graphsync {
                piece,
                verified,
                fast,
            } => {
                let truth = |yes: bool| 0xf4 + u8::from(yes);
                // A map of three entries; tag 42, a byte string with a zero before the CID.
                to.extend_from_slice(b"\xa3\x68PieceCID\xd8\x2a\x58");
                to.extend_from_slice(&[piece.len() as u8 + 1, 0]);
                to.extend_from_slice(piece);
                to.extend_from_slice(b"\x6cVerifiedDeal");
                to.push(truth(*verified));
                to.extend_from_slice(b"\x6dFastRetrieval");
                to.push(truth(*fast));
            }
            Self::Other { payload, .. } => to.extend_from_slice(payload),
            Self::Bitswap | Self::TrustlessGateway | Self::PieceHttp => {}
        }
    }
}

/// The metadata of an advertisement: each protocol's code and payload, in ascending order.
#[must_use]
pub fn metadata(protocols: &[Protocol]) -> Vec<u8> {
    let mut sorted: Vec<_> = protocols.iter().collect();
    sorted.sort_by_key(|protocol| protocol.code());
    let mut bytes = Vec::new();
    sorted.iter().for_each(|protocol| protocol.put(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use cid::multibase::Base;

    use super::*;

    fn base64(protocols: &[Protocol]) -> String {
        Base::Base64Pad.encode(metadata(protocols))
    }

    /// From the examples of the specification.
    #[test]
    fn the_examples_pass() {
        let piece = |hex: &str| alloy_primitives::hex::decode(hex).unwrap().try_into().unwrap();
        assert_eq!(base64(&[Protocol::Bitswap]), "gBI=");
        assert_eq!(base64(&[Protocol::TrustlessGateway]), "oBI=");
        let first = Protocol::graphsync(piece(
            "ec7d066fc64ae0b0bc6a28ca939e974b876266fa0bbfd85c0f3ea2884d202613",
        ));
        assert_eq!(
            base64(&[first]),
            "kBKjaFBpZWNlQ0lE2CpYKAABgeIDkiAg7H0Gb8ZK4LC8aijKk56XS4diZvoLv9hcDz6iiE0gJhNsVmVyaWZpZWREZWFs9W1GYXN0UmV0cmlldmFs9Q=="
        );
        let mut second = Protocol::graphsync(piece(
            "185402a63ea2f59a992288385df6205a5e853fdeb5e8ad7c738e2c8448fe2107",
        ));
        if let Protocol::Graphsync { verified, .. } = &mut second {
            *verified = false;
        }
        // Ascending, in whatever order they are given.
        assert_eq!(
            base64(&[second, Protocol::Bitswap]),
            "gBKQEqNoUGllY2VDSUTYKlgoAAGB4gOSICAYVAKmPqL1mpkiiDhd9iBaXoU/3rXorXxzjiyESP4hB2xWZXJpZmllZERlYWz0bUZhc3RSZXRyaWV2YWz1"
        );
    }
}
