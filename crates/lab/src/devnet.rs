//! `assize-lab devnet`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assize_cli::output::{self, Outcome};
use assize_cli::wait_for;
use assize_deployment::{BeaconParams, CourtParams, DeployParams};
use assize_drand::serve::{Devnet, router};
use assize_drand::{ChainInfo, SystemClock};
use assize_protocol::{AttoFil, Parameters};
use assize_service::{Audience, ConnectionLimits, Stop, bind, serve};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::filecoin::{LocalFilecoin, Plan};
use assize_testkit::network::derive_key;
use clap::{Args, value_parser};
use eyre::WrapErr;

use crate::settings::{settings, to_toml};
use crate::up::stop_on_signal;

/// Seconds between blocks, and between beacons.
const TICK: u64 = 1;
/// What anvil's accounts are for.
const ROLES: [&str; 9] = [
    "OWNER",
    "COORDINATOR",
    "PUBLISHER",
    "GUARDIAN",
    "EVALUATOR_1",
    "EVALUATOR_2",
    "EVALUATOR_3",
    "PAYOUT",
    // Has no role: for keys that are to be funded.
    "SPARE",
];

/// Run what is around a network: chain, drand, Filecoin node, indexer, providers.
#[derive(Debug, Args)]
pub(crate) struct DevnetArgs {
    /// New directory for configuration, parameters, keys and tasks.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Providers.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=200))]
    providers: u32,
    /// Payloads of each provider.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u32).range(1..=1_000))]
    payloads: u32,
    /// Seed of the providers and of drand's key.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &DevnetArgs) -> eyre::Result<Outcome> {
    let directory = std::path::absolute(output::empty_directory(&args.directory)?)?;
    wait_for(devnet(args, &directory))
}

async fn devnet(args: &DevnetArgs, directory: &Path) -> eyre::Result<Outcome> {
    let stop = Stop::default();
    stop_on_signal(&stop)?;
    let anvil = Anvil::start_live(TICK)?;
    let key = derive_key(args.seed, "drand", 0).to_secret_bytes();
    let drand = Devnet::new(&key, anvil.timestamp()?.saturating_sub(600), TICK)?;
    let info = drand.chain().info().clone();
    let (listener, relay) = bind(([127, 0, 0, 1], 0).into()).await?;
    let served = tokio::spawn(serve(
        listener,
        router(drand, SystemClock),
        ConnectionLimits::ONE_HOST,
        Audience::Anyone,
        stop.clone(),
    ));
    let mut plan = Plan::mixed(args.seed, args.providers, args.payloads);
    plan.upstream = Some(anvil.url().to_owned());
    let filecoin = LocalFilecoin::start(&plan)?;

    let params = parameters(&anvil, &info)?;
    let keys = (0..)
        .zip(ROLES)
        .try_fold(String::new(), |mut keys, (index, role)| {
            writeln!(keys, "export {role}={}", anvil.dev_key(index))?;
            Ok::<_, std::fmt::Error>(keys)
        })?;
    let files = [
        ("tasks.ndjson", filecoin.tasks().to_ndjson()),
        ("drand.json", serde_json::to_vec(&info)?),
        ("params.json", serde_json::to_vec_pretty(&params)?),
        (
            "network.toml",
            to_toml(&settings(directory, &relay, &filecoin)).into_bytes(),
        ),
        ("keys.env", keys.into_bytes()),
    ];
    for (name, content) in files {
        let file = directory.join(name);
        std::fs::write(&file, content).wrap_err_with(|| format!("cannot write {}", file.display()))?;
    }
    output::say(format!(
        "{} providers with {} payloads; chain at {}, with Filecoin's methods at {}; drand at {relay}\n  docs/devnet.md, \"A network \
         by hand\", goes on with the files in {}",
        args.providers,
        filecoin.tasks().count(),
        anvil.url(),
        filecoin.rpc_url(),
        directory.display()
    ));
    stop.asked().await;
    served.await?;
    Ok(Outcome::Done)
}

/// For five checkers, rounds of a minute, and settlements that are active after twenty seconds.
fn parameters(anvil: &Anvil, drand: &ChainInfo) -> eyre::Result<DeployParams> {
    let address = |role: &str| {
        let index = ROLES.iter().position(|name| *name == role).unwrap_or_default();
        assize_keys::Signer::from_bytes(&anvil.dev_key(index)).map(|signer| signer.address())
    };
    Ok(DeployParams {
        chain_id: CHAIN_ID,
        beacon: BeaconParams::Drand {
            public_key: drand.public_key.clone().into(),
            genesis: drand.genesis_time,
            period: drand.period,
        },
        owner: address("OWNER")?,
        coordinator: address("COORDINATOR")?,
        publishers: vec![address("PUBLISHER")?],
        guardian: address("GUARDIAN")?,
        treasury: address("OWNER")?,
        evaluators: vec![
            address("EVALUATOR_1")?,
            address("EVALUATOR_2")?,
            address("EVALUATOR_3")?,
        ],
        threshold: 2,
        min_challenge_window: 20,
        challenge_window: 20,
        court: CourtParams::within(20),
        payment_gas: 60_000,
        parameters: Parameters {
            round_duration: 60,
            beacon_delay: 15,
            step: 2,
            min_committee_size: 3,
            max_committee_size: 100,
            quorum: 3,
            max_tasks_per_committee: 10,
            target_measurements: 50,
            budget: AttoFil::from_fil(5),
        },
    })
}
