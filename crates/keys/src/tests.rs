use alloy_primitives::{address, b256};

use super::*;

/// The first account of anvil and hardhat.
const KEY: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

#[test]
fn debug_shows_the_address_and_no_secret() {
    let signer = Signer::from_bytes(&KEY).unwrap();
    assert_eq!(
        signer.address(),
        address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    );
    assert_eq!(
        format!("{signer:?}"),
        "Signer(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266)"
    );
}

#[test]
fn zero_is_not_a_key() {
    let error = Signer::from_bytes(&B256::ZERO).unwrap_err().to_string();
    assert!(error.contains("32 bytes"), "{error}");
}

#[test]
fn a_keystore_opens_with_its_password_only() {
    // From `cast wallet import`; the same key with scrypt at geth's default strength (n = 2¹⁸), and with pbkdf2.
    for name in ["cast-keystore.json", "geth-scrypt.json", "geth-pbkdf2.json"] {
        let path = fixture(name);
        let signer = Signer::from_keystore(&path, "correct horse").unwrap();
        assert_eq!(
            signer.address(),
            Signer::from_bytes(&KEY).unwrap().address(),
            "{name}"
        );
        let error = Signer::from_keystore(&path, "battery staple")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(name) && error.contains("password is wrong") && error.contains(PASSWORD_VARIABLE),
            "{error}"
        );
        assert!(!error.contains("battery"), "{error}");
    }
}

/// The vectors of the specification (Web3 Secret Storage Definition, version 3): scrypt with r = 1, and no address.
#[test]
fn the_specifications_vectors_open() {
    let key = b256!("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d");
    for name in ["specification-scrypt.json", "specification-pbkdf2.json"] {
        let signer = Signer::from_keystore(&fixture(name), "testpassword").unwrap();
        assert_eq!(
            signer.address(),
            Signer::from_bytes(&key).unwrap().address(),
            "{name}"
        );
    }
}

/// What wallets write differently: ethers and MyEtherWallet, geth before 1.4, pyethereum, Parity.
#[test]
fn keystores_open_as_each_wallet_writes_them() {
    let sealed = |fields: &str, crypto: &str, key: &[u8]| Writer { fields, crypto, key }.text();
    let address = Signer::from_bytes(&KEY).unwrap().address();
    let plain = sealed("", "crypto", KEY.as_slice());
    let bare = alloy_primitives::hex::encode(address);
    let cases = [
        ("plain", plain.clone()),
        (
            "without its id",
            plain.replace(r#""id":"be2e41df-aec0-4290-ba23-6db2c9bb0731","#, ""),
        ),
        ("ethers' Crypto", sealed("", "Crypto", KEY.as_slice())),
        ("all keys in capitals", capital_keys(&plain)),
        (
            "an address",
            sealed(&format!(r#""address":"{bare}","#), "crypto", KEY.as_slice()),
        ),
        (
            "an address with 0x",
            sealed(&format!(r#""address":"0x{bare}","#), "crypto", KEY.as_slice()),
        ),
        (
            "an address with capitals",
            sealed(&format!(r#""address":"{address}","#), "crypto", KEY.as_slice()),
        ),
        (
            "an empty address",
            sealed(r#""address":"","#, "crypto", KEY.as_slice()),
        ),
        (
            "a Filecoin address",
            sealed(r#""address":"f410fh3wr6zjpj2ozlg6v","#, "crypto", KEY.as_slice()),
        ),
        (
            "more fields",
            sealed(
                r#""name":"","meta":"{}","x-ethers":{"client":"ethers.js"},"#,
                "crypto",
                KEY.as_slice(),
            ),
        ),
        (
            "hexadecimal in capitals",
            hex_values(&plain, |hex| hex.to_uppercase()),
        ),
        (
            "hexadecimal with 0x",
            hex_values(&plain, |hex| format!("0x{hex}")),
        ),
        (
            "its version as text",
            plain.replace("\"version\":3", "\"version\":\"3\""),
        ),
        ("its kdf in capitals", plain.replace("\"scrypt\"", "\"Scrypt\"")),
        (
            "its cipher in capitals",
            plain.replace("aes-128-ctr", "AES-128-CTR"),
        ),
        ("no dklen", plain.replace("\"dklen\":32,", "")),
        ("a byte order mark", format!("\u{feff}{plain}")),
        (
            "CRLF and a blank line",
            format!("{}\r\n\r\n", plain.replace(',', ",\r\n")),
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore.json");
    let mut failures = Vec::new();
    for (name, text) in cases {
        assert!(name == "plain" || text != plain, "{name}");
        std::fs::write(&path, text).unwrap();
        match Signer::from_keystore(&path, PASSWORD) {
            Ok(signer) => assert_eq!(signer.address(), address, "{name}"),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Old versions of geth cut leading zeros off the key.
#[test]
fn a_key_without_its_leading_zeros_opens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore.json");
    for length in [31, 30, 1] {
        let mut key = [0; 32];
        key[32 - length..].copy_from_slice(&KEY[..length]);
        let short = Writer {
            fields: "",
            crypto: "crypto",
            key: &key[32 - length..],
        };
        std::fs::write(&path, short.text()).unwrap();
        let signer = Signer::from_keystore(&path, PASSWORD).unwrap();
        assert_eq!(
            signer.address(),
            Signer::from_bytes(&B256::from(key)).unwrap().address()
        );
    }
    for key in [[7; 33].as_slice(), &[]] {
        let text = Writer {
            fields: "",
            crypto: "crypto",
            key,
        }
        .text();
        std::fs::write(&path, text).unwrap();
        let error = Signer::from_keystore(&path, PASSWORD).unwrap_err().to_string();
        assert!(error.contains("private key"), "{error}");
    }
}

#[test]
fn a_keystore_that_names_another_address_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore.json");
    let other = r#""address":"0x0000000000000000000000000000000000000001","#;
    let text = Writer {
        fields: other,
        crypto: "crypto",
        key: KEY.as_slice(),
    }
    .text();
    std::fs::write(&path, text).unwrap();
    let error = Signer::from_keystore(&path, PASSWORD).unwrap_err().to_string();
    assert!(
        error.contains("0x0000000000000000000000000000000000000001")
            && error.contains("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        "{error}"
    );
}

const PASSWORD: &str = "correct horse";

/// Writes a keystore file with weak scrypt.
struct Writer<'a> {
    /// Further fields, each with its comma.
    fields: &'a str,
    /// How the field `crypto` is spelled.
    crypto: &'a str,
    key: &'a [u8],
}

impl Writer<'_> {
    fn text(&self) -> String {
        use ctr::cipher::{KeyIvInit, StreamCipher};
        let Self { fields, crypto, key } = self;
        let (iv, salt, mut derived) = ([0xab; 16], [0xcd; 32], [0; 32]);
        let params = scrypt::Params::new(1, 8, 1).unwrap();
        scrypt::scrypt(PASSWORD.as_bytes(), &salt, &params, &mut derived).unwrap();
        let (secret, check) = derived.split_at(16);
        let mut text = key.to_vec();
        ctr::Ctr128BE::<aes::Aes128>::new_from_slices(secret, &iv)
            .unwrap()
            .apply_keystream(&mut text);
        let mac = keccak256([check, &text].concat());
        let hex = |bytes: &[u8]| alloy_primitives::hex::encode(bytes);
        format!(
            r#"{{{fields}"{crypto}":{{"cipher":"aes-128-ctr","cipherparams":{{"iv":"{}"}},"ciphertext":"{}","kdf":"scrypt","kdfparams":{{"dklen":32,"n":2,"p":1,"r":8,"salt":"{}"}},"mac":"{}"}},"id":"be2e41df-aec0-4290-ba23-6db2c9bb0731","version":3}}"#,
            hex(&iv),
            hex(&text),
            hex(&salt),
            hex(mac.as_slice())
        )
    }
}

fn hex_values(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut parts: Vec<String> = text.split('"').map(ToOwned::to_owned).collect();
    for part in &mut parts {
        if part.len() >= 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            *part = change(part);
        }
    }
    parts.join("\"")
}

fn capital_keys(text: &str) -> String {
    let mut parts: Vec<String> = text.split('"').map(ToOwned::to_owned).collect();
    for place in 1..parts.len() {
        if parts[place].starts_with(':') {
            parts[place - 1] = parts[place - 1].to_uppercase();
        }
    }
    parts.join("\"")
}

#[test]
fn invalid_keystores_are_rejected_without_a_panic() {
    let good = std::fs::read_to_string(fixture("cast-keystore.json")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore.json");
    let iv = "b3cad6da529e844638318734b85d264c";
    let cases = [
        (String::new(), "not a keystore file"),
        ("{}".into(), "not a keystore file"),
        (good.replace("\"version\":3", "\"version\":1"), "version"),
        (good.replace("aes-128-ctr", "aes-256-gcm"), "cipher"),
        (good.replace(iv, &iv[2..]), "16 bytes"),
        (good.replace("\"dklen\":32", "\"dklen\":16"), "dklen"),
        (good.replace("\"n\":8192", "\"n\":8191"), "power of two"),
        (good.replace("\"n\":8192", "\"n\":1099511627776"), "memory"),
        (good.replace("\"p\":1", "\"p\":0"), "p is not"),
        (good.replace("\"r\":8", "\"r\":0"), "its r is 0"),
        (
            good.replace("\"n\":8192", "\"n\":2")
                .replace("\"r\":8", "\"r\":8388608")
                .replace("\"p\":1", "\"p\":64"),
            "memory",
        ),
        (
            good.replace("\"n\":8192", "\"n\":1048576")
                .replace("\"p\":1", "\"p\":64"),
            "8 GiB",
        ),
        (
            std::fs::read_to_string(fixture("geth-pbkdf2.json"))
                .unwrap()
                .replace("\"c\":262144", "\"c\":2000000000"),
            "its c is not within",
        ),
        (good.replace("\"kdf\":\"scrypt\"", "\"kdf\":\"argon2\""), "argon2"),
    ];
    for (text, words) in cases {
        assert_ne!(text, good);
        std::fs::write(&path, &text).unwrap();
        let error = Signer::from_keystore(&path, "correct horse")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("keystore.json") && error.contains(words),
            "{words}: {error}"
        );
    }
    let error = Signer::from_keystore(&directory.path().join("none"), "")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("No such file") && error.contains("check the path"),
        "{error}"
    );
}

#[cfg(not(feature = "ledger"))]
#[tokio::test]
async fn a_build_without_ledgers_says_how_to_get_them() {
    let error = Signer::from_ledger(&LedgerPath::default())
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "this build has no Ledger support: cargo build --release -p assize-cli --features ledger"
    );
}

#[cfg(not(feature = "aws-kms"))]
#[tokio::test]
async fn a_build_without_kms_says_how_to_get_it() {
    let error = Signer::from_aws_kms("alias/assize")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("--features aws-kms"), "{error}");
}
