//! Looks for measurements in the batches of their rounds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, B256};
use assize_chain::Rounds;
use assize_measurement::ndjson::{Row, parse_any_round, parse_batch};
use assize_measurement::{Domain, Verifier};
use assize_protocol::{FileCid, RoundNumber, TaskIndex};
use assize_store::Source;
use assize_wire::KeptReceipt;
use eyre::WrapErr;

/// What a receipt that holds says: the ingest had this measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub digest: B256,
    pub round: RoundNumber,
    pub task: TaskIndex,
    pub station: Address,
}

impl Claim {
    /// What a kept receipt claims, or why it does not hold.
    pub(super) fn of(kept: &KeptReceipt, domain: &Domain, believed: Option<Address>) -> Result<Self, String> {
        let KeptReceipt { measurement, receipt } = kept;
        if !receipt.is_signed(domain) {
            return Err(format!(
                "the ingest key {} did not sign it for this network",
                receipt.ingest
            ));
        }
        if let Some(believed) = believed.filter(|believed| *believed != receipt.ingest) {
            return Err(format!(
                "it is signed by {}, not by the ingest key {believed}",
                receipt.ingest
            ));
        }
        let measurement = parse_any_round(measurement.as_bytes())
            .map_err(|(field, fault)| format!("its measurement is malformed: {field} {fault}"))?;
        let digest = measurement.digest(domain);
        if digest != receipt.digest {
            return Err(format!(
                "it is for another measurement: this one has the digest {digest}"
            ));
        }
        // Left out rightly.
        if !Verifier::new(domain).signed_by_station(&measurement) {
            return Err("the measurement is not signed by its station".into());
        }
        Ok(Self {
            digest,
            round: measurement.round,
            task: measurement.task,
            station: measurement.station,
        })
    }
}

/// The result for one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// It was committed.
    Included { batch: FileCid, line: u64 },
    /// It was not, and cannot be any more.
    Omitted { batches: usize, until: u64 },
    /// It was not, and still can be.
    TooEarly { batches: usize, until: u64 },
}

/// Measurements that are looked for.
#[derive(Debug)]
pub(super) struct Audit<'a> {
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

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    places: HashMap<B256, (FileCid, u64)>,
    rounds: BTreeMap<RoundNumber, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    batches: usize,
    /// Last second in which batches are committed.
    until: u64,
    over: bool,
}

impl<'a> Audit<'a> {
    pub(super) fn new(rounds: &'a Rounds, domain: Domain) -> Self {
        Self {
            rounds,
            domain,
            wanted: BTreeMap::new(),
        }
    }

    pub(super) fn want(&mut self, claim: &Claim) {
        let wanted = self.wanted.entry(claim.round).or_default();
        wanted.digests.insert(claim.digest);
        wanted.stations.insert((claim.station, claim.task));
    }

    /// Reads the batches of their rounds.
    pub(super) async fn read(&self, source: &dyn Source) -> eyre::Result<Findings> {
        // Before the commitments: none that is later can be missed.
        let now = self.rounds.client().head().await?.timestamp;
        let mut findings = Findings::default();
        for (&number, wanted) in &self.wanted {
            let round = self.rounds.round(number).await?;
            let commitments = self.rounds.commitments(number).await?;
            findings.rounds.insert(
                number,
                Window {
                    batches: commitments.len(),
                    until: round.commits_until,
                    over: now > round.commits_until,
                },
            );
            for commitment in &commitments {
                let cid = commitment.cid;
                self.read_batch(source, (number, &cid), wanted, &mut findings.places)
                    .wrap_err_with(|| {
                        format!("cannot read batch {cid} of round {number}, so omissions cannot be proven: name a --gateway that has it")
                    })?;
            }
        }
        Ok(findings)
    }

    fn read_batch(
        &self,
        source: &dyn Source,
        (round, cid): (RoundNumber, &FileCid),
        wanted: &Wanted,
        places: &mut HashMap<B256, (FileCid, u64)>,
    ) -> eyre::Result<()> {
        let verifier = Verifier::new(&self.domain);
        // As evaluation reads it: what it does not read, a line too far down or an invalid one, is not included.
        let batch = parse_batch(round, &source.open(cid)?.into_vec()?);
        for Row { line, measurement } in &batch.rows {
            if !wanted.stations.contains(&(measurement.station, measurement.task)) {
                continue;
            }
            // Under a signature that does not hold it would not count, so that is no inclusion.
            if let Some(digest) = verifier
                .check(measurement)
                .filter(|digest| wanted.digests.contains(digest))
            {
                places.entry(digest).or_insert((*cid, u64::from(*line)));
            }
        }
        Ok(())
    }
}

impl Findings {
    pub(super) fn of(&self, claim: &Claim) -> Finding {
        let window = self.rounds.get(&claim.round);
        let (batches, until) = window.map_or((0, 0), |window| (window.batches, window.until));
        match (self.places.get(&claim.digest), window) {
            (Some(&(batch, line)), _) => Finding::Included { batch, line },
            (None, Some(window)) if window.over => Finding::Omitted { batches, until },
            (None, _) => Finding::TooEarly { batches, until },
        }
    }
}
