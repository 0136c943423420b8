//! Collects the inputs of a recomputation that the arguments name.

use std::path::Path;

use alloy_primitives::hex;
use assize_bundle::Bundle;
use assize_drand::{Chain, Verified};
use assize_facts::ChainFacts;
use assize_protocol::{B256, RoundNumber};
use assize_store::{Gateways, InOrder, LocalStore, Source};
use assize_verify::{Elsewhere, Evidence, OwnReports, Reading, Step, Unpacked, VerifyError, read_rounds};
use eyre::{OptionExt, WrapErr, ensure, eyre};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{EvidenceArgs, OnlineArgs, SourceArgs};
use crate::connect::{Beacons, BoxedBeacons, Network, beacons, drand_chain, open_source};
use crate::text_file::read_bytes;
use assize_service::DataDir;

/// The inputs of a recomputation; files and beacons are fetched on demand.
pub(crate) struct Inputs {
    pub facts: ChainFacts,
    /// Whether the facts come from a bundle instead of the chain.
    pub offline: bool,
    own: OwnReports,
    source: Box<dyn Source>,
    elsewhere: Box<Elsewhere<'static>>,
    beacons: Beacons,
}

impl Inputs {
    /// Inputs from a bundle, or from a chain; `read` reads the chain's facts.
    pub(crate) async fn gather(
        args: &EvidenceArgs,
        data: &DataDir,
        read: impl AsyncFnOnce(&Network) -> eyre::Result<Reading>,
    ) -> eyre::Result<Self> {
        if let Some(path) = &args.offline {
            let trusted = match args.drand_hash {
                Some(hash) => hash,
                None => drand_chain(&args.beacons.drand)?.hash(),
            };
            return Self::from_bundle(path, trusted);
        }
        let online = args
            .online()
            .ok_or_eyre("no input given: give --rpc-url and --deployment (or ASSIZE_RPC_URL and ASSIZE_DEPLOYMENT, or a file with --config), or --offline BUNDLE")?;
        Self::online(&online, data, read).await
    }

    /// Inputs of one round: the given one, or the latest, or the first of the bundle.
    pub(crate) async fn of_round(
        args: &EvidenceArgs,
        data: &DataDir,
        round: Option<u64>,
    ) -> eyre::Result<(Self, RoundNumber)> {
        let inputs = Self::gather(args, data, async |network| {
            let number = network.round_or_latest(round).await?;
            Ok(read_rounds(&network.rounds, &network.rewards, number, number).await?)
        })
        .await?;
        let first = || inputs.facts.rounds.keys().next().copied();
        let number = round.map(RoundNumber).or_else(first);
        let number = number.ok_or_eyre("the bundle contains no round")?;
        Ok((inputs, number))
    }

    /// Inputs from a chain; `read` reads its facts.
    pub(crate) async fn online(
        args: &OnlineArgs,
        data: &DataDir,
        read: impl AsyncFnOnce(&Network) -> eyre::Result<Reading>,
    ) -> eyre::Result<Self> {
        let beacons = beacons(&args.beacons)?;
        let network = Network::connect(&args.chain, data).await?;
        network.expect_drand(beacons.chain()).await?;
        // Before the chain is read, which may take minutes.
        let source = source(&args.source, data)?;
        let Reading { facts, own } = read(&network).await?;
        Ok(Self {
            facts,
            offline: false,
            own,
            source,
            elsewhere: Box::new(|_, _| None),
            beacons,
        })
    }

    /// `trusted` is the hash of the drand chain that the verifier trusts.
    fn from_bundle(path: &Path, trusted: B256) -> eyre::Result<Self> {
        let bytes = read_bytes("the bundle", path)?;
        let unpack = || Unpacked::open(Bundle::from_car(&bytes)?);
        let unpacked = unpack().wrap_err_with(|| format!("{} is not a valid bundle", path.display()))?;
        let drand = unpacked.drand;
        ensure!(
            drand.hash() == trusted,
            "{}: its beacons are of drand chain {} ({}), not of {}: nothing was verified. If you trust that chain, and the \
             network's contract verifies its beacons, repeat with --drand-hash {1}",
            path.display(),
            hex::encode(drand.hash()),
            drand.info().beacon_id,
            hex::encode(trusted)
        );
        let files = unpacked.files;
        Ok(Self {
            facts: unpacked.facts,
            offline: true,
            own: unpacked.own,
            source: Box::new(files.clone()),
            // A batch may be there under another CID than was committed.
            elsewhere: Box::new(move |_, commitment| files.batch(commitment)),
            beacons: Verified::new(drand, Box::new(unpacked.beacons)),
        })
    }

    /// What whoever verifies a bundle of these inputs must name, unless the beacons are quicknet's.
    pub(crate) fn drand_hash_argument(&self) -> String {
        let chain = self.beacons.chain();
        match *chain == Chain::quicknet() {
            true => String::new(),
            false => format!(" --drand-hash {}", hex::encode(chain.hash())),
        }
    }

    pub(crate) fn evidence<'a>(&'a self, progress: &'a (dyn Fn(Step) + Sync)) -> Evidence<'a, BoxedBeacons> {
        Evidence {
            chain: &self.facts,
            own: &self.own,
            store: &*self.source,
            elsewhere: &*self.elsewhere,
            beacons: &self.beacons,
            progress,
        }
    }

    /// An error in the words of whoever gave a bundle, if these inputs are of one.
    pub(crate) fn explain(&self, error: VerifyError) -> eyre::Report {
        match error {
            VerifyError::NotRead { what } if self.offline => {
                let rounds: Vec<_> = self.facts.rounds.keys().map(ToString::to_string).collect();
                eyre!(
                    "{what} is not in the bundle, which contains only rounds {}; create another with `assize bundle`",
                    rounds.join(", ")
                )
            }
            error => error.into(),
        }
    }

    /// A progress bar of batches; hidden if stderr is not a terminal.
    pub(crate) fn bar(&self, rounds: impl Iterator<Item = RoundNumber>) -> ProgressBar {
        let batches = rounds
            .filter_map(|number| self.facts.rounds.get(&number))
            .map(|round| round.commitments.len() as u64)
            .sum();
        let bar = ProgressBar::new(batches);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} batches {elapsed}") {
            bar.set_style(style);
        }
        bar
    }
}

/// Advances the progress bar.
pub(crate) fn advance(bar: &ProgressBar, step: Step) {
    match step {
        Step::Batch(_) => bar.inc(1),
        Step::Round(round) => bar.set_message(format!("round {round} recomputed")),
    }
}

/// The store, the gateways, or both in this order.
pub(crate) fn source(args: &SourceArgs, data: &DataDir) -> eyre::Result<Box<dyn Source>> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    match &args.store {
        None if args.gateways.is_empty() => sources.push(Box::new(LocalStore::open_existing(data.store())?)),
        None => {}
        Some(place) => sources.push(open_source(place)?),
    }
    if !args.gateways.is_empty() {
        sources.push(Box::new(Gateways::new(&args.gateways)?));
    }
    Ok(Box::new(InOrder::new(sources)))
}
