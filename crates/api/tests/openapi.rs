//! The OpenAPI document against the running server, by a tool that we did not write: schemathesis (PyPI).
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use assize_api::Location;
use common::server::Scene;

/// Requests that it makes up for each operation, in each of its phases.
const EXAMPLES: &str = "60";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_its_document_says() {
    let Some(schemathesis) = find() else {
        let remedy = "no schemathesis: run `make services`, or set ASSIZE_SCHEMATHESIS to its path";
        assert!(std::env::var_os("ASSIZE_REQUIRE_SERVICES").is_none(), "{remedy}");
        return eprintln!("SKIPPED: {remedy}");
    };
    let scene = Scene::new(600).await;
    scene.open_round().await;
    let directory = tempfile::tempdir().unwrap();
    let served = scene
        .serve(&Location::File(directory.path().join("api.sqlite")))
        .await;
    let document = format!("{}/openapi.json", served.url);
    let run = move || {
        Command::new(schemathesis)
            .args([
                "run",
                &document,
                "--max-examples",
                EXAMPLES,
                "--continue-on-failure",
            ])
            // The same requests every time.
            .args(["--seed", "1", "--generation-database", "none", "--no-color"])
            // What is well-formed and not true (a signature, a digest) is refused, and no schema can say so.
            .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
            .current_dir(directory.path())
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    served.end().await;
}

fn find() -> Option<PathBuf> {
    let named = std::env::var_os("ASSIZE_SCHEMATHESIS").map(PathBuf::from);
    let tools =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/schemathesis/bin/schemathesis");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|directory| directory.join("schemathesis"));
    let places = named.into_iter().chain([tools]).chain(in_path);
    places.into_iter().find(|program| program.is_file())
}
