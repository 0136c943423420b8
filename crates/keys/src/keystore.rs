//! Keystore files (Web3 Secret Storage, version 3).
//!
//! Wallets write them differently. A file is read if it leaves no doubt: names in any case, numbers of bytes with or
//! without `0x`, and without the fields that only describe it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use aes::Aes128;
use alloy_primitives::{Address, Keccak256, hex};
use assize_protocol::plain_text;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use sha2::Sha256;

use crate::error::{KeystoreTrouble, SignerError};
use crate::local::LocalKey;

/// Maximum memory for scrypt: 128 · r · (n + p) bytes. geth's strong keystores need 256 MiB.
const MAX_MEMORY: u64 = 1 << 31;
/// Maximum work of scrypt: 128 · r · n · p bytes that it goes through. Those keystores need 256 MiB, and about a second.
const MAX_WORK: u64 = 1 << 33;
/// Maximum number of pbkdf2's rounds. Wallets use 262,144 at most; this many take several seconds.
const MAX_ROUNDS: u32 = 1 << 24;

/// Maximum size of a file, bytes; those of wallets have less than a thousand.
const MAX_SIZE: u64 = 65_536;

/// The fields of the file that are needed, in lower case.
#[derive(Deserialize)]
struct Keystore {
    crypto: Crypto,
    #[serde(deserialize_with = "number")]
    version: u64,
    /// The key's address; some wallets leave it out, or write another kind of address.
    #[serde(default)]
    address: Value,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    kdf: String,
    kdfparams: Value,
    mac: String,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Deserialize)]
struct Scrypt {
    #[serde(default = "usual_length")]
    dklen: u64,
    n: u64,
    r: u32,
    p: u32,
    salt: String,
}

#[derive(Deserialize)]
struct Pbkdf2 {
    #[serde(default = "usual_length")]
    dklen: u64,
    c: u32,
    prf: String,
    salt: String,
}

/// A validated file: its values cannot make the functions fail, or use more memory than a machine has.
struct Sealed {
    iv: [u8; 16],
    text: Vec<u8>,
    mac: [u8; 32],
    derivation: Derivation,
    /// The address that the file states.
    address: Option<Address>,
}

/// The key derivation. The first 16 bytes decrypt, the next 16 enter the checksum.
enum Derivation {
    Scrypt { params: scrypt::Params, salt: Vec<u8> },
    Pbkdf2 { rounds: u32, salt: Vec<u8> },
}

pub(crate) fn open(path: &Path, password: &str) -> Result<LocalKey, SignerError> {
    let refuse = |trouble| SignerError::Keystore {
        path: path.to_owned(),
        trouble,
    };
    let malformed = |reason| refuse(KeystoreTrouble::Malformed(reason));
    let file = read(path).map_err(|error| refuse(KeystoreTrouble::Unreadable(error.to_string())))?;
    let text = plain_text::decode(&file).map_err(|error| malformed(error.to_string()))?;
    let sealed = Sealed::parse(text).map_err(malformed)?;
    sealed.open(password).map_err(refuse)
}

/// The content of a keystore, which is a small regular file: opening a pipe would wait for its writer.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    match content.len() as u64 > MAX_SIZE {
        true => Err(io::Error::other("it is larger than any keystore")),
        false => Ok(content),
    }
}

impl Sealed {
    fn parse(text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let file: Keystore =
            serde_json::from_value(in_lower_case(file)).map_err(|error| error.to_string())?;
        let wants = |holds: bool, what: &str| holds.then_some(()).ok_or_else(|| what.to_owned());
        wants(file.version == 3, "its version is not 3")?;
        let Crypto {
            cipher,
            cipherparams,
            ciphertext,
            kdf,
            kdfparams,
            mac,
        } = file.crypto;
        wants(
            cipher.eq_ignore_ascii_case("aes-128-ctr"),
            "its cipher is not aes-128-ctr",
        )?;
        Ok(Self {
            iv: bytes(&cipherparams.iv).ok_or("its iv does not have 16 bytes")?,
            text: hex::decode(ciphertext).map_err(|_| "its ciphertext is not hexadecimal")?,
            mac: bytes(&mac).ok_or("its mac does not have 32 bytes")?,
            derivation: Derivation::parse(&kdf.to_ascii_lowercase(), kdfparams)?,
            address: file.address.as_str().and_then(|text| text.parse().ok()),
        })
    }

    fn open(mut self, password: &str) -> Result<LocalKey, KeystoreTrouble> {
        let key = self.derivation.key(password);
        let (secret, check) = key.split_at(16);
        let mut mac = Keccak256::new();
        mac.update(check);
        mac.update(&self.text);
        if mac.finalize() != self.mac {
            return Err(KeystoreTrouble::WrongPassword);
        }
        let Ok(mut cipher) = Ctr128BE::<Aes128>::new_from_slices(secret, &self.iv) else {
            return Err(KeystoreTrouble::NoKey);
        };
        cipher.apply_keystream(&mut self.text);
        // Old versions of geth left out leading zeros.
        let mut bytes = [0; 32];
        let zeros = 32_usize
            .checked_sub(self.text.len())
            .ok_or(KeystoreTrouble::NoKey)?;
        bytes[zeros..].copy_from_slice(&self.text);
        let key = LocalKey::from_bytes(bytes).ok_or(KeystoreTrouble::NoKey)?;
        match self.address {
            Some(stated) if stated != key.address() => Err(KeystoreTrouble::OtherAddress {
                stated,
                actual: key.address(),
            }),
            _ => Ok(key),
        }
    }
}

impl Derivation {
    fn parse(kdf: &str, params: Value) -> Result<Self, String> {
        let wants = |holds: bool, what: &str| holds.then_some(()).ok_or_else(|| what.to_owned());
        let length = |bytes: u64| wants((32..=128).contains(&bytes), "its dklen is not 32");
        let salt = |text: String| hex::decode(text).map_err(|_| "its salt is not hexadecimal".to_owned());
        match kdf {
            "scrypt" => {
                let scrypt: Scrypt = serde_json::from_value(params).map_err(|error| error.to_string())?;
                length(scrypt.dklen)?;
                wants(
                    scrypt.n > 1 && scrypt.n.is_power_of_two(),
                    "its n is not a power of two",
                )?;
                wants(scrypt.r > 0, "its r is 0")?;
                wants((1..=64).contains(&scrypt.p), "its p is not within 1 to 64")?;
                let (n, r, p) = (u128::from(scrypt.n), u128::from(scrypt.r), u128::from(scrypt.p));
                wants(
                    128 * r * (n + p) <= u128::from(MAX_MEMORY),
                    "its scrypt needs more than 2 GiB of memory",
                )?;
                wants(
                    128 * r * n * p <= u128::from(MAX_WORK),
                    "its scrypt goes through more than 8 GiB, a wallet's through 256 MiB",
                )?;
                // The logarithm of a power of two below 2³¹ fits.
                let log_n = scrypt.n.trailing_zeros() as u8;
                let params =
                    scrypt::Params::new(log_n, scrypt.r, scrypt.p).map_err(|error| error.to_string())?;
                Ok(Self::Scrypt {
                    params,
                    salt: salt(scrypt.salt)?,
                })
            }
            "pbkdf2" => {
                let pbkdf2: Pbkdf2 = serde_json::from_value(params).map_err(|error| error.to_string())?;
                length(pbkdf2.dklen)?;
                wants(
                    (1..=MAX_ROUNDS).contains(&pbkdf2.c),
                    "its c is not within 1 to 16777216",
                )?;
                wants(
                    pbkdf2.prf.eq_ignore_ascii_case("hmac-sha256"),
                    "its prf is not hmac-sha256",
                )?;
                Ok(Self::Pbkdf2 {
                    rounds: pbkdf2.c,
                    salt: salt(pbkdf2.salt)?,
                })
            }
            other => Err(format!("its kdf is {other}, neither scrypt nor pbkdf2")),
        }
    }

    /// The first 32 bytes of the derived key; further ones, which dklen may request, are unused.
    fn key(&self, password: &str) -> [u8; 32] {
        let mut key = [0; 32];
        match self {
            // Fails only for other output lengths than 32.
            Self::Scrypt { params, salt } => {
                let _ = scrypt::scrypt(password.as_bytes(), salt, params, &mut key);
            }
            Self::Pbkdf2 { rounds, salt } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, *rounds, &mut key);
            }
        }
        key
    }
}

/// Names in lower case. Of two names that differ in case alone, the last counts.
fn in_lower_case(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name.to_ascii_lowercase(), in_lower_case(value)))
                .collect()
        }
        other => other,
    }
}

/// A number, or its digits as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    number.ok_or_else(|| de::Error::custom(format!("{value} is not a version")))
}

fn usual_length() -> u64 {
    32
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}
