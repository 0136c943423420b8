use alloy_primitives::{Bytes, U256, address, b256};
use assize_measurement::{Signature, signer_of};
use assize_protocol::{Codec, FileCid, RoundNumber};

use super::*;
use assize_facts::Proposal;

/// Five attoFIL and three bytes to 0x1111….
const CALL: &str = "0x02f87082013a07843b9aca008504a817c8008252089411111111111111111111111111111111111111110583010203c080a058f64d8847dd16516aa382461fe384d8ed3cf2626727c49e2be50973109932f9a011eedb2b4a323645701f668da7127d273440d0d0dec22cde8f29b1ecab70ca8e";
/// Code of two bytes.
const CREATION: &str = "0x02f85b82013a80843b9aca008504a817c8008252088080826000c080a04b4780b71dd8c272206faee17c702c28023fe43da1225962cea507ee0bf13b08a01ecc582eb4054f99b993dbc38a165d7d4fbfb54b1b2d5141a4113e842c3f6710";

/// The first account of every anvil and hardhat.
const KEY: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

fn message() -> SettlementMessage {
    let proposal = Proposal {
        parent: None,
        first_round: RoundNumber(1),
        last_round: RoundNumber(2),
        root: B256::repeat_byte(3),
        cumulative_total: U256::from(4),
        accepted_root: B256::repeat_byte(5),
        cid: FileCid {
            codec: Codec::DagPb,
            digest: [6; 32],
        },
    };
    SettlementMessage::new(314, Address::repeat_byte(7), 1, &proposal)
}

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

#[tokio::test]
async fn signatures_of_settlements_recover_and_have_v_27_or_28() {
    let signer = Signer::from_bytes(&KEY).unwrap();
    let signature = signer.sign_settlement(&message()).await.unwrap();
    assert!(matches!(signature[64], 27 | 28));
    assert_eq!(
        signer_of(message().digest(), &Signature(signature)),
        Some(signer.address())
    );
}

/// The same key signs the same bytes as other programs: `cast mktx` of Foundry 1.7.1.
#[tokio::test]
async fn transactions_are_those_of_other_programs() {
    let signer = Signer::from_bytes(&KEY).unwrap();
    let fees = Fees {
        max_fee: 20_000_000_000,
        premium: 1_000_000_000,
    };
    let draft = Draft::call("x", Address::repeat_byte(0x11), Bytes::from_static(&[1, 2, 3]));
    for (draft, nonce, raw) in [
        (draft.with_value(U256::from(5)), 7, CALL),
        (Draft::create("x", Bytes::from_static(&[0x60, 0])), 0, CREATION),
    ] {
        let signed = signer
            .sign_transaction(314, &draft, nonce, 21_000, fees)
            .await
            .unwrap();
        assert_eq!(signed.raw.to_string(), raw);
        assert_eq!(signed.hash, alloy_primitives::keccak256(&signed.raw));
    }
}

#[test]
fn zero_is_not_a_key() {
    let error = Signer::from_bytes(&B256::ZERO).unwrap_err().to_string();
    assert!(error.contains("32 bytes"), "{error}");
}

#[test]
fn a_keystore_opens_with_its_password_only() {
    // `cast wallet import`; the same key with scrypt as strong as geth has it by default (n = 2¹⁸), and with pbkdf2.
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
fn what_is_no_keystore_is_refused_without_a_panic() {
    let good = std::fs::read_to_string(fixture("cast-keystore.json")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore.json");
    let iv = "b3cad6da529e844638318734b85d264c";
    let cases = [
        (String::new(), "no keystore file"),
        ("{}".into(), "no keystore file"),
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
