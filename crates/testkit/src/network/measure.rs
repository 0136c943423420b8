//! The stations' reports.

use assize_measurement::{Domain, Measurement, Millis};
use assize_protocol::{Assignment, CommitteeIndex, RoundNumber, StationIndex, Task, TaskIndex, TaskList};
use rayon::prelude::*;

use super::truth::{Observation, checksum, hash64};
use super::{Behaviour, Network, Station, derive_key};

/// Percentage of honest retrievals that fail for the station's own reasons.
const NOISE_PERCENT: u32 = 2;

/// A round as stations know it.
#[derive(Debug, Clone, Copy)]
pub struct RoundContext<'a> {
    /// Its number.
    pub round: RoundNumber,
    /// Unix time of its opening in seconds.
    pub opened_at: u64,
    /// Committees and tasks.
    pub assignment: &'a Assignment,
    /// The task list of the round.
    pub tasks: &'a TaskList,
    /// The domain of signatures.
    pub domain: Domain,
}

impl Network {
    /// All reports of a round, station by station in roster order, the outsider last.
    pub fn measure(&self, context: &RoundContext<'_>) -> Vec<Measurement> {
        let mut reports: Vec<Vec<Measurement>> = self
            .stations
            .par_iter()
            .enumerate()
            .map(|(index, station)| {
                let seat = context.assignment.seat_of(StationIndex(index as u32));
                let committee = seat.map_or(CommitteeIndex(0), |(committee, _)| committee);
                self.report(context, station, committee)
            })
            .collect();
        reports.push(self.report(context, &self.outsider, CommitteeIndex(0)));
        reports.concat()
    }

    fn report(&self, context: &RoundContext<'_>, station: &Station, own: CommitteeIndex) -> Vec<Measurement> {
        let committees = context.assignment.committee_count().max(1);
        let committee = match station.behaviour {
            Behaviour::Stray => CommitteeIndex((own.0 + 1) % committees),
            _ => own,
        };
        let tasks = context.assignment.tasks(committee).unwrap_or_default();
        let seed = hash64(
            self.seed,
            &[
                b"report",
                &context.round.0.to_be_bytes(),
                station.address.as_slice(),
            ],
        );
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut reports = Vec::with_capacity(tasks.len());
        for index in tasks {
            let Some(task) = context.tasks.get(index) else {
                continue;
            };
            let observation = self.claim(station, task, &mut rng);
            let index = match station.behaviour {
                Behaviour::Inventor => TaskIndex(context.tasks.count() + index.0),
                _ => index,
            };
            let mut measurement = fill(context, station, index, task, observation, &mut rng);
            let key = match station.behaviour {
                Behaviour::Forger => derive_key(self.seed, "stolen", 0),
                _ => station.key,
            };
            measurement.sign(&key, &context.domain);
            if station.behaviour == Behaviour::Repeater {
                reports.push(measurement.clone());
            }
            reports.push(measurement);
        }
        reports
    }

    /// A station's report on a task: the truth, or a lie, by its behaviour.
    fn claim(&self, station: &Station, task: &Task, rng: &mut fastrand::Rng) -> Observation {
        let Some(provider) = self.providers.get(&task.provider) else {
            return Observation::default();
        };
        let cid = task.cid.to_string();
        match station.behaviour {
            Behaviour::Liar => provider.success(task, &checksum(&[b"lie", &rng.u64(..).to_be_bytes()])),
            Behaviour::Ring if task.provider == self.defended => {
                provider.success(task, &checksum(&[b"agreed", cid.as_bytes()]))
            }
            _ if rng.u32(0..100) < NOISE_PERCENT => Observation {
                timeout: true,
                head_status_code: None,
                ..provider.advertised(task)
            },
            _ => provider.observe(self.seed, task),
        }
    }
}

fn fill(
    context: &RoundContext<'_>,
    station: &Station,
    index: TaskIndex,
    task: &Task,
    observation: Observation,
    rng: &mut fastrand::Rng,
) -> Measurement {
    let start = context.opened_at as i64 * 1_000 + 30_000 + rng.i64(0..20_000);
    let first_byte = start + rng.i64(80..900);
    let end = first_byte + rng.i64(0..3_000);
    let answered = observation.status_code.is_some_and(|code| code < 600);
    Measurement {
        provider_id: observation.provider_id,
        provider_address: observation.provider_address,
        protocol: observation.protocol,
        spark_version: Some("1.20.0".into()),
        zinnia_version: Some("0.20.0".into()),
        timeout: observation.timeout,
        start_at: Some(Millis(start)),
        first_byte_at: answered.then_some(Millis(first_byte)),
        end_at: answered.then_some(Millis(end)),
        status_code: observation.status_code,
        head_status_code: observation.head_status_code,
        byte_length: Some(observation.byte_length),
        car_checksum: observation.car_checksum,
        indexer_result: Some(observation.indexer_result),
        ..Measurement::new(context.round, index, station.address, task.cid, task.provider)
    }
}
