//! A local chain: starts the real `anvil`, controls its clock, stops it on drop.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use alloy_primitives::{Address, B256, b256};
use assize_protocol::AttoFil;
use serde_json::{Value, json};
use thiserror::Error;

/// Default chain id: anvil's own.
pub const CHAIN_ID: u64 = 31_337;

/// Errors of the local chain.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AnvilError {
    /// No anvil binary on this machine.
    #[error(
        "anvil was not found; run `make test` or `npm install` in the repository, install Foundry, or set ASSIZE_ANVIL to its path"
    )]
    NotFound,
    /// ASSIZE_ANVIL is not a file.
    #[error("ASSIZE_ANVIL is set to {0}, which is not a file")]
    BadOverride(PathBuf),
    /// The binary cannot be run.
    #[error("could not start {path}: {source}")]
    Start {
        /// The binary.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// It exited before it listened.
    #[error("anvil exited before it listened: {0}")]
    Silent(String),
    /// A JSON-RPC call failed.
    #[error("anvil rejected {method}: {reason}")]
    Rpc {
        /// The method called.
        method: String,
        /// The error of the response or the transport.
        reason: String,
    },
}

/// A running anvil (`--hardfork prague`, one block per transaction, blocks one second apart by default).
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    url: String,
    agent: ureq::Agent,
}

impl Anvil {
    /// Starts anvil on a free port and waits until it listens.
    pub fn start() -> Result<Self, AnvilError> {
        Self::start_with(&[])
    }

    /// As [`Anvil::start`], with the genesis block at `timestamp` (Unix seconds).
    pub fn start_at(timestamp: u64) -> Result<Self, AnvilError> {
        Self::start_with(&["--timestamp".into(), timestamp.to_string()])
    }

    /// As [`Anvil::start`], with a state saved by `anvil_dumpState`.
    pub fn start_from(state: &Path) -> Result<Self, AnvilError> {
        Self::start_with(&["--load-state".into(), state.display().to_string()])
    }

    /// As [`Anvil::start`], with another chain id. 314 simulates Filecoin mainnet, without its precompiles.
    pub fn start_as(chain_id: u64) -> Result<Self, AnvilError> {
        Self::start_with(&["--chain-id".into(), chain_id.to_string()])
    }

    /// Starts an anvil in real time: a block every `seconds`, at the wall clock's time, with the transactions sent
    /// since the last one.
    pub fn start_live(seconds: u64) -> Result<Self, AnvilError> {
        let anvil = Self::spawn(&["--block-time".into(), seconds.to_string()])?;
        // The first block is mined at once, so that the chain has a time.
        anvil.mine(1)?;
        Ok(anvil)
    }

    /// Lets a chain with a simulated clock go on as one that was started by [`Anvil::start_live`]: its next block is now, and
    /// then there is one every `seconds`.
    ///
    /// # Errors
    /// Its time is later than now.
    pub fn go_live(&self, seconds: u64) -> Result<(), AnvilError> {
        self.rpc("anvil_removeBlockTimestampInterval", json!([]))?;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        self.mine_at(now)?;
        self.rpc("evm_setIntervalMining", json!([seconds])).map(drop)
    }

    fn start_with(options: &[String]) -> Result<Self, AnvilError> {
        let anvil = Self::spawn(options)?;
        anvil.set_interval(1)?;
        Ok(anvil)
    }

    fn spawn(options: &[String]) -> Result<Self, AnvilError> {
        let path = find_anvil()?;
        let mut command = Command::new(&path);
        command
            .args(["--port", "0", "--hardfork", "prague", "--accounts", "10"])
            .args(options);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| AnvilError::Start { path, source })?;

        let Some(stdout) = child.stdout.take() else {
            return Err(AnvilError::Silent("(no output)".into()));
        };
        let mut lines = BufReader::new(stdout).lines();
        let mut said = String::new();
        let address = loop {
            match lines.next() {
                Some(Ok(line)) => match line.strip_prefix("Listening on ") {
                    Some(address) => break address.trim().to_owned(),
                    None => said = line,
                },
                _ => {
                    let _ = child.wait();
                    return Err(AnvilError::Silent(said));
                }
            }
        };
        // Anvil logs every request; an unread pipe would fill up and block it.
        std::thread::spawn(move || lines.for_each(drop));

        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Ok(Self {
            child,
            url: format!("http://{address}"),
            agent,
        })
    }

    /// The JSON-RPC endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Process id, to measure its memory.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one raw JSON-RPC request.
    pub fn rpc(&self, method: &str, params: Value) -> Result<Value, AnvilError> {
        call(&self.agent, &self.url, method, params)
    }

    /// Sets the timestamp (Unix seconds) of the next block. It must be later than the last one's.
    pub fn set_next_timestamp(&self, timestamp: u64) -> Result<(), AnvilError> {
        self.rpc("evm_setNextBlockTimestamp", json!([timestamp]))
            .map(drop)
    }

    /// Makes every block `seconds` later than the one before, independently of the wall clock.
    pub fn set_interval(&self, seconds: u64) -> Result<(), AnvilError> {
        self.rpc("anvil_setBlockTimestampInterval", json!([seconds]))
            .map(drop)
    }

    /// Mines `blocks` empty blocks.
    pub fn mine(&self, blocks: u64) -> Result<(), AnvilError> {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")])).map(drop)
    }

    /// Mines one empty block at `timestamp` (Unix seconds).
    pub fn mine_at(&self, timestamp: u64) -> Result<(), AnvilError> {
        self.set_next_timestamp(timestamp)?;
        self.mine(1)
    }

    /// Timestamp of the latest block, Unix seconds.
    pub fn timestamp(&self) -> Result<u64, AnvilError> {
        let block = self.rpc("eth_getBlockByNumber", json!(["latest", false]))?;
        block["timestamp"]
            .as_str()
            .and_then(|hex| u64::from_str_radix(hex.trim_start_matches("0x"), 16).ok())
            .ok_or_else(|| AnvilError::Rpc {
                method: "eth_getBlockByNumber".into(),
                reason: block.to_string(),
            })
    }

    /// Sets the balance of `address`.
    pub fn set_balance(&self, address: Address, balance: AttoFil) -> Result<(), AnvilError> {
        self.rpc("anvil_setBalance", json!([address, balance.atto()]))
            .map(drop)
    }

    /// Sets the runtime bytecode of an address.
    pub fn set_code(&self, address: Address, code: &str) -> Result<(), AnvilError> {
        self.rpc("anvil_setCode", json!([address, code])).map(drop)
    }

    /// Private key of the `index`-th (0 to 9) of anvil's funded accounts: public test keys.
    pub fn dev_key(&self, index: usize) -> B256 {
        DEV_KEYS[index % DEV_KEYS.len()]
    }
}

fn call(agent: &ureq::Agent, url: &str, method: &str, params: Value) -> Result<Value, AnvilError> {
    let failed = |reason: String| AnvilError::Rpc {
        method: method.to_owned(),
        reason,
    };
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut answer: Value = agent
        .post(url)
        .send_json(body)
        .and_then(|mut response| response.body_mut().read_json())
        .map_err(|error| failed(error.to_string()))?;
    match answer.get("error") {
        Some(error) => Err(failed(error.to_string())),
        None => Ok(answer["result"].take()),
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Accounts of the mnemonic "test test test test test test test test test test test junk".
const DEV_KEYS: [B256; 10] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];

/// ASSIZE_ANVIL, else this repository's npm package (from the working directory or the sources), else PATH.
fn find_anvil() -> Result<PathBuf, AnvilError> {
    if let Some(path) = std::env::var_os("ASSIZE_ANVIL").map(PathBuf::from) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(AnvilError::BadOverride(path))
        };
    }
    let package = format!(
        "node_modules/@foundry-rs/anvil-{}-{}/bin/anvil",
        match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        },
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            arch => arch,
        }
    );
    let working_directory = std::env::current_dir().unwrap_or_default();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_npm = working_directory
        .ancestors()
        .chain(sources.ancestors())
        .map(|dir| dir.join(&package));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|dir| dir.join("anvil"));
    in_npm
        .chain(in_path)
        .find(|candidate| candidate.is_file())
        .ok_or(AnvilError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_and_balances_can_be_set() {
        let anvil = Anvil::start().unwrap();
        let start = anvil.timestamp().unwrap();
        anvil.mine_at(start + 1_000).unwrap();
        assert_eq!(anvil.timestamp().unwrap(), start + 1_000);
        anvil.mine(1).unwrap();
        assert_eq!(anvil.timestamp().unwrap(), start + 1_001);

        let address = Address::repeat_byte(7);
        anvil.set_balance(address, AttoFil::new(42)).unwrap();
        assert_eq!(
            anvil.rpc("eth_getBalance", json!([address, "latest"])).unwrap(),
            json!("0x2a")
        );
    }

    #[test]
    fn a_simulated_clock_can_go_on_in_real_time() {
        let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let start = now() - 40_000;
        let anvil = Anvil::start_at(start).unwrap();
        anvil.set_interval(60).unwrap();
        anvil.mine(600).unwrap();
        assert_eq!(anvil.timestamp().unwrap(), start + 36_000);
        anvil.go_live(1).unwrap();
        for _ in 0..3 {
            assert!(anvil.timestamp().unwrap().abs_diff(now()) <= 2);
            std::thread::sleep(Duration::from_secs(1));
        }
        let block = anvil.rpc("eth_blockNumber", json!([])).unwrap();
        assert!(block.as_str().unwrap() > "0x259", "{block}");
    }

    #[test]
    fn a_rejected_call_names_the_method() {
        let anvil = Anvil::start().unwrap();
        let error = anvil.rpc("no_such_method", json!([])).unwrap_err().to_string();
        assert!(error.contains("no_such_method"), "{error}");
    }
}
