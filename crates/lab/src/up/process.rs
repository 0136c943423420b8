//! Runs this binary's other commands as processes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assize_protocol::B256;
use eyre::{OptionExt, WrapErr, ensure, eyre};
use serde_json::Value;

/// Time for a process to exit after SIGTERM.
const EXIT_TIMEOUT: Duration = Duration::from_secs(20);

/// A process; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

/// How to start a process.
#[derive(Debug)]
pub(super) struct Start<'a> {
    /// This program.
    pub binary: &'a Path,
    /// Its name in messages, and its log's name.
    pub name: String,
    /// Its working directory, which contains `logs/`.
    pub directory: &'a Path,
    /// Its secret key, if it has one.
    pub key: Option<B256>,
    /// The key with which a checker commits its own reports.
    pub inclusion_key: Option<B256>,
}

impl Process {
    /// Starts `assize` with arguments; stdout and stderr go to its log.
    pub(super) fn start<S: AsRef<OsStr>>(
        start: &Start<'_>,
        arguments: impl IntoIterator<Item = S>,
    ) -> eyre::Result<Self> {
        let log = start.log()?;
        let child = start
            .command(arguments)?
            .stdout(log.1.try_clone()?)
            .stderr(log.1)
            .spawn();
        Ok(Self {
            child: child.wrap_err_with(|| format!("failed to start {}", start.name))?,
            name: start.name.clone(),
            log: log.0,
        })
    }

    /// Same as [`Process::start`], and waits for the line of JSON that a daemon prints when it is ready.
    pub(super) fn start_ready<S: AsRef<OsStr>>(
        start: &Start<'_>,
        arguments: impl IntoIterator<Item = S>,
    ) -> eyre::Result<(Self, Value)> {
        let (path, log) = start.log()?;
        let child = start
            .command(arguments)?
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn();
        let mut process = Self {
            child: child.wrap_err_with(|| format!("failed to start {}", start.name))?,
            name: start.name.clone(),
            log: path,
        };
        let stdout = process
            .child
            .stdout
            .take()
            .ok_or_eyre("the process has no stdout")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let ready = serde_json::from_str(&line);
        let ready =
            ready.map_err(|_| eyre!("{} failed to start: {}", process.name, process.last_log_line()))?;
        // An unread pipe would fill up and block the process.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Ok((process, ready))
    }

    /// Returns an error with its last log line if it has exited.
    pub(super) fn expect_running(&mut self) -> eyre::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(eyre!("{} exited ({status}): {}", self.name, self.last_log_line())),
        }
    }

    /// Sends SIGTERM; does not wait. One that is paused goes on, to exit.
    pub(super) fn terminate(&self) -> eyre::Result<()> {
        self.signal("-TERM")?;
        self.resume()
    }

    /// Stops it for a while, as if its machine had no power.
    pub(super) fn pause(&self) -> eyre::Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on after [`Process::pause`].
    pub(super) fn resume(&self) -> eyre::Result<()> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> eyre::Result<()> {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status()?;
        ensure!(
            sent.success(),
            "{} has exited: {}",
            self.name,
            self.last_log_line()
        );
        Ok(())
    }

    /// Waits until it exits after [`Process::terminate`].
    pub(super) fn wait(&mut self) -> eyre::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(
                    status.success(),
                    "{} failed ({status}): {}",
                    self.name,
                    self.last_log_line()
                );
                return Ok(());
            }
            ensure!(
                begun.elapsed() < EXIT_TIMEOUT,
                "{} did not exit within {} s after SIGTERM; its log is {}",
                self.name,
                EXIT_TIMEOUT.as_secs(),
                self.log.display()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its peak memory, KiB; `None` where the system does not report it.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").trim().parse().ok()
    }

    fn last_log_line(&self) -> String {
        let mut log = String::new();
        let read = File::open(&self.log).and_then(|mut file| file.read_to_string(&mut log));
        match read.ok().and(log.lines().last()) {
            Some(line) => line.to_owned(),
            None => format!("its log {} is empty", self.log.display()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Start<'_> {
    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> eyre::Result<Command> {
        let mut command = Command::new(self.binary);
        command
            .args(arguments)
            .current_dir(self.directory)
            .stdin(Stdio::null());
        // Settings in the user's environment are for another network.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ASSIZE_") && name != "ASSIZE_ANVIL" {
                command.env_remove(name);
            }
        }
        if let Some(key) = self.key {
            command.env("ASSIZE_PRIVATE_KEY", key.to_string());
        }
        if let Some(key) = self.inclusion_key {
            command.env("ASSIZE_INCLUSION_PRIVATE_KEY", key.to_string());
        }
        Ok(command)
    }

    fn log(&self) -> eyre::Result<(PathBuf, File)> {
        let path = self.directory.join("logs").join(format!("{}.log", self.name));
        let file = File::create(&path).wrap_err_with(|| format!("cannot write {}", path.display()))?;
        Ok((path, file))
    }
}
