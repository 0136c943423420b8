//! One file a command (or a family of them).

pub(crate) mod address;
pub(crate) mod balance;
pub(crate) mod beacon;
pub(crate) mod bundle;
pub(crate) mod challenge;
pub(crate) mod check;
pub(crate) mod checker;
pub(crate) mod claim;
pub(crate) mod committees;
pub(crate) mod connect;
pub(crate) mod coordinator;
pub(crate) mod deploy;
pub(crate) mod deployment;
pub(crate) mod deposit;
pub(crate) mod evaluate;
pub(crate) mod evaluator;
pub(crate) mod evidence;
pub(crate) mod gateway;
pub(crate) mod key;
pub(crate) mod operators;
pub(crate) mod payout;
pub(crate) mod payout_address;
pub(crate) mod publish;
pub(crate) mod receipt;
pub(crate) mod round;
pub(crate) mod rsr;
pub(crate) mod settle;
pub(crate) mod simulate;
pub(crate) mod spark;
pub(crate) mod verify;

use std::future::Future;

use eyre::WrapErr;

use crate::args::{Cli, Command};
use crate::output::Outcome;
use crate::{demo, up};

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> eyre::Result<Outcome> {
    match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Up(args) => up::run(&args),
        Command::Beacon(command) => beacon::run(&command),
        Command::Check(args) => wait_for(check::run(&args)),
        Command::Checker(args) => wait_for(checker::run(&args)),
        Command::Committees(args) => committees::committees(&args),
        Command::Tasks(args) => committees::tasks(&args),
        Command::Shuffle(args) => committees::shuffle(&args),
        Command::Address(args) => wait_for(address::run(&args)),
        Command::Deploy(args) => wait_for(deploy::run(&args)),
        Command::Deployment(command) => wait_for(deployment::run(&command)),
        Command::Deposit(args) => wait_for(deposit::run(&args)),
        Command::Round(command) => wait_for(round::run(&command)),
        Command::Coordinator(args) => wait_for(coordinator::run(&args)),
        Command::Publish(args) => wait_for(publish::run(&args)),
        Command::Evaluate(args) => wait_for(evaluate::run(&args)),
        Command::Evaluator(args) => wait_for(evaluator::run(&args)),
        Command::Settle(command) => wait_for(settle::run(&command)),
        Command::Receipt(command) => wait_for(receipt::run(&command)),
        Command::Gateway(args) => wait_for(gateway::run(&args)),
        Command::Payout(args) => wait_for(payout::run(&args)),
        Command::Balance(args) => wait_for(balance::run(&args)),
        Command::Claim(args) => wait_for(claim::run(&args)),
        Command::PayoutAddress(command) => wait_for(payout_address::run(&command)),
        Command::Bundle(command) => wait_for(bundle::run(&command)),
        Command::Rsr(args) => rsr::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Spark(command) => spark::run(&command),
        Command::Verify(command) => wait_for(verify::run(&command)),
    }
}

/// Runs a command that talks to a node.
pub(crate) fn wait_for<T>(work: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .wrap_err("the async runtime does not start")?
        .block_on(work)
}
