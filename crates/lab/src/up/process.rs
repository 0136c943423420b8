//! This binary's other commands, as processes of their own.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assize_protocol::B256;
use eyre::{OptionExt, WrapErr, ensure, eyre};
use serde_json::Value;

/// How long a process may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

/// What a process is started with.
#[derive(Debug)]
pub(super) struct Start<'a> {
    /// This program.
    pub binary: &'a Path,
    /// What it is called on screen, and its log's name.
    pub name: String,
    /// Where its log goes, and where it runs.
    pub directory: &'a Path,
    /// Its secret key, if it has one.
    pub key: Option<B256>,
}

impl Process {
    /// Starts `assize` with arguments; what it prints goes to its log.
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
            child: child.wrap_err_with(|| format!("{} does not start", start.name))?,
            name: start.name.clone(),
            log: log.0,
        })
    }

    /// As [`Process::start`], and waits for the line of JSON with which a daemon says that it is ready.
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
            child: child.wrap_err_with(|| format!("{} does not start", start.name))?,
            name: start.name.clone(),
            log: path,
        };
        let stdout = process
            .child
            .stdout
            .take()
            .ok_or_eyre("a process without output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let ready = serde_json::from_str(&line);
        let ready = ready.map_err(|_| eyre!("{} did not begin: {}", process.name, process.last_words()))?;
        // An unread pipe would fill up and stop it.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Ok((process, ready))
    }

    /// An error that says why, if it has ended by itself.
    pub(super) fn expect_running(&mut self) -> eyre::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(eyre!("{} ended ({status}): {}", self.name, self.last_words())),
        }
    }

    /// SIGTERM, without waiting.
    pub(super) fn tell_to_end(&self) -> eyre::Result<()> {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status()?;
        ensure!(told.success(), "{} is gone: {}", self.name, self.last_words());
        Ok(())
    }

    /// Waits for an end that it was told to come to.
    pub(super) fn wait(&mut self) -> eyre::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(
                    status.success(),
                    "{} ended badly ({status}): {}",
                    self.name,
                    self.last_words()
                );
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{} did not end within {} s of SIGTERM; its log is {}",
                self.name,
                PATIENCE.as_secs(),
                self.log.display()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Most memory that it has held, KiB; where the system tells.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").trim().parse().ok()
    }

    fn last_words(&self) -> String {
        let mut log = String::new();
        let read = File::open(&self.log).and_then(|mut file| file.read_to_string(&mut log));
        match read.ok().and(log.lines().last()) {
            Some(line) => line.to_owned(),
            None => format!("it said nothing in {}", self.log.display()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
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
        // What the user's environment says of another network must not leak into this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ASSIZE_") && name != "ASSIZE_ANVIL" {
                command.env_remove(name);
            }
        }
        if let Some(key) = self.key {
            command.env("ASSIZE_PRIVATE_KEY", key.to_string());
        }
        Ok(command)
    }

    fn log(&self) -> eyre::Result<(PathBuf, File)> {
        let path = self.directory.join("logs").join(format!("{}.log", self.name));
        let file = File::create(&path).wrap_err_with(|| format!("cannot write {}", path.display()))?;
        Ok((path, file))
    }
}
