//! Unsigned LEB128, as in multiformats.

/// Splits a number off the front; `None` if it is missing, truncated, not minimal or above 63 bits.
pub(crate) fn take(from: &mut &[u8]) -> Option<u64> {
    let mut reader = Reader::default();
    for (index, byte) in from.iter().enumerate() {
        if let Some(number) = reader.push(*byte)? {
            *from = &from[index + 1..];
            return Some(number);
        }
    }
    None
}

/// Decodes a number byte by byte.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    number: u64,
    bytes: u32,
}

impl Reader {
    /// Processes one byte; `None` if the number is invalid, `Some(None)` if it is incomplete.
    #[expect(clippy::option_option, reason = "invalid, incomplete, complete")]
    pub(crate) fn push(&mut self, byte: u8) -> Option<Option<u64>> {
        // multiformats/unsigned-varint: at most nine bytes, minimally encoded.
        if self.bytes == 9 || (byte == 0 && self.bytes > 0) {
            return None;
        }
        self.number |= u64::from(byte & 0x7f) << (7 * self.bytes);
        self.bytes += 1;
        if byte & 0x80 != 0 {
            return Some(None);
        }
        let number = self.number;
        *self = Self::default();
        Some(Some(number))
    }

    /// Whether a number has begun and not ended.
    pub(crate) fn is_within(&self) -> bool {
        self.bytes > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_specified() {
        for (bytes, number) in [
            (&[0x00][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 0x01], Some(128)),
            (&[0x90, 0x12], Some(0x910)),
            (&[0xff; 9], None),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                Some(u64::MAX >> 1),
            ),
            (&[0x80, 0x00], None),
            (&[0x80], None),
            (&[], None),
        ] {
            let mut from = bytes;
            assert_eq!(take(&mut from), number, "{bytes:x?}");
            assert!(number.is_none() || from.is_empty());
        }
        let mut two = &[0x01, 0x02][..];
        assert_eq!((take(&mut two), take(&mut two)), (Some(1), Some(2)));
    }
}
