//! Directory, keys, chain, contracts and beacons of the network.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use assize_chain::ChainClient;
use assize_deployment::{BeaconParams, CourtParams, DeployParams, deploy_with};
use assize_drand::serve::Devnet;
use assize_drand::{Relays, Verified};
use assize_keys::Signer;
use assize_protocol::{AttoFil, RoundNumber};
use assize_store::LocalStore;
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::network::derive_key;
use eyre::{OptionExt, WrapErr};
use serde_json::Value;

use super::UpArgs;
use super::plan::{CHALLENGE_WINDOW, DEPOSIT, TICK, parameters};
use super::process::{Process, Start};
use super::scenario::Idling;
use assize_cli::connect::{BoxedBeacons, Network, PATIENCE};

/// Evaluators; a settlement needs two signatures.
pub(super) const EVALUATORS: u64 = 3;
const THRESHOLD: u64 = 2;
/// Balance of each role for gas.
const GAS_FUNDS: AttoFil = AttoFil::from_fil(100);

/// Keys of the network's roles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    seed: u64,
}

impl Keys {
    pub(super) fn secret(self, role: &str, index: u64) -> B256 {
        derive_key(self.seed, role, index).to_secret_bytes().into()
    }

    pub(super) fn signer(self, role: &str, index: u64) -> eyre::Result<Signer> {
        Ok(Signer::from_bytes(&self.secret(role, index))?)
    }

    pub(super) fn address(self, role: &str, index: u64) -> eyre::Result<Address> {
        Ok(self.signer(role, index)?.address())
    }
}

/// What the network's processes run on.
pub(super) struct Environment {
    /// Path of this program, read at the start: the file may be replaced by a later build.
    pub binary: PathBuf,
    pub directory: PathBuf,
    pub keys: Keys,
    pub anvil: Anvil,
    pub network: Network,
    pub beacons: Verified<BoxedBeacons>,
    /// URL of the drand relay.
    pub relay: String,
    /// Its process.
    pub drand: Process,
    /// The rounds that passed before the processes are started, if any.
    pub idling: Option<Idling>,
}

impl Environment {
    /// Starts the chain and the beacons, deploys the contracts and fills the pool.
    pub(super) async fn start(args: &UpArgs, directory: &Path) -> eyre::Result<Self> {
        let idling = Idling::of(args)?;
        let binary = std::env::current_exe().wrap_err("cannot find the path of this program")?;
        let keys = Keys { seed: args.seed };
        std::fs::create_dir_all(directory.join("logs"))?;
        let anvil = match &idling {
            None => Anvil::start_live(TICK)?,
            Some(idling) => idling.start_chain(args.round)?,
        };
        let client = ChainClient::connect_to(&anvil.url().parse()?, CHAIN_ID).await?;
        let drand_key = keys.secret("drand", 0);
        let key_file = directory.join("drand.key");
        std::fs::write(&key_file, alloy_primitives::hex::encode(drand_key))?;
        std::fs::set_permissions(&key_file, Permissions::from_mode(0o600))?;
        let genesis = anvil.timestamp()?.saturating_sub(600);
        let devnet = Devnet::new(&drand_key.0, genesis, TICK)?;
        let info = devnet.chain().info();
        std::fs::write(directory.join("drand.json"), serde_json::to_vec(info)?)?;
        let start = Start {
            binary: &binary,
            name: "beacon".into(),
            directory,
            key: None,
            inclusion_key: None,
        };
        let (genesis, period) = (genesis.to_string(), format!("{TICK}s"));
        let serve = [
            "run",
            "beacon",
            "--key-file",
            "drand.key",
            "--genesis",
            &genesis,
            "--period",
            &period,
        ];
        let (drand, ready) = Process::start_ready(&start, serve)?;
        let relay = url(&ready)?;
        let beacons: BoxedBeacons = Box::new(Relays::new(devnet.chain().clone(), &[&relay])?);

        let params = DeployParams {
            chain_id: CHAIN_ID,
            beacon: BeaconParams::Drand {
                public_key: info.public_key.clone().into(),
                genesis: info.genesis_time,
                period: info.period,
            },
            owner: keys.address("owner", 0)?,
            coordinator: keys.address("coordinator", 0)?,
            // The second is a spare; scenarios steal its key.
            publishers: vec![keys.address("publisher", 0)?, keys.address("publisher", 1)?],
            guardian: keys.address("guardian", 0)?,
            treasury: keys.address("owner", 0)?,
            evaluators: (0..EVALUATORS)
                .map(|index| keys.address("evaluator", index))
                .collect::<Result<_, _>>()?,
            threshold: THRESHOLD,
            min_challenge_window: CHALLENGE_WINDOW,
            challenge_window: CHALLENGE_WINDOW,
            court: CourtParams::within(CHALLENGE_WINDOW),
            payment_gas: 60_000,
            parameters: parameters(args),
        };
        let roles = ["owner", "coordinator", "publisher", "scheduler", "depositor"];
        for role in roles {
            anvil.set_balance(keys.address(role, 0)?, GAS_FUNDS.saturating_add(DEPOSIT))?;
        }
        for (role, index) in [("publisher", 1), ("guardian", 0)] {
            anvil.set_balance(keys.address(role, index)?, GAS_FUNDS)?;
        }
        for index in 0..EVALUATORS {
            anvil.set_balance(keys.address("evaluator", index)?, GAS_FUNDS)?;
        }
        let record = deploy_with(&client, &keys.signer("owner", 0)?, &params, None, &mut |_| Ok(())).await?;
        let file = directory.join("deployment.json");
        std::fs::write(&file, serde_json::to_vec_pretty(&record)?)
            .wrap_err_with(|| format!("cannot write {}", file.display()))?;
        let network = Network::new(client, record.deployment);
        let deposit = network.rewards.deposit(DEPOSIT);
        network
            .client
            .transact(&keys.signer("depositor", 0)?, &deposit, PATIENCE)
            .await?;
        if let Some(idling) = &idling {
            let coordinator = keys.signer("coordinator", 0)?;
            idling.pass(&anvil, &network, &coordinator, args.round).await?;
        }
        Ok(Self {
            binary,
            directory: directory.to_owned(),
            keys,
            beacons: Verified::new(devnet.chain().clone(), beacons),
            anvil,
            network,
            relay,
            drand,
            idling,
        })
    }

    /// The first round that the processes run.
    pub(super) fn first_round(&self) -> RoundNumber {
        RoundNumber(1 + self.idling.map_or(0, |idling| idling.rounds))
    }

    /// The store that publisher, coordinator and evaluators share.
    pub(super) fn store(&self) -> eyre::Result<LocalStore> {
        Ok(LocalStore::open(self.directory.join("store"))?)
    }

    /// How to start one of the network's processes.
    pub(super) fn command(&self, name: impl Into<String>, key: Option<B256>) -> Start<'_> {
        Start {
            binary: &self.binary,
            name: name.into(),
            directory: &self.directory,
            key,
            inclusion_key: None,
        }
    }

    /// Gives a key FIL for gas.
    pub(super) fn fund(&self, role: &str, index: u64) -> eyre::Result<()> {
        let address = self.keys.address(role, index)?;
        Ok(self.anvil.set_balance(address, GAS_FUNDS)?)
    }

    /// Arguments of a process that reads the chain through `rpc`.
    pub(super) fn chain<'a>(&'a self, rpc: &'a str) -> Vec<&'a str> {
        vec!["--rpc-url", rpc, "--data", "."]
    }

    /// Arguments of a process that reads beacons.
    pub(super) fn drand(&self) -> Vec<&str> {
        vec!["--drand-info", "drand.json", "--relay", &self.relay]
    }
}

/// The URL that a daemon reported when it was ready.
pub(super) fn url(ready: &Value) -> eyre::Result<String> {
    let url = ready["url"].as_str().ok_or_eyre("the daemon reported no URL")?;
    Ok(url.to_owned())
}
