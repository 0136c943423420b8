//! Recomputes rounds from public inputs.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use assize_drand::{BeaconSource, Verified};
use assize_evaluate::{
    Committed, Parent, RoundEvaluation, RoundEvaluator, RoundFacts, RoundInput, SettlementDocument, settle,
};
use assize_facts::{
    BatchCommitment, ChainFacts, ChainRound, DrawnRound, Drops, FileError, FileKey, Mismatch, RoundChecks,
    Settlement, SettlementId,
};
use assize_measurement::ndjson::{Batch, BatchError, MAX_BATCH};
use assize_measurement::{Domain, ndjson};
use assize_protocol::{DedupeSeed, FileCid, MAX_LIST, RoundNumber};
use assize_store::{Content, Source, StoreError};
use rayon::prelude::*;

use crate::{OwnReports, VerifyError};

type Result<T> = std::result::Result<T, VerifyError>;

/// A step of a recomputation, for progress bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A batch of a round was read, but not evaluated yet.
    Batch(RoundNumber),
    /// A round was recomputed.
    Round(RoundNumber),
}

/// Where else to look for the lines of a batch that its CID does not lead to: among publishers, among other evaluators. What it
/// gives need not be the batch: only lines with the root on chain are taken.
pub type Elsewhere<'a> = dyn Fn(FileKey, &BatchCommitment) -> Option<Vec<u8>> + Sync + 'a;

/// The inputs of a recomputation: the chain's facts, a store, and beacons. None of them is trusted: files are verified
/// against the CIDs and roots on chain, beacons against drand's key, and the chain's seeds against the beacons.
///
/// Evaluators and verifiers use the same code: [`Self::evaluate_range`] creates the document that evaluators sign, and
/// [`Self::verify_settlement`] recreates it and compares. Both block for as long as relays and disks need; within an
/// async runtime, run them on a separate thread.
pub struct Evidence<'a, B> {
    /// The facts on chain.
    pub chain: &'a ChainFacts,
    /// The reports that stations committed themselves, whose bytes are on the chain.
    pub own: &'a OwnReports,
    /// The source of files.
    pub store: &'a dyn Source,
    /// Where else to look for batches.
    pub elsewhere: &'a Elsewhere<'a>,
    /// The source of beacons, of the drand chain that the contracts' beacon verifies.
    pub beacons: &'a Verified<B>,
    /// Called for every step; batches come in any order.
    pub progress: &'a (dyn Fn(Step) + Sync),
}

/// What of an evaluated round is kept beyond its own evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What settlements and statistics are made of.
    Figures,
    /// The outcome of every measurement too.
    Outcomes,
}

/// A recomputed range of rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedRange {
    /// The document that evaluators sign.
    pub document: SettlementDocument,
    /// The rounds, with figures that the document omits. Only [`Evidence::evaluate_range_in_full`] leaves their outcomes in them.
    pub rounds: Vec<(RoundFacts, RoundEvaluation)>,
}

/// Number of measurements of rounds, whatever their label.
#[must_use]
pub fn measurements(rounds: &[(RoundFacts, RoundEvaluation)]) -> u64 {
    let labels = rounds.iter().map(|(_, evaluation)| evaluation.labels.total());
    labels.sum()
}

impl<B: BeaconSource> Evidence<'_, B> {
    /// Recomputes one round, without what was dropped.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing, damaged or different from what the round froze. [`VerifyError::Mismatch`] if
    /// the chain's own facts do not follow from each other.
    pub fn evaluate_round(&self, number: RoundNumber) -> Result<(RoundFacts, RoundEvaluation)> {
        let drops = self.chain.drops.iter().copied().collect();
        self.evaluate_round_without(number, &drops)
    }

    fn evaluate_round_without(
        &self,
        number: RoundNumber,
        drops: &Drops,
    ) -> Result<(RoundFacts, RoundEvaluation)> {
        let chain = self.round(number)?;
        let round = &chain.round;
        let files = |cid: &FileCid| match self.store.open_within(cid, MAX_LIST as u64) {
            Ok(content) => Ok(Box::new(BufReader::new(content)) as Box<dyn BufRead>),
            Err(error) => Err(Arc::new(error) as FileError),
        };
        let checks = RoundChecks {
            contracts: &self.chain.contracts,
            beacons: self.beacons,
        };
        let drawn = checks.check(chain, drops, self.chain.now, &files)?;
        let Some(DrawnRound { draw, roster, tasks }) = drawn else {
            let facts = RoundFacts::new(round, drops, None);
            return Ok((facts, RoundEvaluation::not_drawn(chain, drops)));
        };
        let facts = RoundFacts::new(round, drops, Some(draw));
        let input = RoundInput {
            round: number,
            domain: Domain {
                chain_id: self.chain.contracts.chain_id,
                rounds: self.chain.contracts.rounds,
            },
            parameters: round.parameters,
            seed: draw.seed,
            dedupe_seed: DedupeSeed::derive(draw.dedupe_randomness),
            roster: &roster,
            tasks: &tasks,
        };
        let mut evaluator = RoundEvaluator::new(input);
        self.add_batches(chain, drops, &mut evaluator)?;
        for &report in &chain.own {
            let bytes = self.own.get(&report.report).ok_or_else(|| VerifyError::NotRead {
                what: format!(
                    "the report that station {} of round {number} committed itself",
                    report.station
                ),
            })?;
            let batch = ndjson::parse_batch(number, bytes);
            evaluator.add(&Committed::Own {
                report,
                batch: &batch,
            });
        }
        let evaluation = evaluator.finish();
        (self.progress)(Step::Round(number));
        tracing::info!(
            round = number.0,
            measurements = evaluation.labels.total(),
            "recomputed"
        );
        Ok((facts, evaluation))
    }

    /// Adds the batches of a round in their order; as many are in memory as there are threads to read them.
    fn add_batches(
        &self,
        chain: &ChainRound,
        drops: &Drops,
        evaluator: &mut RoundEvaluator<'_>,
    ) -> Result<()> {
        let number = chain.round.number;
        let (batches, progress) = (self.batches(), self.progress);
        let keys = (0..).map(|index| FileKey::batch(number, index));
        let commitments: Vec<_> = keys.zip(&chain.commitments).collect();
        for window in commitments.chunks(rayon::current_num_threads()) {
            let read: Vec<Option<Batch>> = window
                .par_iter()
                .map(|&(key, commitment)| {
                    let batch = match drops.contains(key) {
                        true => None,
                        false => Some(batches.read(key, commitment)?),
                    };
                    progress(Step::Batch(number));
                    Ok(batch)
                })
                .collect::<Result<_>>()?;
            for (&(_, &commitment), batch) in window.iter().zip(&read) {
                evaluator.add(&match batch {
                    Some(batch) => Committed::Batch { commitment, batch },
                    None => Committed::Dropped(commitment),
                });
            }
        }
        Ok(())
    }

    /// Where batches are looked for.
    pub(crate) fn batches(&self) -> Batches<'_> {
        Batches {
            store: self.store,
            elsewhere: self.elsewhere,
        }
    }

    /// Recomputes a range of rounds and settles it on top of `parent`, without everything that was dropped until now. Of each
    /// round it keeps figures alone, so that a long range needs no more memory than a round.
    ///
    /// # Errors
    /// As [`Self::evaluate_round`] and [`Self::settlement_document`], and [`VerifyError::Settle`] if the range does not
    /// continue the parent.
    pub fn evaluate_range(
        &self,
        first: RoundNumber,
        last: RoundNumber,
        parent: Option<SettlementId>,
    ) -> Result<EvaluatedRange> {
        // The contract counts them in 32 bits.
        self.evaluate_range_without(first, last, parent, self.chain.drops.len() as u32, Keep::Figures)
    }

    /// As [`Self::evaluate_range`], with the outcome of every measurement, which takes some forty bytes for each.
    ///
    /// # Errors
    /// As [`Self::evaluate_range`].
    pub fn evaluate_range_in_full(
        &self,
        first: RoundNumber,
        last: RoundNumber,
        parent: Option<SettlementId>,
    ) -> Result<EvaluatedRange> {
        self.evaluate_range_without(first, last, parent, self.chain.drops.len() as u32, Keep::Outcomes)
    }

    /// As [`Self::evaluate_range`], without the first `dropped` files that were dropped.
    pub(crate) fn evaluate_range_without(
        &self,
        first: RoundNumber,
        last: RoundNumber,
        parent: Option<SettlementId>,
        dropped: u32,
        keep: Keep,
    ) -> Result<EvaluatedRange> {
        let drops = self.chain.first_drops(dropped).ok_or_else(|| {
            VerifyError::Mismatch(Mismatch {
                path: "chain.drops".into(),
                ours: format!("{dropped} or more"),
                theirs: self.chain.drops.len().to_string(),
            })
        })?;
        let parent = parent
            .map(|id| Ok::<_, VerifyError>((id, self.settlement_document(id)?)))
            .transpose()?;
        let rounds = (first.0..=last.0)
            .map(|number| {
                let (facts, mut evaluation) = self.evaluate_round_without(RoundNumber(number), &drops)?;
                if keep == Keep::Figures {
                    evaluation.outcomes = Vec::new();
                }
                Ok::<_, VerifyError>((facts, evaluation))
            })
            .collect::<Result<Vec<_>>>()?;
        let parent = parent.as_ref().map(|(id, document)| Parent {
            settlement: id.0,
            document,
        });
        let document = settle(self.chain.contracts, parent, dropped, &rounds)?;
        Ok(EvaluatedRange { document, rounds })
    }

    /// The document of a settlement, consistent in itself and with the settlement on chain. Its rounds are not
    /// recomputed.
    ///
    /// # Errors
    /// [`VerifyError::Store`], [`VerifyError::Document`], [`VerifyError::WrongParent`].
    pub fn settlement_document(&self, id: SettlementId) -> Result<SettlementDocument> {
        let proposal = self.settlement(id)?.proposal;
        let cid = proposal.cid;
        let bytes = self.document_file(id, &cid)?;
        let document = SettlementDocument::parse(&bytes).map_err(|source| VerifyError::Document {
            settlement: id,
            cid,
            source,
        })?;
        let total = document.cumulative_total.atto().to_string();
        let stated = [
            ("root", document.root.to_string(), proposal.root.to_string()),
            (
                "operators",
                document.allocations.len().to_string(),
                proposal.operators.to_string(),
            ),
            (
                "cumulativeTotal",
                total,
                proposal.cumulative_total.atto().to_string(),
            ),
            (
                "lastRound",
                document.last_round.to_string(),
                proposal.last_round.to_string(),
            ),
        ];
        for (field, document, chain) in stated {
            if document != chain {
                return Err(VerifyError::WrongParent {
                    settlement: id,
                    cid,
                    field,
                    document,
                    chain,
                });
            }
        }
        Ok(document)
    }

    pub(crate) fn settlement(&self, id: SettlementId) -> Result<&Settlement> {
        let settlement = self.chain.settlements.get(&id);
        settlement.ok_or_else(|| VerifyError::NotRead {
            what: format!("settlement {id}"),
        })
    }

    pub(crate) fn document_file(&self, id: SettlementId, cid: &FileCid) -> Result<Vec<u8>> {
        file(self.store, cid, || document_name(id))
    }

    pub(crate) fn round(&self, number: RoundNumber) -> Result<&ChainRound> {
        let round = self.chain.rounds.get(&number);
        round.ok_or_else(|| VerifyError::NotRead {
            what: format!("round {number}"),
        })
    }
}

pub(crate) fn document_name(id: SettlementId) -> String {
    format!("the document of settlement {id}")
}

/// Opens a batch as a stream. Whether it is whole is known at its end.
pub(crate) fn open_batch(
    store: &dyn Source,
    cid: &FileCid,
    what: impl FnOnce() -> String,
) -> Result<BufReader<Content>> {
    buffered(store.open_within(cid, MAX_BATCH as u64), what)
}

/// Opens a list as a stream.
pub(crate) fn open_list(
    store: &dyn Source,
    cid: &FileCid,
    what: impl FnOnce() -> String,
) -> Result<BufReader<Content>> {
    buffered(store.open_within(cid, MAX_LIST as u64), what)
}

/// Opens a document, which may be as long as any file.
pub(crate) fn open_document(
    store: &dyn Source,
    cid: &FileCid,
    what: impl FnOnce() -> String,
) -> Result<BufReader<Content>> {
    buffered(store.open(cid), what)
}

fn buffered(
    opened: std::result::Result<Content, StoreError>,
    what: impl FnOnce() -> String,
) -> Result<BufReader<Content>> {
    match opened {
        Ok(content) => Ok(BufReader::new(content)),
        Err(source) => Err(VerifyError::Store {
            what: what(),
            source: Box::new(source),
        }),
    }
}

/// Reads a whole file.
pub(crate) fn file(store: &dyn Source, cid: &FileCid, what: impl FnOnce() -> String) -> Result<Vec<u8>> {
    read_whole(store.get(cid), what)
}

/// Reads the whole file of a list.
pub(crate) fn list_file(store: &dyn Source, cid: &FileCid, what: impl FnOnce() -> String) -> Result<Vec<u8>> {
    read_whole(store.get_within(cid, MAX_LIST as u64), what)
}

fn read_whole(
    read: std::result::Result<Vec<u8>, StoreError>,
    what: impl FnOnce() -> String,
) -> Result<Vec<u8>> {
    read.map_err(|source| VerifyError::Store {
        what: what(),
        source: Box::new(source),
    })
}

/// Where batches are looked for: behind their CIDs, then elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Batches<'a> {
    pub(crate) store: &'a dyn Source,
    pub(crate) elsewhere: &'a Elsewhere<'a>,
}

impl Batches<'_> {
    /// The lines that were committed.
    pub(crate) fn read(self, key: FileKey, commitment: &BatchCommitment) -> Result<Batch> {
        let file = open_batch(self.store, &commitment.cid, || key.to_string());
        let by_cid = file.and_then(|file| read_by_cid(key, commitment, file));
        by_cid.or_else(|error| {
            let found = (self.elsewhere)(key, commitment);
            let read = |bytes: Vec<u8>| read_batch(key, commitment, &bytes[..]).ok();
            found.and_then(read).ok_or(error)
        })
    }

    /// A file with the lines that were committed.
    pub(crate) fn bytes(self, key: FileKey, commitment: &BatchCommitment) -> Result<Vec<u8>> {
        let file = file(self.store, &commitment.cid, || key.to_string());
        let by_cid = file.and_then(|bytes| read_by_cid(key, commitment, &bytes[..]).map(|_| bytes));
        by_cid.or_else(|error| {
            let found = (self.elsewhere)(key, commitment);
            let is_it = |bytes: &Vec<u8>| read_batch(key, commitment, &bytes[..]).is_ok();
            found.filter(is_it).ok_or(error)
        })
    }
}

fn read_batch(
    key: FileKey,
    commitment: &BatchCommitment,
    file: impl BufRead,
) -> std::result::Result<Batch, BatchError> {
    ndjson::read_batch(key.round, commitment.root, commitment.count, file)
}

/// Reads the file that a batch's CID leads to.
pub(crate) fn read_by_cid(key: FileKey, commitment: &BatchCommitment, file: impl BufRead) -> Result<Batch> {
    read_batch(key, commitment, file).map_err(|error| match error {
        BatchError::Io(error) => VerifyError::Store {
            what: key.to_string(),
            source: Box::new(StoreError::of_reading(error)),
        },
        BatchError::NotTheBatch(source) => VerifyError::NotTheBatch {
            batch: key,
            cid: commitment.cid,
            source,
        },
    })
}
