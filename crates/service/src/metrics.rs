//! Metrics for Prometheus, in the text form of OpenMetrics 1.0.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge;
use prometheus_client::registry::{Registry, Unit};

/// Metrics that `/metrics` serves.
pub trait Metrics: Send + Sync + 'static {
    /// All of them.
    fn registry(&self) -> &Registry;
}

/// A number that goes up and down.
pub type Gauge = gauge::Gauge<f64, AtomicU64>;

/// A counter whose value is kept elsewhere, such as in a database, so that it goes on after a restart. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Total(Counter<f64, AtomicU64>);

impl Total {
    /// Shows the value that is kept elsewhere. It never falls, but for reorganisations.
    pub fn set(&self, value: f64) {
        self.0.inner().store(value.to_bits(), Ordering::Relaxed);
    }

    /// What it shows.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// The unit of amounts of FIL.
#[must_use]
pub fn fil() -> Unit {
    Unit::Other("fil".into())
}

/// Registers metrics of one daemon.
#[derive(Debug)]
pub struct MetricsBuilder(Registry);

impl MetricsBuilder {
    /// With a prefix for all names, such as `assize_publisher`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self(Registry::with_prefix(prefix))
    }

    /// A gauge without a unit.
    pub fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.0.register(name, help, gauge.clone());
        gauge
    }

    /// A gauge with a unit, which is appended to its name.
    pub fn gauge_in(&mut self, unit: Unit, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.0.register_with_unit(name, help, unit, gauge.clone());
        gauge
    }

    /// A counter whose value is kept elsewhere; `_total` is appended to its name.
    pub fn total(&mut self, name: &str, help: &str) -> Total {
        let total = Total::default();
        self.0.register(name, help, total.0.clone());
        total
    }

    /// The same with a unit: the unit and `_total` are appended to its name.
    pub fn total_in(&mut self, unit: Unit, name: &str, help: &str) -> Total {
        let total = Total::default();
        self.0.register_with_unit(name, help, unit, total.0.clone());
        total
    }

    /// For other metrics, such as families.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.0
    }

    /// All that was registered.
    #[must_use]
    pub fn build(self) -> Registry {
        self.0
    }
}

/// The metrics as text.
#[must_use]
pub fn encode(registry: &Registry) -> String {
    let mut encoded = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut encoded, registry);
    encoded
}

/// What in [encoded](encode) metrics breaks the naming rules of OpenMetrics and Prometheus, one sentence each. For tests.
///
/// The encoder itself appends `_total` to counters. So a name that holds `total` belongs to a gauge that is a counter, or to
/// a unit at the wrong place. Units are base units: seconds and bytes, not days and kilobytes.
#[must_use]
pub fn naming_faults(encoded: &str) -> Vec<String> {
    const RESERVED: [&str; 6] = ["total", "count", "sum", "bucket", "created", "info"];
    const SCALED: [&str; 10] = [
        "milliseconds",
        "ms",
        "minutes",
        "hours",
        "days",
        "kilobytes",
        "kib",
        "mib",
        "percent",
        "attofil",
    ];
    let mut faults = Vec::new();
    for line in encoded.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("TYPE"), Some(name), kind) => {
                let parts: Vec<_> = name.split('_').collect();
                let last = parts.last().copied().unwrap_or_default();
                let lower = |part: &&str| {
                    let begins = part.starts_with(|first: char| first.is_ascii_lowercase());
                    let simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                    begins && part.bytes().all(simple)
                };
                if !parts.iter().all(lower) {
                    faults.push(format!("{name} is not in snake case"));
                }
                if parts.contains(&"total") || RESERVED.contains(&last) {
                    faults.push(format!(
                        "{name} has a part that only counters and histograms have"
                    ));
                }
                if SCALED.contains(&last) {
                    faults.push(format!("{name} is not in a base unit"));
                }
                if !matches!(kind, Some("counter" | "gauge" | "histogram")) {
                    faults.push(format!("{name} is of the unusual type {kind:?}"));
                }
            }
            (Some("#"), Some("UNIT"), Some(name), Some(unit)) if !name.ends_with(&format!("_{unit}")) => {
                faults.push(format!("{name} does not end in its unit {unit}"));
            }
            (Some("#"), Some("HELP"), Some(name), None) => faults.push(format!("{name} has no help")),
            _ => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_values_kept_elsewhere_are_counters() {
        let mut metrics = MetricsBuilder::new("assize_test");
        metrics.total("batches", "Committed batches").set(12.0);
        metrics.total_in(fil(), "fees", "Fees paid").set(1.5);
        metrics
            .gauge_in(Unit::Seconds, "age", "Age of the oldest")
            .set(3.0);
        let text = encode(&metrics.build());
        for line in [
            "# TYPE assize_test_batches counter",
            "assize_test_batches_total 12.0",
            "# TYPE assize_test_fees_fil counter",
            "assize_test_fees_fil_total 1.5",
            "# TYPE assize_test_age_seconds gauge",
            "assize_test_age_seconds 3.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
    }

    #[test]
    fn names_that_break_the_rules_are_found() {
        let mut metrics = MetricsBuilder::new("assize_test");
        metrics.gauge("batches_total", "A counter that is a gauge");
        metrics.gauge_in(fil(), "spend_total", "Its unit is behind its suffix");
        metrics.gauge("runway_days", "No base unit");
        metrics.gauge("openBatches", "No snake case");
        let faults = naming_faults(&encode(&metrics.build()));
        assert_eq!(faults.len(), 4, "{faults:#?}");
    }
}
