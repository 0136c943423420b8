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
        (good.replace("\"r\":8", "\"r\":0"), "memory"),
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
