//! Memory use under attack. A separate process, because the test reads its peak.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "providers/support.rs"]
mod support;

use support::*;

/// Peak of resident memory, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[tokio::test]
async fn a_decompression_bomb_is_too_large_and_uses_no_memory() {
    // 1 GiB of zeros, compressed to 1 MB, generated piece by piece.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let cid = raw_cid(BLOCK);
    std::io::Write::write_all(&mut encoder, &car_header(&cid)).unwrap();
    // A section of 1 GiB that begins with the right CID, so that the zeros are hashed as its block.
    std::io::Write::write_all(&mut encoder, &varint(1 << 30)).unwrap();
    std::io::Write::write_all(&mut encoder, &cid.to_bytes()).unwrap();
    for _ in 0..1024 {
        std::io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 2 << 20);

    let before = peak();
    let acts = answer("200 OK", "Content-Encoding: gzip\r\n", &bomb);
    let got = retrieve_with(acts, |config| config.limits = assize_retrieve::Limits::default()).await;
    assert_eq!(result(&got), "CAR_TOO_LARGE");
    assert!(got.received > 199 << 20 && got.received <= 200 << 20);
    let grown = peak() - before;
    assert!(grown < 32 << 10, "{grown} KiB more");
}
