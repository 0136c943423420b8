//! The OpenAPI document against the running server, by schemathesis (PyPI): `make services` installs it.
#![cfg(feature = "openapi")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::server::Scene;
use crate::common::sqlite;

fn find() -> Option<PathBuf> {
    let named = std::env::var_os("ASSIZE_SCHEMATHESIS").map(PathBuf::from);
    let tools =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/schemathesis/bin/schemathesis");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|directory| directory.join("schemathesis"));
    named
        .into_iter()
        .chain([tools])
        .chain(in_path)
        .find(|program| program.is_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_the_server_does() {
    let Some(program) = find() else {
        let remedy = "no schemathesis: run `make services`, or set ASSIZE_SCHEMATHESIS to its path";
        assert!(std::env::var_os("ASSIZE_REQUIRE_SERVICES").is_none(), "{remedy}");
        eprintln!("SKIPPED: {remedy}");
        return;
    };
    // It leaves a database of examples where it runs.
    let directory = tempfile::tempdir().unwrap();
    let scene = Scene::new(600).await;
    scene.open_round().await;
    let place = sqlite();
    let served = scene.serve(&place.location).await;
    let url = format!("{}/openapi.json", served.url);
    // No signature that it makes up is anybody's, so nothing that it posts is accepted.
    let posts = [
        "--include-method=POST",
        "--exclude-checks=positive_data_acceptance",
    ];
    for filter in [&["--exclude-method=POST"][..], &posts] {
        let mut command = Command::new(&program);
        command
            .current_dir(directory.path())
            .args([
                "run",
                &url,
                "--checks=all",
                "--max-examples=50",
                "--seed=7",
                "--no-color",
            ])
            .args(["--phases=examples,coverage,fuzzing"])
            .args(filter);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }
    served.end().await;
}
