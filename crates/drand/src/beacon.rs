//! One beacon, and its JSON form.

use assize_protocol::{B256, BeaconRound, Randomness};
use const_hex::FromHexError;
use serde::{Deserialize, Serialize};

use crate::BeaconError;

/// A drand round with its signature, as received from a source: unverified. [`crate::Chain::verify`] verifies it.
///
/// The JSON form is that of drand's v1 and v2 HTTP interfaces. A `randomness` field is never used; if it contradicts
/// the signature, the beacon is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct Beacon {
    /// Round number, from 1.
    pub round: BeaconRound,
    /// The compressed signature: 48 bytes on quicknet, 96 on the default chain.
    pub signature: Vec<u8>,
    /// The signature of the previous round, on chained chains only. For round 1, the chain's genesis seed.
    pub previous_signature: Option<Vec<u8>>,
}

impl Beacon {
    /// Parses one beacon from JSON.
    ///
    /// # Errors
    /// [`BeaconError::Json`], [`BeaconError::Hex`] or [`BeaconError::WrongRandomness`].
    pub fn from_json(json: &[u8]) -> Result<Self, BeaconError> {
        serde_json::from_slice::<Json>(json)
            .map_err(|error| BeaconError::Json {
                expected: "a beacon",
                reason: error.to_string(),
            })?
            .try_into()
    }

    /// SHA-256 of the signature. Random only if the signature is genuine.
    #[must_use]
    pub fn randomness(&self) -> Randomness {
        Randomness::of_signature(&self.signature)
    }
}

/// The fields as drand writes them. Other fields are ignored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Json {
    round: BeaconRound,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    randomness: Option<String>,
    signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_signature: Option<String>,
}

impl TryFrom<Json> for Beacon {
    type Error = BeaconError;

    fn try_from(json: Json) -> Result<Self, BeaconError> {
        let hex = |field, reason: FromHexError| BeaconError::Hex { field, reason };
        let decode = |field, text: &str| const_hex::decode(text).map_err(|reason| hex(field, reason));
        // Relays of unchained beacons may send an empty one.
        let previous_signature = json.previous_signature.filter(|text| !text.is_empty());
        let beacon = Self {
            round: json.round,
            signature: decode("signature", &json.signature)?,
            previous_signature: previous_signature
                .map(|text| decode("previous_signature", &text))
                .transpose()?,
        };
        if let Some(text) = json.randomness {
            let stated: B256 = text.parse().map_err(|reason| hex("randomness", reason))?;
            let actual = beacon.randomness();
            if stated != actual.0 {
                return Err(BeaconError::WrongRandomness {
                    round: beacon.round,
                    stated,
                    actual,
                });
            }
        }
        Ok(beacon)
    }
}

impl From<Beacon> for Json {
    fn from(beacon: Beacon) -> Self {
        Self {
            round: beacon.round,
            randomness: Some(const_hex::encode(beacon.randomness().0)),
            signature: const_hex::encode(&beacon.signature),
            previous_signature: beacon.previous_signature.map(const_hex::encode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Beacon;
    use assize_protocol::BeaconRound;

    use crate::BeaconError;

    const SIGNATURE: &str =
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    const RANDOMNESS: &str = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";

    fn read(randomness: &str, signature: &str, more: &str) -> Result<Beacon, BeaconError> {
        let json = format!(
            r#"{{"round":1000,"randomness":"{randomness}","signature":"{signature}"{more},"chain":"x"}}"#
        );
        Beacon::from_json(json.as_bytes())
    }

    #[test]
    fn json_reads_back() {
        let beacon = read(RANDOMNESS, SIGNATURE, r#","previous_signature":"0badcafe""#).unwrap();
        let json = serde_json::to_string(&beacon).unwrap();
        assert!(
            json.starts_with(r#"{"round":1000,"randomness":"fe290beca1"#),
            "{json}"
        );
        assert_eq!(Beacon::from_json(json.as_bytes()).unwrap(), beacon);
        assert_eq!(
            read(RANDOMNESS, SIGNATURE, r#","previous_signature":"""#)
                .unwrap()
                .previous_signature,
            None
        );
    }

    #[test]
    fn randomness_may_be_absent_but_not_wrong() {
        let json = format!(r#"{{"round":1000,"signature":"{SIGNATURE}"}}"#);
        assert!(Beacon::from_json(json.as_bytes()).is_ok());
        let wrong = read(&RANDOMNESS.replace("fe", "ff"), SIGNATURE, "");
        assert!(
            matches!(
                wrong,
                Err(BeaconError::WrongRandomness {
                    round: BeaconRound(1000),
                    ..
                })
            ),
            "{wrong:?}"
        );
    }

    #[test]
    fn errors_name_the_field() {
        let field = |result: Result<Beacon, BeaconError>| match result {
            Err(BeaconError::Hex { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(read(RANDOMNESS, "zz", "")), "signature");
        assert_eq!(field(read(RANDOMNESS, &SIGNATURE[1..], "")), "signature");
        assert_eq!(field(read(&RANDOMNESS[2..], SIGNATURE, "")), "randomness");
        assert_eq!(
            field(read(RANDOMNESS, SIGNATURE, r#","previous_signature":"0""#)),
            "previous_signature"
        );
        for json in [
            "",
            "{}",
            r#"{"round":-1,"signature":""}"#,
            r#"{"round":1}"#,
            r#"{"round":1,"signature":"8d"#,
        ] {
            assert!(
                matches!(Beacon::from_json(json.as_bytes()), Err(BeaconError::Json { .. })),
                "{json}"
            );
        }
    }
}
