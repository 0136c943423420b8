//! Chain, contracts, store and files of the demo, with a record of gas and time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use assize_chain::{Draft, Receipt};
use assize_keys::Signer;
use assize_store::LocalStore;
use assize_testkit::anvil::Anvil;
use eyre::WrapErr;

use super::report::{Gas, Timing};
use assize_cli::connect::{Network, PATIENCE};
use assize_cli::output;

/// Where the demo's files are.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> eyre::Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, content).wrap_err_with(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// What the demo runs on.
#[derive(Debug)]
pub(super) struct Environment {
    pub anvil: Anvil,
    pub network: Network,
    pub store: LocalStore,
    pub files: Files,
    pub gas: BTreeMap<&'static str, Gas>,
}

impl Environment {
    /// Sends a transaction and records its gas under `step`.
    pub(super) async fn transact(
        &mut self,
        step: &'static str,
        signer: &Signer,
        draft: &Draft,
    ) -> eyre::Result<Receipt> {
        let receipt = self.network.client.transact(signer, draft, PATIENCE).await?;
        self.record_gas(step, receipt.gas_used);
        Ok(receipt)
    }

    pub(super) fn record_gas(&mut self, step: &'static str, used: u64) {
        self.gas.entry(step).or_default().add(used);
    }
}

/// Prints each step and its duration to stderr.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    last: Instant,
    steps: Vec<(String, f64)>,
}

impl Progress {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
            steps: Vec::new(),
        }
    }

    /// Reports that a step is done.
    pub(super) fn done(&mut self, step: impl Into<String>) {
        let step = step.into();
        let took = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        output::say(format!("{took:6.1} s  {step}"));
        self.steps.push((step, took));
    }

    pub(super) fn finish(self) -> Timing {
        Timing {
            total: self.started.elapsed().as_secs_f64(),
            steps: self.steps,
        }
    }
}

/// Peak memory of this process and another, MiB; `None` where the system does not report it.
pub(super) fn peak_memory_mib(other: u32) -> Option<u64> {
    let peak = |process: &str| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()
    };
    Some((peak("self")? + peak(&other.to_string())?) / 1024)
}
