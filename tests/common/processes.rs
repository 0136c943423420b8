//! Starts, kills and terminates programs, and mines blocks in the background.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use assize_service::Clock;
use assize_testkit::fault::FaultNode;
use serde_json::Value;

/// Options of a queue before a [`FaultNode`]: it has little patience, and few blocks are enough.
pub const HASTE: &str = "--confirmations 2 --finality 8 --resend-after 1s --poll 20ms";

/// Killed when dropped.
pub struct Running(pub Child);

impl Running {
    /// Starts a service; what it says when it has begun.
    pub fn start(command: &mut Command) -> (Self, Value) {
        let mut running = Self(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        (running, ready)
    }

    /// Tells it to end, as it must with 0.
    pub fn end(mut self) {
        terminate(&self.0);
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

/// Dice of a run, which prints their seed; `ASSIZE_CHAOS_SEED` throws the same again.
pub fn dice(name: &str) -> (u64, fastrand::Rng) {
    let given = std::env::var("ASSIZE_CHAOS_SEED").ok();
    let given = given.and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| Clock::system().now());
    eprintln!("{name}: ASSIZE_CHAOS_SEED={seed}");
    (seed, fastrand::Rng::with_seed(seed))
}

/// The body that a URL answers.
pub fn get(url: impl AsRef<str>) -> String {
    let answer = ureq::get(url.as_ref()).call();
    answer.unwrap().body_mut().read_to_string().unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program and kills it; returns its exit code if it exited before.
pub fn run_for(mut program: Running, time: Duration) -> Option<Option<i32>> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if let Some(status) = program.0.try_wait().unwrap() {
            return Some(status.code());
        }
        thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL, by Running's drop.
    None
}

/// SIGTERM.
pub fn terminate(child: &Child) {
    let status = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Mines blocks until dropped, for confirmations.
pub struct Blocks(Arc<AtomicBool>, Option<thread::JoinHandle<()>>);

impl Blocks {
    pub fn every(pause: Duration, node: &Arc<FaultNode>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (node, stopped) = (Arc::clone(node), Arc::clone(&stop));
        let miner = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                node.mine();
                thread::sleep(pause);
            }
        });
        Self(stop, Some(miner))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        let _ = self.1.take().map(thread::JoinHandle::join);
    }
}
