//! A private PostgreSQL server: starts the real one on a free port with an empty directory, stops it on drop.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thiserror::Error;

/// Timeout of the start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Errors of the server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// No PostgreSQL server was found.
    #[error(
        "no PostgreSQL server was found; apt-get install postgresql, or set ASSIZE_POSTGRES to the directory of its programs"
    )]
    NotFound,
    /// One of its programs failed.
    #[error("{program} failed: {reason}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// Its output.
        reason: String,
    },
    /// The programs cannot be run.
    #[error("cannot run PostgreSQL: {0}")]
    Io(#[from] std::io::Error),
}

/// A running server with one database, open to everyone on this machine.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    port: u16,
    _directory: TempDir,
}

/// User and group of the server, which refuses to run as root.
type User = Option<(u32, u32)>;

impl Postgres {
    /// Starts a server, and waits until it listens.
    pub fn start() -> Result<Self, PostgresError> {
        let programs = find_programs().ok_or(PostgresError::NotFound)?;
        let directory = tempfile::tempdir()?;
        let user = unprivileged()?;
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        if let Some((uid, gid)) = user {
            chown(directory.path(), Some(uid), Some(gid))?;
            chown(&data, Some(uid), Some(gid))?;
        }
        let made = program(&programs, "initdb", user)
            .args(["--username=assize", "--auth=trust", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()?;
        if !made.status.success() {
            let reason = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            return Err(PostgresError::Failed {
                program: "initdb",
                reason,
            });
        }
        // Free a moment ago; no other local process is waiting for it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = program(&programs, "postgres", user)
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            child,
            port,
            _directory: directory,
        };
        server.wait(&programs, user)?;
        Ok(server)
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://assize@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&self, programs: &Path, user: User) -> Result<(), PostgresError> {
        let begun = Instant::now();
        loop {
            let ready = program(programs, "pg_isready", user)
                .args(["--quiet", "--host=127.0.0.1", "--port", &self.port.to_string()])
                .status()?;
            if ready.success() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(PostgresError::Failed {
                    program: "postgres",
                    reason: format!("it does not listen on port {} after {PATIENCE:?}", self.port),
                });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(directory: &Path, name: &str, user: User) -> Command {
    let mut command = Command::new(directory.join(name));
    command.current_dir("/").stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// ASSIZE_POSTGRES, else Debian's directory, newest version first, else PATH.
fn find_programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut debian: Vec<_> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::var_os("ASSIZE_POSTGRES")
        .map(PathBuf::from)
        .into_iter()
        .chain(debian.into_iter().rev())
        .chain(std::env::split_paths(&path));
    let mut candidates = candidates.filter(|directory| directory.join("initdb").is_file());
    candidates.next()
}

/// Another user, if we are root.
fn unprivileged() -> Result<User, PostgresError> {
    let uid = |line: &str| {
        line.split_whitespace()
            .nth(1)
            .and_then(|uid| uid.parse::<u32>().ok())
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ours = status.lines().find(|line| line.starts_with("Uid:")).and_then(uid);
    if ours != Some(0) {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).ok_or(PostgresError::NotFound)
}
