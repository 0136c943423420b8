//! Transient storage, which the EVM actor of crates.io does not have yet.

const TLOAD: u8 = 0x5c;
const TSTORE: u8 = 0x5d;
const SLOAD: u8 = 0x54;
const SSTORE: u8 = 0x55;
const PUSH1: u8 = 0x60;
const PUSH32: u8 = 0x7f;

/// Code in which transient storage is storage. The only use of it here, a guard against re-entry, sets its slot back, so that
/// only gas differs: claims cost up to a fifth more.
pub fn without_transient_storage(code: &[u8]) -> Vec<u8> {
    let mut code = code.to_vec();
    let mut at = 0;
    while at < code.len() {
        match code[at] {
            TLOAD => code[at] = SLOAD,
            TSTORE => code[at] = SSTORE,
            push @ PUSH1..=PUSH32 => at += usize::from(push - PUSH1) + 1,
            _ => {}
        }
        at += 1;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_stays() {
        let code = [PUSH1, TLOAD, TLOAD, PUSH1 + 1, TSTORE, TSTORE, TSTORE, PUSH32];
        let expected = [PUSH1, TLOAD, SLOAD, PUSH1 + 1, TSTORE, TSTORE, SSTORE, PUSH32];
        assert_eq!(without_transient_storage(&code), expected);
    }
}
