//! Beacons from a file: the offline source.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assize_protocol::{BeaconRound, canonical};
use serde::Serialize;

use crate::{Beacon, BeaconError, BeaconSource};

/// Beacons of one chain, recorded for use without a network. The file is a JSON array of beacons in the relays' form.
///
/// Reading does not verify them; wrap the source in [`crate::Verified`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedBeacons(BTreeMap<BeaconRound, Beacon>);

impl RecordedBeacons {
    /// Creates a source of the given beacons.
    ///
    /// # Errors
    /// [`BeaconError::DuplicateRound`] if a round is listed twice.
    pub fn new(beacons: impl IntoIterator<Item = Beacon>) -> Result<Self, BeaconError> {
        let mut beacons_by_round = BTreeMap::new();
        for beacon in beacons {
            let round = beacon.round;
            if beacons_by_round.insert(round, beacon).is_some() {
                return Err(BeaconError::DuplicateRound { round });
            }
        }
        Ok(Self(beacons_by_round))
    }

    /// Parses beacons from JSON.
    ///
    /// # Errors
    /// [`BeaconError::Json`] if it is not an array of beacons, [`BeaconError::DuplicateRound`] if a round is listed
    /// twice.
    pub fn from_json(json: &[u8]) -> Result<Self, BeaconError> {
        let beacons: Vec<Beacon> = serde_json::from_slice(json).map_err(|error| BeaconError::Json {
            expected: "an array of beacons",
            reason: error.to_string(),
        })?;
        Self::new(beacons)
    }

    /// Reads `beacons.json` of a bundle (`docs/protocol.md` §12.1); accepts exactly the bytes that [`Self::to_canonical_json`]
    /// writes.
    ///
    /// # Errors
    /// As [`Self::from_json`]; [`BeaconError::Form`] if the bytes are not canonical.
    pub fn from_canonical_json(json: &[u8]) -> Result<Self, BeaconError> {
        let recorded = Self::from_json(json)?;
        canonical::check_json(json, &recorded.entries())?;
        let other_length = recorded.beacons().find(|beacon| beacon.signature.len() != 48);
        match other_length {
            Some(beacon) => Err(BeaconError::Json {
                expected: "an array of quicknet's beacons",
                reason: format!(
                    "the signature of round {} has {} bytes instead of 48",
                    beacon.round,
                    beacon.signature.len()
                ),
            }),
            None => Ok(recorded),
        }
    }

    /// The canonical bytes of `beacons.json`.
    #[must_use]
    pub fn to_canonical_json(&self) -> Vec<u8> {
        // Numbers and strings under fixed keys can always be serialized.
        canonical::to_json(&self.entries()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |beacon: &Beacon| Entry {
            round: beacon.round,
            randomness: const_hex::encode(beacon.randomness().0),
            signature: const_hex::encode(&beacon.signature),
        };
        self.beacons().map(entry).collect()
    }

    /// Reads beacons from a file.
    ///
    /// # Errors
    /// As [`Self::from_json`], within [`BeaconError::File`], which names the path.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, BeaconError> {
        let path = path.as_ref();
        let refuse = |reason: String| BeaconError::File {
            path: path.into(),
            reason,
        };
        let json = fs::read(path).map_err(|error| refuse(error.to_string()))?;
        Self::from_json(&json).map_err(|error| refuse(error.to_string()))
    }

    /// The beacons in ascending order of rounds.
    pub fn beacons(&self) -> impl Iterator<Item = &Beacon> {
        self.0.values()
    }

    /// Number of beacons.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no beacons.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A beacon of an unchained drand chain in `beacons.json`.
#[derive(Serialize)]
struct Entry {
    round: BeaconRound,
    randomness: String,
    signature: String,
}

impl BeaconSource for RecordedBeacons {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        self.0.get(&round).cloned().ok_or(BeaconError::NotRecorded {
            round,
            count: self.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RecordedBeacons;
    use assize_protocol::BeaconRound;

    use crate::{BeaconError, BeaconSource};

    #[test]
    fn rounds_are_found_and_missing_ones_named() {
        let recorded =
            RecordedBeacons::from_json(br#"[{"round":7,"signature":"aa"},{"round":5,"signature":"bb"}]"#)
                .unwrap();
        assert_eq!(recorded.beacon(BeaconRound(5)).unwrap().signature, [0xbb]);
        assert_eq!(
            recorded.beacons().map(|beacon| beacon.round).collect::<Vec<_>>(),
            [BeaconRound(5), BeaconRound(7)]
        );
        assert_eq!(
            recorded.beacon(BeaconRound(6)),
            Err(BeaconError::NotRecorded {
                round: BeaconRound(6),
                count: 2
            })
        );
    }

    #[test]
    fn beacons_of_a_bundle_have_one_spelling() {
        let signature = "ab".repeat(48);
        let json =
            format!(r#"[{{"round":7,"signature":"{signature}"}},{{"round":5,"signature":"{signature}"}}]"#);
        let recorded = RecordedBeacons::from_json(json.as_bytes()).unwrap();
        assert!(RecordedBeacons::from_canonical_json(json.as_bytes()).is_err());
        let file = recorded.to_canonical_json();
        assert!(file.starts_with(br#"[{"randomness":""#));
        assert_eq!(RecordedBeacons::from_canonical_json(&file), Ok(recorded));
        // drand's relays may send a `previous_signature`; it is not needed, and bundles do not contain it.
        let chained =
            String::from_utf8(file)
                .unwrap()
                .replacen("\"}", "\",\"previous_signature\":\"00\"}", 1);
        assert!(matches!(
            RecordedBeacons::from_canonical_json(chained.as_bytes()),
            Err(BeaconError::Form(_))
        ));
        let short = RecordedBeacons::from_json(br#"[{"round":7,"signature":"aa"}]"#).unwrap();
        assert!(RecordedBeacons::from_canonical_json(&short.to_canonical_json()).is_err());
    }

    #[test]
    fn bad_files_are_named() {
        let twice = br#"[{"round":7,"signature":"aa"},{"round":7,"signature":"aa"}]"#;
        assert_eq!(
            RecordedBeacons::from_json(twice),
            Err(BeaconError::DuplicateRound {
                round: BeaconRound(7)
            })
        );
        let absent = RecordedBeacons::read("/nonexistent/beacons.json")
            .unwrap_err()
            .to_string();
        assert!(absent.contains("/nonexistent/beacons.json"), "{absent}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &twice[..twice.len() - 1]).unwrap();
        let cut = RecordedBeacons::read(file.path()).unwrap_err().to_string();
        assert!(
            cut.contains("not an array of beacons") && cut.contains(file.path().to_str().unwrap()),
            "{cut}"
        );
        std::fs::write(file.path(), r#"[{"round":7,"signature":"x"}]"#).unwrap();
        assert!(
            RecordedBeacons::read(file.path())
                .unwrap_err()
                .to_string()
                .contains("`signature` is not hexadecimal")
        );
    }
}
