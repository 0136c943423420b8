//! The OpenAPI document against the running server, by schemathesis (PyPI): `make services` installs it.
#![cfg(feature = "openapi")]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::process::Command;

use assize_testkit::services::{or_skip, tool};

use crate::common::server::Scene;
use crate::common::sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_matches_the_server() {
    let program = tool("ASSIZE_SCHEMATHESIS", "schemathesis/bin/schemathesis");
    let remedy = "no schemathesis: run `make services`, or set ASSIZE_SCHEMATHESIS to its path";
    let Some(program) = or_skip(program, remedy) else {
        return;
    };
    // It writes a database of examples to its working directory.
    let directory = tempfile::tempdir().unwrap();
    let scene = Scene::new().await;
    scene.open_round().await;
    let place = sqlite();
    let served = scene.serve(&place.location).await;
    let url = format!("{}/openapi.json", served.url);
    // Its random signatures are invalid, so nothing that it posts is accepted.
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
