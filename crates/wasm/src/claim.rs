//! Verifies a settlement document from a gateway's bytes.

use std::collections::BTreeMap;

use assize_measurement::car;
use assize_protocol::address::{parse_operator, to_delegated};
use assize_protocol::{Address, AttoFil, B256, FileCid, NativeAddress, PayoutAddress, merkle};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use wasm_bindgen::prelude::*;

/// Why a document is rejected.
#[derive(Debug, Error)]
pub(crate) enum ClaimError {
    #[error("the CID on chain is invalid: {0}")]
    Cid(#[from] assize_protocol::CidError),
    #[error("these bytes do not match the CID on chain: {0}")]
    Car(#[from] car::CarError),
    #[error("the file is not a settlement document: {0}")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is not a valid root: use 32 bytes in hexadecimal")]
    Root(String),
    #[error(
        "the document's allocations have the root {ours}, but the root on chain is {theirs}: this document is not the settlement's, \
         and nothing can be claimed with it"
    )]
    OtherRoot { ours: B256, theirs: B256 },
}

/// The field of the document that a claim needs. The root on chain decides, whatever version the document has.
#[derive(Deserialize)]
struct Document {
    allocations: Vec<Allocation>,
}

#[derive(Deserialize)]
struct Allocation {
    operator: Address,
    cumulative: AttoFil,
}

/// The verified allocations of a settlement.
#[wasm_bindgen]
pub struct Granted {
    cumulative: BTreeMap<Address, AttoFil>,
    tree: merkle::Tree,
}

impl Granted {
    /// Verifies a CAR from a gateway: every block against its CID, the allocations against the root on chain.
    pub(crate) fn open(cid: &[u8], root: &str, packed: &[u8]) -> Result<Self, ClaimError> {
        let cid = FileCid::from_bytes(cid)?;
        let theirs: B256 = root.parse().map_err(|_| ClaimError::Root(root.to_owned()))?;
        let content = car::unpack(&cid, packed)?;
        let document: Document = serde_json::from_slice(&content)?;
        let allocations = document.allocations.into_iter();
        let cumulative: BTreeMap<_, _> = allocations
            .map(|entry| (entry.operator, entry.cumulative))
            .collect();
        let leaves = cumulative
            .iter()
            .map(|(operator, amount)| merkle::reward_leaf(*operator, *amount));
        let tree = merkle::Tree::new(leaves.collect());
        match tree.root() {
            ours if ours == theirs => Ok(Self { cumulative, tree }),
            ours => Err(ClaimError::OtherRoot { ours, theirs }),
        }
    }
}

#[wasm_bindgen]
impl Granted {
    /// Number of operators with an allocation.
    #[must_use]
    pub fn count(&self) -> usize {
        self.cumulative.len()
    }

    /// An operator's cumulative earnings in attoFIL as decimal digits; zero without an allocation.
    #[must_use]
    pub fn cumulative(&self, operator: &str) -> String {
        let amount = operator
            .parse()
            .ok()
            .and_then(|operator: Address| self.cumulative.get(&operator));
        amount.copied().unwrap_or_default().atto().to_string()
    }

    /// The Merkle proof of an operator's leaf: the concatenated siblings of 32 bytes each.
    #[must_use]
    pub fn proof(&self, operator: &str) -> Option<Vec<u8>> {
        let operator: Address = operator.parse().ok()?;
        let leaf = merkle::reward_leaf(operator, *self.cumulative.get(&operator)?);
        let siblings: Vec<B256> = self.tree.proof(leaf)?;
        Some(siblings.iter().flat_map(|sibling| sibling.0).collect())
    }
}

/// An operator's address in both notations, as JSON: `{address, filecoin}`.
pub(crate) fn operator(text: &str) -> Result<String, assize_protocol::address::AddressError> {
    let address = parse_operator(text.trim())?;
    Ok(json!({"address": address.to_string(), "filecoin": to_delegated(address)}).to_string())
}

/// A payout address in Filecoin's notation. `native` are the bytes of an f1, f2 or f3 address, or empty.
pub(crate) fn recipient(address: &str, native: &[u8]) -> Option<String> {
    if let Some(native) = NativeAddress::from_bytes(native) {
        return Some(native.to_string());
    }
    let address: Address = address.parse().ok()?;
    let shown = PayoutAddress::Evm(address).to_string();
    Some(match shown.split_once(' ') {
        Some((id, _)) => id.to_owned(),
        None => to_delegated(address),
    })
}

/// A CID's text.
pub(crate) fn cid_text(cid: &[u8]) -> Result<String, ClaimError> {
    Ok(FileCid::from_bytes(cid)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E";
    const TWO: &str = "0x3356fd7D01F001f5FdA3dc032e8bA14E54C2a1a1";

    fn document(amount: &str) -> Vec<u8> {
        json!({
            "version": 2, "rounds": [], "other": "whatever",
            "allocations": [{"operator": ONE, "cumulative": amount}, {"operator": TWO, "cumulative": "7"}],
        })
        .to_string()
        .into_bytes()
    }

    fn leaf(operator: &str, amount: u128) -> B256 {
        merkle::reward_leaf(operator.parse().unwrap(), AttoFil::new(amount))
    }

    fn root_of(amount: u128) -> B256 {
        merkle::Tree::new(vec![leaf(ONE, amount), leaf(TWO, 7)]).root()
    }

    fn open(content: &[u8], root: B256) -> Result<Granted, ClaimError> {
        let (cid, packed) = car::pack(content);
        Granted::open(&cid.to_bytes(), &root.to_string(), &packed)
    }

    #[test]
    fn a_genuine_document_grants_and_proves() {
        let granted = open(&document("5"), root_of(5)).unwrap();
        assert_eq!((granted.count(), granted.cumulative(ONE)), (2, "5".into()));
        assert_eq!(
            granted.cumulative("0x0000000000000000000000000000000000000001"),
            "0"
        );
        let proof: Vec<B256> = granted
            .proof(ONE)
            .unwrap()
            .chunks(32)
            .map(B256::from_slice)
            .collect();
        assert!(merkle::verify(root_of(5), leaf(ONE, 5), &proof));
        assert_eq!(granted.proof("0x0000000000000000000000000000000000000001"), None);
    }

    #[test]
    fn a_document_of_another_root_or_cid_is_rejected() {
        let fault = |outcome: Result<Granted, ClaimError>| outcome.err().unwrap().to_string();
        assert!(fault(open(&document("500"), root_of(5))).contains("is not the settlement's"));
        let (cid, _) = car::pack(&document("5"));
        let (_, other) = car::pack(&document("500"));
        let root = root_of(500).to_string();
        assert!(
            fault(Granted::open(&cid.to_bytes(), &root, &other)).contains("do not match the CID on chain")
        );
        assert!(fault(Granted::open(&cid.to_bytes(), &root, b"<html>")).contains("do not match"));
        assert!(fault(Granted::open(b"", &root, &other)).contains("CID on chain is invalid"));
        assert!(fault(open(b"{}", root_of(5))).contains("not a settlement document"));
        assert!(fault(open(&document("-1"), root_of(5))).contains("`-1`"));
    }

    #[test]
    fn addresses_are_read_and_shown_in_filecoins_notation() {
        let f410 = "f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i";
        let expected = json!({"address": ONE, "filecoin": f410}).to_string();
        assert_eq!(
            (operator(f410).unwrap(), operator(ONE).unwrap()),
            (expected.clone(), expected)
        );
        assert!(operator("0x12").is_err());
        assert_eq!(recipient(ONE, &[]).unwrap(), f410);
        let miner: PayoutAddress = "f01729".parse().unwrap();
        let PayoutAddress::Native(bytes) = &miner else {
            panic!()
        };
        assert_eq!(recipient(ONE, bytes.as_bytes()).unwrap(), "f01729");
        let native: PayoutAddress = "f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy".parse().unwrap();
        let PayoutAddress::Native(bytes) = &native else {
            panic!()
        };
        assert_eq!(recipient(ONE, bytes.as_bytes()).unwrap(), native.to_string());
    }
}
