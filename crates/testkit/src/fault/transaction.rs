//! Decodes signed transactions as far as a mempool needs (EIP-1559, EIP-2718).

use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Decodable, Header};
use assize_protocol::GasPrice;
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

/// A transaction of type 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transaction {
    pub hash: B256,
    pub sender: Address,
    pub nonce: u64,
    /// For the block producer.
    pub premium: GasPrice,
    pub raw: Vec<u8>,
}

/// The signed fields: chain id, nonce, premium, fee cap, gas limit, recipient, value, data, access list.
const SIGNED_FIELDS: usize = 9;

impl Transaction {
    /// Decodes signed bytes; `None` if they are not a signed transaction of type 2.
    pub(super) fn decode(raw: &[u8]) -> Option<Self> {
        let mut payload = raw.strip_prefix(&[2])?;
        let header = Header::decode(&mut payload).ok()?;
        if !header.list || header.payload_length != payload.len() {
            return None;
        }
        let fields = payload;
        let mut items = Vec::new();
        while !payload.is_empty() {
            let before = payload;
            let item = Header::decode(&mut payload).ok()?;
            payload = payload.get(item.payload_length..)?;
            items.push(&before[..before.len() - payload.len()]);
        }
        let [_, nonce, premium, _, _, _, _, _, _, parity, r, s] = items[..] else {
            return None;
        };
        let signed: usize = items[..SIGNED_FIELDS].iter().map(|item| item.len()).sum();
        let mut unsigned = vec![2];
        Header {
            list: true,
            payload_length: signed,
        }
        .encode(&mut unsigned);
        unsigned.extend_from_slice(&fields[..signed]);
        Some(Self {
            hash: keccak256(raw),
            sender: recover(&keccak256(unsigned), number(parity)?, number(r)?, number(s)?)?,
            nonce: u64::decode(&mut &*nonce).ok()?,
            premium: GasPrice::decode(&mut &*premium).ok()?,
            raw: raw.to_vec(),
        })
    }
}

fn number(mut item: &[u8]) -> Option<alloy_primitives::U256> {
    alloy_primitives::U256::decode(&mut item).ok()
}

fn recover(
    digest: &B256,
    parity: alloy_primitives::U256,
    r: alloy_primitives::U256,
    s: alloy_primitives::U256,
) -> Option<Address> {
    let compact = [r.to_be_bytes::<32>(), s.to_be_bytes::<32>()].concat();
    let id = RecoveryId::try_from(i32::from(u8::try_from(parity).ok()?)).ok()?;
    let signature = RecoverableSignature::from_compact(&compact, id).ok()?;
    let key = signature.recover_ecdsa(Message::from_digest(digest.0)).ok()?;
    Some(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}
