//! The api's throughput: `cargo bench -p assize-api --bench load`.
//!
//! The server is a separate process, with a real database, chain and store; the load generator creates all requests before it
//! begins, and shares the machine's cores with the server. `--seconds N` sets the duration of each step; with names (`sqlite`,
//! `postgres`, `flood`) only those parts run.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results and panics on failure"
)]

mod generator;
mod process;
mod scene;

use std::time::Duration;

use assize_ingest::Location;
use assize_testkit::services::Place;
use tokio::runtime::{Builder, Runtime};

use crate::generator::{Pace, Request, load};
use crate::process::{Server, serve};
use crate::scene::Scene;

/// Connections of the load generator.
const CONNECTIONS: usize = 128;
/// Heartbeats of 10 000 stations, one per minute each.
const HEARTBEATS: f64 = 10_000.0 / 60.0;

fn main() {
    if let Some(plan) = std::env::var_os(process::PLAN) {
        serve(plan.as_ref());
        return;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let seconds = args
        .iter()
        .position(|arg| arg == "--seconds")
        .and_then(|place| args.get(place + 1)?.parse().ok())
        .unwrap_or(10.0);
    let wanted = |name: &str| {
        let named = ["sqlite", "postgres", "flood"];
        args.iter().any(|arg| arg == name) || !args.iter().any(|arg| named.contains(&arg.as_str()))
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(Scene::new());
    println!(
        "{} measurements signed; {} cores; {CONNECTIONS} connections; steps of {seconds} s",
        scene.measurements.len(),
        std::thread::available_parallelism().unwrap()
    );
    if wanted("sqlite") {
        let path = scene.directory.path().join("api.sqlite");
        measure(&runtime, &scene, "SQLite", &Location::File(path), seconds);
    }
    if wanted("flood") {
        flood(&runtime, &scene, seconds);
    }
    if wanted("postgres")
        && let Some(place) = Place::postgres()
    {
        measure(&runtime, &scene, "PostgreSQL", &place.location, seconds);
    }
}

fn measure(runtime: &Runtime, scene: &Scene, name: &str, location: &Location, seconds: f64) {
    println!("\n── {name} ──\n");
    let server = Server::start(scene, location, false);
    let step = Duration::from_secs_f64(seconds);
    let run = |what: &str, requests: Vec<Request>, pace: Pace| {
        let before = server.cpu();
        let figures = runtime.block_on(load(server.address, CONNECTIONS, requests, pace, step));
        let cpu = (server.cpu() - before) / figures.took.as_secs_f64();
        println!("  {what:<34} {figures}  server {:>3.0} % of a core", cpu * 100.0);
    };
    // Each measurement once, because a known one costs a lookup instead of a row.
    let lines: Vec<&String> = scene.measurements.iter().collect();
    let (single, rest) = lines.split_at(lines.len() * 2 / 5);
    let (many, paced) = rest.split_at(rest.len() / 2);
    let one_each = |lines: &[&String]| lines.iter().map(|line| Request::measurements(&[line])).collect();
    run(
        "as fast as it goes, one a request",
        one_each(single),
        Pace::Fastest,
    );
    let batches = many.chunks(20).map(Request::measurements).collect();
    run("as fast as it goes, 20 a request", batches, Pace::Fastest);
    run("2 500/s, one a request", one_each(paced), Pace::Rate(2_500.0));
    run(
        "heartbeats of 10 000 stations",
        scene.heartbeats(),
        Pace::Rate(HEARTBEATS),
    );
    let (count, proofs) = scene.publish(location);
    run(
        &format!("proofs of a batch of {count}, at once"),
        proofs,
        Pace::Fastest,
    );
    println!(
        "  memory of the server: {} MiB at most",
        server.peak_memory() >> 20
    );
    server.end();
}

/// A hundred subnets while one floods with ten times as much as all of them.
fn flood(runtime: &Runtime, scene: &Scene, seconds: f64) {
    println!("\n── a flood from one /24, over SQLite ──\n");
    let path = scene.directory.path().join("flood.sqlite");
    let server = Server::start(scene, &Location::File(path), true);
    let step = Duration::from_secs_f64(seconds);
    let from =
        |(index, line): (usize, &String)| Request::from_address(line, &format!("10.1.{}.1", index % 100));
    let honest = scene.measurements.iter().enumerate().map(from).collect();
    // The wrong signature is only detected by verification.
    let forged = forge(&scene.measurements[0]);
    let hostile = (0..(seconds * 5_000.0) as usize)
        .map(|index| Request::from_address(&forged, &format!("10.2.0.{}", index % 256)))
        .collect();
    let (honest, hostile) = runtime.block_on(async {
        tokio::join!(
            load(server.address, CONNECTIONS, honest, Pace::Rate(500.0), step),
            load(server.address, CONNECTIONS, hostile, Pace::Rate(5_000.0), step),
        )
    });
    let success = honest.done as f64 / (honest.done + honest.failed) as f64;
    println!(
        "  a hundred subnets, 500/s   {honest}  success {:.2} %",
        success * 100.0
    );
    println!("  the flood, 5 000/s         {hostile}");
    println!(
        "  memory of the server: {} MiB at most",
        server.peak_memory() >> 20
    );
    server.end();
}

/// The same measurement with another signature.
fn forge(line: &str) -> String {
    let (before, signature) = line.split_once("\"signature\":\"0x").unwrap();
    let other = if signature.starts_with('1') { '2' } else { '1' };
    format!("{before}\"signature\":\"0x{other}{}", &signature[1..])
}
