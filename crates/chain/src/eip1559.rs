//! EIP-1559 transactions without access lists: `0x02 ‖ rlp([chainId, nonce, maxPriorityFeePerGas, maxFeePerGas,
//! gasLimit, to, value, data, accessList, yParity, r, s])`.

use alloy_primitives::{Address, Bytes, Signature, U256, keccak256};
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header};
use assize_protocol::GasPrice;

use crate::transaction::SignedTransaction;

/// The transaction type (EIP-2718).
const TYPE: u8 = 2;

/// An unsigned transaction.
pub(crate) struct Eip1559<'a> {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) max_priority_fee: GasPrice,
    pub(crate) max_fee: GasPrice,
    pub(crate) gas_limit: u64,
    /// `None` creates a contract.
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) input: &'a Bytes,
}

impl Eip1559<'_> {
    /// The encoding without the signature; its hash is signed.
    pub(crate) fn unsigned(&self) -> Vec<u8> {
        wrap(&self.fields())
    }

    pub(crate) fn signed(&self, signature: &Signature) -> SignedTransaction {
        let mut fields = self.fields();
        signature.v().encode(&mut fields);
        signature.r().encode(&mut fields);
        signature.s().encode(&mut fields);
        let raw = wrap(&fields);
        SignedTransaction {
            hash: keccak256(&raw),
            raw: raw.into(),
        }
    }

    fn fields(&self) -> Vec<u8> {
        let mut fields = Vec::with_capacity(self.input.len() + 160);
        self.chain_id.encode(&mut fields);
        self.nonce.encode(&mut fields);
        self.max_priority_fee.encode(&mut fields);
        self.max_fee.encode(&mut fields);
        self.gas_limit.encode(&mut fields);
        match &self.to {
            Some(address) => address.encode(&mut fields),
            None => fields.push(EMPTY_STRING_CODE),
        }
        self.value.encode(&mut fields);
        self.input.encode(&mut fields);
        fields.push(EMPTY_LIST_CODE);
        fields
    }
}

fn wrap(fields: &[u8]) -> Vec<u8> {
    let mut bytes = vec![TYPE];
    let header = Header {
        list: true,
        payload_length: fields.len(),
    };
    header.encode(&mut bytes);
    bytes.extend_from_slice(fields);
    bytes
}
