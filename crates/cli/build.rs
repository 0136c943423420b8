//! Tells the binary which commit it is built from: `assize version` shows it.

#![allow(clippy::print_stdout, reason = "cargo reads what a build script prints")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=ASSIZE_COMMIT");
    // Given by whoever builds from an archive; else asked of git; empty where there is neither.
    let commit = std::env::var("ASSIZE_COMMIT").ok().or_else(commit_of_checkout);
    println!("cargo::rustc-env=ASSIZE_COMMIT={}", commit.unwrap_or_default());
}

/// The commit that is checked out here; none in a source archive, even inside another repository.
fn commit_of_checkout() -> Option<String> {
    let manifest = git(&["ls-files", "--full-name", "--error-unmatch", "Cargo.toml"])?;
    if manifest != "crates/cli/Cargo.toml" {
        return None;
    }
    // What HEAD means changes when it names another branch, and when the branch moves.
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
