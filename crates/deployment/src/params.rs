//! The file of deployment parameters.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, Bytes};
use assize_protocol::{AttoFil, Parameters, plain_text};
use assize_service::{LARGEST_SETTINGS, read_file};
use bls12_381::G2Affine;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::problems::Problems;
use crate::spelling;

/// Unix time of Filecoin mainnet's epoch 0.
pub(crate) const MAINNET_GENESIS: u64 = 1_598_306_400;
/// Unix time of the calibration network's epoch 0.
pub(crate) const CALIBRATION_GENESIS: u64 = 1_667_326_380;

/// Chain id of Filecoin mainnet.
pub(crate) const MAINNET: u64 = 314;
/// Chain id of the calibration network.
pub(crate) const CALIBRATION: u64 = 314_159;
/// Chain id of anvil.
pub(crate) const LOCAL: u64 = 31_337;

const COMPRESSED_G2: usize = 96;
const EIP2537_G2: usize = 256;
const FIELD: usize = 48;
const EIP2537_FIELD: usize = 64;

/// Why parameters are not usable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// The file could not be read.
    #[error("cannot read the parameter file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file is not JSON or TOML with the expected fields.
    #[error("the parameter file {path} is invalid: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's message, with the position.
        reason: String,
    },
    /// The values cannot work, or are too dangerous for their chain.
    #[error(transparent)]
    Refused(#[from] Problems),
    /// An unfinished deployment does not match.
    #[error(
        "the unfinished deployment was started {what}: resume it with the same input, or move its file away and start again"
    )]
    OtherRun {
        /// How it differs.
        what: String,
    },
    /// A sent transaction could not be recorded, so nothing more is sent.
    #[error("failed to record a sent transaction: {0}; nothing more is sent")]
    Keep(#[source] std::io::Error),
    /// A value is invalid.
    #[error("parameter `{field}`: {reason}")]
    Field {
        /// The field's name in the file.
        field: &'static str,
        /// The cause.
        reason: String,
    },
}

impl ParamsError {
    pub(crate) fn field(field: &'static str, reason: &str) -> Self {
        Self::Field {
            field,
            reason: reason.to_owned(),
        }
    }
}

/// How the contracts verify drand beacons (docs/protocol.md §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum BeaconParams {
    /// By pairing, on any EVM with EIP-2537.
    Drand {
        /// The network's public key in G2: 96 bytes compressed as drand publishes it, or 256 bytes as EIP-2537
        /// encodes it.
        public_key: Bytes,
        /// Unix time of round 1, seconds.
        genesis: u64,
        /// Seconds between rounds.
        period: u64,
    },
    /// By Filecoin mainnet's own beacon digest.
    FilecoinMainnet {
        /// Epochs to wait beyond the minimum of two.
        #[serde(default)]
        slack_epochs: u64,
    },
    /// By the calibration network's own beacon digest.
    FilecoinCalibration {
        /// Epochs to wait beyond the minimum of two.
        #[serde(default)]
        slack_epochs: u64,
    },
}

impl BeaconParams {
    /// drand quicknet, by pairing.
    #[must_use]
    pub fn quicknet() -> Self {
        let schedule = assize_protocol::BeaconSchedule::QUICKNET;
        Self::Drand {
            public_key: alloy_primitives::bytes!(
                "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
                "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
            ),
            genesis: schedule.genesis,
            period: schedule.period.get(),
        }
    }
}

/// Settings of the Court (docs/protocol.md §11.2), permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CourtParams {
    /// Seconds to answer a demand.
    pub answer_window: u64,
    /// Seconds that must remain between the answer window and the activation.
    pub slack: u64,
    /// Seconds after posting in which demands are possible with the shortest challenge window.
    pub demand_window: u64,
    /// The smallest bond of a demand.
    pub least_bond: AttoFil,
}

impl CourtParams {
    /// For a devnet: the longest times that fit into its shortest challenge window, seconds.
    #[must_use]
    pub fn within(min_challenge_window: u64) -> Self {
        Self {
            answer_window: min_challenge_window / 2,
            slack: min_challenge_window / 4,
            demand_window: min_challenge_window / 4,
            least_bond: AttoFil::new(1_000_000_000_000_000),
        }
    }

    /// The shortest challenge window with which demands are possible for a while, seconds.
    #[must_use]
    pub fn least_challenge_window(&self) -> u64 {
        self.answer_window
            .saturating_add(self.slack)
            .saturating_add(self.demand_window)
    }
}

impl Default for CourtParams {
    /// Those of a public network: a day to answer, 6 hours of slack, 12 hours for demands, 0.05 FIL.
    fn default() -> Self {
        Self {
            answer_window: 86_400,
            slack: 21_600,
            demand_window: 43_200,
            least_bond: AttoFil::new(50_000_000_000_000_000),
        }
    }
}

/// All settings of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployParams {
    /// The chain that this file is for: 314 Filecoin mainnet, 314159 calibration, 31337 anvil.
    pub chain_id: u64,
    /// How beacons are verified.
    pub beacon: BeaconParams,
    /// Announces parameters, coordinator, publishers, evaluators, a guardian, a challenge window and the end.
    #[serde(deserialize_with = "spelling::address")]
    pub owner: Address,
    /// Opens rounds.
    #[serde(deserialize_with = "spelling::address")]
    pub coordinator: Address,
    /// May commit batches, from the first round on.
    #[serde(default, deserialize_with = "spelling::addresses")]
    pub publishers: Vec<Address>,
    /// May veto pending settlements, suspend publishers and the coordinator, and cancel what is announced.
    #[serde(deserialize_with = "spelling::address")]
    pub guardian: Address,
    /// Receives deposits that were never allocated, once the programme has ended.
    #[serde(deserialize_with = "spelling::address")]
    pub treasury: Address,
    /// May sign settlements, in any order.
    #[serde(deserialize_with = "spelling::addresses")]
    pub evaluators: Vec<Address>,
    /// Signatures that a settlement needs.
    pub threshold: u64,
    /// Minimum challenge window that the owner can set, seconds.
    pub min_challenge_window: u64,
    /// Seconds between posting a settlement and its activation, and between the announcement of a change and its effect.
    pub challenge_window: u64,
    /// Settings of the Court.
    #[serde(default)]
    pub court: CourtParams,
    /// Gas for each payment of a batch: 60 000 on Ethereum's scale, 30 000 000 on Filecoin's.
    pub payment_gas: u64,
    /// Parameters of the first rounds.
    #[serde(default)]
    pub parameters: Parameters,
}

impl DeployParams {
    /// Reads a file: TOML if its name ends in `.toml`, else JSON.
    ///
    /// It does not check the values; [`DeployParams::validate`] does.
    ///
    /// # Errors
    /// [`ParamsError`] naming the file and the position.
    pub fn read(path: &Path) -> Result<Self, ParamsError> {
        let file = read_file(path, LARGEST_SETTINGS).map_err(|source| ParamsError::Read {
            path: path.to_owned(),
            source,
        })?;
        let parse = |reason: String| ParamsError::Parse {
            path: path.to_owned(),
            reason,
        };
        let text = plain_text::decode(&file).map_err(|error| parse(error.to_string()))?;
        if path.extension().is_some_and(|extension| extension == "toml") {
            let deserializer = toml::Deserializer::parse(text).map_err(|error| parse(error.to_string()))?;
            with_field(deserializer).map_err(parse)
        } else {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let params = with_field(&mut deserializer).map_err(parse)?;
            deserializer.end().map_err(|error| parse(error.to_string()))?;
            Ok(params)
        }
    }

    /// Rejects what cannot work and, on Filecoin mainnet, what is dangerous: see [`DeployParams::problems`]. The
    /// contracts check the rest.
    ///
    /// # Errors
    /// [`ParamsError::Refused`] with all problems.
    pub fn validate(&self) -> Result<(), ParamsError> {
        let refusals = self.refusals();
        if refusals.is_empty() {
            return Ok(());
        }
        Err(ParamsError::Refused(Problems(refusals)))
    }

    /// The same with drand's public key, if any, in the 256 bytes of EIP-2537, as forge's scripts require it.
    ///
    /// # Errors
    /// [`ParamsError::Field`] if the key is invalid.
    pub fn with_key_for_evm(&self) -> Result<Self, ParamsError> {
        let mut params = self.clone();
        if let BeaconParams::Drand { public_key, .. } = &mut params.beacon {
            *public_key = public_key_for_evm(public_key)?;
        }
        Ok(params)
    }

    /// The name of the parameters' chain: `mainnet`, `calibration`, else `devnet-<id>`.
    #[must_use]
    pub fn chain_name(&self) -> String {
        chain_name(self.chain_id)
    }
}

/// Parses parameters. An error says what is wrong with which field.
fn with_field<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DeployParams, String> {
    serde_path_to_error::deserialize(deserializer).map_err(|error| match error.path().iter().next() {
        Some(_) => format!("`{}`: {}", error.path(), error.inner()),
        None => error.inner().to_string(),
    })
}

/// The name of a chain: `mainnet`, `calibration`, else `devnet-<id>`.
#[must_use]
pub fn chain_name(chain_id: u64) -> String {
    match chain_id {
        MAINNET => "mainnet".into(),
        CALIBRATION => "calibration".into(),
        other => format!("devnet-{other}"),
    }
}

/// A G2 point as the contract's constructor expects it (EIP-2537): x then y, c0 before c1, each number in 64 bytes.
pub(crate) fn public_key_for_evm(key: &Bytes) -> Result<Bytes, ParamsError> {
    let refuse = |reason: &str| ParamsError::field("beacon.publicKey", reason);
    if key.len() == EIP2537_G2 {
        return Ok(key.clone());
    }
    let compressed: &[u8; COMPRESSED_G2] = key.as_ref().try_into().map_err(|_| {
        refuse(&format!(
            "it has {} bytes: use the 96 bytes that drand publishes as `public_key`",
            key.len()
        ))
    })?;
    let point: Option<G2Affine> = G2Affine::from_compressed(compressed).into();
    let point = point.filter(|point| !bool::from(point.is_identity()));
    let point = point
        .ok_or_else(|| refuse("it is not a point of the group G2 (drand scheme bls-unchained-g1-rfc9380)"))?;
    // Uncompressed points are x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0, 48 bytes each.
    let uncompressed = point.to_uncompressed();
    let mut encoded = [0; EIP2537_G2];
    for (target, source) in [1, 0, 3, 2].into_iter().enumerate() {
        let end = (target + 1) * EIP2537_FIELD;
        encoded[end - FIELD..end].copy_from_slice(&uncompressed[source * FIELD..(source + 1) * FIELD]);
    }
    Ok(encoded.to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> DeployParams {
        let address = Address::repeat_byte;
        DeployParams {
            chain_id: 31_337,
            beacon: BeaconParams::quicknet(),
            owner: address(1),
            coordinator: address(2),
            publishers: vec![address(3)],
            guardian: address(4),
            treasury: address(8),
            evaluators: vec![address(7), address(5), address(6)],
            threshold: 2,
            min_challenge_window: 60,
            challenge_window: 3_600,
            court: CourtParams::within(60),
            payment_gas: 60_000,
            parameters: Parameters::default(),
        }
    }

    #[test]
    fn an_invalid_key_is_rejected() {
        let refused = |key: &[u8]| {
            public_key_for_evm(&Bytes::copy_from_slice(key))
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&[1, 2]).contains("2 bytes"));
        let mut infinity = [0; 96];
        infinity[0] = 0xc0;
        assert!(refused(&infinity).contains("`beacon.publicKey`"));
    }

    #[test]
    fn json_and_toml_read_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let (json, toml) = (dir.path().join("params.json"), dir.path().join("params.toml"));
        std::fs::write(&json, serde_json::to_string_pretty(&params()).unwrap()).unwrap();
        let text = r#"
            chainId = 31337
            owner = "0x0101010101010101010101010101010101010101"
            coordinator = "0x0202020202020202020202020202020202020202"
            publishers = ["0x0303030303030303030303030303030303030303"]
            guardian = "0x0404040404040404040404040404040404040404"
            treasury = "0x0808080808080808080808080808080808080808"
            evaluators = [
                "0x0707070707070707070707070707070707070707",
                "0x0505050505050505050505050505050505050505",
                "0x0606060606060606060606060606060606060606",
            ]
            threshold = 2
            minChallengeWindow = 60
            challengeWindow = 3600
            paymentGas = 60000

            [court]
            answerWindow = 30
            slack = 15
            demandWindow = 15
            leastBond = "1000000000000000"

            [beacon]
            kind = "drand"
            publicKey = "0x83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
            genesis = 1692803367
            period = 3
        "#;
        std::fs::write(&toml, text).unwrap();
        assert_eq!(DeployParams::read(&json).unwrap(), params());
        assert_eq!(DeployParams::read(&toml).unwrap(), params());
    }

    #[test]
    fn a_typing_error_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("params.json");
        let text = serde_json::to_string_pretty(&params())
            .unwrap()
            .replace("guardian", "gaurdian");
        std::fs::write(&path, text).unwrap();
        let error = DeployParams::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("params.json") && error.contains("gaurdian") && error.contains("line"),
            "{error}"
        );
        let missing = DeployParams::read(&dir.path().join("none.json"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("none.json"), "{missing}");
    }

    #[test]
    fn errors_name_the_field_and_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("params.json");
        let refused = |old: &str, new: &str| {
            let text = serde_json::to_string_pretty(&params()).unwrap();
            assert!(text.contains(old), "{text}");
            std::fs::write(&path, text.replace(old, new)).unwrap();
            DeployParams::read(&path).unwrap_err().to_string()
        };
        let short = refused(&format!("0x{}", "01".repeat(20)), "0x1234");
        assert!(
            short.contains("`owner`: `0x1234` is not an address") && short.contains("line"),
            "{short}"
        );
        let wrong = "0xf39fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let listed = refused(&format!("0x{}", "05".repeat(20)), wrong);
        assert!(
            listed.contains("`evaluators[1]`") && listed.contains(right),
            "{listed}"
        );
        let number = refused("\"quorum\": 30", "\"quorum\": -1");
        assert!(number.contains("`parameters.quorum`"), "{number}");

        let toml = dir.path().join("params.toml");
        std::fs::write(&toml, "chainId = 31337\nowner = \"0x1234\"").unwrap();
        let error = DeployParams::read(&toml).unwrap_err().to_string();
        assert!(error.contains("`owner`") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn the_quicknet_key_is_decompressed() {
        let BeaconParams::Drand { public_key, .. } = BeaconParams::quicknet() else {
            unreachable!()
        };
        let encoded = public_key_for_evm(&public_key).unwrap();
        assert_eq!(encoded.len(), EIP2537_G2);
        // x.c1 with its flag bits is the first half of the compressed form, x.c0 the second.
        assert_eq!(encoded[64 + 17..128], public_key[1..48]);
        assert_eq!(encoded[16..64], public_key[48..]);
        assert_eq!(public_key_for_evm(&encoded).unwrap(), encoded);
        // The committed file uses this form, which forge's scripts require.
        let text = include_str!("../../../docs/params/anvil.json");
        let anvil: DeployParams = serde_json::from_str(text).unwrap();
        let BeaconParams::Drand { public_key, .. } = anvil.beacon else {
            panic!("anvil.json has another beacon")
        };
        assert_eq!(public_key, encoded);
    }
}
