//! Checks of a measurement before it is accepted.
//!
//! Evaluation rejects everything that is rejected here. It may also reject what is accepted here: the same measurement with
//! another signature, or one of too many from its subnet.

use assize_facts::NotAssigned;
use assize_ingest::SignedRow;
use assize_measurement::{Domain, Measurement, Millis, Verifier, ndjson};
use assize_protocol::RoundNumber;
use assize_wire::{Problem, ProblemKind, Version};

use crate::rounds::{Open, OpenRound};

/// Maximum length of an accepted line, bytes: ten times what a checker writes. Lines in batches may be longer.
const MAX_LINE: usize = 8_192;
/// Maximum length of a text field, bytes.
const MAX_TEXT: usize = 1_024;

/// Checks measurements before they are accepted.
#[derive(Debug, Clone)]
pub(crate) struct Validator {
    pub(crate) verifier: Verifier,
    pub(crate) minimum_version: Version,
    /// Maximum difference between a station's clock and the api's, seconds.
    pub(crate) max_clock_skew: u64,
}

impl Validator {
    pub(crate) fn new(domain: &Domain, minimum_version: Version, max_clock_skew: u64) -> Self {
        Self {
            verifier: Verifier::new(domain),
            minimum_version,
            max_clock_skew,
        }
    }

    /// Checks a line received at `now` (Unix seconds).
    ///
    /// # Errors
    /// The first violated rule.
    pub(crate) fn check(&self, line: &[u8], open: &Open, now: u64) -> Result<SignedRow, Problem> {
        let line = line.trim_ascii();
        if line.len() > MAX_LINE {
            return Err(too_long("line", line.len(), MAX_LINE));
        }
        let measurement = match ndjson::parse_any_round(line) {
            Ok(measurement) => measurement,
            Err((field, reason)) => {
                // An outdated checker may write what this version cannot parse.
                self.check_version(version_of(line).as_deref())?;
                let detail = format!("field `{field}`: {reason}");
                return Err(at_field(ProblemKind::Malformed, field, detail));
            }
        };
        self.check_version(measurement.spark_version.as_deref())?;
        check_texts(&measurement)?;
        let round = open_round(measurement.round, open, now)?;
        check_place(&measurement, round)?;
        let digest = self.verifier.check(&measurement).ok_or_else(|| {
            let detail = "the signature is not the station's for this network: sign with the station's key, under chain id and \
                          contract of GET /network";
            at_field(ProblemKind::BadSignature, "signature", detail)
        })?;
        self.check_times(&measurement, round, now)?;
        Ok(SignedRow {
            digest,
            round: measurement.round,
            station: measurement.station,
            task: measurement.task,
            line: measurement.to_line(),
        })
    }

    fn check_version(&self, version: Option<&str>) -> Result<(), Problem> {
        let parsed = version.and_then(|version| version.parse::<Version>().ok());
        if parsed.is_some_and(|version| version >= self.minimum_version) {
            return Ok(());
        }
        let given = match version {
            Some(version) => format!("`{}`", version.chars().take(40).collect::<String>()),
            None => "not given".into(),
        };
        let detail = format!(
            "the checker's version is {given}: update it to {} or later",
            self.minimum_version
        );
        let mut problem = at_field(ProblemKind::OutdatedClient, "spark_version", detail);
        problem.minimum_version = Some(self.minimum_version);
        Err(problem)
    }

    /// Measurements from before the round or from the future are impossible.
    fn check_times(&self, measurement: &Measurement, round: &OpenRound, now: u64) -> Result<(), Problem> {
        let millis = |seconds: u64| i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let first = Millis(millis(round.round.opened_at.saturating_sub(self.max_clock_skew)));
        let last = Millis(millis(now.saturating_add(self.max_clock_skew)));
        let times = [
            ("start_at", measurement.start_at),
            ("first_byte_at", measurement.first_byte_at),
            ("end_at", measurement.end_at),
        ];
        for (field, time) in times {
            let Some(time) = time.filter(|time| !(first..=last).contains(time)) else {
                continue;
            };
            let detail = format!(
                "field `{field}` is {time}, but the round opened at {} and the api's clock is at {}: set your clock (NTP)",
                Millis(millis(round.round.opened_at)),
                Millis(millis(now))
            );
            let mut problem = at_field(ProblemKind::ClockSkew, field, detail);
            problem.time = Some(now);
            return Err(problem);
        }
        Ok(())
    }
}

/// Limits the length of texts, because everything accepted is stored.
fn check_texts(measurement: &Measurement) -> Result<(), Problem> {
    let texts = [
        ("cid", Some(measurement.cid.as_str())),
        ("miner_id", Some(measurement.miner_id.as_str())),
        ("provider_id", measurement.provider_id.as_deref()),
        ("provider_address", measurement.provider_address.as_deref()),
        ("protocol", measurement.protocol.as_deref()),
        ("spark_version", measurement.spark_version.as_deref()),
        ("zinnia_version", measurement.zinnia_version.as_deref()),
        ("car_checksum", measurement.car_checksum.as_deref()),
        ("indexer_result", measurement.indexer_result.as_deref()),
        ("attestation", measurement.attestation.as_deref()),
    ];
    for (field, text) in texts {
        if let Some(text) = text.filter(|text| text.len() > MAX_TEXT) {
            return Err(too_long(field, text.len(), MAX_TEXT));
        }
    }
    Ok(())
}

fn too_long(field: &str, length: usize, max: usize) -> Problem {
    let detail = format!("field `{field}`: is {length} bytes long; the maximum is {max}");
    at_field(ProblemKind::Malformed, field, detail)
}

/// How far the chain may be ahead of the last poll, in rounds: several days.
const MAX_AHEAD: u64 = 100;

fn open_round(number: RoundNumber, open: &Open, now: u64) -> Result<&OpenRound, Problem> {
    let latest = open.latest.as_ref().map(|latest| latest.round.number);
    let problem = |kind, detail| Err(at_field(kind, "round", detail));
    let Some(round) = open.rounds.iter().find(|open| open.round.number == number) else {
        let next = RoundNumber(latest.unwrap_or_default().0 + 1);
        // Measurements of a round that is not known yet must not be lost.
        let unseen = number >= next && number.0 - next.0 < MAX_AHEAD;
        return match latest {
            _ if number.0 > 0 && !open.looked => {
                let detail = "the chain has not been polled yet: send it again in a few seconds";
                let mut problem = at_field(ProblemKind::Unavailable, "round", detail);
                problem.retry_after = Some(5);
                Err(problem)
            }
            _ if unseen && number > next => {
                let detail = format!(
                    "neither round {number} nor the one before it has been seen on chain yet: send it again in a few seconds"
                );
                let mut problem = at_field(ProblemKind::Unavailable, "round", detail);
                problem.retry_after = Some(5);
                Err(problem)
            }
            _ if number == next => {
                let detail =
                    format!("round {number} has not been seen on chain yet: send it again in a few seconds");
                problem(ProblemKind::NotRevealed, detail)
            }
            Some(latest) if number.0 > 0 && number < latest => {
                problem(ProblemKind::RoundOver, format!("round {number} is over"))
            }
            _ => problem(ProblemKind::NotFound, format!("round {number} does not exist")),
        };
    };
    let times = round.round.times;
    if !times.accepts_measurements(now) {
        let until = times.show_from;
        let detail = format!("round {number} accepted measurements until {until} (Unix time); it is {now}");
        return problem(ProblemKind::RoundOver, detail);
    }
    match (&round.view, &round.trouble) {
        (Some(_), _) => Ok(round),
        (None, None) => {
            let detail =
                format!("the beacon of round {number} is not revealed yet: send it again in a few seconds");
            problem(ProblemKind::NotRevealed, detail)
        }
        (None, Some(trouble)) => problem(ProblemKind::Unavailable, trouble.to_string()),
    }
}

/// Checks that the task was assigned to the station and matches the task list.
fn check_place(measurement: &Measurement, round: &OpenRound) -> Result<(), Problem> {
    let Some(view) = &round.view else {
        return Ok(());
    };
    let number = measurement.round;
    let station = view.roster().index_of(measurement.station).ok_or_else(|| {
        let detail = format!(
            "station {} is not in the roster of round {number}: send heartbeats to join the next one",
            measurement.station
        );
        at_field(ProblemKind::NotInRoster, "station", detail)
    })?;
    let stated = (measurement.cid.value(), measurement.miner_id.value());
    view.check_task(station, measurement.task, stated)
        .map_err(|reason| {
            let field = match reason {
                NotAssigned::NoSuchTask(_) | NotAssigned::OtherCommittee(_) => "task",
                NotAssigned::OtherPayload { .. } => "cid",
                NotAssigned::OtherProvider { .. } => "miner_id",
            };
            at_field(ProblemKind::NotDrawn, field, format!("round {number}: {reason}"))
        })
}

/// The version in a line that otherwise cannot be parsed.
fn version_of(line: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        spark_version: Option<String>,
    }
    match serde_json::from_slice::<Versioned>(line) {
        Ok(Versioned { spark_version }) => spark_version,
        // Not JSON, which is the more serious error.
        Err(_) => Some(String::from("4294967295.0.0")),
    }
}

fn at_field(kind: ProblemKind, field: &str, detail: impl Into<String>) -> Problem {
    let mut problem = Problem::new(kind, detail);
    problem.field = Some(field.to_owned());
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_of_unpolled_rounds_are_to_be_sent_again() {
        let kind = |round, open: &Open| {
            open_round(RoundNumber(round), open, 0)
                .unwrap_err()
                .kind()
                .unwrap()
        };
        let before = Open::default();
        for round in [1, 2, 70, u64::MAX] {
            assert_eq!(kind(round, &before), ProblemKind::Unavailable, "{round}");
        }
        assert_eq!(kind(0, &before), ProblemKind::NotFound);
        let looked = Open {
            looked: true,
            ..Open::default()
        };
        assert_eq!(kind(0, &looked), ProblemKind::NotFound);
        assert_eq!(kind(1, &looked), ProblemKind::NotRevealed);
        for round in [2, MAX_AHEAD] {
            assert_eq!(kind(round, &looked), ProblemKind::Unavailable, "{round}");
        }
        for round in [MAX_AHEAD + 1, u64::MAX] {
            assert_eq!(kind(round, &looked), ProblemKind::NotFound, "{round}");
        }
    }
}
