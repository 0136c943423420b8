//! The demo, step by step.

use std::collections::BTreeMap;
use std::path::Path;

use assize_chain::{ChainClient, Draft};
use assize_deployment::{BeaconParams, CourtParams, DeployParams, deploy_with};
use assize_drand::{Chain, RecordedBeacons, Verified};
use assize_protocol::{AttoFil, BeaconRound, Parameters, RoundNumber, TaskList};
use assize_store::LocalStore;
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan};
use eyre::OptionExt;

use super::DemoArgs;
use super::environment::{Environment, Files, Progress};
use super::report::Report;
use super::roles::Roles;
use super::round::run_round;
use super::schedule::{self, Slot};
use super::settlement::{pay, settle};
use super::summary::report;
use super::verify::{save_chain, verify_in_new_process};
use assize_cli::connect::{self, PATIENCE};

/// What is put into the pool.
const DEPOSIT: AttoFil = AttoFil::from_fil(20);
/// Seconds between posting a settlement and its activation.
const CHALLENGE_WINDOW: u64 = 86_400;
/// Creation code of a contract that rejects every payment.
const REFUSING_CONTRACT: &str = "0x625f5ffd5f526003601df3";

/// Runs the demo.
pub(super) async fn run(args: &DemoArgs, directory: &Path) -> eyre::Result<Report> {
    let mut progress = Progress::start();
    let recorded = fixtures::beacons()?;
    let beacons = Verified::new(Chain::quicknet(), RecordedBeacons::new(recorded.iter().cloned())?);
    let tasks = fixtures::tasks()?;
    let parameters = Parameters {
        step: schedule::STEP,
        ..Parameters::default()
    };
    let drand_rounds: Vec<BeaconRound> = recorded.iter().map(|beacon| beacon.round).collect();
    let schedule = beacons.chain().schedule();
    let slots = schedule::plan(
        args.rounds.into(),
        &drand_rounds,
        schedule,
        parameters.beacon_delay,
    )?;
    let first = slots.first().ok_or_eyre("a demo has at least one round")?;

    let files = Files::new(directory);
    files.write("beacons.json", fixtures::BEACONS_JSON.as_bytes())?;
    let (mut environment, roles, network) = set_up(args, files, &tasks, first, &parameters).await?;
    progress.done(format!(
        "local chain and contracts; {} FIL deposited",
        DEPOSIT.short()
    ));

    let mut rounds = Vec::new();
    for (number, slot) in (1..).zip(&slots) {
        run_round(
            &mut environment,
            &roles,
            &network,
            &beacons,
            &tasks,
            RoundNumber(number),
            slot,
            &mut progress,
        )
        .await?;
        rounds.push(RoundNumber(number));
    }

    let (evaluated, settlement) = settle(&mut environment, &roles, &beacons, &rounds, &mut progress).await?;
    let money = pay(
        &mut environment,
        &roles,
        &network,
        &evaluated,
        &settlement,
        &mut progress,
    )
    .await?;
    let verification = verify_in_new_process(&environment)?;
    progress.done(format!(
        "verified from chain, store and beacons alone: {}",
        verification.verdict
    ));
    if args.keep.is_some() {
        save_chain(&environment)?;
    }
    report(
        args,
        &environment,
        &network,
        &tasks,
        &beacons,
        &slots,
        evaluated,
        settlement,
        money,
        verification,
        progress,
    )
}

/// Starts the chain, funds the roles, deploys the contracts, and deposits.
async fn set_up(
    args: &DemoArgs,
    files: Files,
    tasks: &TaskList,
    first: &Slot,
    parameters: &Parameters,
) -> eyre::Result<(Environment, Roles, Network)> {
    let anvil = Anvil::start_at(first.opened_at - 3_600)?;
    let client = ChainClient::connect_to(&anvil.url().parse()?, CHAIN_ID).await?;

    // The network needs the address of the contract that rejects payments; the roles need an operator's key from the network.
    let plan = NetworkPlan {
        seed: args.seed,
        stations: args.stations,
        refusing_operator: None,
    };
    let mut network = Network::new(plan, tasks);
    let roles = Roles::new(args.seed, network.claiming_operator_key(), &anvil)?;
    let refusing = Draft::create(
        "refusing contract",
        REFUSING_CONTRACT.parse::<assize_chain::Bytes>()?,
    );
    let refusing = client
        .transact(&roles.owner, &refusing, PATIENCE)
        .await?
        .contract_address;
    network = Network::new(
        NetworkPlan {
            refusing_operator: refusing,
            ..plan
        },
        tasks,
    );

    let params = DeployParams {
        chain_id: CHAIN_ID,
        beacon: BeaconParams::quicknet(),
        owner: roles.owner.address(),
        coordinator: roles.coordinator.address(),
        publishers: vec![roles.publisher.address()],
        guardian: roles.guardian.address(),
        treasury: roles.owner.address(),
        evaluators: roles
            .evaluators
            .iter()
            .map(|evaluator| evaluator.address())
            .collect(),
        threshold: 2,
        min_challenge_window: CHALLENGE_WINDOW,
        challenge_window: CHALLENGE_WINDOW,
        court: CourtParams::within(CHALLENGE_WINDOW),
        payment_gas: 60_000,
        parameters: Parameters {
            round_duration: first.duration,
            ..*parameters
        },
    };
    let record = deploy_with(&client, &roles.owner, &params, None, &mut |_| Ok(())).await?;
    files.write("deployment.json", &serde_json::to_vec_pretty(&record)?)?;
    let deployment = record.deployment;
    let store = LocalStore::open(files.path("store"))?;
    let network_on_chain = connect::Network::new(client, deployment);
    let mut environment = Environment {
        anvil,
        network: network_on_chain,
        store,
        files,
        gas: BTreeMap::new(),
    };
    environment.record_gas("deploy, all contracts", deployment.gas_used.unwrap_or_default());
    let deposit = environment.network.rewards.deposit(DEPOSIT);
    environment
        .transact("deposit", &roles.depositor, &deposit)
        .await?;
    Ok((environment, roles, network))
}
