//! Verifies a settlement document from a gateway's bytes.

use assize_measurement::car;
use assize_protocol::address::{parse_operator, to_delegated};
use assize_protocol::{
    Address, Allocation, B256, FileCid, NativeAddress, PayoutAddress, allocations_in, positional,
};
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
    #[error(
        "the document has {ours} allocations, but the settlement has {theirs}: this document is not the settlement's"
    )]
    OtherCount { ours: usize, theirs: u32 },
}

/// The verified allocations of a settlement.
#[wasm_bindgen]
pub struct Granted {
    /// In the order of the tree.
    allocations: Vec<Allocation>,
    tree: positional::Tree,
}

impl Granted {
    /// Verifies a CAR from a gateway: every block against its CID, the allocations against root and count
    /// on chain.
    pub(crate) fn open(cid: &[u8], root: &str, operators: u32, packed: &[u8]) -> Result<Self, ClaimError> {
        let cid = FileCid::from_bytes(cid)?;
        let theirs: B256 = root.parse().map_err(|_| ClaimError::Root(root.to_owned()))?;
        let content = car::unpack(&cid, packed)?;
        // The root on chain decides, whatever version the document has.
        let allocations = allocations_in(&content)?;
        if allocations.len() as u64 != u64::from(operators) {
            return Err(ClaimError::OtherCount {
                ours: allocations.len(),
                theirs: operators,
            });
        }
        let tree = positional::Tree::new(allocations.iter().map(Allocation::leaf).collect());
        match tree.root() {
            ours if ours == theirs => Ok(Self { allocations, tree }),
            ours => Err(ClaimError::OtherRoot { ours, theirs }),
        }
    }

    /// Where an operator is in the tree, and what is there.
    fn find(&self, operator: &str) -> Option<(u32, &Allocation)> {
        let operator: Address = operator.parse().ok()?;
        (0..)
            .zip(&self.allocations)
            .find(|(_, entry)| entry.operator == operator)
    }
}

#[wasm_bindgen]
impl Granted {
    /// Number of operators with an allocation.
    #[must_use]
    pub fn count(&self) -> usize {
        self.allocations.len()
    }

    /// An operator's cumulative earnings in attoFIL as decimal digits; zero without an allocation.
    #[must_use]
    pub fn cumulative(&self, operator: &str) -> String {
        let amount = self.find(operator).map(|(_, entry)| entry.cumulative);
        amount.unwrap_or_default().atto().to_string()
    }

    /// An operator's place in the rewards tree.
    #[must_use]
    pub fn index(&self, operator: &str) -> Option<u32> {
        Some(self.find(operator)?.0)
    }

    /// The hash of what a claim need not look at: 32 bytes.
    #[must_use]
    pub fn rest(&self, operator: &str) -> Option<Vec<u8>> {
        Some(self.find(operator)?.1.rest().to_vec())
    }

    /// The siblings of an operator's leaf, from its level upwards: the concatenation of 32 bytes each.
    #[must_use]
    pub fn proof(&self, operator: &str) -> Option<Vec<u8>> {
        let siblings: Vec<B256> = self.tree.proof(self.find(operator)?.0)?;
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
    use assize_protocol::{AttoFil, claim_leaf};

    use super::*;

    const ONE: &str = "0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E";
    const TWO: &str = "0x3356fd7D01F001f5FdA3dc032e8bA14E54C2a1a1";

    fn allocations(amount: u128) -> [Allocation; 2] {
        let allocation = |operator: &str, cumulative: u128, running: u128| Allocation {
            operator: operator.parse().unwrap(),
            cumulative: AttoFil::new(cumulative),
            running: AttoFil::new(running),
            grown: AttoFil::new(1),
            reports: 1,
            sheet: B256::repeat_byte(7),
        };
        [allocation(TWO, 7, 7), allocation(ONE, amount, 7 + amount)]
    }

    fn document(amount: u128) -> Vec<u8> {
        json!({"version": 9, "rounds": [], "other": "whatever", "allocations": allocations(amount)})
            .to_string()
            .into_bytes()
    }

    fn root_of(amount: u128) -> B256 {
        positional::Tree::new(allocations(amount).map(|entry| entry.leaf()).to_vec()).root()
    }

    fn open(content: &[u8], root: B256) -> Result<Granted, ClaimError> {
        let (cid, packed) = car::pack(content);
        Granted::open(&cid.to_bytes(), &root.to_string(), 2, &packed)
    }

    #[test]
    fn a_genuine_document_grants_and_proves() {
        let granted = open(&document(5), root_of(5)).unwrap();
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
        let index = granted.index(ONE).unwrap();
        let rest = B256::from_slice(&granted.rest(ONE).unwrap());
        let leaf = claim_leaf(ONE.parse().unwrap(), AttoFil::new(5), rest);
        assert_eq!(index, 1);
        assert!(positional::verify(root_of(5), 2, leaf, index, &proof));
        let nobody = "0x0000000000000000000000000000000000000001";
        assert_eq!(
            (granted.proof(nobody), granted.index(nobody), granted.rest(nobody)),
            (None, None, None)
        );
    }

    #[test]
    fn a_document_of_another_root_or_cid_is_rejected() {
        let fault = |outcome: Result<Granted, ClaimError>| outcome.err().unwrap().to_string();
        assert!(fault(open(&document(500), root_of(5))).contains("is not the settlement's"));
        let (cid, _) = car::pack(&document(5));
        let (_, other) = car::pack(&document(500));
        let root = root_of(500).to_string();
        assert!(
            fault(Granted::open(&cid.to_bytes(), &root, 2, &other)).contains("do not match the CID on chain")
        );
        assert!(fault(Granted::open(&cid.to_bytes(), &root, 2, b"<html>")).contains("do not match"));
        assert!(fault(Granted::open(b"", &root, 2, &other)).contains("CID on chain is invalid"));
        let (cid, packed) = car::pack(&document(5));
        let (cid, root) = (cid.to_bytes(), root_of(5).to_string());
        assert!(fault(Granted::open(&cid, &root, 3, &packed)).contains("has 2 allocations, but"));
        assert!(fault(open(b"{}", root_of(5))).contains("not a settlement document"));
        let negative = String::from_utf8(document(5)).unwrap().replace("\"5\"", "\"-1\"");
        assert!(fault(open(negative.as_bytes(), root_of(5))).contains("-1"));
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
