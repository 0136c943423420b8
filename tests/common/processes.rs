//! Programs that are started, killed and told to end, and blocks that come meanwhile.

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use assize_testkit::fault::FaultNode;

/// Killed when dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets a program run and kills it; its exit code, if it ended by itself.
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

/// Mines blocks while it lives: confirmations need them.
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
