//! Sources of keys: keystores of the real `cast`, the environment, missing devices.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test panics")]

mod common;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{assize, ended, refused};
use tempfile::TempDir;

/// Anvil's first account, and its address.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const PASSWORD: &str = "correct horse";

fn cast() -> Command {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../node_modules/@foundry-rs/cast-linux-amd64/bin/cast");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|directory| directory.join("cast"));
    let mut found = std::iter::once(bundled)
        .chain(in_path)
        .filter(|program| program.is_file());
    Command::new(
        found
            .next()
            .unwrap_or_else(|| panic!("no cast: run `npm install` in the repository")),
    )
}

/// A keystore with [`KEY`] by `cast wallet import`.
fn imported(directory: &Path) -> PathBuf {
    let mut import = cast();
    import
        .args(["wallet", "import", "evaluator", "--private-key", KEY])
        .args(["--unsafe-password", PASSWORD, "--keystore-dir"])
        .arg(directory);
    ended(import.output().unwrap(), 0);
    directory.join("evaluator")
}

fn address(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = assize();
    command
        .args(["key", "address"])
        .args(arguments)
        .envs(environment.iter().copied());
    command.output().unwrap()
}

fn is_address(output: Output, address: &str) {
    assert_eq!(ended(output, 0).trim(), address);
}

#[test]
fn keystores_of_cast_can_be_opened() {
    let directory = TempDir::new().unwrap();
    let keystore = imported(directory.path());
    let keystore = keystore.to_str().unwrap();
    let password = ("ASSIZE_KEYSTORE_PASSWORD", PASSWORD);
    is_address(address(&["--keystore", keystore], &[password]), ADDRESS);
    is_address(address(&[], &[("ASSIZE_KEYSTORE", keystore), password]), ADDRESS);
    // A keystore takes precedence over a key in the environment, an argument over both.
    let other = (
        "ASSIZE_PRIVATE_KEY",
        "0x0000000000000000000000000000000000000000000000000000000000000001",
    );
    is_address(address(&["--keystore", keystore], &[password, other]), ADDRESS);
    is_address(
        address(
            &["--keystore", keystore],
            &[password, ("ASSIZE_AWS_KMS_KEY", "alias/other")],
        ),
        ADDRESS,
    );

    // A trailing line feed is ignored; blanks are part of the password.
    let file = directory.path().join("password");
    let file_name = file.to_str().unwrap();
    for end in ["", "\n", "\r\n"] {
        std::fs::write(&file, format!("{PASSWORD}{end}")).unwrap();
        let mode = |mode| std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let output = address(&["--keystore", keystore, "--password-file", file_name], &[]);
        refused(&output, 2, &[file_name, "accessible to other users", "chmod 600"]);
        mode(0o600);
        let output = address(&["--keystore", keystore, "--password-file", file_name], &[]);
        is_address(output, ADDRESS);
    }
    std::fs::write(&file, format!("{PASSWORD} \n")).unwrap();
    let wrong = address(
        &["--keystore", keystore, "--password-file", file_name],
        &[password],
    );
    refused(&wrong, 2, &[keystore, "password is wrong", "--password-file"]);
    let gone = address(
        &["--keystore", keystore, "--password-file", "/nowhere/password"],
        &[],
    );
    refused(&gone, 2, &["/nowhere/password", "No such file"]);

    // No terminal for a prompt.
    refused(
        &address(&["--keystore", keystore], &[]),
        2,
        &[keystore, "--password-file", "ASSIZE_KEYSTORE_PASSWORD"],
    );
}

#[test]
fn a_new_wallet_of_cast_has_the_same_address_here() {
    let directory = TempDir::new().unwrap();
    let mut new = cast();
    new.args(["wallet", "new"])
        .arg(directory.path())
        .args(["new", "--unsafe-password", PASSWORD]);
    let text = ended(new.output().unwrap(), 0);
    let theirs = text
        .split_whitespace()
        .find(|word| word.starts_with("0x"))
        .unwrap();
    let keystore = directory.path().join("new");
    let ours = address(
        &["--keystore", keystore.to_str().unwrap()],
        &[("ASSIZE_KEYSTORE_PASSWORD", PASSWORD)],
    );
    is_address(ours, theirs);
}

#[test]
fn the_environment_holds_or_names_one_key() {
    is_address(address(&[], &[("ASSIZE_PRIVATE_KEY", KEY)]), ADDRESS);
    is_address(
        address(&[], &[("ASSIZE_PRIVATE_KEY", KEY), ("ASSIZE_KEYSTORE", "")]),
        ADDRESS,
    );
    refused(
        &address(&[], &[]),
        2,
        &[
            "no key",
            "--keystore",
            "--ledger",
            "--aws-kms",
            "ASSIZE_PRIVATE_KEY",
        ],
    );
    let two = [
        ("ASSIZE_KEYSTORE", "file"),
        ("ASSIZE_AWS_KMS_KEY", "alias/assize"),
    ];
    refused(
        &address(&[], &two),
        2,
        &["ASSIZE_KEYSTORE and ASSIZE_AWS_KMS_KEY", "unset one"],
    );
    refused(
        &address(&["--password-file", "file"], &[("ASSIZE_PRIVATE_KEY", KEY)]),
        2,
        &["--password-file", "--keystore"],
    );
    let none = address(
        &["--keystore", "/nowhere/keystore"],
        &[("ASSIZE_KEYSTORE_PASSWORD", PASSWORD)],
    );
    refused(&none, 2, &["/nowhere/keystore", "No such file"]);
}

#[test]
fn one_key_at_a_time() {
    for arguments in [
        &["--ledger", "--aws-kms", "alias/assize"][..],
        &["--ledger", "--keystore", "file"],
        &["--keystore", "file", "--aws-kms", "alias/assize"],
        &["--ledger=1", "--password-file", "file"],
    ] {
        refused(&address(arguments, &[]), 2, &["cannot be used with"]);
    }
    refused(
        &address(&["--ledger=m/44'/x"], &[]),
        2,
        &["m/44'/x", "m/44'/60'/0'/0/0"],
    );
    refused(&address(&["--aws-kms", ""], &[]), 2, &["--aws-kms"]);
}

#[cfg(not(feature = "ledger"))]
#[test]
fn without_the_feature_ledger_the_error_names_it() {
    for ledger in [
        "--ledger",
        "--ledger=2",
        "--ledger=legacy:1",
        "--ledger=m/44'/60'/0'/0/5",
    ] {
        refused(
            &address(&[ledger], &[]),
            2,
            &["no Ledger support", "--features ledger"],
        );
    }
}

#[cfg(feature = "ledger")]
#[test]
fn a_missing_ledger_is_reported() {
    refused(
        &address(&["--ledger=legacy:1"], &[]),
        2,
        &["m/44'/60'/0'/1", "Ledger"],
    );
}

#[cfg(not(feature = "aws-kms"))]
#[test]
fn without_the_feature_aws_kms_the_error_names_it() {
    refused(
        &address(&["--aws-kms", "alias/assize"], &[]),
        2,
        &["no AWS KMS support", "--features aws-kms"],
    );
    refused(
        &address(&[], &[("ASSIZE_AWS_KMS_KEY", "alias/assize")]),
        2,
        &["--features aws-kms"],
    );
}
