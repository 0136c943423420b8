//! Keystore files (Web3 Secret Storage, version 3), as `cast wallet` and geth write them.

use std::path::Path;

use alloy::signers::local::{LocalSignerError, PrivateKeySigner};
use serde::Deserialize;

use super::error::{KeystoreTrouble, SignerError};

/// Most memory that scrypt may want: 128 · n · r bytes. geth's strong keystores want 256 MiB.
const MOST_MEMORY: u64 = 1 << 31;

/// What must hold before the library computes with a file: it trusts all of these.
#[derive(Deserialize)]
struct File {
    crypto: Crypto,
    version: u64,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    kdf: String,
    kdfparams: serde_json::Value,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Deserialize)]
struct Scrypt {
    dklen: u64,
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Deserialize)]
struct Pbkdf2 {
    dklen: u64,
    c: u64,
    prf: String,
}

pub(super) fn open(path: &Path, password: &str) -> Result<PrivateKeySigner, SignerError> {
    let refuse = |trouble| SignerError::Keystore {
        path: path.to_owned(),
        trouble,
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| refuse(KeystoreTrouble::Unreadable(error.to_string())))?;
    check(&text).map_err(|reason| refuse(KeystoreTrouble::Malformed(reason)))?;
    PrivateKeySigner::decrypt_keystore(path, password).map_err(|error| {
        refuse(match error {
            LocalSignerError::EcdsaError(_) => KeystoreTrouble::NoKey,
            // The library's only way to say it; the error type is not public.
            LocalSignerError::EthKeystoreError(error) if error.to_string() == "Mac Mismatch" => {
                KeystoreTrouble::WrongPassword
            }
            other => KeystoreTrouble::Malformed(other.to_string()),
        })
    })
}

fn check(text: &str) -> Result<(), String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let wants = |holds: bool, what: &str| holds.then_some(()).ok_or_else(|| what.to_owned());
    wants(file.version == 3, "its version is not 3")?;
    wants(
        file.crypto.cipher == "aes-128-ctr",
        "its cipher is not aes-128-ctr",
    )?;
    wants(file.crypto.cipherparams.iv.len() == 32, "its iv has not 16 bytes")?;
    let length = |bytes: u64| wants((32..=128).contains(&bytes), "its dklen is not 32");
    let params = file.crypto.kdfparams;
    match file.crypto.kdf.as_str() {
        "scrypt" => {
            let scrypt: Scrypt = serde_json::from_value(params).map_err(|error| error.to_string())?;
            length(scrypt.dklen)?;
            wants(
                scrypt.n > 1 && scrypt.n.is_power_of_two(),
                "its n is no power of two",
            )?;
            let memory = scrypt
                .n
                .checked_mul(128)
                .and_then(|bytes| bytes.checked_mul(scrypt.r));
            wants(
                scrypt.r > 0 && memory.is_some_and(|bytes| bytes <= MOST_MEMORY),
                "its scrypt wants more than 2 GiB of memory",
            )?;
            wants((1..=64).contains(&scrypt.p), "its p is not from 1 to 64")
        }
        "pbkdf2" => {
            let pbkdf2: Pbkdf2 = serde_json::from_value(params).map_err(|error| error.to_string())?;
            length(pbkdf2.dklen)?;
            wants(pbkdf2.c > 0, "its c is 0")?;
            wants(pbkdf2.prf == "hmac-sha256", "its prf is not hmac-sha256")
        }
        other => Err(format!("its kdf is {other}, neither scrypt nor pbkdf2")),
    }
}
