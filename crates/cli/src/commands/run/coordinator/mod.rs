//! `assize run coordinator`.

mod options;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use assize_api::{Api, IngestKey, Parts, check_secrets, open_subnet_tagger};
use assize_coordinator::{Coordinator, Settings, metrics, read_tasks};
use assize_ingest::{Database, DatabaseOptions};
use assize_outbox::Outbox;
use assize_service::{Clock, Status, Stop};
use assize_store::Store;
use clap::Args;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::json;
use tokio::time::timeout;

use self::options::{ClientArgs, StationArgs, config};
use crate::args::{BeaconArgs, ChainArgs, DatabaseArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::connect::{Network, beacons, store};
use crate::output::{self, Outcome};
use crate::preflight::{Duty, Preflight};
use crate::signer::signer;
use assize_service::DataDir;

/// Time for the API to shut down, longer than its timeout for open requests.
const API_SHUTDOWN: Duration = Duration::from_secs(12);
/// How long the latest round may fail to load before the coordinator is unhealthy: a store may be away for a moment.
const ROUND_PATIENCE: Duration = Duration::from_secs(60);

/// Accept heartbeats and measurements, open rounds and reveal their beacons.
#[derive(Debug, Args)]
pub(crate) struct CoordinatorArgs {
    /// Task list, read again for each round [default: DATA/tasks.ndjson].
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,
    /// API for checkers, /healthz, /readyz, /metrics.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9080")]
    listen: SocketAddr,
    /// Address of /healthz and /metrics.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "ingest_only")]
    metrics: Option<SocketAddr>,
    /// Do not open rounds, because another instance does; needs no key.
    #[arg(long)]
    ingest_only: bool,
    /// Key of receipts, shared by all instances [default: DATA/ingest.key].
    #[arg(long, value_name = "FILE")]
    ingest_key: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    stations: StationArgs,
    #[command(flatten)]
    clients: ClientArgs,
    #[command(flatten)]
    queue: QueueArgs,
}

pub(crate) async fn run(args: &CoordinatorArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let beacons = Arc::new(beacons(&args.beacons)?);
    let mut config = config(&args.stations, &args.clients)?;
    let signer = match args.ingest_only {
        true => None,
        false => Some(signer(&args.key).await?),
    };
    let tasks = args.tasks.clone().unwrap_or_else(|| data.task_list());
    let or_default = |given: &Option<PathBuf>, default: PathBuf| given.clone().unwrap_or(default);
    let key_file = or_default(&args.ingest_key, data.ingest_key());
    let subnet_secret = or_default(&args.clients.subnet_secret, data.subnet_secret());
    let mut preflight = Preflight::new(&network, data).await?;
    preflight.store(&args.store, data, !args.ingest_only);
    preflight.record(check_secrets(&key_file, &subnet_secret));
    let listener = preflight.bind(Some(args.listen)).await;
    let observed = preflight.bind(args.metrics).await;
    preflight.drand(beacons.chain()).await?;
    if let Some(signer) = &signer {
        preflight.duty(Duty::Coordinator, signer.address()).await?;
        preflight.funds(signer).await?;
        // Later rounds can be opened with the tasks of the round before.
        match (read_tasks(&tasks), network.rounds.latest_round().await?) {
            (Err(error), Some(_)) => {
                tracing::warn!("{error}; rounds are opened with the tasks of the round before")
            }
            (read, _) => _ = preflight.record(read),
        }
    }
    preflight.finish()?;
    let (listener, url) = listener.ok_or_eyre("the API does not listen on any address")?;
    data.create()?;
    let clock = Clock::system();
    let options = DatabaseOptions {
        clock: clock.clone(),
        daily_bytes: args.clients.daily_storage(),
    };
    let location = args.database.location(data);
    // Checkers refuse the receipts of a key that they do not know.
    ensure!(
        key_file.exists() || location.connect_ingest()?.is_empty()?,
        "the ingest key {} is missing, but the database has measurements for which it signed receipts: restore the key from its \
         backup. If it is lost, put a new one there, `openssl rand -hex 32` with mode 600, and tell checkers its address, \
         which they give as --ingest-address",
        key_file.display()
    );
    let database = Database::open_with(&location, options)?;
    let store: Arc<dyn Store> = Arc::from(store(&args.store, data)?);
    let key = IngestKey::open(&key_file)?;
    let ingest = key.address();
    let parts = Parts {
        database: database.clone(),
        rounds: network.rounds.clone(),
        rewards: network.deployment.rewards,
        store: store.clone(),
        beacons: Arc::clone(&beacons),
        key,
        tagger: open_subnet_tagger(&subnet_secret)?,
        clock: clock.clone(),
    };
    config.poll = args.queue.poll.unwrap_or(config.poll);
    let api = Api::new(config, parts)?;
    let mut coordinator = match signer {
        None => None,
        Some(signer) => {
            let outbox = Outbox::open(
                &data.coordinator_queue(),
                network.client.clone(),
                signer,
                args.queue.policy(network.deployment.chain_id),
            )?;
            let (rounds, settings) = (network.rounds.clone(), settings(&args.stations, tasks));
            Some(Coordinator::new(
                database, outbox, rounds, store, beacons, settings, clock,
            ))
        }
    };

    let stop = Stop::default();
    let mut ready = json!({"url": url, "ingest": ingest, "opensRounds": coordinator.is_some()});
    let pause = args.queue.policy(network.deployment.chain_id).poll;
    let status = Status::new(metrics(), 60 + 10 * pause.as_secs());
    status.watch_disk(data.path());
    let watched = api.clone();
    status.watch(move || watched.lasting_trouble(ROUND_PATIENCE));
    if let Some((listener, url)) = observed {
        status.serve(listener, &stop);
        ready["metrics"] = url.into();
    }
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move {
            let served = api.serve(listener, stop.clone()).await;
            // Without the API no station learns of rounds: stop, so that the supervisor restarts both.
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
    // A receipt is sent only after the measurement is stored, so a client that is cut off loses nothing.
    match timeout(API_SHUTDOWN, serving).await {
        Ok(served) => served?.wrap_err("the API for checkers stopped")?,
        Err(_) => tracing::warn!("shutting down with open requests: the API did not stop in time"),
    }
    coordinated?;
    Ok(Outcome::Done)
}

fn settings(stations: &StationArgs, tasks: PathBuf) -> Settings {
    let StationArgs {
        live_for,
        min_stations,
        max_per_subnet,
        minimum_version,
        ..
    } = *stations;
    Settings {
        tasks,
        live_for,
        min_stations,
        max_per_subnet,
        minimum_version,
    }
}
