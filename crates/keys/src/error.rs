//! Why a key could not be had, or did not sign.

use std::path::PathBuf;

use alloy_primitives::Address;
use thiserror::Error;

use crate::LedgerPath;

/// What is wrong with a key. Every message names the place and the remedy; none repeats a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// No source of a key is given.
    #[error(
        "no key: give a keystore file (--keystore), a Ledger (--ledger) or a key in AWS KMS (--aws-kms), or set \
         ASSIZE_PRIVATE_KEY to 32 bytes in hexadecimal"
    )]
    NoKey,
    /// The environment variable holds no key. Its value is not repeated.
    #[error("{variable} does not hold a private key: give 32 bytes in hexadecimal")]
    BadKey {
        /// The variable's name.
        variable: &'static str,
    },
    /// The keystore cannot be opened.
    #[error("the keystore {path} cannot be opened: {trouble}")]
    Keystore {
        /// The keystore file.
        path: PathBuf,
        /// What is wrong.
        trouble: KeystoreTrouble,
    },
    /// The binary was built without the code for this kind of key.
    #[error("this build has no {what} support: cargo build --release -p assize-cli --features {feature}")]
    NotBuilt {
        /// The kind of key.
        what: &'static str,
        /// The feature of cargo that adds it.
        feature: &'static str,
    },
    /// Not a path of a key on a Ledger.
    #[error(
        "`{given}` names no key on a Ledger: give the number of an account as Ledger Live counts them, from 0; \
         `legacy:` and a number; or a path such as m/44'/60'/0'/0/0"
    )]
    BadLedgerPath {
        /// What was given.
        given: String,
    },
    /// The Ledger does not do what was asked.
    #[error("the key {path} on the Ledger: {trouble}")]
    Ledger {
        /// Which of its keys.
        path: LedgerPath,
        /// What is wrong.
        trouble: LedgerTrouble,
    },
    /// AWS KMS does not do what was asked.
    #[error("the key {key} in AWS KMS ({place}): {trouble}")]
    AwsKms {
        /// The key's id, ARN or alias.
        key: String,
        /// Region or endpoint.
        place: String,
        /// What is wrong.
        trouble: KmsTrouble,
    },
    /// A device or service made a signature, and it is another key's.
    #[error("{signer} made a signature that is not of {address}: is it still the same key?")]
    OtherKey {
        /// The device or service.
        signer: String,
        /// The address that the key had when it was opened.
        address: Address,
    },
}

impl SignerError {
    /// Whether the same call may succeed later without anyone changing anything.
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

/// What is wrong with a keystore.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeystoreTrouble {
    /// No such file, or no right to read it.
    #[error("{0}; check the path")]
    Unreadable(String),
    /// Some other file, or one that is damaged.
    #[error(
        "it is no keystore file ({0}); `cast wallet import` and `cast wallet new` write them, and so does geth"
    )]
    Malformed(String),
    /// The password does not fit.
    #[error("the password is wrong; check --password-file or ASSIZE_KEYSTORE_PASSWORD")]
    WrongPassword,
    /// It opens, and holds something else.
    #[error("what it holds is no private key of secp256k1")]
    NoKey,
}

/// What is wrong with a Ledger.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerTrouble {
    /// There is none.
    #[error(
        "no Ledger found; plug it in and unlock it (on Linux, Ledger's udev rules let users see it: docs/operate/keys.md)"
    )]
    NoDevice,
    /// There cannot be one.
    #[error("USB cannot be used here; in a container, hand the device in (docker run --device /dev/bus/usb)")]
    NoUsb,
    /// There is one that cannot be opened.
    #[error(
        "it cannot be opened ({0}); close Ledger Live and other wallets, and on Linux install Ledger's udev rules \
         (docs/operate/keys.md)"
    )]
    CannotOpen(String),
    /// It waits for its PIN.
    #[error("it is locked; enter its PIN, and open the Ethereum app")]
    Locked,
    /// Another app is open, or none.
    #[error(
        "{0} is open on it; open the Ethereum app (Filecoin's 0x addresses are the Ethereum app's, not the Filecoin app's)"
    )]
    WrongApp(String),
    /// The app is too old to sign typed data.
    #[error("its Ethereum app is too old ({0}); update it with Ledger Live")]
    OldApp(String),
    /// The person in front of it said no.
    #[error("the signature was refused on the device; nothing was signed")]
    Refused,
    /// The app does not sign what it cannot show in words.
    #[error(
        "its Ethereum app does not sign what it cannot show in words; turn on \"Blind signing\" in the app's settings, and \
         compare the hashes"
    )]
    NoBlindSigning,
    /// It has stopped answering.
    #[error("it does not answer ({0}); was it unplugged?")]
    Gone(String),
    /// Whatever else it said.
    #[error("{0}")]
    Other(String),
}

/// What is wrong with a key in AWS KMS.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KmsTrouble {
    /// Nobody said where.
    #[error("no region; set AWS_REGION, or give the key's ARN")]
    NoRegion,
    /// Nobody said who asks.
    #[error("no credentials ({0}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")]
    NoCredentials(String),
    /// The credentials are not valid there.
    #[error("the credentials are not accepted ({0}); are they current, and of this region?")]
    BadCredentials(String),
    /// The credentials may not use the key.
    #[error(
        "access is denied ({0}); the key's policy must allow kms:GetPublicKey and kms:Sign to these credentials (docs/operate/keys.md)"
    )]
    Denied(String),
    /// No such key in this account and region.
    #[error("there is no such key ({0}); give the id, ARN or alias/… of a key in this account and region")]
    Unknown(String),
    /// The key is disabled.
    #[error("it is disabled ({0}); enable it: aws kms enable-key")]
    Disabled(String),
    /// The key is about to be deleted, or not there yet.
    #[error("it cannot be used now ({0}); look at its state: aws kms describe-key")]
    BadState(String),
    /// A key of another kind.
    #[error(
        "it is no signing key of secp256k1 ({0}); make one: aws kms create-key --key-spec ECC_SECG_P256K1 --key-usage \
         SIGN_VERIFY"
    )]
    WrongKind(String),
    /// Nobody answers.
    #[error("no answer ({0}); check AWS_REGION, AWS_ENDPOINT_URL and the network")]
    Unreachable(String),
    /// It has too much to do.
    #[error("it is too busy ({0})")]
    Busy(String),
    /// Whatever else it said.
    #[error("{0}")]
    Other(String),
}
