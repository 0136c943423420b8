//! A provider that we did not write: npm `@web3-storage/gateway-lib`, a trustless gateway over a CAR file.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use thiserror::Error;

/// The gateway's script in this repository.
const SCRIPT: &str = "tests/gateways/gateway-lib.mjs";

/// Why it did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GatewayLibError {
    /// Its npm package is not there.
    #[error(
        "npm's @web3-storage/gateway-lib is not installed; run `make test`, or `npm ci --prefix tests/gateways` in the repository"
    )]
    NotInstalled,
    /// The machine would not have it.
    #[error("cannot run node: {0}")]
    Io(#[from] std::io::Error),
    /// It ended before it listened.
    #[error("gateway-lib ended before it listened, over the CAR {0}")]
    Silent(PathBuf),
}

/// A running gateway; it ends when this is dropped.
///
/// It is a real one, with quirks: `dups=n` is refused with 400, HEAD of a CAR with 405; of a block that it does not have, it
/// gives 200 and a CAR without blocks, and 500 if it is asked for as raw block.
#[derive(Debug)]
pub struct GatewayLib {
    child: Child,
    url: String,
}

impl GatewayLib {
    /// Whether it can be started here.
    #[must_use]
    pub fn is_installed() -> bool {
        repository()
            .join("tests/gateways/node_modules/@web3-storage/gateway-lib")
            .is_dir()
    }

    /// Starts one over the blocks of a CAR file, on a free port of this machine, and waits until it listens.
    ///
    /// # Errors
    /// [`GatewayLibError`] if it is not installed, or cannot read the file.
    pub fn start(car_file: &Path) -> Result<Self, GatewayLibError> {
        if !Self::is_installed() {
            return Err(GatewayLibError::NotInstalled);
        }
        let mut child = Command::new("node")
            .arg(SCRIPT)
            .arg(std::path::absolute(car_file)?)
            .current_dir(repository())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let Some(url) = line.trim().strip_prefix("up ") else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(GatewayLibError::Silent(car_file.to_owned()));
        };
        Ok(Self {
            child,
            url: url.to_owned(),
        })
    }

    /// Where it is, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it is, as a provider would advertise it.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        format!("/ip4/127.0.0.1/tcp/{port}/http")
    }
}

impl Drop for GatewayLib {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
