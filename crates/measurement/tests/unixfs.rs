//! Our CIDs are those of the ecosystem's own library (`scripts/unixfs-vectors.mjs`).

use std::collections::BTreeMap;

use assize_measurement::unixfs::{Profile, build, file_cid, read};
use serde_json::Value;

#[test]
fn cids_are_those_of_npm_ipld_unixfs() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/unixfs.json")).unwrap();
    let files = fixture["files"].as_array().unwrap();
    assert_eq!(files.len(), 12);
    for file in files {
        let number = |key: &str| file[key].as_u64().unwrap() as usize;
        let content: Vec<u8> = (0..number("size"))
            .map(|i| ((7 * i + i / 256) % 251) as u8)
            .collect();
        let profile = Profile {
            chunk_size: number("chunkSize"),
            max_links: number("maxLinks"),
        };
        let (root, blocks) = build(&content, profile);
        assert_eq!(root.to_string(), file["cid"].as_str().unwrap(), "{file}");
        if profile == Profile::default() {
            assert_eq!(file_cid(&content), root);
        }
        let blocks: BTreeMap<_, _> = blocks.iter().map(|block| (block.cid, &block.data[..])).collect();
        assert_eq!(
            read(&root, |cid| blocks.get(cid).copied()).unwrap(),
            content,
            "{file}"
        );
    }
}
