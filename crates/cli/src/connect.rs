//! Connects to the node, store and beacons that the arguments name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use assize_chain::{ChainClient, ChainError, Court, Rewards, Roles, Rounds, RpcUrl};
use assize_deployment::{Deployment, DeploymentError};
use assize_drand::{BeaconSource, Cached, Chain, PUBLIC_RELAYS, RecordedBeacons, Relays, Verified};
use assize_ingest::{DatabaseError, IngestError};
use assize_protocol::{RoundNumber, plain_text};
#[cfg(feature = "s3")]
use assize_store::S3;
use assize_store::{Backed, Gateways, Kubo, LocalStore, Source, Store};
use eyre::{WrapErr, ensure, eyre};
use serde::de::DeserializeOwned;

use crate::args::{BeaconArgs, ChainArgs, DrandArgs, StoreArgs};
use crate::text_file::read_text;
use crate::variable::variable;
use assize_service::{DataDir, LARGEST_SETTINGS, read_file};

/// How long a command waits for its transaction: ten Filecoin epochs.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Any source of beacons.
pub type BoxedBeacons = Box<dyn BeaconSource + Send + Sync>;

/// A source of beacons, each verified before use.
pub(crate) type Beacons = Verified<BoxedBeacons>;

/// A node and the contracts on its chain.
#[derive(Debug, Clone)]
pub struct Network {
    /// The node.
    pub client: ChainClient,
    /// The addresses.
    pub deployment: Deployment,
    /// The contract Roles.
    pub roles: Roles,
    /// The contract Rounds.
    pub rounds: Rounds,
    /// The contract Rewards.
    pub rewards: Rewards,
    /// The contract Court.
    pub court: Court,
}

impl Network {
    /// The round given, or the latest.
    pub(crate) async fn round_or_latest(&self, round: Option<u64>) -> eyre::Result<RoundNumber> {
        match round {
            Some(round) => Ok(RoundNumber(round)),
            None => self
                .rounds
                .latest_round()
                .await?
                .ok_or_else(|| eyre!("no round has been opened yet; open one with `assize round open`")),
        }
    }

    /// Connects, and checks that node and deployment have the same chain id.
    pub(crate) async fn connect(args: &ChainArgs, data: &DataDir) -> eyre::Result<Self> {
        let deployment: Deployment = read_deployment(args, data)?;
        let url: RpcUrl = args.rpc_url.parse()?;
        let client = ChainClient::connect_to(&url, deployment.chain_id).await?;
        Ok(Self::new(client, deployment))
    }

    /// The same for whoever sends money or acts in a role: makes sure first that the contracts are there.
    pub(crate) async fn connect_to_send(args: &ChainArgs, data: &DataDir) -> eyre::Result<Self> {
        let network = Self::connect(args, data).await?;
        assize_deployment::expect_contracts(&network.client, &network.deployment)
            .await
            .wrap_err("nothing was sent")?;
        Ok(network)
    }

    /// Makes sure that the contracts verify the beacons of a drand chain, so that a forgotten `--drand-info` is not taken for
    /// fraud.
    pub(crate) async fn expect_drand(&self, chain: &Chain) -> eyre::Result<()> {
        Ok(assize_deployment::expect_drand(&self.client, &self.deployment, chain).await?)
    }

    /// The contracts of a deployment, through a client of its chain.
    #[must_use]
    pub fn new(client: ChainClient, deployment: Deployment) -> Self {
        Self {
            roles: Roles::new(client.clone(), deployment.roles),
            rounds: Rounds::new(client.clone(), deployment.rounds),
            rewards: Rewards::new(client.clone(), deployment.rewards),
            court: Court::new(client.clone(), deployment.court, deployment.rewards),
            client,
            deployment,
        }
    }
}

/// Whether node or database may answer a later try.
pub(crate) fn is_transient(error: &eyre::Report) -> bool {
    fn is<E: std::error::Error + Send + Sync + 'static>(
        error: &eyre::Report,
        transient: fn(&E) -> bool,
    ) -> bool {
        error.downcast_ref().is_some_and(transient)
    }
    is(error, ChainError::is_transient)
        || is(error, DeploymentError::is_transient)
        || is(error, IngestError::is_transient)
        || is(error, DatabaseError::is_transient)
}

/// The given deployment file, or the one in the data directory.
pub(crate) fn deployment_file(args: &ChainArgs, data: &DataDir) -> PathBuf {
    args.deployment.clone().unwrap_or_else(|| data.deployment())
}

/// Reads the fields of `T` from the deployment file.
pub(crate) fn read_deployment<T: DeserializeOwned>(args: &ChainArgs, data: &DataDir) -> eyre::Result<T> {
    let path = deployment_file(args, data);
    let error = |problem: String| {
        format!("{problem}: give the file from `assize deploy apply` with --deployment or ASSIZE_DEPLOYMENT")
    };
    let unreadable = || error(format!("cannot read the deployment file {}", path.display()));
    let file = read_file(&path, LARGEST_SETTINGS).wrap_err_with(unreadable)?;
    let text = plain_text::decode(&file).wrap_err_with(unreadable)?;
    serde_json::from_str(text).wrap_err_with(|| error(format!("{} is not a deployment file", path.display())))
}

/// The given store, or the one in the data directory.
pub(crate) fn store(args: &StoreArgs, data: &DataDir) -> eyre::Result<Box<dyn Store>> {
    match &args.store {
        Some(place) => open_store(place),
        None => {
            data.create()?;
            local_store(&data.store())
        }
    }
}

/// The directory of a store; `None` if it is elsewhere.
pub(crate) fn store_directory(args: &StoreArgs, data: &DataDir) -> Option<PathBuf> {
    match &args.store {
        Some(place) => (!is_elsewhere(place)).then(|| place.into()),
        None => Some(data.store()),
    }
}

/// Whether a store's name is not that of a directory.
fn is_elsewhere(place: &str) -> bool {
    place.contains("://") || place.starts_with("kubo:")
}

/// A directory as a store; created if missing.
pub(crate) fn local_store(directory: &Path) -> eyre::Result<Box<dyn Store>> {
    Ok(Box::new(LocalStore::open(directory)?))
}

/// The store, which reads what it lacks from gateways.
pub(crate) fn backed_store(
    args: &StoreArgs,
    gateways: &[String],
    data: &DataDir,
) -> eyre::Result<Box<dyn Store>> {
    let store = store(args, data)?;
    if gateways.is_empty() {
        return Ok(store);
    }
    Ok(Box::new(Backed::new(
        store,
        vec![Box::new(Gateways::new(gateways)?)],
    )))
}

/// The store of a command that mostly reads: a directory is created only as a place for what gateways have.
pub(crate) fn existing_store(
    args: &StoreArgs,
    gateways: &[String],
    data: &DataDir,
) -> eyre::Result<Box<dyn Store>> {
    match store_directory(args, data) {
        Some(directory) if gateways.is_empty() => Ok(Box::new(LocalStore::open_existing(directory)?)),
        _ => backed_store(args, gateways, data),
    }
}

/// Opens a store to read from it: a directory is not created.
pub(crate) fn open_source(place: &str) -> eyre::Result<Box<dyn Source>> {
    if is_elsewhere(place) {
        return Ok(open_store(place)?);
    }
    Ok(Box::new(LocalStore::open_existing(place)?))
}

/// Opens a store by its name: a directory, a bucket or a Kubo node.
pub(crate) fn open_store(place: &str) -> eyre::Result<Box<dyn Store>> {
    if place.starts_with("s3://") {
        #[cfg(feature = "s3")]
        return Ok(Box::new(S3::from_env(place)?));
        #[cfg(not(feature = "s3"))]
        return Err(eyre!(
            "--store {place}: this program was built without S3; build it with --features s3"
        ));
    }
    if let Some(url) = place.strip_prefix("kubo:") {
        return Ok(Box::new(Kubo::new(
            url,
            variable("ASSIZE_KUBO_AUTHORIZATION").and_then(|header| header.into_string().ok()),
        )?));
    }
    ensure!(
        !place.contains("://"),
        "--store {place} is not supported: give a directory, s3://bucket/prefix, or kubo:http://127.0.0.1:5001"
    );
    local_store(place.as_ref())
}

/// The given drand chain.
pub(crate) fn drand_chain(args: &DrandArgs) -> eyre::Result<Chain> {
    if let Some(path) = &args.info {
        let json = read_text("--drand-info", path)?;
        return Chain::from_json(json.as_bytes())
            .wrap_err_with(|| format!("--drand-info {} does not describe a drand chain", path.display()));
    }
    Ok(match args.name.as_str() {
        "default" => Chain::default_chain(),
        #[cfg(feature = "evmnet")]
        "evmnet" => Chain::evmnet(),
        #[cfg(not(feature = "evmnet"))]
        "evmnet" => return Err(crate::output::without("--drand evmnet", "evmnet")),
        _ => Chain::quicknet(),
    })
}

fn recorded_beacons(path: &Path) -> eyre::Result<RecordedBeacons> {
    let json = read_file(path, LARGEST_SETTINGS);
    let json = json.wrap_err_with(|| format!("cannot read --beacons {}", path.display()))?;
    RecordedBeacons::from_json(&json)
        .wrap_err_with(|| format!("--beacons {} does not list beacons", path.display()))
}

/// The given source of beacons: a file or relays.
pub(crate) fn beacons(args: &BeaconArgs) -> eyre::Result<Beacons> {
    let chain = drand_chain(&args.drand)?;
    let relays = || match args.relays.is_empty() {
        true => Relays::new(chain.clone(), &PUBLIC_RELAYS),
        false => Relays::new(chain.clone(), &args.relays),
    };
    let source: BoxedBeacons = match (&args.beacons, &args.beacon_cache) {
        (Some(path), _) => Box::new(recorded_beacons(path)?),
        (None, None) => Box::new(relays()?),
        (None, Some(directory)) => Box::new(Cached::open(chain.clone(), relays()?, directory)?),
    };
    Ok(Verified::new(chain, source))
}
