//! Writes random cases of committees and tasks, for `contracts/test/Differential.t.sol` to derive again:
//!
//! ```text
//! cargo run -p assize-protocol --example differential -- DIRECTORY SEED
//! ```
//!
//! Ten files `cases-0.txt` … `cases-9.txt` of a thousand lines, each line `0x` and 14 ABI words in hex: seed, stations,
//! tasks, maxCommitteeSize, targetMeasurements, maxTasksPerCommittee, committees, tasksPerCommittee, station, committee,
//! seat, taskCommittee, k, task. The same SEED gives the same cases.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

use assize_protocol::{Assignment, B256, CommitteeIndex, Parameters, Seed, StationIndex, TaskNumber};
use sha2::{Digest, Sha256};

const FILES: u32 = 10;
const LINES: u32 = 1_000;
const USAGE: &str = "usage: differential DIRECTORY SEED";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or(USAGE)?);
    let seed = arguments.next().ok_or(USAGE)?;
    fs::create_dir_all(&directory)?;
    for file in 0..FILES {
        let mut text = String::new();
        for line in 0..LINES {
            writeln!(
                text,
                "{}",
                case(&mut Numbers::new(&format!("{seed}/{file}/{line}")))?
            )?;
        }
        fs::write(directory.join(format!("cases-{file}.txt")), text)?;
    }
    Ok(())
}

fn case(numbers: &mut Numbers) -> Result<String, Box<dyn Error>> {
    let seed = Seed(numbers.word());
    let (stations, tasks) = (numbers.size(), numbers.size());
    let parameters = Parameters {
        // Within the contract's bounds; sometimes the defaults.
        max_committee_size: numbers.within(1, 1_000) as u16,
        target_measurements: numbers.size().min(100_000_000),
        max_tasks_per_committee: numbers.within(1, 10_000) as u16,
        ..Parameters::default()
    };
    let assignment = Assignment::new(seed, &parameters, stations, tasks);
    let station = StationIndex(numbers.within(0, stations - 1));
    let (committee, seat) = assignment.seat_of(station)?;
    let drawer = CommitteeIndex(numbers.within(0, assignment.committee_count() - 1));
    let k = TaskNumber(numbers.within(0, assignment.tasks_per_committee() - 1));
    let task = assignment.task(drawer, k)?;
    let words = [
        stations,
        tasks,
        parameters.max_committee_size.into(),
        parameters.target_measurements,
        parameters.max_tasks_per_committee.into(),
        assignment.committee_count(),
        assignment.tasks_per_committee(),
        station.0,
        committee.0,
        seat.0,
        drawer.0,
        k.0,
        task.0,
    ];
    let mut line = seed.to_string();
    for word in words {
        write!(line, "{word:064x}")?;
    }
    Ok(line)
}

/// Pseudorandom numbers derived from a name.
struct Numbers {
    name: String,
    used: u32,
}

impl Numbers {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            used: 0,
        }
    }

    fn word(&mut self) -> B256 {
        self.used += 1;
        let digest = Sha256::digest(format!("{}/{}", self.name, self.used));
        B256::new(digest.into())
    }

    fn next(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.word().0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Ends included.
    fn within(&mut self, min: u32, max: u32) -> u32 {
        let span = u64::from(max - min) + 1;
        min + (u64::from(self.next()) % span) as u32
    }

    /// Uniform in the number of bits, and often at an edge; never 0.
    fn size(&mut self) -> u32 {
        let bits = self.within(1, 32);
        let top = u32::MAX >> (32 - bits);
        match self.within(0, 7) {
            0 => top,
            1 => top / 2 + 1,
            _ => self.within(1, top),
        }
    }
}
