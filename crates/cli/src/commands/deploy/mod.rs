//! `assize deploy`.

mod files;
mod words;

use std::path::PathBuf;

use assize_chain::{
    Address, ChainClient, ChainError, DeployParams, DeployPlan, Journal, Rounds, RpcUrl, Signer, SignerError,
    chain_name, deploy_with, plan_deployment,
};
use clap::Args;
use serde_json::{Value, json};

use self::files::Place;
use super::key::signer;
use crate::args::KeyArgs;
use crate::output::{self, Outcome};

pub(super) use self::files::write_record;

/// Put the contracts on a chain. A dry run, unless --broadcast is given: shows every parameter and every role, plays the
/// constructors, and says what it would cost and what would be refused.
///
/// With --broadcast, writes the deployment file of all other commands. If it is interrupted, --resume goes on where it stopped.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// JSON-RPC endpoint.
    #[arg(long, env = "ASSIZE_RPC_URL", value_name = "URL", hide_env_values = true)]
    rpc_url: String,
    /// Parameters (JSON or TOML; examples in docs/params).
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    /// Really send the transactions.
    #[arg(long)]
    broadcast: bool,
    /// Go on with a deployment that was interrupted.
    #[arg(long, requires = "broadcast", conflicts_with = "force")]
    resume: bool,
    /// Where the deployment file goes; deployments/<chain>.json if not given, with <chain> mainnet, calibration or devnet-<id>.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite the file of another deployment, and begin anew what was interrupted.
    #[arg(long, requires = "broadcast")]
    force: bool,
    /// Who would deploy, for a dry run without a key; the owner if not given.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "broadcast")]
    from: Option<Address>,
    #[command(flatten)]
    key: KeyArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &DeployArgs) -> eyre::Result<Outcome> {
    let params = DeployParams::read(&args.params)?;
    let url: RpcUrl = args.rpc_url.parse()?;
    if args.broadcast {
        params.validate()?;
        let signer = signer(&args.key).await?;
        let client = ChainClient::connect_to(&url, params.chain_id).await?;
        return broadcast(args, &params, &client, &signer).await;
    }
    let deployer = match (args.from, signer(&args.key).await) {
        (Some(address), _) => address,
        (None, Ok(signer)) => signer.address(),
        (None, Err(error)) => match error.downcast_ref::<ChainError>() {
            Some(ChainError::Signer(SignerError::NoKey)) => params.owner,
            _ => return Err(error),
        },
    };
    let client = ChainClient::connect_to(&url, params.chain_id).await?;
    let plan = plan_deployment(&client, &params, deployer).await?;
    output::either(args.json, &as_json(&params, &plan)?, || {
        words::plan(&params, &plan)
    })?;
    plan.expect_allowed()?;
    Ok(Outcome::Done)
}

fn as_json(params: &DeployParams, plan: &DeployPlan) -> eyre::Result<Value> {
    let mut document = json!({
        "dryRun": true,
        "chain": chain_name(params.chain_id),
        "params": params.with_key_for_evm()?,
        "roles": words::roles(params),
        "plan": plan,
        "gas": plan.gas(),
    });
    // attoFIL do not fit the numbers of JSON.
    for (field, amount) in [("cost", plan.cost), ("balance", plan.balance)] {
        document["plan"][field] = amount.to_string().into();
    }
    Ok(document)
}

async fn broadcast(
    args: &DeployArgs,
    params: &DeployParams,
    client: &ChainClient,
    signer: &Signer,
) -> eyre::Result<Outcome> {
    let place = Place::new(args.out.clone(), params.chain_id)?;
    let earlier = place.begin(args.resume, args.force)?;
    if earlier.is_none() {
        // What the journal is for needs no second look; a first one has warnings.
        let plan = plan_deployment(client, params, signer.address()).await?;
        plan.expect_allowed()?;
        plan.warnings
            .iter()
            .for_each(|warning| output::say(format!("warning: {warning}")));
    }
    let mut keep = |journal: &Journal| {
        if let Some(step) = journal.steps.last() {
            output::say(words::step(step));
        }
        place.keep(journal)
    };
    let deployed = deploy_with(client, signer, params, earlier, &mut keep).await;
    let record = match deployed {
        Ok(record) => record,
        Err(error) => {
            let error = eyre::Report::from(error);
            return Err(match place.has_journal() {
                true => error.wrap_err(format!(
                    "the deployment is not finished; what was sent is in {}: run the same command again with --resume",
                    place.journal().display()
                )),
                false => error,
            });
        }
    };
    place.finish(&record)?;
    output::either(args.json, &record, || words::deployed(&record, place.file()))?;
    if params.owner != signer.address() {
        let rounds = Rounds::new(client.clone(), record.deployment.rounds);
        for &publisher in &params.publishers {
            output::say(words::registration(&rounds, params.owner, publisher));
        }
    }
    Ok(Outcome::Done)
}
