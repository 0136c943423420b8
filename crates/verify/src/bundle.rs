//! Creates bundles from evidence, and recomputes from them without a network.

use assize_bundle::{BEACONS, Bundle, DRAND, FACTS};
use assize_drand::{BeaconSource, Chain, RecordedBeacons};
use assize_facts::{ChainFacts, ChainRound};
use assize_protocol::{FileCid, canonical};
use assize_store::{Content, Source, StoreError};

use crate::evidence::file;
use crate::{Evidence, VerifyError};

type Result<T> = std::result::Result<T, VerifyError>;

impl<B: BeaconSource> Evidence<'_, B> {
    /// Packs everything that recomputing needs: the facts, both beacons of each revealed round with their drand chain, and
    /// every file named by the facts. Nothing is recomputed; beacons and files are verified as they are read.
    ///
    /// # Errors
    /// [`VerifyError::Beacon`], [`VerifyError::Store`], [`VerifyError::Bundle`].
    pub fn bundle(&self) -> Result<Bundle> {
        let mut beacons = Vec::new();
        let mut wanted = Vec::new();
        for ChainRound { round, commitments } in self.chain.rounds.values() {
            let number = round.number;
            if round.seed.is_some() {
                for beacon_round in [round.beacon_round, round.dedupe_beacon_round] {
                    let beacon = self.beacons.beacon(beacon_round);
                    beacons.push(beacon.map_err(|source| VerifyError::Beacon {
                        round: number,
                        beacon_round,
                        source,
                    })?);
                }
            }
            let folder = format!("rounds/{number}");
            wanted.push((format!("{folder}/roster.ndjson"), round.roster.cid));
            wanted.push((format!("{folder}/tasks.ndjson"), round.tasks.cid));
            let batches = commitments.iter().enumerate();
            wanted.extend(
                batches.map(|(index, batch)| (format!("{folder}/batches/{index}.ndjson"), batch.cid)),
            );
        }
        let settlements = self.chain.settlements.values();
        wanted.extend(
            settlements.map(|posted| (format!("settlements/{}.json", posted.id), posted.proposal.cid)),
        );
        beacons.sort_by_key(|beacon| beacon.round);
        beacons.dedup_by_key(|beacon| beacon.round);

        let bad = |name, reason: String| VerifyError::BundleFile { name, reason };
        let facts = canonical::to_json(self.chain).map_err(|error| bad(FACTS, error.to_string()))?;
        let beacons = RecordedBeacons::new(beacons).map_err(|error| bad(BEACONS, error.to_string()))?;
        let mut files = vec![
            (FACTS.to_owned(), facts),
            (BEACONS.to_owned(), beacons.to_canonical_json()),
            (DRAND.to_owned(), self.beacons.chain().info().to_canonical_json()),
        ];
        for (name, cid) in wanted {
            let content = file(self.store, &cid, || name.clone())?;
            files.push((name, content));
        }
        Ok(Bundle::new(files)?)
    }
}

/// The content of a bundle, ready to be recomputed by an [`Evidence`].
///
/// The facts are those that the bundle's creator claims to be on chain. Everything else follows from them or is
/// rejected. For certainty, compare them with the chain, or with someone who has read it.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// The facts that the bundle's creator claims to be on chain.
    pub facts: ChainFacts,
    /// The beacons, not verified yet.
    pub beacons: RecordedBeacons,
    /// The drand chain that the bundle's creator names: compare its hash with that of a chain that you trust.
    pub drand: Chain,
    /// The files.
    pub files: BundledFiles,
}

impl Unpacked {
    /// Parses the facts, beacons and drand chain of a bundle.
    ///
    /// # Errors
    /// [`VerifyError::Bundle`], [`VerifyError::BundleFile`].
    pub fn open(bundle: Bundle) -> Result<Self> {
        let bad = |name, reason: String| VerifyError::BundleFile { name, reason };
        let facts = &bundle.file(FACTS)?.content;
        let facts = canonical::read_json(facts).map_err(|error| bad(FACTS, error.to_string()))?;
        let beacons = &bundle.file(BEACONS)?.content;
        let beacons =
            RecordedBeacons::from_canonical_json(beacons).map_err(|error| bad(BEACONS, error.to_string()))?;
        let drand = &bundle.file(DRAND)?.content;
        let drand = Chain::from_canonical_json(drand).map_err(|error| bad(DRAND, error.to_string()))?;
        Ok(Self {
            facts,
            beacons,
            drand,
            files: BundledFiles(bundle),
        })
    }
}

/// The files of a bundle, by CID.
#[derive(Clone, Debug)]
pub struct BundledFiles(Bundle);

impl Source for BundledFiles {
    fn open(&self, cid: &FileCid) -> std::result::Result<Content, StoreError> {
        // Verified block by block when the bundle was read.
        let file = self.0.by_cid(cid).ok_or_else(|| StoreError::NotFound {
            cid: *cid,
            place: "the bundle".into(),
        })?;
        Ok(Content::of_bytes(file.content.clone()))
    }
}
