//! Rules for the metrics of all crates: every registry is a `MetricSet`, and the dashboard names what exists.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "MetricSet::new(\"assize_";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rust sources of all crates but this one, with their text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories: Vec<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("service"))
        .map(|path| path.join("src"))
        .filter(|path| path.is_dir())
        .collect();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None => directories.push(path),
                Some(extension) if extension == "rs" => {
                    let text = fs::read_to_string(&path).unwrap();
                    found.push((path, text));
                }
                Some(_) => {}
            }
        }
    }
    found
}

/// The prefix of each registry, and the source that builds it.
fn registries() -> Vec<(String, PathBuf, String)> {
    let prefix = |text: &str| {
        let (_, rest) = text.split_once(BEGIN)?;
        let (name, _) = rest.split_once('"')?;
        Some(format!("assize_{name}"))
    };
    let registries = sources().into_iter();
    registries
        .filter_map(|(path, text)| Some((prefix(&text)?, path, text)))
        .collect()
}

#[test]
fn every_registry_is_built_here() {
    for (path, text) in sources() {
        let path = path.display();
        for way in ["Registry::with_prefix", "text::encode"] {
            assert!(!text.contains(way), "{path}: use assize_service::metrics");
        }
    }
    assert!(registries().len() >= 6);
}

#[test]
fn the_dashboard_names_metrics_that_exist() {
    let dashboard = fs::read_to_string(root().join("scripts/grafana/assize.json")).unwrap();
    let is_name = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
    let named: BTreeSet<_> = dashboard
        .split(|symbol| !is_name(symbol))
        .filter(|word| word.starts_with("assize_"))
        .collect();
    assert!(named.len() > 40);
    let queue = fs::read_to_string(root().join("crates/outbox/src/metrics.rs")).unwrap();
    let registries = registries();
    let mut unknown = Vec::new();
    for metric in named {
        let registry = registries
            .iter()
            .find_map(|(prefix, _, text)| Some((metric.strip_prefix(&format!("{prefix}_"))?, text)));
        let Some((name, text)) = registry else {
            unknown.push(metric);
            continue;
        };
        let bare = |name: &'static [&'static str], of: String| {
            let suffix = name.iter().find(|suffix| of.ends_with(**suffix));
            suffix.map_or(of.clone(), |suffix| of[..of.len() - suffix.len()].to_owned())
        };
        let name = bare(&["_total", "_bucket", "_sum", "_count"], name.to_owned());
        let unitless = bare(&["_seconds", "_bytes", "_fil"], name.clone());
        let is_there = |text: &String| {
            [&name, &unitless]
                .iter()
                .any(|name| text.contains(&format!("\"{name}\"")))
        };
        let is_of_the_queue = is_there(&queue) && text.contains("queue_metrics(");
        if !is_there(text) && !is_of_the_queue {
            unknown.push(metric);
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}
