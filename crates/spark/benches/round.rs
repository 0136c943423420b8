//! Spark's rounds from files to figures: a million measurements in ten files, with both parsers, on one thread and on
//! two; then ten million. `cargo bench -p assize-spark --bench round`, or `-- 100000` for another number of
//! measurements.
//!
//! Each run is a separate process, so that its peak memory can be measured. The files are written once before.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its results and panics on failure"
)]

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use assize_spark::{Chunks, Measurements, Parser, Round, Rules, evaluate};
use assize_testkit::spark::SparkRound;

const FILES: usize = 10;
const RUNS: usize = 5;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [run, directory, parser, threads] if run == "run" => {
            one(directory.as_ref(), parser, threads.parse().unwrap())
        }
        [] => [1_000_000, 10_000_000].into_iter().for_each(series),
        sizes => sizes.iter().for_each(|size| series(size.parse().unwrap())),
    }
}

/// All variants for one size.
fn series(measurements: usize) {
    let directory = tempfile::tempdir().unwrap();
    let spec = SparkRound {
        measurements,
        ..SparkRound::default()
    };
    fs::write(directory.path().join("round.json"), spec.round_file()).unwrap();
    let mut files: Vec<_> = paths(directory.path())
        .iter()
        .map(|path| BufWriter::new(File::create(path).unwrap()))
        .collect();
    spec.write(&mut files).unwrap();
    drop(files);
    let bytes: u64 = paths(directory.path())
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    println!(
        "{measurements} measurements, {bytes} bytes in {FILES} files; each line the best of {RUNS} processes"
    );
    println!(
        "{:>10} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "parser", "threads", "read s", "judge s", "total s", "peak MiB  all totals"
    );
    for parser in ["fast", "reference"] {
        for threads in ["1", "2"] {
            let runs = (0..RUNS).map(|_| {
                let mut run = Command::new(std::env::current_exe().unwrap());
                let output = run
                    .arg("run")
                    .arg(directory.path())
                    .args([parser, threads])
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                let text = String::from_utf8(output.stdout).unwrap();
                text.split_whitespace()
                    .map(|number| number.parse::<f64>().unwrap())
                    .collect::<Vec<_>>()
            });
            let mut runs: Vec<_> = runs.collect();
            runs.sort_by(|a, b| (a[0] + a[1]).total_cmp(&(b[0] + b[1])));
            let [read, judged, peak] = runs[0][..] else {
                panic!("{runs:?}")
            };
            let totals: Vec<_> = runs.iter().map(|run| format!("{:.3}", run[0] + run[1])).collect();
            println!(
                "{parser:>10} {threads:>8} {read:>9.3} {judged:>9.3} {:>9.3} {peak:>9.0}  {}",
                read + judged,
                totals.join(" ")
            );
        }
    }
}

/// One run: prints seconds for reading, seconds for evaluation, and peak memory in MiB.
fn one(directory: &Path, parser: &str, threads: usize) {
    let parser = match parser {
        "fast" => Parser::Fast,
        _ => Parser::Reference,
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .unwrap();
    let began = Instant::now();
    let round = Round::parse(&fs::read(directory.join("round.json")).unwrap()).unwrap();
    let chunks = Chunks::new(paths(directory).into_iter().map(File::open));
    let measurements = Measurements::read(&round, Rules::February2025, parser, chunks).unwrap();
    let read = began.elapsed();
    let evaluation = evaluate(&round, round.randomness.as_deref().unwrap(), &measurements, 30);
    let judged = began.elapsed() - read;
    assert_eq!(evaluation.labels.len() as u64, measurements.total());
    println!("{} {} {}", read.as_secs_f64(), judged.as_secs_f64(), peak_mib());
}

fn paths(directory: &Path) -> Vec<PathBuf> {
    (0..FILES)
        .map(|number| directory.join(format!("{number}.ndjson")))
        .collect()
}

/// Peak memory of this process, from Linux.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
}
