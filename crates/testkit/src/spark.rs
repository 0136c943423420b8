//! A synthetic Spark round of any size, in the format of its publisher.

use std::io::{self, Write};

use assize_spark::{Round, Tasker};
use fastrand::Rng;
use serde_json::json;

/// The size of a round.
#[derive(Debug, Clone, Copy)]
pub struct SparkRound {
    /// Number of measurements.
    pub measurements: usize,
    /// Number of tasks in the round; each station has 15.
    pub tasks: usize,
    /// Number of participants; a tenth of them have f410 addresses.
    pub participants: usize,
    /// Seed: the same seed gives the same round.
    pub seed: u64,
}

impl Default for SparkRound {
    /// The round of the benchmarks: a million rows of about 818 bytes each.
    fn default() -> Self {
        Self {
            measurements: 1_000_000,
            tasks: 1_000,
            participants: 4_000,
            seed: 1,
        }
    }
}

/// Tasks per station.
const TASKS_PER_NODE: usize = 15;

impl SparkRound {
    /// The round file.
    #[must_use]
    pub fn round_file(&self) -> Vec<u8> {
        let tasks: Vec<_> = (0..self.tasks)
            .map(|number| {
                json!({
                    "cid": cid(number),
                    "minerId": miner(number),
                    "clients": [format!("f0{}", 3_000_000 + number % 50)],
                    "allocators": [format!("f0{}", 2_000_000 + number % 7)],
                })
            })
            .collect();
        let file = json!({
            "randomness": "fc90e50dcdf20886b56c038b30fa921a5e57c532ea448dadcc209e44eec0445e",
            "roundDetails": {
                "roundId": "18000", "startEpoch": "4622129", "maxTasksPerNode": TASKS_PER_NODE, "retrievalTasks": tasks,
            },
        });
        file.to_string().into_bytes()
    }

    /// Writes all rows into the given files, in a plausible order of arrival.
    ///
    /// Of a hundred rows, 1.5 are of another station's task, 0.5 of no task, 4 lie about the retrieval, and 0.5 are
    /// invalid. Four stations share three subnets.
    ///
    /// # Errors
    /// Write errors.
    ///
    /// # Panics
    /// If the round file that it writes cannot be parsed.
    #[allow(clippy::expect_used, reason = "written by ourselves")]
    pub fn write<W: Write>(&self, files: &mut [W]) -> io::Result<()> {
        let round = Round::parse(&self.round_file()).expect("a round file");
        let tasker = Tasker::new(&round, round.randomness.as_deref().unwrap_or_default());
        let mut rng = Rng::with_seed(self.seed);
        let stations = self.measurements.div_ceil(TASKS_PER_NODE);
        let mut own: Vec<Vec<usize>> = (0..stations)
            .map(|number| tasker.tasks_of(&station(number)))
            .collect();
        let homes: Vec<_> = (0..stations)
            .map(|_| rng.usize(..(stations * 3).div_ceil(4)))
            .collect();
        let per_file = self.measurements.div_ceil(files.len());
        for (file, writer) in files.iter_mut().enumerate() {
            let first = file * per_file;
            for number in first..self.measurements.min(first + per_file) {
                // Station by station, task by task, as in a real round.
                let station = number % stations;
                let task = own[station].pop().unwrap_or_default();
                self.row(&mut rng, writer, number, station, homes[station], task)?;
            }
            writer.flush()?;
        }
        Ok(())
    }

    fn row(
        &self,
        rng: &mut Rng,
        writer: &mut impl Write,
        number: usize,
        station_number: usize,
        home: usize,
        task: usize,
    ) -> io::Result<()> {
        let fate = rng.u32(..1_000);
        let (cid, miner) = match fate {
            0..15 => {
                let other = rng.usize(..self.tasks);
                (cid(other), miner(other))
            }
            15..20 => (cid(self.tasks), miner(task)),
            _ => (cid(task), miner(task)),
        };
        let (status, head) = if (20..60).contains(&fate) {
            ("502", "null")
        } else {
            ("200", "200")
        };
        let indexer = if (60..65).contains(&fate) {
            "null"
        } else {
            "\"OK\""
        };
        let participant = participant(station_number % self.participants);
        let came = 1_724_000_000_000 + (number * 1_200_000 / self.measurements) as i64 + rng.i64(0..1_000);
        let time = |millis: i64| assize_measurement::Millis(millis).to_string();
        let (start, first_byte, end) = (
            time(came - 2_000),
            time(came - 1_500 + rng.i64(0..500)),
            time(came - 500),
        );
        write!(
            writer,
            concat!(
                r#"{{"id":"{id}","spark_version":"1.20.0","zinnia_version":"0.20.3","participant_address":"{participant}","#,
                r#""station_id":"{station}","finished_at":"{finished}","timeout":false,"start_at":"{start}","#,
                r#""status_code":{status},"head_status_code":{head},"first_byte_at":"{first_byte}","end_at":"{end}","#,
                r#""byte_length":{length},"attestation":null,"inet_group":"u{home:011x}","car_too_large":false,"#,
                r#""car_checksum":"1220{checksum:064x}","indexer_result":{indexer},"miner_id":"{miner}","#,
                r#""provider_id":"12D3KooWPNbkEgjdBNeaCGpsgCrPRETe4uBZf1ShF{provider:011x}","cid":"{cid}","#,
                r#""provider_address":"/dns/{miner}.example.net/tcp/443/https","protocol":"http"}}"#,
                "\n"
            ),
            id = 9_607_235_686_u64 + number as u64,
            participant = participant,
            station = station(station_number),
            finished = time(came),
            start = start,
            status = status,
            head = head,
            first_byte = first_byte,
            end = end,
            length = 1_024 + task,
            home = home,
            checksum = task,
            indexer = indexer,
            miner = miner,
            provider = task % 58,
            cid = cid,
        )
    }
}

fn cid(number: usize) -> String {
    format!("bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrd{number:07}")
}

fn miner(number: usize) -> String {
    format!("f0{}", 1_000_000 + number % 58)
}

fn station(number: usize) -> String {
    format!("302a300506032b6570032100{number:064x}")
}

fn participant(number: usize) -> String {
    let address = alloy_primitives::Address::left_padding_from(&(number as u64 + 1).to_be_bytes());
    match number % 10 {
        0 => assize_protocol::address::to_delegated(address),
        _ => address.to_string(),
    }
}
