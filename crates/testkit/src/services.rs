//! Servers and programs that are not ours, and what a test does when they are missing.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assize_ingest::Location;
use tempfile::TempDir;

use crate::postgres::{Postgres, PostgresError};

/// Timeout of a server's start.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a test needs; `None` if it is missing, which the test says, unless nothing may be missing
/// (`ASSIZE_REQUIRE_SERVICES`).
///
/// # Panics
/// It is missing, and must not be.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn or_skip<T>(found: Option<T>, remedy: &str) -> Option<T> {
    if found.is_none() {
        assert!(std::env::var_os("ASSIZE_REQUIRE_SERVICES").is_none(), "{remedy}");
        eprintln!("SKIPPED: {remedy}");
    }
    found
}

/// A program that `make services` installs: where the environment says, in `target/tools`, or in PATH.
pub fn tool(variable: &str, path: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let name = Path::new(path).file_name()?;
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&searched).map(|directory| directory.join(name));
    named
        .into_iter()
        .chain([tools.join(path)])
        .chain(in_path)
        .find(|program| program.is_file())
}

/// A server that speaks the protocols of AWS: moto (PyPI `moto[server]`).
#[derive(Debug)]
pub struct Moto {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Moto {
    /// Starts it, and waits until it listens. `script` is run in its place, by the Python beside it, with the same
    /// arguments. `None` if the test is skipped.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(script: Option<&Path>) -> io::Result<Option<Self>> {
        let remedy = "no moto_server: run `make services`, or set ASSIZE_MOTO to its path";
        let Some(program) = or_skip(tool("ASSIZE_MOTO", "moto/bin/moto_server"), remedy) else {
            return Ok(None);
        };
        let mut command = match script {
            Some(_) => Command::new(program.with_file_name("python3")),
            None => Command::new(program),
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = command
            .args(script)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let moto = Self { child, url };
        let begun = Instant::now();
        while ureq::get(format!("{}/moto-api/", moto.url)).call().is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other("moto_server does not listen"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Some(moto))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database of one's own, for stations and measurements.
#[derive(Debug)]
pub struct Place {
    /// Where it is.
    pub location: Location,
    _directory: Option<TempDir>,
    _server: Option<Postgres>,
}

impl Place {
    /// A new SQLite file.
    ///
    /// # Errors
    /// There is no temporary directory.
    pub fn sqlite() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        Ok(Self {
            location: Location::File(directory.path().join("ingest.sqlite")),
            _directory: Some(directory),
            _server: None,
        })
    }

    /// A new PostgreSQL server; `None` if the test is skipped.
    ///
    /// # Panics
    /// As [`postgres`].
    pub fn postgres() -> Option<Self> {
        let server = postgres()?;
        Some(Self {
            location: Location::Postgres(server.url()),
            _directory: None,
            _server: Some(server),
        })
    }

    /// Both, if the build has a client for PostgreSQL.
    ///
    /// # Errors
    /// As [`Self::sqlite`].
    ///
    /// # Panics
    /// As [`postgres`].
    pub fn all(postgres: bool) -> io::Result<Vec<Self>> {
        let server = postgres.then(Self::postgres).flatten();
        Ok([Self::sqlite()?].into_iter().chain(server).collect())
    }
}

/// A PostgreSQL server; `None` if the test is skipped.
///
/// # Panics
/// It does not start, or it is missing and must not be.
pub fn postgres() -> Option<Postgres> {
    match Postgres::start() {
        Ok(server) => Some(server),
        Err(error @ PostgresError::NotFound) => or_skip(None, &error.to_string()),
        Err(error) => panic!("{error}"),
    }
}
