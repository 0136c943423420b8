//! An independent provider: npm `@web3-storage/gateway-lib`, a trustless gateway over a CAR file.

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
    /// Its npm package is not installed.
    #[error(
        "npm's @web3-storage/gateway-lib is not installed; run `make test`, or `npm ci --prefix tests/gateways` in the repository"
    )]
    NotInstalled,
    /// node cannot be run.
    #[error("cannot run node: {0}")]
    Io(#[from] std::io::Error),
    /// It exited before it listened.
    #[error("gateway-lib exited before it listened; its CAR is {0}")]
    Silent(PathBuf),
}

/// A running gateway; it stops on drop.
///
/// It is a real gateway with quirks. It rejects `dups=n` with 400, and HEAD of a CAR with 405. For a missing block it
/// returns 200 and a CAR without blocks, or 500 if the raw block is requested.
#[derive(Debug)]
pub struct GatewayLib {
    child: Child,
    url: String,
}

impl GatewayLib {
    /// Whether it is installed.
    #[must_use]
    pub fn is_installed() -> bool {
        repository()
            .join("tests/gateways/node_modules/@web3-storage/gateway-lib")
            .is_dir()
    }

    /// Starts a gateway over the blocks of a CAR file on a free local port, and waits until it listens.
    ///
    /// # Errors
    /// [`GatewayLibError`] if it is not installed or cannot read the file.
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

    /// Its URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address as a provider would advertise it.
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
