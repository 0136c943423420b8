//! What must hold before a daemon touches its files: checked once, and all faults are reported together.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assize_drand::Chain;
use assize_keys::Signer;
use assize_protocol::{Address, AttoFil};
use assize_service::{Clock, DataDir, bind_if, duration, moment, open_file};
use assize_store::{GatewayFailure, Gateways};
use eyre::bail;
use tokio::net::TcpListener;

use crate::args::StoreArgs;
use crate::connect::{Network, is_transient, open_store, store_directory};

/// Seconds by which a machine's clock may be behind the newest block.
const CLOCK_TOLERANCE: u64 = 10;
/// Age of the newest block, seconds, from which the node or the clock is doubtful: ten epochs of Filecoin.
const STALE_BLOCK: u64 = 300;
/// The chain id of anvil and other development nodes, whose clock can be set.
const DEVELOPMENT: u64 = 31_337;

/// The pauses between the tries of a gateway that does not answer: they double from the first to the last.
const GATEWAY_PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(120));

/// Waits until a gateway answers, and says so. In a thread of its own, for which the end of the daemon does not wait.
fn report_answer(gateway: &Gateways, name: &str) {
    let (mut pause, longest) = GATEWAY_PAUSES;
    loop {
        std::thread::sleep(pause);
        pause = (2 * pause).min(longest);
        if gateway.probe().is_empty() {
            tracing::info!(gateway = name, "the gateway answers now");
            return;
        }
    }
}

/// What a daemon's key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// To open rounds.
    Coordinator,
    /// To commit batches.
    Publisher,
    /// To sign settlements.
    Evaluator,
    /// To veto them.
    Guardian,
}

/// The checks of one daemon.
#[derive(Debug)]
pub(crate) struct Preflight<'a> {
    network: &'a Network,
    faults: Vec<String>,
}

impl<'a> Preflight<'a> {
    /// Begins with what every daemon needs: a directory to write to, and a clock that agrees with the chain's.
    pub(crate) async fn new(network: &'a Network, data: &DataDir) -> eyre::Result<Self> {
        let mut preflight = Self {
            network,
            faults: Vec::new(),
        };
        preflight.writable("data directory", data.path(), "--data");
        preflight.clock().await?;
        Ok(preflight)
    }

    fn fault(&mut self, fault: impl Display) {
        self.faults.push(fault.to_string());
    }

    /// Adds a fault if something failed.
    pub(crate) fn record<T, E: Display>(&mut self, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.fault(error)).ok()
    }

    /// The clock of this machine against that of the chain.
    async fn clock(&mut self) -> eyre::Result<()> {
        let block = self.network.client.head().await?.timestamp;
        let now = Clock::system().now();
        let behind = block.saturating_sub(now);
        if behind > CLOCK_TOLERANCE {
            let fault = format!(
                "this machine's clock is {} behind the newest block: synchronise it, for example with chrony",
                duration(behind)
            );
            match self.network.deployment.chain_id == DEVELOPMENT {
                true => tracing::warn!("{fault}"),
                false => self.fault(fault),
            }
        }
        let age = now.saturating_sub(block);
        if age > STALE_BLOCK {
            tracing::warn!(
                "the newest block is of {}: the node is not synchronised, or this machine's clock is ahead",
                moment(block, now)
            );
        }
        Ok(())
    }

    /// A listener, if an address is given.
    pub(crate) async fn bind(&mut self, address: Option<SocketAddr>) -> Option<(TcpListener, String)> {
        let bound = bind_if(address).await;
        self.record(bound).flatten()
    }

    /// The contracts must verify the beacons of this drand chain.
    pub(crate) async fn drand(&mut self, chain: &Chain) -> eyre::Result<()> {
        match self.network.expect_drand(chain).await {
            Err(error) if is_transient(&error) => return Err(error),
            outcome => self.record(outcome),
        };
        Ok(())
    }

    /// The key must have its role on chain.
    pub(crate) async fn duty(&mut self, duty: Duty, key: Address) -> eyre::Result<()> {
        let Network { rounds, roles, .. } = self.network;
        match duty {
            Duty::Coordinator => {
                let (appointed, next) = (rounds.coordinator().await?, rounds.next_coordinator().await?);
                if appointed == Some(key) {
                    return Ok(());
                }
                match (appointed, next) {
                    (_, Some(next)) if next.value == key => tracing::warn!(
                        coordinator = %key,
                        "this coordinator is announced; it can open rounds once the announcement takes effect"
                    ),
                    (Some(appointed), _) => self.fault(format!(
                        "the key is that of {key}, but the network's coordinator is {appointed}: use that key, or let the \
                         owner announce it with `assize admin set-coordinator {key}`, one challenge window ahead"
                    )),
                    // Stations go on measuring the rounds that others open.
                    (None, _) => tracing::warn!(
                        coordinator = %key,
                        "the guardian suspended the coordinator: this one serves stations and reveals rounds, but opens none until \
                         the owner has announced it with `assize admin set-coordinator`, one challenge window ahead"
                    ),
                }
            }
            Duty::Publisher => match rounds.admission_of(key).await? {
                Some(admission) if admission.until.is_none() => {
                    if !rounds.is_publisher(key).await? {
                        tracing::warn!(
                            publisher = %key,
                            "this publisher is announced; it can commit batches of rounds that are opened once the announcement takes \
                             effect"
                        );
                    }
                }
                Some(_) => tracing::warn!(
                    publisher = %key,
                    "this publisher is removed, now or soon: it can commit batches of the rounds that were opened before"
                ),
                None => self.fault(format!(
                    "the key is that of {key}, which may not commit batches: use a publisher's key, or let the owner \
                     announce it with `assize admin allow-publisher {key}`, one challenge window ahead"
                )),
            },
            Duty::Guardian => {
                let guardian = roles.guardian().await?;
                if guardian != key {
                    self.fault(format!(
                        "the key is that of {key}, but the network's guardian is {guardian}: use that key, or --watch to run \
                         without one"
                    ));
                }
            }
            Duty::Evaluator => {
                if roles.evaluators().await?.set.contains(&key) {
                    return Ok(());
                }
                match roles.next_evaluators().await? {
                    Some(announced) if announced.value.set.contains(&key) => tracing::warn!(
                        evaluator = %key,
                        "this evaluator is announced; its signatures count once the announcement takes effect"
                    ),
                    _ => self.fault(format!(
                        "the key is that of {key}, which is not one of the network's evaluators: use an evaluator's key, or \
                         let the owner announce it with `assize admin set-evaluators`"
                    )),
                }
            }
        }
        Ok(())
    }

    /// A key that sends transactions must be able to pay for gas.
    pub(crate) async fn funds(&mut self, signer: &Signer) -> eyre::Result<()> {
        match self.network.client.expect_funds(signer, AttoFil::ZERO).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            outcome => self.record(outcome),
        };
        Ok(())
    }

    /// Warns of gateways that do not answer now, and reports when they do: the daemon asks them when it needs them.
    pub(crate) fn gateways(&self, urls: &[String]) -> eyre::Result<()> {
        for url in urls {
            let gateway = Gateways::new(&[url])?;
            for GatewayFailure { gateway: name, fault } in tokio::task::block_in_place(|| gateway.probe()) {
                tracing::warn!(gateway = name, %fault, "a gateway does not answer; trying again");
                let gateway = gateway.clone();
                std::thread::spawn(move || report_answer(&gateway, &name));
            }
        }
        Ok(())
    }

    /// The store can be opened: a directory that does not exist can be created. One that exists may be read-only for who only
    /// reads.
    pub(crate) fn store(&mut self, args: &StoreArgs, data: &DataDir, writes: bool) {
        match (store_directory(args, data), &args.store) {
            (Some(directory), _) if !writes && directory.is_dir() => {}
            (Some(directory), _) => self.writable("store", &directory, "--store"),
            // Opening it asks nobody, and creates nothing.
            (None, Some(place)) => {
                let opened = open_store(place).map_err(|error| format!("{error:#}"));
                self.record(opened);
            }
            (None, None) => {}
        }
    }

    /// There is some place to read files from: a gateway, or a store that has any.
    pub(crate) fn files(&mut self, args: &StoreArgs, gateways: &[String], data: &DataDir) {
        let is_empty = |directory: PathBuf| {
            std::fs::read_dir(directory).map_or(true, |mut files| files.next().is_none())
        };
        if gateways.is_empty() && store_directory(args, data).is_some_and(is_empty) {
            self.fault(
                "it would find no file, and veto every settlement as unreadable: name with --gateway who serves lists, batches and \
                 documents (coordinator, publishers, evaluators), or with --store a directory that has them",
            );
        }
    }

    /// The files can be read.
    pub(crate) fn readable(&mut self, files: &[PathBuf]) {
        for path in files {
            let opened = open_file(path);
            self.record(opened.map_err(|error| format!("cannot read {}: {error}", path.display())));
        }
    }

    /// Files can be created in the directory, or in the nearest one above it that exists.
    pub(crate) fn writable(&mut self, what: &str, directory: &Path, flag: &str) {
        let existing = directory.ancestors().find(|path| path.exists());
        // The empty path is the working directory.
        let existing = match existing {
            Some(path) if !path.as_os_str().is_empty() => path,
            _ => Path::new("."),
        };
        if let Err(error) = tempfile::tempfile_in(existing) {
            self.fault(format!(
                "cannot write to the {what} {}: {error}; give another with {flag}",
                directory.display()
            ));
        }
    }

    /// The end of the checks.
    ///
    /// # Errors
    /// All faults.
    pub(crate) fn finish(self) -> eyre::Result<()> {
        match &self.faults[..] {
            [] => Ok(()),
            [fault] => bail!("cannot start, and nothing was changed: {fault}"),
            faults => bail!(
                "cannot start, and nothing was changed:\n  - {}",
                faults.join("\n  - ")
            ),
        }
    }
}
