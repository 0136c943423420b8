//! Runs the rounds of a scenario.

use std::iter::Sum;
use std::ops::Add;

use alloy_primitives::{Address, B128, B256};
use assize_evaluate::{Committed, Label, RoundEvaluator, RoundInput, Verdict};
use assize_facts::BatchCommitment;
use assize_measurement::ndjson::{Batch, Row};
use assize_measurement::{Domain, Measurement, Millis, unixfs};
use assize_protocol::{
    Assignment, CommitteeIndex, DedupeSeed, ListError, Parameters, PayloadCid, ProviderId, Randomness,
    Roster, RosterEntry, RoundNumber, Seed, StationIndex, Task, TaskIndex, TaskList,
};
use fastrand::Rng;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Capture, Costs, Population, Scenario, ScenarioError, Strategy};

/// Number of payloads per provider.
const PAYLOADS: u32 = 25;
/// The provider that the adversary favours with false reports. It serves nothing.
const FAVOURITE: ProviderId = ProviderId(1000);
/// Percentage of payloads that every other provider serves.
const SERVED: u32 = 90;
const DOMAIN: Domain = Domain {
    chain_id: 31_337,
    rounds: Address::repeat_byte(0xa1),
};

/// The result of a simulation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The adversary's strategy.
    pub strategy: Strategy,
    /// The number of stations and subnets.
    pub population: Population,
    /// Number of rounds.
    pub rounds: u32,
    /// Number of committees in all rounds.
    pub committees: u64,
    /// Number of committees in which the adversary had more than half of the votes.
    pub captured: u64,
    /// Their share of all committees.
    pub simulated: f64,
    /// Standard error of that share, given the exact probability.
    pub standard_error: f64,
    /// The exact probability.
    pub exact: Capture,
    /// Number of tasks on which a committee decided.
    pub tasks: u64,
    /// Number of tasks with a false majority.
    pub falsified: u64,
    /// Number of tasks without a majority.
    pub undecided: u64,
    /// The success rate that honest stations alone would have reported: of the favoured provider, if there is one, else
    /// of all.
    pub honest_rsr: f64,
    /// The reported success rate.
    pub reported_rsr: f64,
    /// The adversary's share of all rewards.
    pub rewards: f64,
    /// The adversary's share of all costs.
    pub costs: f64,
    /// The adversary's rewards per unit of cost, relative to an honest station's. Above 1, cheating pays. `None` if
    /// either has no cost or no reward.
    pub advantage: Option<f64>,
}

/// Runs a scenario.
///
/// # Errors
/// [`ScenarioError`].
pub fn simulate(scenario: &Scenario, costs: &Costs) -> Result<Outcome, ScenarioError> {
    let population = scenario.population()?;
    let world = World::new(scenario, population)?;
    let tally: Tally = (1..=u64::from(scenario.rounds))
        .into_par_iter()
        .map(|round| world.play(RoundNumber(round)))
        .sum();
    Ok(world.outcome(costs, &tally))
}

struct World<'a> {
    scenario: &'a Scenario,
    population: Population,
    roster: Roster,
    tasks: TaskList,
    /// The truth about each task: served or not.
    honest: Vec<Measurement>,
}

/// Sums over rounds. They are integers, so that their order does not matter.
#[derive(Clone, Copy, Default)]
struct Tally {
    committees: u64,
    captured: u64,
    tasks: u64,
    falsified: u64,
    undecided: u64,
    honest_total: u64,
    honest_successful: u64,
    total: u64,
    successful: u64,
    rewarded: u64,
    rewarded_hostile: u64,
    measurements: u64,
    measurements_hostile: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            committees: self.committees + other.committees,
            captured: self.captured + other.captured,
            tasks: self.tasks + other.tasks,
            falsified: self.falsified + other.falsified,
            undecided: self.undecided + other.undecided,
            honest_total: self.honest_total + other.honest_total,
            honest_successful: self.honest_successful + other.honest_successful,
            total: self.total + other.total,
            successful: self.successful + other.successful,
            rewarded: self.rewarded + other.rewarded,
            rewarded_hostile: self.rewarded_hostile + other.rewarded_hostile,
            measurements: self.measurements + other.measurements,
            measurements_hostile: self.measurements_hostile + other.measurements_hostile,
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, population: Population) -> Result<Self, ListError> {
        let entry = |number: u32| {
            // The adversary's stations come first; the shuffle makes their position irrelevant.
            let subnet = match number < population.hostile {
                true => number % population.hostile_subnets,
                false => number,
            };
            RosterEntry {
                station: address(1, number),
                operator: address(2, number),
                subnet: B128::left_padding_from(&(subnet + 1).to_be_bytes()),
            }
        };
        let roster = Roster::new((0..population.stations).map(entry).collect())?;
        // Each committee has its own tasks.
        let assignment = Assignment::new(
            Seed(B256::ZERO),
            &scenario.parameters,
            population.stations,
            u32::MAX,
        );
        let wanted = assignment.committee_count() * assignment.tasks_per_committee();
        let providers = wanted.div_ceil(PAYLOADS).max(20);
        let task = |number: u32| {
            Some(Task {
                cid: payload(number)?,
                provider: ProviderId(FAVOURITE.0 + u64::from(number % providers)),
                clients: Vec::new(),
                allocators: Vec::new(),
            })
        };
        let tasks: Vec<_> = (0..providers * PAYLOADS).filter_map(task).collect();
        let honest = (0..)
            .map(TaskIndex)
            .zip(&tasks)
            .map(|(index, task)| measure(index, task));
        Ok(Self {
            honest: honest.collect(),
            scenario,
            population,
            roster,
            tasks: TaskList::new(tasks)?,
        })
    }

    fn parameters(&self) -> &Parameters {
        &self.scenario.parameters
    }

    fn assignment(&self, seed: Seed) -> Assignment {
        Assignment::new(seed, self.parameters(), self.roster.count(), self.tasks.count())
    }

    fn is_hostile(&self, station: StationIndex) -> bool {
        station.0 < self.population.hostile
    }

    fn play(&self, round: RoundNumber) -> Tally {
        let randomness = |which: &[u8]| {
            let mut hasher = Sha256::new();
            hasher.update(which);
            hasher.update(self.scenario.seed.to_be_bytes());
            hasher.update(round.0.to_be_bytes());
            Randomness(B256::from(<[u8; 32]>::from(hasher.finalize())))
        };
        let seed = Seed::derive(DOMAIN.chain_id, DOMAIN.rounds, round, randomness(b"round"));
        let mut rng = Rng::with_seed(self.scenario.seed ^ round.0.rotate_left(32));
        let assignment = self.assignment(seed);
        let mut rows = Vec::new();
        let mut places = Vec::new();
        for (committee, (members, drawn)) in (0..)
            .map(CommitteeIndex)
            .zip(assignment.all_members().into_iter().zip(assignment.all_tasks()))
        {
            for station in members {
                for (k, task) in drawn.iter().enumerate() {
                    rows.push(Row {
                        line: rows.len() as u32 + 1,
                        measurement: self.report(&mut rng, round, station, *task),
                    });
                    places.push((committee, k, station));
                }
            }
        }
        let batch = Batch {
            rows,
            rejected: Vec::new(),
        };
        let mut evaluator = RoundEvaluator::without_signature_checks(RoundInput {
            round,
            domain: DOMAIN,
            parameters: *self.parameters(),
            seed,
            dedupe_seed: DedupeSeed::derive(randomness(b"dedupe")),
            roster: &self.roster,
            tasks: &self.tasks,
        });
        evaluator.add(&Committed::Batch {
            commitment: BatchCommitment {
                publisher: Address::ZERO,
                root: B256::ZERO,
                count: batch.rows.len() as u32,
                cid: unixfs::file_cid(&round.0.to_be_bytes()),
                committed_at: 0,
            },
            batch: &batch,
        });
        let evaluation = evaluator.finish();

        let mut tally = Tally {
            committees: u64::from(evaluation.committees),
            measurements: batch.rows.len() as u64,
            ..Tally::default()
        };
        // Only each committee's first task is counted: all its tasks have the same voters per subnet.
        let mut votes = vec![(0_u32, 0_u32); evaluation.committees as usize];
        let favours = matches!(self.scenario.strategy, Strategy::LieForOne | Strategy::FewSubnets);
        for ((row, (committee, k, station)), outcome) in
            batch.rows.iter().zip(places).zip(&evaluation.outcomes)
        {
            let is_hostile = self.is_hostile(station);
            tally.measurements_hostile += u64::from(is_hostile);
            if outcome.verdict == Some(Verdict::MajorityResult) {
                tally.rewarded += 1;
                tally.rewarded_hostile += u64::from(is_hostile);
            }
            if outcome.label != Label::Ok {
                continue;
            }
            if k == 0 {
                let (all, hostile) = &mut votes[committee.0 as usize];
                *all += 1;
                *hostile += u32::from(is_hostile);
            }
            let provider = self.tasks.get(row.measurement.task).map(|task| task.provider);
            if favours && provider != Some(FAVOURITE) {
                continue;
            }
            let successful = u64::from(row.measurement.retrieval_result().is_ok());
            tally.total += 1;
            tally.successful += successful;
            if !is_hostile {
                tally.honest_total += 1;
                tally.honest_successful += successful;
            }
        }
        tally.captured = votes.iter().filter(|(all, hostile)| 2 * hostile > *all).count() as u64;
        for decision in &evaluation.decisions {
            let truth = self.honest[decision.task.0 as usize]
                .retrieval_result()
                .to_string();
            tally.tasks += 1;
            match decision.decision.retrieval.majority() {
                None => tally.undecided += 1,
                Some(result) => tally.falsified += u64::from(*result != truth),
            }
        }
        tally
    }

    /// A station's report on a task.
    fn report(
        &self,
        rng: &mut Rng,
        round: RoundNumber,
        station: StationIndex,
        task: TaskIndex,
    ) -> Measurement {
        let mut measurement = self.honest[task.0 as usize].clone();
        measurement.round = round;
        measurement.station = address(1, station.0);
        // Drawn for every station, so that honest stations behave the same for every strategy.
        let (slipped, lie) = (rng.f64() < self.scenario.noise, rng.u32(..4));
        match self.scenario.strategy {
            strategy if !self.is_hostile(station) || strategy == Strategy::CopyVotes => {
                // Copiers copy the majority, not a slip.
                if slipped && !self.is_hostile(station) {
                    fail(&mut measurement, |m| m.timeout = true);
                }
            }
            Strategy::LieForOne | Strategy::FewSubnets => {
                let provider = self.tasks.get(task).map(|task| task.provider);
                if provider == Some(FAVOURITE) {
                    succeed(&mut measurement);
                }
            }
            Strategy::LieAtRandom => match lie {
                0 => succeed(&mut measurement),
                1 => fail(&mut measurement, |m| m.timeout = true),
                2 => fail(&mut measurement, |m| m.status_code = Some(502)),
                _ => fail(&mut measurement, |m| m.status_code = Some(802)),
            },
            Strategy::SplitVotes => {
                succeed(&mut measurement);
                measurement.car_checksum = Some(format!("1220f{:063x}", station.0));
            }
            Strategy::CopyVotes => {}
        }
        measurement
    }

    fn outcome(&self, costs: &Costs, tally: &Tally) -> Outcome {
        let Scenario { strategy, rounds, .. } = *self.scenario;
        let assignment = self.assignment(Seed(B256::ZERO));
        let sizes: Vec<_> = assignment
            .all_members()
            .iter()
            .map(|members| members.len() as u32)
            .collect();
        let captures: Vec<_> = sizes
            .iter()
            .map(|size| Capture::exact(&self.population, *size))
            .collect();
        let mean = |of: fn(&Capture) -> f64| captures.iter().map(of).sum::<f64>() / captures.len() as f64;
        let exact = Capture {
            of_stations: mean(|capture| capture.of_stations),
            of_subnets: mean(|capture| capture.of_subnets),
        };
        let p = exact.of_subnets;
        let share = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };

        let rounds_played = f64::from(rounds);
        let honest_stations = f64::from(self.population.stations - self.population.hostile);
        let honest_retrievals = (tally.measurements - tally.measurements_hostile) as f64;
        let hostile_retrievals = if strategy.retrieves() {
            tally.measurements_hostile as f64
        } else {
            0.0
        };
        let cost = |stations: f64, subnets: f64, retrievals: f64| {
            (stations * costs.station + subnets * costs.subnet) * rounds_played + retrievals * costs.retrieval
        };
        let honest_cost = cost(honest_stations, honest_stations, honest_retrievals);
        let hostile_cost = cost(
            f64::from(self.population.hostile),
            f64::from(self.population.hostile_subnets),
            hostile_retrievals,
        );
        let rewards = share(tally.rewarded_hostile, tally.rewarded);
        let per_cost = |rewards: f64, cost: f64| if cost > 0.0 { rewards / cost } else { 0.0 };
        let honest_per_cost = per_cost(1.0 - rewards, honest_cost);
        Outcome {
            strategy,
            population: self.population,
            rounds,
            committees: tally.committees,
            captured: tally.captured,
            simulated: share(tally.captured, tally.committees),
            standard_error: (p * (1.0 - p) / tally.committees.max(1) as f64).sqrt(),
            exact,
            tasks: tally.tasks,
            falsified: tally.falsified,
            undecided: tally.undecided,
            honest_rsr: share(tally.honest_successful, tally.honest_total),
            reported_rsr: share(tally.successful, tally.total),
            rewards,
            costs: per_cost(hostile_cost, hostile_cost + honest_cost),
            advantage: (hostile_cost > 0.0 && honest_per_cost > 0.0)
                .then(|| rewards / hostile_cost / honest_per_cost),
        }
    }
}

fn address(kind: u8, number: u32) -> Address {
    let mut bytes = [0; 20];
    bytes[0] = kind;
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

/// A valid file CID is a valid payload CID too.
fn payload(number: u32) -> Option<PayloadCid> {
    unixfs::file_cid(&number.to_be_bytes()).to_string().parse().ok()
}

/// The report of an honest station.
fn measure(index: TaskIndex, task: &Task) -> Measurement {
    let mut measurement = Measurement {
        provider_id: Some("12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShFXStobdN18ys".into()),
        provider_address: Some("/dns/provider.example/tcp/443/https".into()),
        protocol: Some("http".into()),
        start_at: Some(Millis(1_700_000_000_000)),
        indexer_result: Some("OK".into()),
        ..Measurement::new(RoundNumber(0), index, Address::ZERO, task.cid, task.provider)
    };
    let serves = task.provider != FAVOURITE && (index.0.wrapping_mul(2_654_435_761) >> 8) % 100 < SERVED;
    match serves {
        true => succeed(&mut measurement),
        false => fail(&mut measurement, |m| m.status_code = Some(502)),
    }
    measurement
}

fn succeed(measurement: &mut Measurement) {
    measurement.timeout = false;
    measurement.status_code = Some(200);
    measurement.head_status_code = Some(200);
    measurement.first_byte_at = Some(Millis(1_700_000_000_100));
    measurement.end_at = Some(Millis(1_700_000_000_200));
    measurement.byte_length = Some(1_024);
    measurement.car_checksum = Some(format!("1220{:064x}", measurement.task.0));
}

fn fail(measurement: &mut Measurement, how: impl FnOnce(&mut Measurement)) {
    measurement.status_code = None;
    measurement.head_status_code = None;
    measurement.end_at = None;
    measurement.byte_length = Some(0);
    measurement.car_checksum = None;
    how(measurement);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(strategy: Strategy, share: f64) -> Scenario {
        Scenario {
            stations: 200,
            share,
            subnet_share: match strategy {
                Strategy::FewSubnets => share / 10.0,
                _ => share,
            },
            strategy,
            rounds: 400,
            noise: 0.02,
            parameters: Parameters {
                target_measurements: 400,
                ..Parameters::default()
            },
            seed: 7,
        }
    }

    fn play(strategy: Strategy, share: f64) -> Outcome {
        simulate(&scenario(strategy, share), &Costs::default()).unwrap()
    }

    #[test]
    fn simulation_agrees_with_the_exact_probability() {
        for share in [0.4, 0.45, 0.5, 0.6] {
            let outcome = play(Strategy::LieForOne, share);
            let off = (outcome.simulated - outcome.exact.of_subnets).abs();
            assert!(off <= 4.0 * outcome.standard_error, "{outcome:?}");
            assert!(outcome.captured > 0, "{outcome:?}");
        }
        // Half a committee's subnets, many of them with two stations.
        let mut crowded = scenario(Strategy::LieForOne, 0.6);
        crowded.subnet_share = 0.45;
        let outcome = simulate(&crowded, &Costs::default()).unwrap();
        assert!(outcome.population.hostile_subnets < outcome.population.hostile);
        assert!(outcome.exact.of_subnets < outcome.exact.of_stations);
        let off = (outcome.simulated - outcome.exact.of_subnets).abs();
        assert!(off <= 4.0 * outcome.standard_error, "{outcome:?}");
    }

    #[test]
    fn results_depend_on_the_seed_and_not_on_threads() {
        let scenario = Scenario {
            rounds: 20,
            ..scenario(Strategy::LieAtRandom, 0.3)
        };
        let play = |scenario: &Scenario| format!("{:?}", simulate(scenario, &Costs::default()).unwrap());
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| play(&scenario)), play(&scenario));
        assert_ne!(play(&Scenario { seed: 8, ..scenario }), play(&scenario));
    }

    #[test]
    fn each_strategy_has_its_effect() {
        let lie = play(Strategy::LieForOne, 0.3);
        assert!(
            lie.honest_rsr < 0.01 && (lie.reported_rsr - 0.3).abs() < 0.03,
            "{lie:?}"
        );
        let few = play(Strategy::FewSubnets, 0.3);
        assert_eq!(few.captured, 0);
        assert!(few.reported_rsr < 0.1 && few.rewards < 0.1, "{few:?}");
        let random = play(Strategy::LieAtRandom, 0.3);
        assert!(
            random.rewards < 0.1 && random.reported_rsr < random.honest_rsr,
            "{random:?}"
        );
        let split = play(Strategy::SplitVotes, 0.3);
        assert!(split.rewards == 0.0 && split.falsified == 0, "{split:?}");
        let copy = play(Strategy::CopyVotes, 0.3);
        assert!(copy.advantage > Some(1.0) && copy.falsified == 0, "{copy:?}");
        let nobody = play(Strategy::LieForOne, 0.0);
        assert_eq!(
            (nobody.captured, nobody.rewards, nobody.exact.of_stations),
            (0, 0.0, 0.0)
        );
        assert_eq!(nobody.falsified + nobody.undecided, 0);
    }

    #[test]
    fn splitting_half_of_a_committee_leaves_it_undecided() {
        let split = play(Strategy::SplitVotes, 0.6);
        assert!(split.undecided * 2 > split.tasks, "{split:?}");
    }

    #[test]
    fn invalid_scenarios_are_rejected() {
        let refused = |change: fn(&mut Scenario)| {
            let mut scenario = scenario(Strategy::LieForOne, 0.3);
            change(&mut scenario);
            simulate(&scenario, &Costs::default()).unwrap_err().to_string()
        };
        assert!(refused(|s| s.share = 1.0).starts_with("share is 1"));
        assert!(refused(|s| s.subnet_share = f64::NAN).starts_with("subnet share is NaN"));
        assert!(refused(|s| s.noise = -0.1).starts_with("noise is -0.1"));
        assert!(refused(|s| s.stations = 39).starts_with("39 stations are too few"));
        assert!(refused(|s| s.stations = u32::MAX).contains("are too many: the maximum is 16777216"));
        assert!(refused(|s| s.rounds = 0).contains("rounds is 0"));
    }
}
