//! From arguments to things that can be talked to.

use std::path::Path;
use std::time::Duration;

use assize_chain::{ChainClient, Deployment, Rewards, Rounds, RpcUrl};
use assize_drand::{BeaconSource, Cached, Chain, PUBLIC_RELAYS, RecordedBeacons, Relays, Verified};
use assize_store::{Kubo, LocalStore, S3, Store};
use eyre::{Context, ensure, eyre};
use serde::de::DeserializeOwned;

use crate::args::{BeaconArgs, ChainArgs, DrandArgs, StoreArgs};

/// How long a command waits for a transaction of its own: ten epochs of Filecoin.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Wherever beacons come from.
pub(crate) type BoxedBeacons = Box<dyn BeaconSource + Send + Sync>;

/// Beacons, each verified before it is used.
pub(crate) type Beacons = Verified<BoxedBeacons>;

/// A node and the contracts on its chain.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub client: ChainClient,
    pub deployment: Deployment,
    pub rounds: Rounds,
    pub rewards: Rewards,
}

impl Network {
    /// Connects, and makes sure that node and deployment are of one chain.
    pub(crate) async fn connect(args: &ChainArgs) -> eyre::Result<Self> {
        let deployment: Deployment = read_deployment(&args.deployment)?;
        let url: RpcUrl = args.rpc_url.parse()?;
        let client = ChainClient::connect_to(&url, deployment.chain_id).await?;
        Ok(Self::new(client, deployment))
    }

    pub(crate) fn new(client: ChainClient, deployment: Deployment) -> Self {
        let rounds = Rounds::new(client.clone(), deployment.rounds);
        let rewards = Rewards::new(client.clone(), deployment.rewards);
        Self {
            client,
            deployment,
            rounds,
            rewards,
        }
    }
}

/// Reads a deployment file, or as much of it as is wanted.
pub(crate) fn read_deployment<T: DeserializeOwned>(path: &Path) -> eyre::Result<T> {
    let remedy = || eyre!("give the file that `assize deploy` wrote, with --deployment or ASSIZE_DEPLOYMENT");
    let bytes = std::fs::read(path)
        .wrap_err_with(remedy)
        .wrap_err_with(|| format!("cannot read the deployment file {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .wrap_err_with(remedy)
        .wrap_err_with(|| format!("{} is no deployment file", path.display()))
}

/// The store that was named: a directory, a bucket, a node.
pub(crate) fn store(args: &StoreArgs) -> eyre::Result<Box<dyn Store>> {
    open_store(&args.store)
}

/// The same, by its name alone.
pub(crate) fn open_store(place: &str) -> eyre::Result<Box<dyn Store>> {
    if place.starts_with("s3://") {
        return Ok(Box::new(S3::from_env(place)?));
    }
    if let Some(url) = place.strip_prefix("kubo:") {
        return Ok(Box::new(Kubo::new(
            url,
            std::env::var("ASSIZE_KUBO_AUTHORIZATION").ok(),
        )?));
    }
    ensure!(
        !place.contains("://"),
        "--store {place}: give a directory, s3://bucket/prefix, or kubo:http://127.0.0.1:5001"
    );
    Ok(Box::new(LocalStore::open(place)?))
}

/// The drand chain that was named.
pub(crate) fn drand_chain(args: &DrandArgs) -> eyre::Result<Chain> {
    if let Some(path) = &args.info {
        let json =
            std::fs::read(path).wrap_err_with(|| format!("cannot read --drand-info {}", path.display()))?;
        return Chain::from_json(&json)
            .wrap_err_with(|| format!("--drand-info {} describes no drand chain", path.display()));
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

/// Beacons from a file or from relays.
pub(crate) fn beacons(args: &BeaconArgs) -> eyre::Result<Beacons> {
    let chain = drand_chain(&args.drand)?;
    let relays = || match args.relays.is_empty() {
        true => Relays::new(chain.clone(), &PUBLIC_RELAYS),
        false => Relays::new(chain.clone(), &args.relays),
    };
    let source: BoxedBeacons = match (&args.beacons, &args.beacon_cache) {
        (Some(path), _) => Box::new(RecordedBeacons::read(path)?),
        (None, None) => Box::new(relays()?),
        (None, Some(directory)) => Box::new(Cached::open(chain.clone(), relays()?, directory)?),
    };
    Ok(Verified::new(chain, source))
}
