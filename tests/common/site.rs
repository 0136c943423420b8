//! A chain with deployed contracts, and the directory in which programs work on it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use assize_testkit::world::World;
use serde_json::json;

use super::assize;

pub struct Site {
    pub world: World,
    pub directory: tempfile::TempDir,
}

impl Site {
    /// A directory with the world's deployment file and the description of its drand chain.
    pub fn new(world: World) -> Self {
        let directory = tempfile::Builder::new().prefix("assize-").tempdir().unwrap();
        let site = Self { world, directory };
        let drand = json!(site.world.drand_chain().info()).to_string();
        fs::write(site.path("drand.json"), drand).unwrap();
        let deployment = json!(site.world.deployment).to_string();
        fs::write(site.path("deployment.json"), deployment).unwrap();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `assize` in the directory, with the key of one of anvil's accounts.
    pub fn command(&self, key: Option<usize>, arguments: &[&str]) -> Command {
        let mut command = assize();
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("ASSIZE_RPC_URL", self.world.anvil.url())
            .env("ASSIZE_DEPLOYMENT", self.path("deployment.json"))
            .env("ASSIZE_STORE", self.path("store"));
        if let Some(key) = key {
            command.env("ASSIZE_PRIVATE_KEY", self.world.anvil.dev_key(key).to_string());
        }
        command
    }

    pub fn run(&self, key: Option<usize>, arguments: &[&str]) -> Output {
        self.command(key, arguments).output().unwrap()
    }
}
