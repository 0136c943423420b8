//! Other tools read our files, and we read theirs, block by block: npm `ipfs-car`,
//! `@ipld/unixfs`, `@ipld/car` and `ipfs-unixfs-exporter`.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use assize_measurement::car::{self, Content, Sections};
use assize_measurement::unixfs::{Profile, Walk, build};
use assize_protocol::FileCid;
use sha2::{Digest, Sha256};

/// The repository, where the npm packages are.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a program with node; returns its output.
fn node(arguments: &[&str]) -> String {
    let packages = repository().join("node_modules/ipfs-car");
    assert!(
        packages.exists(),
        "the npm packages are missing: run `make test`, or `npm install` in the repository"
    );
    let output = Command::new("node")
        .args(arguments)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn ipfs_car(arguments: &[&str]) -> String {
    node(&[&["node_modules/ipfs-car/bin.js"], arguments].concat())
}

/// Bytes whose period differs from every chunk length.
fn fill(path: &Path, size: usize) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    let block: Vec<u8> = (0..65_521_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut left = size;
    while left > 0 {
        let count = left.min(block.len());
        out.write_all(&block[..count]).unwrap();
        left -= count;
    }
    out.flush().unwrap();
}

fn digest(mut content: impl Read) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer).unwrap() {
            0 => return hasher.finalize().into(),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[test]
fn files_of_every_size_are_packed_and_unpacked() {
    const MIB: usize = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for size in [0, 1, MIB, MIB + 1, 300_000_000] {
        let (file, theirs, ours, unpacked) = (
            path("file"),
            path("theirs.car"),
            path("ours.car"),
            path("unpacked"),
        );
        fill(file.as_ref(), size);
        let content = digest(File::open(&file).unwrap());
        // Theirs, read by us.
        let root: FileCid = ipfs_car(&["pack", "--no-wrap", &file, "--output", &theirs])
            .parse()
            .unwrap();
        let read = Content::open(&root, File::open(&theirs).unwrap()).unwrap();
        assert_eq!(digest(read), content, "{size}");
        fs::remove_file(&theirs).unwrap();
        // Ours, read by them.
        let mut packed = File::create(&ours).unwrap();
        let cid = car::pack_to(&mut packed, |to| {
            io::copy(&mut File::open(&file).unwrap(), to).map(drop)
        });
        assert_eq!(cid.unwrap(), root, "{size}");
        fs::remove_file(&file).unwrap();
        ipfs_car(&["unpack", &ours, "--output", &unpacked]);
        assert_eq!(digest(File::open(&unpacked).unwrap()), content, "{size}");
        fs::remove_file(&unpacked).unwrap();
    }
}

#[test]
fn trees_of_three_and_more_levels_are_built_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // Size, chunk, links; the last has levels that are not full.
    for (size, chunk, links) in [(5_000, 256, 4), (4_096, 16, 4), (4_097, 16, 4), (50_000, 100, 7)] {
        let (file, theirs, ours, unpacked) = (
            path("file"),
            path("theirs.car"),
            path("ours.car"),
            path("unpacked"),
        );
        fill(file.as_ref(), size);
        let content = fs::read(&file).unwrap();
        let profile = Profile::new(chunk, links).unwrap();
        let oracle = "crates/measurement/tests/oracle.mjs";
        let built = node(&[
            oracle,
            "build",
            &file,
            &chunk.to_string(),
            &links.to_string(),
            &theirs,
        ]);
        let (root, blocks) = build(&content, profile);
        assert_eq!(built, root.to_string());
        // Theirs, walked by us.
        let car = fs::read(&theirs).unwrap();
        let sections: Vec<_> = Sections::open(&car).unwrap().map(Result::unwrap).collect();
        let mut walk = Walk::new(&root, profile);
        let mut read = Vec::new();
        while let Some(cid) = walk.wanted() {
            let block = sections.iter().find(|section| section.cid == cid).unwrap();
            read.extend_from_slice(walk.take(block.data).unwrap());
        }
        assert_eq!(read, content);
        // Ours, exported by them.
        let mut car = Vec::new();
        car::put_header(&mut car, &root);
        for block in &blocks {
            car::put_block(&mut car, &block.cid, &block.data);
        }
        fs::write(&ours, car).unwrap();
        node(&[oracle, "read", &ours, &unpacked]);
        assert_eq!(fs::read(&unpacked).unwrap(), content);
    }
}
