//! Our CIDs and CARs equal those of other tools (`scripts/unixfs-vectors.mjs`).

use std::collections::BTreeMap;

use alloy_primitives::hex;
use assize_measurement::car::{pack, unpack};
use assize_measurement::unixfs::{Profile, build, file_cid, read};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[test]
fn cids_and_cars_are_those_of_npm_ipfs_car() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/unixfs.json")).unwrap();
    let files = fixture["files"].as_array().unwrap();
    let (mut deep, mut packed) = (0, 0);
    for file in files {
        let number = |key: &str| file[key].as_u64().unwrap() as usize;
        let content: Vec<u8> = (0..number("size"))
            .map(|i| ((7 * i + i / 256) % 251) as u8)
            .collect();
        let profile = Profile::new(number("chunkSize"), number("maxLinks")).unwrap();
        let (root, blocks) = build(&content, profile);
        assert_eq!(root.to_string(), file["cid"].as_str().unwrap(), "{file}");
        deep += usize::from(number("size") > profile_width(&number) * number("maxLinks"));
        let blocks: BTreeMap<_, _> = blocks.iter().map(|block| (block.cid, &block.data[..])).collect();
        assert_eq!(
            read(&root, profile, |cid| blocks.get(cid).copied()).unwrap(),
            content,
            "{file}"
        );

        if let Some(digest) = file["carSha256"].as_str() {
            assert_eq!(file_cid(&content), root);
            let (_, car) = pack(&content);
            assert_eq!(hex::encode(Sha256::digest(&car)), digest, "{file}");
            assert_eq!(unpack(&root, &car).unwrap(), content);
            packed += 1;
        }
    }
    assert!(
        deep >= 4 && packed >= 5,
        "{deep} trees of three levels and more, {packed} CARs"
    );
}

/// Bytes below a node above leaves.
fn profile_width(number: &impl Fn(&str) -> usize) -> usize {
    number("chunkSize") * number("maxLinks")
}
