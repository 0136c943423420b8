//! The builtin actors: the EVM's is real, of the others nothing but their existence matters here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use cid::Cid;
use fvm_ipld_blockstore::{Block, Blockstore};
use fvm_ipld_encoding::CborStore;
use multihash_codetable::Code;

use crate::store::Blocks;

/// What an actor other than the EVM does when a contract calls it.
enum Stub {
    /// It accepts any call, as accounts, placeholders and multisigs do (FRC-0042's universal receiver).
    Accepts,
    /// It has no such method.
    Refuses,
}

/// In the order of their ids in a manifest.
const ACTORS: [(&str, Stub); 16] = [
    ("system", Stub::Refuses),
    ("init", Stub::Refuses),
    ("cron", Stub::Refuses),
    ("account", Stub::Accepts),
    ("storagepower", Stub::Refuses),
    ("storageminer", Stub::Refuses),
    ("storagemarket", Stub::Refuses),
    ("paymentchannel", Stub::Refuses),
    ("multisig", Stub::Accepts),
    ("reward", Stub::Refuses),
    ("verifiedregistry", Stub::Refuses),
    ("datacap", Stub::Refuses),
    ("placeholder", Stub::Accepts),
    ("evm", Stub::Refuses),
    ("eam", Stub::Refuses),
    ("ethaccount", Stub::Accepts),
];

/// `(module (memory (export "memory") 1) (func (export "invoke") (param i32) (result i32) …))`, up to the body.
const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x02\x01\0\x05\x03\x01\0\x01\
    \x07\x13\x02\x06memory\x02\0\x06invoke\0\0";
/// `i32.const 0`: success without a result.
const ACCEPT: &[u8] = b"\x0a\x06\x01\x04\0\x41\0\x0b";
/// `unreachable`.
const REFUSE: &[u8] = b"\x0a\x05\x01\x03\0\0\x0b";
const RAW: u64 = 0x55;

/// The code of each builtin actor, by name.
pub struct Actors {
    codes: BTreeMap<&'static str, Cid>,
    /// The manifest's list, which the system actor's state names.
    pub list: Cid,
    /// The bundle: its version, and the list.
    pub bundle: Cid,
}

impl Actors {
    /// Puts the actors into a store.
    pub fn put(blocks: &Blocks) -> anyhow::Result<Self> {
        let built = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("evm-actor/target/wasm32-unknown-unknown/release/assize_evm_actor.wasm");
        let evm = fs::read(&built).with_context(|| {
            format!(
                "{} is missing: run `make test-fvm`, which builds it",
                built.display()
            )
        })?;
        let mut list = Vec::new();
        let mut codes = BTreeMap::new();
        for (number, (name, stub)) in (0u8..).zip(&ACTORS) {
            let code = match (*name, stub) {
                ("evm", _) => evm.clone(),
                (_, Stub::Accepts) => numbered(ACCEPT, number),
                (_, Stub::Refuses) => numbered(REFUSE, number),
            };
            let block = Block {
                codec: RAW,
                data: &code[..],
            };
            let cid = blocks.put(Code::Blake2b256, &block)?;
            list.push((name.to_string(), cid));
            codes.insert(*name, cid);
        }
        let list = blocks.put_cbor(&list, Code::Blake2b256)?;
        let bundle = blocks.put_cbor(&(1u32, list), Code::Blake2b256)?;
        Ok(Self { codes, list, bundle })
    }

    /// The code of an actor.
    pub fn code(&self, name: &str) -> Cid {
        self.codes[name]
    }
}

/// A stub with a custom section, so that each has a CID of its own.
fn numbered(body: &[u8], number: u8) -> Vec<u8> {
    [MODULE, body, &[0, 3, 1, b'x', number]].concat()
}
