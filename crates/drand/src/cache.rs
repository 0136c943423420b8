//! A cache of beacons on disk.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use assize_protocol::BeaconRound;

use crate::source::check;
use crate::{Beacon, BeaconError, BeaconSource, Chain};

/// A source that caches genuine beacons in a directory, one file `<chain hash>/<round>.json` each (about 300 bytes;
/// files are never deleted).
///
/// A cached file is verified like any other response before use. A damaged file is logged and replaced.
#[derive(Clone, Debug)]
pub struct Cached<S> {
    chain: Chain,
    source: S,
    directory: PathBuf,
}

impl<S: BeaconSource> Cached<S> {
    /// Caches the beacons of `chain` from `source` in `directory`.
    ///
    /// # Errors
    /// [`BeaconError::File`] if the directory cannot be created.
    pub fn open(chain: Chain, source: S, directory: &Path) -> Result<Self, BeaconError> {
        let directory = directory.join(const_hex::encode(chain.hash()));
        fs::create_dir_all(&directory).map_err(|error| BeaconError::File {
            path: directory.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            chain,
            source,
            directory,
        })
    }

    fn path(&self, round: BeaconRound) -> PathBuf {
        self.directory.join(format!("{round}.json"))
    }

    /// The cached beacon, if it is genuine.
    fn kept(&self, round: BeaconRound) -> Option<Beacon> {
        let path = self.path(round);
        let json = fs::read(&path).ok()?;
        let genuine = Beacon::from_json(&json).and_then(|beacon| {
            check(&self.chain, round, &beacon)?;
            Ok(beacon)
        });
        genuine
            .inspect_err(
                |error| tracing::warn!(path = %path.display(), %error, "cached beacon is damaged; fetching it again"),
            )
            .ok()
    }

    /// Writes atomically, because processes may share the directory.
    fn keep(&self, beacon: &Beacon) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&serde_json::to_vec(beacon)?)?;
        file.persist(self.path(beacon.round))?;
        Ok(())
    }
}

impl<S: BeaconSource> BeaconSource for Cached<S> {
    fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
        if let Some(beacon) = self.kept(round) {
            return Ok(beacon);
        }
        let beacon = self.source.beacon(round)?;
        check(&self.chain, round, &beacon)?;
        // A cache that cannot be written is slow, not fatal.
        if let Err(error) = self.keep(&beacon) {
            tracing::warn!(directory = %self.directory.display(), %error, "failed to cache a beacon");
        }
        Ok(beacon)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::RecordedBeacons;

    const ROUND: BeaconRound = BeaconRound(1000);

    struct Counting {
        recorded: RecordedBeacons,
        asked: Cell<usize>,
    }

    impl BeaconSource for Counting {
        fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
            self.asked.set(self.asked.get() + 1);
            self.recorded.beacon(round)
        }
    }

    fn cached(directory: &Path) -> Cached<Counting> {
        let source = Counting {
            recorded: RecordedBeacons::from_json(include_bytes!("../tests/fixtures/quicknet.json")).unwrap(),
            asked: Cell::new(0),
        };
        Cached::open(Chain::quicknet(), source, directory).unwrap()
    }

    #[test]
    fn a_beacon_is_fetched_once_for_all_processes() {
        let directory = tempfile::tempdir().unwrap();
        let first = cached(directory.path());
        let beacon = first.beacon(ROUND).unwrap();
        assert_eq!(first.beacon(ROUND), Ok(beacon.clone()));
        assert_eq!(first.source.asked.get(), 1);
        let second = cached(directory.path());
        assert_eq!(second.beacon(ROUND), Ok(beacon));
        assert_eq!(second.source.asked.get(), 0);
    }

    #[test]
    fn a_damaged_file_is_rejected_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cached(directory.path());
        let beacon = cache.beacon(ROUND).unwrap();
        let path = cache.path(ROUND);
        let whole = fs::read_to_string(&path).unwrap();
        let other = serde_json::to_string(&cache.source.recorded.beacon(BeaconRound(1001)).unwrap()).unwrap();
        for damaged in [
            String::new(),
            whole[..40].to_owned(),
            other.clone(),
            other.replace("1001", "1000"),
        ] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.beacon(ROUND), Ok(beacon.clone()));
            assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        }
        assert_eq!(cache.source.asked.get(), 5);
    }

    #[test]
    fn an_unavailable_beacon_is_not_cached() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cached(directory.path());
        assert!(cache.beacon(BeaconRound(5)).is_err());
        assert!(!cache.path(BeaconRound(5)).exists());
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Cached::open(Chain::quicknet(), RecordedBeacons::default(), &file).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
