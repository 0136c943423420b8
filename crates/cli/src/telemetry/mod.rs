//! Logs; in builds with the features `otlp` and `sentry` also traces and errors to servers named in the environment.

mod json;
mod repeats;

use std::io::{self, IsTerminal};

#[cfg(feature = "sentry")]
use assize_api::telemetry::Faults;
#[cfg(feature = "otlp")]
use assize_api::telemetry::Otlp;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use self::json::Json;
use self::repeats::Repeats;
use crate::variable::variable;

/// OpenTelemetry's variable for the server of traces, such as `http://127.0.0.1:4318/v1/traces`.
const OTLP: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// Sentry's variable for the server of errors.
const SENTRY: &str = "SENTRY_DSN";

/// Exporters; must live as long as the program.
#[derive(Debug)]
pub(crate) struct Telemetry {
    #[cfg(feature = "otlp")]
    _traces: Option<Otlp>,
    #[cfg(feature = "sentry")]
    _faults: Option<Faults>,
}

/// How a command logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Logs {
    /// Whether each step is logged, at level `info`, and not only warnings. Daemons log theirs by default.
    pub steps: bool,
    /// Whether each line is a JSON object.
    pub json: bool,
}

/// Logs to stderr, with times in UTC; `RUST_LOG` overrides the level: `debug`, or `info,hyper=warn` by module.
pub(crate) fn begin(Logs { steps, json }: Logs) -> eyre::Result<Telemetry> {
    // The target `assize` stands for all crates whose names begin with it.
    let level = if steps { "warn,assize=info" } else { "warn" };
    // These crates log errors that they also return, and that are reported with more context.
    let usual =
        format!("{level},alloy_signer_aws=off,alloy_signer_ledger=off,coins_ledger=off,aws_config=off");
    let wanted = named("RUST_LOG").map(|wanted| wanted.parse::<Targets>());
    let is_refused = matches!(wanted, Some(Err(_)));
    let filter = match wanted {
        Some(Ok(filter)) => filter,
        _ => usual.parse()?,
    };
    let logs = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(!json && io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let logs = match json {
        true => logs.event_format(Repeats::new(Json)).boxed(),
        false => logs.event_format(Repeats::new(fmt::format())).boxed(),
    };
    let logs = logs.with_filter(filter);
    let registry = tracing_subscriber::registry().with(logs);

    #[cfg(feature = "otlp")]
    let traces = named(OTLP)
        .map(|endpoint| Otlp::new(&endpoint, "assize"))
        .transpose()?;
    #[cfg(feature = "otlp")]
    let registry = registry.with(traces.as_ref().map(|traces| traces.layer().with_filter(spans())));
    #[cfg(feature = "sentry")]
    let faults = named(SENTRY).map(|dsn| Faults::new(&dsn)).transpose()?;
    #[cfg(feature = "sentry")]
    let registry = registry.with(faults.as_ref().map(Faults::layer));
    registry.init();
    if is_refused {
        tracing::warn!("RUST_LOG is invalid: give a level, or levels by module such as info,hyper=warn");
    }

    for (feature, variable) in [("otlp", OTLP), ("sentry", SENTRY)] {
        let built = (feature == "otlp" && cfg!(feature = "otlp"))
            || (feature == "sentry" && cfg!(feature = "sentry"));
        if !built && named(variable).is_some() {
            tracing::warn!(
                "{variable} is set, but this build does not support it: build it with --features {feature}"
            );
        }
    }
    Ok(Telemetry {
        #[cfg(feature = "otlp")]
        _traces: traces,
        #[cfg(feature = "sentry")]
        _faults: faults,
    })
}

/// Spans of Assize only: exporters that traced their own requests would never finish.
#[cfg(feature = "otlp")]
fn spans() -> Targets {
    let ours = [
        "assize",
        "assize_api",
        "assize_coordinator",
        "assize_publish",
        "assize_outbox",
    ];
    Targets::new().with_targets(ours.map(|target| (target, tracing::Level::INFO)))
}

/// The time in UTC, to the microsecond, as all log lines have it.
pub(crate) fn now() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

fn named(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}
