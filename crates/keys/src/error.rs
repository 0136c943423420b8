//! Errors of keys.

use std::path::PathBuf;

use alloy_primitives::Address;
use thiserror::Error;

use crate::LedgerPath;

/// Why a key is unavailable or did not sign. Every message names the source and the remedy; none repeats a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// No key was given.
    #[error(
        "no key: pass a keystore file (--keystore), a Ledger (--ledger) or a key in AWS KMS (--aws-kms), or set \
         ASSIZE_PRIVATE_KEY to 32 bytes in hexadecimal"
    )]
    NoKey,
    /// The environment variable does not contain a key. Its value is not repeated.
    #[error("{variable} is not a private key: use 32 bytes in hexadecimal")]
    BadKey {
        /// The variable's name.
        variable: &'static str,
    },
    /// The keystore could not be opened.
    #[error("cannot open the keystore {path}: {trouble}")]
    Keystore {
        /// The keystore file.
        path: PathBuf,
        /// The cause.
        trouble: KeystoreTrouble,
    },
    /// The binary was built without support for this kind of key.
    #[error("this build has no {what} support: cargo build --release -p assize-cli --features {feature}")]
    NotBuilt {
        /// The kind of key.
        what: &'static str,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// The text does not name a key on a Ledger.
    #[error(
        "`{given}` does not name a key on a Ledger: use the number of an account as in Ledger Live, from 0; \
         `legacy:` and a number; or a path such as m/44'/60'/0'/0/0"
    )]
    BadLedgerPath {
        /// The configured network.
        given: String,
    },
    /// An operation on the Ledger failed.
    #[error("the key {path} on the Ledger: {trouble}")]
    Ledger {
        /// The key's path.
        path: LedgerPath,
        /// The cause.
        trouble: LedgerTrouble,
    },
    /// An operation on AWS KMS failed.
    #[error("the key {key} in AWS KMS ({place}): {trouble}")]
    AwsKms {
        /// The key's id, ARN or alias.
        key: String,
        /// Region or endpoint.
        place: String,
        /// The reason.
        trouble: KmsTrouble,
    },
    /// A device or service signed with another key.
    #[error("{signer} returned a signature that is not by {address}: check that it is still the same key")]
    OtherKey {
        /// The device or service.
        signer: String,
        /// The key's address when it was opened.
        address: Address,
    },
}

impl SignerError {
    /// Whether the same call may succeed later without intervention.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::AwsKms {
                trouble: KmsTrouble::Unreachable(_) | KmsTrouble::Busy(_),
                ..
            }
        )
    }
}

/// Why a keystore could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeystoreTrouble {
    /// The file does not exist or is not readable.
    #[error("{0}; check the path")]
    Unreadable(String),
    /// The file is not a keystore, or is corrupt.
    #[error(
        "not a keystore file ({0}); `cast wallet import`, `cast wallet new` and geth create keystore files"
    )]
    Malformed(String),
    /// The password is wrong.
    #[error("the password is wrong; check --password-file or ASSIZE_KEYSTORE_PASSWORD")]
    WrongPassword,
    /// The content is the key of another address than the file states.
    #[error(
        "it holds the key of {actual}, but says that its address is {stated}; use the file as the wallet wrote it"
    )]
    OtherAddress {
        /// The address in the file.
        stated: Address,
        /// The key's address.
        actual: Address,
    },
    /// The content is not a key.
    #[error("it does not contain a secp256k1 private key")]
    NoKey,
}

/// Why an operation on a Ledger failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerTrouble {
    /// No Ledger was found.
    #[error(
        "no Ledger found; plug it in and unlock it (on Linux, Ledger's udev rules let users see it: docs/operate/keys.md)"
    )]
    NoDevice,
    /// USB is unavailable.
    #[error("USB is unavailable; in a container, pass the device in (docker run --device /dev/bus/usb)")]
    NoUsb,
    /// The Ledger could not be opened.
    #[error(
        "it cannot be opened ({0}); close Ledger Live and other wallets, and on Linux install Ledger's udev rules \
         (docs/operate/keys.md)"
    )]
    CannotOpen(String),
    /// It is locked.
    #[error("it is locked; enter its PIN, and open the Ethereum app")]
    Locked,
    /// The Ethereum app is not open.
    #[error(
        "{0} is open on it; open the Ethereum app (Filecoin's 0x addresses are the Ethereum app's, not the Filecoin app's)"
    )]
    WrongApp(String),
    /// The app is too old to sign typed data.
    #[error("its Ethereum app is too old ({0}); update it with Ledger Live")]
    OldApp(String),
    /// The person rejected the request on the device.
    #[error("the request was rejected on the device; nothing was signed")]
    Refused,
    /// Blind signing is off, and the app cannot display the data.
    #[error(
        "its Ethereum app does not sign data that it cannot display; turn on \"Blind signing\" in the app's settings, and \
         compare the hashes"
    )]
    NoBlindSigning,
    /// It stopped responding.
    #[error("it does not respond ({0}); check that it is plugged in")]
    Gone(String),
    /// Any other error.
    #[error("{0}")]
    Other(String),
}

/// Why an operation on a key in AWS KMS failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KmsTrouble {
    /// No region is configured.
    #[error("no region; set AWS_REGION, or use the key's ARN")]
    NoRegion,
    /// No credentials are configured.
    #[error("no credentials ({0}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")]
    NoCredentials(String),
    /// The credentials are invalid there.
    #[error("the credentials are not accepted ({0}); check that they are current and for this region")]
    BadCredentials(String),
    /// The credentials may not use the key.
    #[error(
        "access is denied ({0}); the key's policy must allow kms:GetPublicKey and kms:Sign to these credentials (docs/operate/keys.md)"
    )]
    Denied(String),
    /// The key does not exist in this account and region.
    #[error("unknown key ({0}); use the id, ARN or alias/… of a key in this account and region")]
    Unknown(String),
    /// The key is disabled.
    #[error("it is disabled ({0}); enable it: aws kms enable-key")]
    Disabled(String),
    /// The key is pending deletion or creation.
    #[error("it is unavailable now ({0}); check its state: aws kms describe-key")]
    BadState(String),
    /// The key is of another kind.
    #[error(
        "not a secp256k1 signing key ({0}); create one: aws kms create-key --key-spec ECC_SECG_P256K1 --key-usage \
         SIGN_VERIFY"
    )]
    WrongKind(String),
    /// KMS does not respond.
    #[error("no response ({0}); check AWS_REGION, AWS_ENDPOINT_URL and the network")]
    Unreachable(String),
    /// KMS is overloaded.
    #[error("it is too busy ({0})")]
    Busy(String),
    /// Any other error.
    #[error("{0}")]
    Other(String),
}
