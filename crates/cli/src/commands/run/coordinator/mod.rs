//! `assize coordinator`.

mod options;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assize_api::coordinator::{Coordinator, Metrics, Settings};
use assize_api::{Api, Database, DatabaseOptions, IngestKey, Location, Parts, open_subnet_tagger};
use assize_outbox::Outbox;
use assize_service::{Clock, Status, Stop};
use assize_store::Store;
use clap::Args;
use eyre::{OptionExt, WrapErr};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::timeout;

use self::options::{ClientArgs, StationArgs, config};
use super::connect::{Beacons, Network, beacons, store};
use super::key::signer;
use crate::args::{BeaconArgs, ChainArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::output::{self, Outcome};

/// How long the api may take to end: more than it gives requests that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(12);

/// Take heartbeats and measurements, open rounds on time and reveal their beacons.
///
/// Runs until it is told to end (SIGTERM, SIGINT). Can be killed at any moment and run again: no round is opened twice, and no
/// measurement is lost that was answered with a receipt. `assize publish --ingest` reads the same --database. Where several
/// run on one PostgreSQL, one opens rounds, and the others have --ingest-only.
#[derive(Debug, Args)]
pub(crate) struct CoordinatorArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Stations and measurements: a file (SQLite), or a database such as postgres://user:password@host/name.
    #[arg(
        long,
        env = "ASSIZE_DATABASE",
        value_name = "FILE|URL",
        default_value = "api.sqlite",
        hide_env_values = true
    )]
    database: Location,
    /// Database of the transaction queue: one for each key.
    #[arg(long, value_name = "FILE", default_value = "coordinator.sqlite")]
    state: PathBuf,
    /// Task list (NDJSON, docs/protocol.md), read anew at each opening. While it is broken, the last good one goes on.
    #[arg(long, value_name = "FILE", required_unless_present = "ingest_only")]
    tasks: Option<PathBuf>,
    /// Address for stations; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9080")]
    listen: SocketAddr,
    /// Address for /healthz and /metrics of the opening of rounds, which are nobody else's business; port 0 takes a free
    /// one.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "ingest_only")]
    status: Option<SocketAddr>,
    /// Do not open rounds: another instance on the same database does. Needs no key.
    #[arg(long)]
    ingest_only: bool,
    /// Key that signs receipts; made if the file is not there. All instances need the same.
    #[arg(long, value_name = "FILE", default_value = "ingest.key")]
    ingest_key: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    stations: StationArgs,
    #[command(flatten)]
    clients: ClientArgs,
    #[command(flatten)]
    queue: QueueArgs,
}

pub(crate) async fn run(args: &CoordinatorArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let clock = Clock::system();
    let options = DatabaseOptions {
        clock: clock.clone(),
        daily_bytes: args.clients.daily_storage,
    };
    let database = Database::open_with(&args.database, options)?;
    let store: Arc<dyn Store> = Arc::from(store(&args.store)?);
    let beacons = Arc::new(beacons(&args.beacons)?);
    let key = IngestKey::open(&args.ingest_key)?;
    let ingest = key.address();
    let parts = Parts {
        database: database.clone(),
        rounds: network.rounds.clone(),
        rewards: network.deployment.rewards,
        store: store.clone(),
        beacons: Arc::clone(&beacons),
        key,
        tagger: open_subnet_tagger(&args.clients.subnet_secret)?,
        clock: clock.clone(),
    };
    let mut config = config(&args.stations, &args.clients)?;
    config.poll = args.queue.poll.unwrap_or(config.poll);
    let api = Api::new(config, parts)?;
    let mut coordinator = match args.ingest_only {
        true => None,
        false => Some(open(args, &network, database, store, beacons, clock).await?),
    };

    let stop = Stop::default();
    let listener = TcpListener::bind(args.listen)
        .await
        .wrap_err_with(|| format!("cannot listen on {}", args.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut ready = json!({"url": url, "ingest": ingest, "opensRounds": coordinator.is_some()});
    let pause = args.queue.policy(network.deployment.chain_id).poll;
    let status = Status::new(Metrics::new(), 60 + 10 * pause.as_secs());
    if let Some(address) = args.status {
        ready["status"] = status.listen(address, &stop).await?.into();
    }
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move {
            let served = api.serve(listener, stop.clone()).await;
            // Rounds that no station can ask for are of no use: the supervisor starts both anew.
            stop.set();
            served
        }
    });
    output::json(&ready)?;
    stop.set_on_signal();
    let coordinated = match &mut coordinator {
        Some(coordinator) => assize_service::run(coordinator, pause, &status, &stop).await,
        None => {
            stop.asked().await;
            Ok(())
        }
    };
    stop.set();
    // What is taken is durable before it is answered, so whoever is too slow loses nothing that was promised.
    match timeout(LAST_ANSWERS, serving).await {
        Ok(served) => served?.wrap_err("stations are not served any more")?,
        Err(_) => tracing::warn!("ending, though not everybody is answered, or the node does not answer"),
    }
    coordinated?;
    Ok(Outcome::Done)
}

async fn open(
    args: &CoordinatorArgs,
    network: &Network,
    database: Database,
    store: Arc<dyn Store>,
    beacons: Arc<Beacons>,
    clock: Clock,
) -> eyre::Result<Coordinator> {
    let outbox = Outbox::open(
        &args.state,
        network.client.clone(),
        signer(&args.key).await?,
        args.queue.policy(network.deployment.chain_id),
    )?;
    let StationArgs {
        live_for,
        min_stations,
        max_per_subnet,
        minimum_version,
        ..
    } = args.stations;
    let settings = Settings {
        tasks: args.tasks.clone().ok_or_eyre("no task list: give --tasks FILE")?,
        live_for,
        min_stations,
        max_per_subnet,
        minimum_version,
    };
    let rounds = network.rounds.clone();
    Ok(Coordinator::new(
        database, outbox, rounds, store, beacons, settings, clock,
    ))
}
