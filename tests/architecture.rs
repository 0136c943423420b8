//! Limits on the number of crates that the binaries compile, so that the first build stays short.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that a package compiles with its default features, including the workspace's, build scripts' and macros' crates.
fn crates_of(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", package])
        .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree -p {package}: {errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    // Name and version, without the crate's source and the mark of macros.
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    lines.lines().filter(|line| !line.is_empty()).map(name).collect()
}

#[test]
fn the_binaries_compile_few_crates() {
    // `make demo` builds the lab. An additional crate needs a reason: raise a bound only with one.
    for (package, bound) in [("assize-lab", 300), ("assize-cli", 335)] {
        let count = crates_of(package).len();
        assert!(
            count <= bound,
            "{package} compiles {count} crates, {bound} are allowed: see cargo tree -p {package}"
        );
    }
}

#[test]
fn removed_dependencies_do_not_return() {
    // A query engine for one sum, a second TLS provider in addition to ring, and ICU4X for host names.
    for package in ["assize-lab", "assize-cli"] {
        for name in [
            "datafusion",
            "arrow-array",
            "aws-lc-sys",
            "openssl-sys",
            "icu_properties",
        ] {
            let found = crates_of(package)
                .into_iter()
                .find(|found| found.split(' ').next().is_some_and(|found| found == name));
            assert_eq!(found, None, "in {package}: see cargo tree -p {package} -i {name}");
        }
    }
}
