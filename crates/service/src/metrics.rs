//! Metrics for Prometheus, in the text form of OpenMetrics 1.0.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge;
use prometheus_client::registry::{Metric, Registry};

use crate::Alert;

pub use prometheus_client::registry::Unit;

/// Metrics that `/metrics` serves.
pub trait Metrics: Send + Sync + 'static {
    /// All of them.
    fn registry(&self) -> &Registry;
}

/// Metrics of what serves none.
#[derive(Debug, Default)]
pub struct NoMetrics(Registry);

impl Metrics for NoMetrics {
    fn registry(&self) -> &Registry {
        &self.0
    }
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
}

impl EncodeMetric for Total {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

/// The unit of amounts of FIL.
#[must_use]
pub fn fil() -> Unit {
    Unit::Other("fil".into())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

type Show<S> = Box<dyn Fn(&S) + Send + Sync>;

/// The metrics of one daemon. Most of them show a state `S`, such as what a pass has left; the others are
/// [added](Self::add) and set by themselves.
pub struct MetricSet<S = ()> {
    registry: Registry,
    shows: Vec<Show<S>>,
}

impl<S: 'static> MetricSet<S> {
    /// With a prefix for all names, such as `assize_publisher`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            registry: Registry::with_prefix(prefix),
            shows: Vec::new(),
        }
    }

    /// Adds a metric that is set by itself. Debug builds check its name.
    pub fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        debug_assert_eq!(naming_fault(name, None), None, "{name}");
        self.registry.register(name, help, metric.clone());
        metric
    }

    /// The same with a unit, which is appended to its name.
    pub fn add_in<M: Metric + Clone>(&mut self, unit: Unit, name: &str, help: &str, metric: M) -> M {
        debug_assert_eq!(naming_fault(name, Some(&unit)), None, "{name}");
        self.registry.register_with_unit(name, help, unit, metric.clone());
        metric
    }

    /// A gauge that shows a value of the state.
    pub fn gauge(&mut self, name: &str, help: &str, of: impl Fn(&S) -> f64 + Send + Sync + 'static) {
        let gauge = self.add(name, help, Gauge::default());
        self.shows.push(Box::new(move |state| {
            gauge.set(of(state));
        }));
    }

    /// The same with a unit.
    pub fn gauge_in(
        &mut self,
        unit: Unit,
        name: &str,
        help: &str,
        of: impl Fn(&S) -> f64 + Send + Sync + 'static,
    ) {
        let gauge = self.add_in(unit, name, help, Gauge::default());
        self.shows.push(Box::new(move |state| {
            gauge.set(of(state));
        }));
    }

    /// A counter that shows a value of the state; `_total` is appended to its name.
    pub fn total(&mut self, name: &str, help: &str, of: impl Fn(&S) -> f64 + Send + Sync + 'static) {
        let total = self.add(name, help, Total::default());
        self.shows.push(Box::new(move |state| total.set(of(state))));
    }

    /// The same with a unit: the unit and `_total` are appended to its name.
    pub fn total_in(
        &mut self,
        unit: Unit,
        name: &str,
        help: &str,
        of: impl Fn(&S) -> f64 + Send + Sync + 'static,
    ) {
        let total = self.add_in(unit, name, help, Total::default());
        self.shows.push(Box::new(move |state| total.set(of(state))));
    }

    /// A counter to which each state adds; `_total` is appended to its name.
    pub fn sum(&mut self, name: &str, help: &str, of: impl Fn(&S) -> u64 + Send + Sync + 'static) {
        let sum = self.add(name, help, Counter::<u64>::default());
        self.shows.push(Box::new(move |state| {
            sum.inc_by(of(state));
        }));
    }

    /// The number of active alerts of each kind.
    pub fn alerts<A: Alert + 'static>(
        &mut self,
        name: &str,
        kinds: &'static [&'static str],
        of: fn(&S) -> &[A],
    ) {
        let family = self.add(name, "Active alerts by kind", Family::<Kind, Gauge>::default());
        let show = move |alerts: &[A]| {
            for &kind in kinds {
                let count = alerts.iter().filter(|alert| alert.kind() == kind).count();
                family.get_or_create(&Kind { kind }).set(count as f64);
            }
        };
        show(&[]);
        self.shows.push(Box::new(move |state| show(of(state))));
    }

    /// Shows a state.
    pub fn set(&self, state: &S) {
        self.shows.iter().for_each(|show| show(state));
    }

    /// The metrics as text.
    #[must_use]
    pub fn encode(&self) -> String {
        encode(&self.registry)
    }
}

impl<S: 'static> Metrics for MetricSet<S> {
    fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl<S> fmt::Debug for MetricSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricSet").finish_non_exhaustive()
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

/// What in a metric's name, given without prefix and unit, breaks the rules of OpenMetrics and Prometheus.
///
/// The encoder itself appends `_total` to counters. So a name that holds `total` belongs to a gauge that is a counter, or to
/// a unit at the wrong place. Units are base units: seconds and bytes, not days and kilobytes.
fn naming_fault(name: &str, unit: Option<&Unit>) -> Option<&'static str> {
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
    let parts: Vec<_> = name.split('_').chain(unit.map(Unit::as_str)).collect();
    let simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins = |part: &str| part.starts_with(|first: char| first.is_ascii_lowercase());
    let ends_in = |words: &[&str]| parts.last().is_some_and(|last| words.contains(last));
    if !parts.iter().all(|part| begins(part) && part.bytes().all(simple)) {
        return Some("it is not in snake case");
    }
    if parts.contains(&"total") || ends_in(&RESERVED) {
        return Some("it has a part that only counters and histograms have");
    }
    ends_in(&SCALED).then_some("it is not in a base unit")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct High;

    impl fmt::Display for High {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("high")
        }
    }

    impl Alert for High {
        fn kind(&self) -> &'static str {
            "high"
        }
    }

    #[test]
    fn counters_of_values_kept_elsewhere_are_counters() {
        let mut metrics = MetricSet::new("assize_test");
        metrics.total("batches", "Committed batches", |age: &f64| age * 4.0);
        metrics.total_in(fil(), "fees", "Fees paid", |age| age / 2.0);
        metrics.gauge_in(Unit::Seconds, "age", "Age of the oldest", |age| *age);
        metrics.alerts("alert", &["low", "high"], |_| &[High, High]);
        metrics.set(&3.0);
        let text = metrics.encode();
        for line in [
            "# TYPE assize_test_batches counter",
            "assize_test_batches_total 12.0",
            "# TYPE assize_test_fees_fil counter",
            "assize_test_fees_fil_total 1.5",
            "# TYPE assize_test_age_seconds gauge",
            "assize_test_age_seconds 3.0",
            "assize_test_alert{kind=\"low\"} 0.0",
            "assize_test_alert{kind=\"high\"} 2.0",
        ] {
            assert!(text.lines().any(|there| there == line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn names_that_break_the_rules_are_found() {
        assert_eq!(naming_fault("open_batches", None), None);
        assert_eq!(naming_fault("fees", Some(&fil())), None);
        for name in [
            "batches_total",
            "spend_total_fil",
            "runway_days",
            "openBatches",
            "open__batches",
            "",
        ] {
            assert!(naming_fault(name, None).is_some(), "{name}");
        }
        assert!(naming_fault("spend_total", Some(&fil())).is_some());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "runway_days")]
    fn a_metric_with_such_a_name_is_not_built() {
        MetricSet::<()>::new("assize_test").gauge("runway_days", "No base unit", |()| 0.0);
    }
}
