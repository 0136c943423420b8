//! A deployment as text.

use std::fmt::Write;
use std::path::Path;

use assize_chain::Address;
use assize_deployment::{BeaconParams, DeployParams, DeployPlan, DeploymentRecord, Part, Step, chain_name};
use assize_protocol::AttoFil;
use assize_service::{date_and_time, duration};
use serde::Serialize;

use crate::output::grouped;

/// A role, its addresses, and what it may do.
#[derive(Debug, Serialize)]
pub(super) struct Role {
    role: &'static str,
    addresses: Vec<Address>,
    may: String,
}

/// Every role of a network.
pub(super) fn roles(params: &DeployParams) -> Vec<Role> {
    let role = |role, addresses: &[Address], may: String| Role {
        role,
        addresses: addresses.to_vec(),
        may,
    };
    vec![
        role(
            "owner",
            &[params.owner],
            "announces parameters, coordinator, publishers, evaluators, a guardian and a shorter window, which come one challenge \
             window later, and the end; never touches money"
                .into(),
        ),
        role(
            "coordinator",
            &[params.coordinator],
            "opens rounds with roster and task list; cannot choose the draw".into(),
        ),
        role(
            "publishers",
            &params.publishers,
            match params.publishers.is_empty() {
                true => "WARNING: there is none, so no batch can be committed until one challenge window after the owner has admitted one"
                    .into(),
                false => "commit batches of measurements; can leave some out".into(),
            },
        ),
        role(
            "evaluators",
            &params.evaluators,
            format!(
                "{} of {} together sign settlements: who gets what, within the rounds' budgets",
                params.threshold,
                params.evaluators.len()
            ),
        ),
        role(
            "guardian",
            &[params.guardian],
            "vetoes pending settlements, suspends publishers and the coordinator, cancels what is announced; nothing else".into(),
        ),
        role(
            "treasury",
            &[params.treasury],
            "receives funds that were never allocated, at least 30 days after the end is announced; can transfer its role".into(),
        ),
    ]
}

/// Every parameter: field, value, and what it does.
fn settings(params: &DeployParams) -> Vec<(&'static str, String, String)> {
    let beacon = match &params.beacon {
        BeaconParams::Drand { genesis, period, .. } => (
            format!(
                "drand, period {}, genesis {}",
                duration(*period),
                date_and_time(*genesis)
            ),
            "DrandBeacon verifies beacons by pairing".into(),
        ),
        BeaconParams::FilecoinMainnet { slack_epochs }
        | BeaconParams::FilecoinCalibration { slack_epochs } => (
            format!("{}, slackEpochs {slack_epochs}", chain_name(params.chain_id)),
            "FilecoinBeacon compares beacons with those verified by Filecoin's consensus".into(),
        ),
    };
    let seconds = duration;
    let p = &params.parameters;
    vec![
        ("beacon", beacon.0, beacon.1),
        (
            "minChallengeWindow",
            seconds(params.min_challenge_window),
            "the owner can never set a shorter window; permanent".into(),
        ),
        (
            "challengeWindow",
            seconds(params.challenge_window),
            "from posting a settlement to its money, and from announcing a change to its effect".into(),
        ),
        (
            "court",
            format!(
                "{} to answer, {} of slack, {} to demand",
                seconds(params.court.answer_window),
                seconds(params.court.slack),
                seconds(params.court.demand_window)
            ),
            format!(
                "places of a settlement are shown in time or it is void; bond at least {}; permanent",
                params.court.least_bond
            ),
        ),
        (
            "paymentGas",
            grouped(params.payment_gas),
            "gas for each payment of a batch; permanent".into(),
        ),
        (
            "roundDuration",
            seconds(p.round_duration.into()),
            "from opening to closing".into(),
        ),
        (
            "beaconDelay",
            seconds(p.beacon_delay.into()),
            "the draw's beacon comes this long after opening, or later".into(),
        ),
        (
            "step",
            seconds(p.step.into()),
            "unit of the timetable after closing: batches for 21 of them, settled after 32".into(),
        ),
        (
            "committees",
            format!("{} to {}", p.min_committee_size, p.max_committee_size),
            "stations; with fewer, no verdicts".into(),
        ),
        (
            "quorum",
            p.quorum.to_string(),
            "votes that a verdict needs".into(),
        ),
        (
            "tasks",
            format!("up to {}", p.max_tasks_per_committee),
            format!(
                "per committee, for {} measurements per round",
                grouped(p.target_measurements.into())
            ),
        ),
        ("budget", p.budget.to_string(), "maximum payout per round".into()),
    ]
}

/// A dry run.
pub(super) fn plan(params: &DeployParams, plan: &DeployPlan) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line(format!(
        "Plan for {} (chain {}); `assize deploy apply` sends it.\n\nParameters",
        chain_name(params.chain_id),
        params.chain_id
    ));
    for (name, value, meaning) in settings(params) {
        line(format!("  {name:<18} {value:<41} {meaning}"));
    }
    line("\nRoles".into());
    for role in roles(params) {
        line(format!("  {:<12} {}", role.role, role.may));
        match role.addresses.as_slice() {
            [] => line("                 none yet".into()),
            addresses => addresses
                .iter()
                .for_each(|address| line(format!("                 {address}"))),
        }
    }
    line("\nTransactions".into());
    for creation in &plan.creations {
        let gas = creation
            .gas
            .map_or_else(|| "refused".into(), |gas| format!("{} gas", grouped(gas)));
        line(format!(
            "  create {:<15} {gas:>18}, {} bytes",
            creation.name,
            grouped(creation.bytes as u64)
        ));
    }
    line(format!(
        "  {} gas at up to {} for a unit: at most {}; {} has {}",
        grouped(plan.gas()),
        AttoFil::new(plan.gas_price),
        plan.cost,
        plan.deployer,
        plan.balance
    ));
    if !plan.warnings.is_empty() {
        line("\nWarnings".into());
        for warning in &plan.warnings {
            line(format!("  {warning}"));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Progress: what a transaction does, and its result.
pub(super) fn step(step: &Step) -> String {
    let what = format!("create {}", step.part.name());
    match step.mined {
        None => format!(
            "{what}: transaction {} with nonce {}",
            step.transaction, step.nonce
        ),
        Some(mined) => {
            let at = mined
                .contract
                .map_or_else(String::new, |address| format!(", at {address}"));
            format!("{what}: mined in block {}{at}", mined.block)
        }
    }
}

/// The finished deployment.
pub(super) fn deployed(record: &DeploymentRecord, file: &Path) -> String {
    let d = &record.deployment;
    let mut text = format!("deployed on {} (chain {})\n", chain_name(d.chain_id), d.chain_id);
    for part in Part::ALL {
        let address = d.at(part);
        let name = record
            .contracts
            .get(&part)
            .map_or("", |contract| contract.name.as_str());
        let _ = writeln!(text, "  {name:<15} {address}");
    }
    let gas = d.gas_used.unwrap_or_default();
    let _ = writeln!(text, "  from block {} on, {} gas in all", d.block, grouped(gas));
    let _ = write!(
        text,
        "written to {}; compare it with the chain at any time: assize deploy check",
        file.display()
    );
    text
}
