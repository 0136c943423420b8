//! The audit of receipts: whether the measurements that the ingest accepted were committed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assize_chain::{Blocks, Rounds};
use assize_facts::{FileKey, FileKind, Round, Times};
use assize_measurement::ndjson::{Batch, Row, parse_any_round, parse_batch};
use assize_measurement::{Domain, Verifier};
use assize_protocol::{Address, B256, FileCid, RosterEntry, RoundNumber, StationIndex, TaskIndex};
use assize_store::Source;
use assize_wire::KeptReceipt;
use thiserror::Error;

use crate::evidence::{Batches, open_list};
use crate::{Elsewhere, VerifyError};

/// Why a kept receipt is not evidence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiptFault {
    /// The receipt's signature is not valid.
    #[error("the ingest key {ingest} did not sign it for this network")]
    Unsigned {
        /// The key that the receipt names.
        ingest: Address,
    },
    /// Another key than the trusted one.
    #[error("it is signed by {ingest}, not by the ingest key {trusted}")]
    OtherKey {
        /// The key that signed.
        ingest: Address,
        /// The trusted key.
        trusted: Address,
    },
    /// The measurement kept with it cannot be read.
    #[error("its measurement is malformed: {reason}")]
    Malformed {
        /// The field, and the problem.
        reason: String,
    },
    /// The receipt is for another measurement than the one kept with it.
    #[error("it is for another measurement: this one has the digest {digest}")]
    OtherMeasurement {
        /// Digest of the measurement kept with it.
        digest: B256,
    },
    /// The measurement would be rejected in any batch.
    #[error("the measurement is not signed by its station")]
    NotByStation,
}

/// The content of a valid receipt: the ingest accepted this measurement.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptClaim {
    /// Digest of the measurement.
    pub digest: B256,
    /// Its round.
    pub round: RoundNumber,
    /// Its task.
    pub task: TaskIndex,
    /// Its station.
    pub station: Address,
    /// When the ingest had stored it, Unix seconds.
    pub received_at: u64,
}

impl ReceiptClaim {
    /// Checks a kept receipt on a network; with `trusted`, only receipts of that ingest key are valid.
    ///
    /// # Errors
    /// [`ReceiptFault`]: why the receipt is not evidence.
    pub fn of(kept: &KeptReceipt, domain: &Domain, trusted: Option<Address>) -> Result<Self, ReceiptFault> {
        let KeptReceipt { measurement, receipt } = kept;
        let ingest = receipt.ingest;
        if !receipt.is_signed(domain) {
            return Err(ReceiptFault::Unsigned { ingest });
        }
        if let Some(trusted) = trusted.filter(|trusted| *trusted != ingest) {
            return Err(ReceiptFault::OtherKey { ingest, trusted });
        }
        let measurement =
            parse_any_round(measurement.as_bytes()).map_err(|(field, fault)| ReceiptFault::Malformed {
                reason: format!("{field} {fault}"),
            })?;
        let digest = measurement.digest(domain);
        if digest != receipt.digest {
            return Err(ReceiptFault::OtherMeasurement { digest });
        }
        if !Verifier::new(domain).signed_by_station(&measurement) {
            return Err(ReceiptFault::NotByStation);
        }
        Ok(Self {
            digest,
            round: measurement.round,
            task: measurement.task,
            station: measurement.station,
            received_at: receipt.received_at,
        })
    }
}

/// The result for one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptFinding {
    /// It was committed.
    Included {
        /// The batch.
        batch: FileCid,
        /// The line in it, from 1.
        line: u64,
    },
    /// It is in no batch, but in the report that its station committed itself, which counts like one (docs/protocol.md §9.6).
    Own {
        /// The station's index in the roster.
        station: StationIndex,
        /// The line in the report, from 1.
        line: u64,
    },
    /// It is in no batch, and its round accepts no more: the ingest or the publisher omitted it.
    Omitted {
        /// Number of the round's batches.
        batches: usize,
        /// Last second in which batches were accepted, Unix time.
        until: u64,
    },
    /// It is in no batch yet, and still can be.
    TooEarly {
        /// Number of the round's batches so far.
        batches: usize,
        /// Last second in which batches are accepted, Unix time.
        until: u64,
    },
    /// It is in no batch, but came when the round took no measurements any more: the receipt proves nothing.
    TooLate {
        /// When it came, Unix time.
        received_at: u64,
        /// Last second in which it could, Unix time.
        until: u64,
    },
}

/// Searches measurements in the batches of their rounds.
#[derive(Debug)]
pub struct ReceiptAudit<'a> {
    rounds: &'a Rounds,
    domain: Domain,
    wanted: BTreeMap<RoundNumber, Wanted>,
}

/// Those of one round. The digest is hashed only for lines of one of the stations.
#[derive(Debug, Default)]
struct Wanted {
    digests: BTreeSet<B256>,
    stations: BTreeSet<(Address, TaskIndex)>,
}

/// Where the measurements were found.
#[derive(Debug, Default)]
pub struct ReceiptFindings {
    places: HashMap<B256, Place>,
    rounds: BTreeMap<RoundNumber, Window>,
}

/// Where a measurement is, and in which line, from 1.
#[derive(Debug, Clone, Copy)]
enum Place {
    Batch(FileCid, u64),
    Own(StationIndex, u64),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    batches: usize,
    times: Times,
    now: u64,
}

impl<'a> ReceiptAudit<'a> {
    /// An audit without measurements, against the rounds of a network.
    #[must_use]
    pub fn new(rounds: &'a Rounds, domain: Domain) -> Self {
        Self {
            rounds,
            domain,
            wanted: BTreeMap::new(),
        }
    }

    /// Adds a measurement to search.
    pub fn add(&mut self, claim: &ReceiptClaim) {
        let wanted = self.wanted.entry(claim.round).or_default();
        wanted.digests.insert(claim.digest);
        wanted.stations.insert((claim.station, claim.task));
    }

    /// Reads every batch of the measurements' rounds but those that were dropped, and the reports that their stations committed
    /// themselves.
    ///
    /// # Errors
    /// The chain is unavailable; or a batch is, and some measurement is in no other one: then no omission can be proven.
    pub async fn read(
        &self,
        store: &dyn Source,
        elsewhere: &Elsewhere<'_>,
        drops: &[FileKey],
    ) -> Result<ReceiptFindings, VerifyError> {
        // Read before the commitments, so that no later commitment is missed.
        let now = self.rounds.client().head().await?.timestamp;
        let mut findings = ReceiptFindings::default();
        for (&number, wanted) in &self.wanted {
            let round = self.rounds.round(number).await?;
            let commitments = self.rounds.commitments(number, FileKind::Lines).await?;
            findings.rounds.insert(
                number,
                Window {
                    batches: commitments.len(),
                    times: round.times,
                    now,
                },
            );
            let sources = Batches { store, elsewhere };
            let mut unread = None;
            for (index, commitment) in (0..).zip(&commitments) {
                let file = FileKey::batch(number, index);
                if drops.contains(&file) {
                    continue;
                }
                let batch = match sources.read(file, commitment) {
                    Ok(batch) => batch,
                    Err(error) => {
                        unread = unread.or(Some(error));
                        continue;
                    }
                };
                let place = |line| Place::Batch(commitment.cid, line);
                self.search(&batch, place, wanted, &mut findings.places);
            }
            self.read_own(&round, store, wanted, &mut findings.places).await?;
            let found = |digest| findings.places.contains_key(digest);
            if let Some(error) = unread.filter(|_| !wanted.digests.iter().all(found)) {
                return Err(error);
            }
        }
        Ok(findings)
    }

    /// The own reports of those stations whose measurements are in no batch.
    async fn read_own(
        &self,
        round: &Round,
        store: &dyn Source,
        wanted: &Wanted,
        places: &mut HashMap<B256, Place>,
    ) -> Result<(), VerifyError> {
        if wanted.digests.iter().all(|digest| places.contains_key(digest)) {
            return Ok(());
        }
        let own = self.rounds.own_reports(round.number).await?;
        if own.is_empty() {
            return Ok(());
        }
        let cid = round.roster.cid;
        let file = open_list(store, &cid, || {
            format!("the roster {cid} of round {}", round.number)
        })?;
        let roster = round.roster.read::<RosterEntry>(round.number, file)?;
        let stations: BTreeSet<_> = wanted
            .stations
            .iter()
            .filter_map(|(station, _)| roster.index_of(*station))
            .collect();
        let own: Vec<_> = own
            .into_iter()
            .filter(|own| stations.contains(&own.station))
            .collect();
        let mut blocks = Blocks::new(self.rounds.client());
        let reports = self.rounds.reports_of(&mut blocks, round, &own).await?;
        for (own, report) in own.iter().zip(reports) {
            let place = |line| Place::Own(own.station, line);
            self.search(&parse_batch(round.number, &report), place, wanted, places);
        }
        Ok(())
    }

    fn search(
        &self,
        batch: &Batch,
        place: impl Fn(u64) -> Place,
        wanted: &Wanted,
        places: &mut HashMap<B256, Place>,
    ) {
        let verifier = Verifier::new(&self.domain);
        // Same as in evaluation: lines that it rejects do not count as included.
        for Row { line, measurement } in &batch.rows {
            if !wanted.stations.contains(&(measurement.station, measurement.task)) {
                continue;
            }
            // With an invalid signature it would be rejected, so that is not an inclusion.
            if let Some(digest) = verifier
                .check(measurement)
                .filter(|digest| wanted.digests.contains(digest))
            {
                places.entry(digest).or_insert_with(|| place(u64::from(*line)));
            }
        }
    }
}

impl ReceiptFindings {
    /// The result for a measurement.
    #[must_use]
    pub fn of(&self, claim: &ReceiptClaim) -> ReceiptFinding {
        match self.places.get(&claim.digest) {
            Some(&Place::Batch(batch, line)) => return ReceiptFinding::Included { batch, line },
            Some(&Place::Own(station, line)) => return ReceiptFinding::Own { station, line },
            None => {}
        }
        let Some(&Window { batches, times, now }) = self.rounds.get(&claim.round) else {
            return ReceiptFinding::TooEarly { batches: 0, until: 0 };
        };
        let until = times.publish_until;
        if times.accepts_batches(now) {
            return ReceiptFinding::TooEarly { batches, until };
        }
        if !times.accepts_measurements(claim.received_at) {
            return ReceiptFinding::TooLate {
                received_at: claim.received_at,
                until: times.show_from,
            };
        }
        ReceiptFinding::Omitted { batches, until }
    }
}
