//! Creates bundles from evidence, and recomputes from them without a network.

use assize_bundle::{BEACONS, Bundle, DRAND, FACTS};
use assize_drand::{BeaconSource, Chain, RecordedBeacons};
use assize_facts::{BatchCommitment, ChainFacts, ChainRound, Drops, FileKey, OwnReport, Settlement};
use assize_protocol::{FileCid, LinesRoot, canonical};
use assize_store::{Content, Source, StoreError};

use crate::evidence::list_file;
use crate::own::cid_of;
use crate::{Evidence, OwnReports, VerifyError};

type Result<T> = std::result::Result<T, VerifyError>;

impl<B: BeaconSource> Evidence<'_, B> {
    /// Packs everything that recomputing needs: the facts, both beacons of each revealed round with their drand chain, and
    /// every file that a recomputation reads. Nothing is recomputed; beacons and files are verified as they are read.
    ///
    /// # Errors
    /// [`VerifyError::Beacon`], [`VerifyError::Store`], [`VerifyError::Bundle`].
    pub fn bundle(&self) -> Result<Bundle> {
        let drops: Drops = self.chain.drops.iter().copied().collect();
        let mut beacons = Vec::new();
        let mut files = Vec::new();
        for chain in self.chain.rounds.values() {
            let round = &chain.round;
            if round.seed.is_some() {
                for beacon_round in [round.beacon_round, round.dedupe_beacon_round] {
                    let beacon = self.beacons.beacon(beacon_round);
                    beacons.push(beacon.map_err(|source| VerifyError::Beacon {
                        round: round.number,
                        beacon_round,
                        source,
                    })?);
                }
            }
            // Without one of its lists, nothing of a round is read.
            if drops.lists(round.number).is_empty() {
                self.add_round(chain, &drops, &mut files)?;
            }
        }
        for Settlement { id, proposal, .. } in self.chain.settlements.values() {
            files.push((
                format!("settlements/{id}.json"),
                self.document_file(*id, &proposal.cid)?,
            ));
        }
        beacons.sort_by_key(|beacon| beacon.round);
        beacons.dedup_by_key(|beacon| beacon.round);

        let bad = |name, reason: String| VerifyError::BundleFile { name, reason };
        let facts = canonical::to_json(self.chain).map_err(|error| bad(FACTS, error.to_string()))?;
        let beacons = RecordedBeacons::new(beacons).map_err(|error| bad(BEACONS, error.to_string()))?;
        let first = [
            (FACTS.to_owned(), facts),
            (BEACONS.to_owned(), beacons.to_canonical_json()),
            (DRAND.to_owned(), self.beacons.chain().info().to_canonical_json()),
        ];
        Ok(Bundle::new(first.into_iter().chain(files))?)
    }

    /// Adds what a round's evaluation reads.
    fn add_round(&self, chain: &ChainRound, drops: &Drops, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        let ChainRound {
            round,
            commitments,
            own,
        } = chain;
        let number = round.number;
        let folder = format!("rounds/{number}");
        for (list, name) in [(&round.roster, "roster"), (&round.tasks, "tasks")] {
            let name = format!("{folder}/{name}.ndjson");
            let content = list_file(self.store, &list.cid, || name.clone())?;
            files.push((name, content));
        }
        for (index, commitment) in (0..).zip(commitments) {
            let key = FileKey::batch(number, index);
            if !drops.contains(key) {
                let content = self.batches().bytes(key, commitment)?;
                files.push((format!("{folder}/batches/{index}.ndjson"), content));
            }
        }
        for OwnReport { station, report } in own {
            let name = format!("{folder}/own/{station}.ndjson");
            let content = self
                .own
                .get(report)
                .ok_or_else(|| VerifyError::NotRead { what: name.clone() })?;
            files.push((name, content.to_vec()));
        }
        Ok(())
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
    /// The reports that stations committed themselves.
    pub own: OwnReports,
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
        let facts: ChainFacts = canonical::read_json(facts).map_err(|error| bad(FACTS, error.to_string()))?;
        let beacons = &bundle.file(BEACONS)?.content;
        let beacons =
            RecordedBeacons::from_canonical_json(beacons).map_err(|error| bad(BEACONS, error.to_string()))?;
        let drand = &bundle.file(DRAND)?.content;
        let drand = Chain::from_canonical_json(drand).map_err(|error| bad(DRAND, error.to_string()))?;
        let mut own = OwnReports::default();
        for report in facts.rounds.values().flat_map(|chain| &chain.own) {
            if let Some(file) = bundle.by_cid(&cid_of(&report.report)) {
                own.insert(file.content.clone());
            }
        }
        Ok(Self {
            facts,
            beacons,
            drand,
            own,
            files: BundledFiles(bundle),
        })
    }
}

/// The files of a bundle, by CID.
#[derive(Clone, Debug)]
pub struct BundledFiles(Bundle);

impl BundledFiles {
    /// The file of a batch, by its lines: its CID may be another one than was committed.
    #[must_use]
    pub fn batch(&self, commitment: &BatchCommitment) -> Option<Vec<u8>> {
        let is_it = |content: &[u8]| {
            let lines = LinesRoot::of(content);
            (lines.count(), lines.root()) == (commitment.count, commitment.root)
        };
        let files = self.0.files().iter();
        files
            .filter(|file| file.name.starts_with("rounds/"))
            .find(|file| is_it(&file.content))
            .map(|file| file.content.clone())
    }
}

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
