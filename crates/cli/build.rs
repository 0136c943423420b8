//! Sets ASSIZE_COMMIT, the commit that `assize version` shows.

#![allow(clippy::print_stdout, reason = "cargo reads what a build script prints")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=ASSIZE_COMMIT");
    // From the environment, as in builds from an archive, else from git, else empty.
    let commit = std::env::var("ASSIZE_COMMIT").ok().or_else(commit_of_checkout);
    println!("cargo::rustc-env=ASSIZE_COMMIT={}", commit.unwrap_or_default());
}

/// The commit that is checked out; `None` in a source archive, even inside another repository.
fn commit_of_checkout() -> Option<String> {
    let manifest = git(&["ls-files", "--full-name", "--error-unmatch", "Cargo.toml"])?;
    if manifest != "crates/cli/Cargo.toml" {
        return None;
    }
    // HEAD changes when another branch is checked out, and when its branch moves.
    for name in ["HEAD", "packed-refs"]
        .map(str::to_owned)
        .into_iter()
        .chain(git(&["symbolic-ref", "-q", "HEAD"]))
    {
        if let Some(path) = git(&["rev-parse", "--git-path", &name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
