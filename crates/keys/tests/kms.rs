//! Keys in AWS KMS, against moto (PyPI `moto[server]`), a server with the same protocol.
//!
//! Region, credentials and endpoint come from the environment, which a test cannot change for itself: the `with_…` tests run
//! in a separate process, with the environment that the other tests set.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed test panics; a refusal is printed"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use alloy_primitives::Signature;
use assize_chain::{
    Address, ChainClient, Draft, ListCommitment, Proposal, Rewards, Rounds, SettlementId, SettlementMessage,
};
use assize_deployment::{BeaconParams, CourtParams, DeployParams, deploy};
use assize_drand::with_y;
use assize_keys::Signer;
use assize_protocol::{AttoFil, B256, BeaconRound, BeaconSchedule, Codec, FileCid, Parameters, RoundNumber};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::fixtures;
use assize_testkit::services::Moto;
use serde_json::{Value, json};

/// A recorded beacon; its round opens 32 seconds before it is published.
const BEACON: BeaconRound = BeaconRound(17_133_822);
const PATIENCE: Duration = Duration::from_secs(20);
/// Half of the order of secp256k1: nodes and contracts reject signatures with a larger s.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d,
    0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

struct Kms(Moto);

impl Kms {
    /// `None` if it is not installed and not required.
    fn start() -> Option<Self> {
        // Not moto_server itself: with digests signed as AWS signs them.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto_kms.py");
        Moto::start(Some(&script)).unwrap().map(Self)
    }

    /// One call of the KMS API, without the SDK.
    fn call(&self, action: &str, request: Value) -> Value {
        ureq::post(&self.0.url)
            .header("X-Amz-Target", format!("TrentService.{action}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=test/20300101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0",
            )
            .send(request.to_string())
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap()
    }

    fn create_key(&self, spec: &str, usage: &str) -> Value {
        self.call("CreateKey", json!({"KeySpec": spec, "KeyUsage": usage}))["KeyMetadata"].clone()
    }

    fn create_signing_key(&self) -> String {
        let key = self.create_key("ECC_SECG_P256K1", "SIGN_VERIFY");
        key["KeyId"].as_str().unwrap().to_owned()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        environment(&self.0.url)
    }
}

fn environment(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "sesame-open".into()),
    ]
}

/// Runs one of the `with_…` tests in an environment with only the given AWS settings.
fn run(test: &str, key: &str, environment: &[(&'static str, String)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let aws = std::env::vars_os().map(|(name, _)| name);
    for name in aws.filter(|name| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
        .args([test, "--exact", "--ignored", "--nocapture"])
        // Without the developer's settings, and without queries to EC2's metadata service.
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("KMS_TEST_KEY", key)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap()
}

fn passes(test: &str, key: &str, environment: &[(&'static str, String)]) -> String {
    let output = run(test, key, environment);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// The error when the key cannot be opened, or does not sign.
fn refusal(key: &str, environment: &[(&'static str, String)]) -> String {
    let output = run("with_the_key_of_the_environment", key, environment);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{said}");
    let (_, refusal) = said.split_once("REFUSED ").unwrap_or_else(|| panic!("{said}"));
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!all.contains("sesame"), "a secret is shown: {all}");
    refusal.lines().next().unwrap().to_owned()
}

async fn key_of_environment() -> Signer {
    let key = std::env::var("KMS_TEST_KEY").unwrap();
    match Signer::from_aws_kms(&key).await {
        Ok(signer) => signer,
        Err(error) => {
            println!("REFUSED {error}");
            std::process::exit(1);
        }
    }
}

fn proposal(n: u64) -> Proposal {
    Proposal {
        parent: None,
        first_round: RoundNumber(1),
        last_round: RoundNumber(1),
        root: B256::with_last_byte(3),
        operators: 1,
        cumulative_total: AttoFil::new(n.into()),
        drops: 0,
        cid: FileCid {
            codec: Codec::DagPb,
            digest: [6; 32],
        },
    }
}

#[tokio::test]
#[ignore = "run by other tests, in a separate process"]
async fn with_the_key_of_the_environment() {
    let signer = key_of_environment().await;
    for n in 0..64 {
        let message = SettlementMessage::new(314, Address::repeat_byte(7), 1, SettlementId(n), &proposal(n));
        let bytes = match message.sign(&signer).await {
            Ok(bytes) => bytes,
            Err(error) => {
                println!("REFUSED {error}");
                std::process::exit(1);
            }
        };
        assert!(bytes[32..64] <= HALF_ORDER[..], "s is high");
        assert!(matches!(bytes[64], 27 | 28));
        let signature = Signature::from_raw_array(&bytes).unwrap();
        let signed_by = signature.recover_address_from_prehash(&message.digest()).unwrap();
        assert_eq!(signed_by, signer.address());
    }
    println!("ADDRESS {}", signer.address());
}

/// Owner, evaluator and depositor with the same key in KMS.
#[tokio::test]
#[ignore = "run by other tests, in a separate process"]
async fn with_all_roles_on_a_chain() {
    let signer = key_of_environment().await;
    let opened_at = BeaconSchedule::QUICKNET.time_of(BEACON).unwrap() - 32;
    let anvil = Anvil::start_at(opened_at - 100).unwrap();
    let client = ChainClient::connect(&anvil.url().parse().unwrap()).await.unwrap();
    let rich = Signer::from_bytes(&anvil.dev_key(0)).unwrap();
    let money = AttoFil::from_fil(100);
    let gift = Draft::call("the key", signer.address(), Vec::new()).with_value(money);
    client.transact(&rich, &gift, PATIENCE).await.unwrap();

    let owner = signer.address();
    let params = DeployParams {
        chain_id: CHAIN_ID,
        beacon: BeaconParams::quicknet(),
        owner,
        coordinator: owner,
        publishers: vec![owner],
        guardian: owner,
        treasury: owner,
        evaluators: vec![owner],
        threshold: 1,
        min_challenge_window: 60,
        challenge_window: 3_600,
        court: CourtParams::within(60),
        payment_gas: 60_000,
        parameters: Parameters {
            round_duration: 60,
            beacon_delay: 30,
            step: 1,
            budget: AttoFil::new(1_000_000),
            ..Parameters::default()
        },
    };
    let deployment = deploy(&client, &signer, &params).await.unwrap();
    let rewards = Rewards::new(client.clone(), deployment.rewards);
    let rounds = Rounds::new(client.clone(), deployment.rounds);
    let send = async |draft: Draft| client.transact(&signer, &draft, PATIENCE).await;
    send(rewards.deposit(AttoFil::new(7))).await.unwrap();
    assert_eq!(rewards.total_deposited().await.unwrap(), AttoFil::new(7));

    let beacons = fixtures::beacons().unwrap();
    let beacon = beacons.iter().find(|beacon| beacon.round == BEACON).unwrap();
    let list = ListCommitment {
        root: B256::repeat_byte(1),
        count: 100,
        cid: proposal(0).cid,
    };
    anvil.set_next_timestamp(opened_at).unwrap();
    send(rounds.open(&list, &list)).await.unwrap();
    let signature = with_y(&beacon.signature).unwrap();
    anvil.set_next_timestamp(opened_at + 40).unwrap();
    send(rounds.reveal(RoundNumber(1), &signature)).await.unwrap();
    anvil.mine_at(opened_at + 60 + 33).unwrap();

    let proposal = proposal(7);
    let message = rewards.message_of(SettlementId(1), &proposal).await.unwrap();
    let signature = message.sign(&signer).await.unwrap();
    let post = |signature| rewards.post(SettlementId(1), &proposal, &BTreeMap::from([(owner, signature)]));
    let mut other = signature;
    other[40] ^= 1;
    let refused = send(post(other)).await.unwrap_err();
    assert!(refused.revert().is_some(), "{refused}");
    send(post(signature)).await.unwrap();
    let head = rewards.head().await.unwrap().unwrap();
    assert_eq!(rewards.settlement(head).await.unwrap().proposal, proposal);
}

#[test]
fn a_key_signs_settlements_with_low_s() {
    let Some(moto) = Kms::start() else { return };
    let key = moto.create_signing_key();
    let said = passes("with_the_key_of_the_environment", &key, &moto.environment());
    // The same key by its other names, each in its own region.
    moto.call(
        "CreateAlias",
        json!({"AliasName": "alias/assize", "TargetKeyId": key}),
    );
    let arn = moto.call("DescribeKey", json!({"KeyId": key}))["KeyMetadata"]["Arn"].clone();
    let address = said
        .lines()
        .find(|line| line.contains("ADDRESS "))
        .unwrap()
        .to_owned();
    let elsewhere: Vec<_> = moto
        .environment()
        .into_iter()
        .filter(|(name, _)| *name != "AWS_REGION")
        .collect();
    for (name, environment) in [
        ("alias/assize", moto.environment()),
        (arn.as_str().unwrap(), elsewhere),
    ] {
        let again = passes("with_the_key_of_the_environment", name, &environment);
        assert!(again.contains(address.trim()), "{name}: {again}");
    }
    // The server itself returns signatures with a high s.
    let high = (0..64).any(|n| {
        let message = [n; 32];
        let answer = moto.call(
            "Sign",
            json!({
                "KeyId": key, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256",
                "Message": base64(&message),
            }),
        );
        let signature = unbase64(answer["Signature"].as_str().unwrap());
        // DER: 30 len 02 len r 02 len s; an s above half of the order has its highest bit set, mostly, and so 33 bytes.
        signature[3] as usize + 6 < signature.len() && signature[5 + signature[3] as usize] == 33
    });
    assert!(high, "64 signatures and none with a high s");
}

#[test]
fn a_key_sends_transactions_and_posts() {
    let Some(moto) = Kms::start() else { return };
    let key = moto.create_signing_key();
    passes("with_all_roles_on_a_chain", &key, &moto.environment());
}

#[test]
fn errors_of_a_key_name_its_place_and_the_remedy() {
    let Some(moto) = Kms::start() else { return };
    let environment = moto.environment();
    let says = |key: &str, environment: &[(&'static str, String)], words: &[&str]| {
        let refusal = refusal(key, environment);
        println!("{refusal}");
        for word in words.iter().chain(&[key]) {
            assert!(refusal.contains(word), "`{word}` is not in: {refusal}");
        }
    };
    let place = moto.0.url.as_str();
    let unknown = "11111111-2222-3333-4444-555555555555";
    says(unknown, &environment, &[place, "us-east-1", "unknown key"]);
    says("alias/nobody", &environment, &[place, "unknown key"]);
    for (spec, usage) in [("RSA_2048", "SIGN_VERIFY"), ("ECC_NIST_P256", "SIGN_VERIFY")] {
        let key = moto.create_key(spec, usage);
        says(
            key["KeyId"].as_str().unwrap(),
            &environment,
            &[place, "not a secp256k1 signing key", "ECC_SECG_P256K1"],
        );
    }
    let key = moto.create_signing_key();
    let without = |names: &[&str]| -> Vec<_> {
        let kept = environment.iter().filter(|(name, _)| !names.contains(name));
        kept.cloned().collect()
    };
    says(
        &key,
        &without(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
        &[place, "no credentials", "AWS_ACCESS_KEY_ID"],
    );
    says(&key, &without(&["AWS_REGION"]), &["no region", "AWS_REGION"]);
    let nobody = "http://127.0.0.1:9".to_owned();
    says(
        &key,
        &self::environment(&nobody),
        &[&nobody, "no response", "AWS_ENDPOINT_URL"],
    );
    // Another server.
    let anvil = Anvil::start().unwrap();
    says(&key, &self::environment(anvil.url()), &[anvil.url(), "not KMS"]);
}

/// A public key in KMS' format, and a signature by another key.
const PUBLIC_KEY: &str = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEwtVAlXBJRrNdkjrARvIOWzdYPKyg6I0rpWXZ95GzQ3rCR5karnYwS+Nxy5twgtW27OW/Y9S+7FB1nyerGnlwng==";
const SIGNATURE: &str =
    "MEUCIQDLecoTN3OxHVnKEj8BiHws5/OtS7MpnE/4Ikzo3jKWvwIgU/iKZj6HMK/+jI9Td+qCPVlkJ7pqse/N61n6c1cUMkY=";

/// A server with AWS' documented responses that moto does not give: status and body for each action.
fn answering(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut action, mut length, mut line) = (String::new(), 0, String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                let (name, value) = line.trim().split_once(": ").unwrap_or_default();
                match name.to_lowercase().as_str() {
                    "x-amz-target" => action = value.trim_start_matches("TrentService.").to_owned(),
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
                line.clear();
            }
            stream.read_exact(&mut vec![0; length]).unwrap();
            let (status, body) = answer(&action);
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} So\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.get_mut().write_all((head + &body).as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn rejections_of_kms_are_explained() {
    let cases = [
        ("DisabledException", "is disabled", "aws kms enable-key"),
        ("KMSInvalidStateException", "unavailable now", "describe-key"),
        (
            "AccessDeniedException",
            "access is denied",
            "kms:GetPublicKey and kms:Sign",
        ),
        (
            "UnrecognizedClientException",
            "credentials are not accepted",
            "are current",
        ),
        (
            "ExpiredTokenException",
            "credentials are not accepted",
            "are current",
        ),
        (
            "UnsupportedOperationException",
            "not a secp256k1 signing key",
            "ECC_SECG_P256K1",
        ),
        (
            "InvalidKeyUsageException",
            "not a secp256k1 signing key",
            "ECC_SECG_P256K1",
        ),
        ("ThrottlingException", "too busy", "ThrottlingException"),
        ("NewException", "NewException: for a reason", "NewException"),
    ];
    for (code, words, remedy) in cases {
        let error = move || (400, json!({"__type": code, "message": "for a reason"}));
        let opening = answering(move |_| error());
        // The key was usable when it was opened.
        let signing = answering(move |action| match action {
            "GetPublicKey" => (200, json!({"KeyId": "key", "PublicKey": PUBLIC_KEY})),
            _ => error(),
        });
        for url in [opening, signing] {
            let said = refusal("alias/assize", &environment(&url));
            println!("{said}");
            for word in ["alias/assize", url.as_str(), code, words, remedy] {
                assert!(said.contains(word), "`{word}` is not in: {said}");
            }
        }
    }
    let other = answering(|action| match action {
        "GetPublicKey" => (200, json!({"KeyId": "key", "PublicKey": PUBLIC_KEY})),
        _ => (200, json!({"KeyId": "key", "Signature": SIGNATURE})),
    });
    let said = refusal("alias/assize", &environment(&other));
    assert!(said.contains("another key than before"), "{said}");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0_u32, |n, &byte| n << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(n >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bits, mut n, mut bytes) = (0, 0_u32, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        n = n << 6 | u32::from(value(letter));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((n >> bits) as u8);
        }
    }
    bytes
}
