//! Metrics for Prometheus.

use std::time::Duration;

use assize_guard::{BodySnapshot, BucketsSnapshot, ConnectionsSnapshot, GateSnapshot};
use assize_service::metrics::{Gauge, MetricsBuilder, Total, encode};
use assize_wire::ProblemKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds to wait.
const LATENCIES: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

type Latencies = Family<Route, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    latencies: Latencies,
    refusals: Family<Kind, Counter>,
    refused_measurements: Family<Kind, Counter>,
    measurements: Counter,
    known_measurements: Counter,
    heartbeats: Counter,
    waiting: Gauge,
    round: Gauge,
    last_look: Gauge,
    limits: Limits,
}

/// Counters that the limits keep themselves; read when metrics are requested.
#[derive(Debug)]
struct Limits {
    passed: Total,
    refused_hosts: Total,
    refused_subnets: Total,
    crowded: Total,
    hosts: Gauge,
    subnets: Gauge,
    gate_on: Gauge,
    gate_dropped: Total,
    gate_sources: Gauge,
    connections: Gauge,
    idle: Gauge,
    refused_connections: Total,
    displaced: Total,
    timed_out: Total,
    malformed: Total,
    held: Gauge,
    refused_bodies: Total,
}

/// Values read when metrics are requested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Rows waiting to be written.
    pub(crate) waiting: usize,
    /// The token buckets.
    pub(crate) buckets: BucketsSnapshot,
    /// The gate.
    pub(crate) gate: GateSnapshot,
    /// Connections.
    pub(crate) connections: ConnectionsSnapshot,
    /// Bodies.
    pub(crate) bodies: BodySnapshot,
}

impl Limits {
    fn register(metrics: &mut MetricsBuilder) -> Self {
        Self {
            passed: metrics.total("buckets_passed", "Requests that the token buckets admitted"),
            refused_hosts: metrics.total(
                "buckets_refused_hosts",
                "Requests rejected by the limit per address",
            ),
            refused_subnets: metrics.total(
                "buckets_refused_subnets",
                "Requests rejected by the limit per subnet",
            ),
            crowded: metrics.total(
                "buckets_crowded",
                "Requests that shared a bucket with a whole network",
            ),
            hosts: metrics.gauge("buckets_hosts", "Addresses with a bucket now"),
            subnets: metrics.gauge("buckets_subnets", "Subnets with a bucket now"),
            gate_on: metrics.gauge("gate_on", "Whether the gate drops requests now"),
            gate_dropped: metrics.total("gate_dropped", "Requests that the gate dropped"),
            gate_sources: metrics.gauge("gate_sources", "Subnets with a record at the gate"),
            connections: metrics.gauge("connections", "Connections open now"),
            idle: metrics.gauge("connections_idle", "Open connections without a request"),
            refused_connections: metrics.total("connections_refused", "Connections rejected"),
            displaced: metrics.total("connections_displaced", "Connections closed to make room"),
            timed_out: metrics.total(
                "connections_timed_out",
                "Connections closed because no request came",
            ),
            malformed: metrics.total(
                "connections_malformed",
                "Connections closed because the request was not HTTP",
            ),
            held: metrics.gauge_in(Unit::Bytes, "bodies_held", "Size of the bodies in memory"),
            refused_bodies: metrics.total(
                "bodies_refused",
                "Bodies rejected: too large, too slow, or too many",
            ),
        }
    }

    fn set(&self, moment: &Moment) {
        let Moment {
            buckets,
            gate,
            connections,
            bodies,
            ..
        } = moment;
        let refused_connections = connections.refused_by_host + connections.refused_full;
        let refused_bodies = bodies.too_large + bodies.too_slow + bodies.too_many;
        self.passed.set(buckets.passed as f64);
        self.refused_hosts.set(buckets.refused_by_host as f64);
        self.refused_subnets.set(buckets.refused_by_subnet as f64);
        self.crowded.set(buckets.crowded as f64);
        self.hosts.set(buckets.hosts as f64);
        self.subnets.set(buckets.subnets as f64);
        self.gate_on.set(f64::from(u8::from(gate.on)));
        self.gate_dropped.set(gate.dropped as f64);
        self.gate_sources.set(gate.sources as f64);
        self.connections.set(connections.open as f64);
        self.idle.set(connections.idle as f64);
        self.refused_connections.set(refused_connections as f64);
        self.displaced.set(connections.displaced as f64);
        self.timed_out.set(connections.timed_out as f64);
        self.malformed.set(connections.malformed as f64);
        self.held.set(bodies.held as f64);
        self.refused_bodies.set(refused_bodies as f64);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut builder = MetricsBuilder::new("assize_api");
        let metrics = Self {
            limits: Limits::register(&mut builder),
            waiting: builder.gauge("waiting_rows", "Rows waiting to be written"),
            round: builder.gauge("round", "The newest round"),
            last_look: builder.gauge_in(
                Unit::Seconds,
                "last_look_timestamp",
                "Unix time of the last poll of the chain that succeeded",
            ),
            registry: Registry::default(),
            requests: Family::default(),
            latencies: Latencies::new_with_constructor(|| Histogram::new(LATENCIES)),
            refusals: Family::default(),
            refused_measurements: Family::default(),
            measurements: Counter::default(),
            known_measurements: Counter::default(),
            heartbeats: Counter::default(),
        };
        let registry = builder.registry();
        registry.register("requests", "Requests answered", metrics.requests.clone());
        let help = "Time from the head of a request to the head of its response";
        registry.register_with_unit("latency", help, Unit::Seconds, metrics.latencies.clone());
        registry.register(
            "refusals",
            "Requests rejected, by problem",
            metrics.refusals.clone(),
        );
        let help = "Measurements rejected individually, by problem";
        registry.register("refused_measurements", help, metrics.refused_measurements.clone());
        registry.register(
            "measurements",
            "Measurements received",
            metrics.measurements.clone(),
        );
        let help = "Measurements received again";
        registry.register("known_measurements", help, metrics.known_measurements.clone());
        registry.register("heartbeats", "Heartbeats accepted", metrics.heartbeats.clone());
        Self {
            registry: builder.build(),
            ..metrics
        }
    }

    /// Records an answered request. Unknown methods count as one.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = match method {
            "GET" | "HEAD" | "POST" => method,
            _ => "other",
        };
        self.requests
            .get_or_create(&Answered {
                method: method.to_owned(),
                route: route.to_owned(),
                status,
            })
            .inc();
        let route = Route {
            route: route.to_owned(),
        };
        self.latencies.get_or_create(&route).observe(took.as_secs_f64());
    }

    /// Records a rejected request.
    pub(crate) fn refused(&self, kind: ProblemKind) {
        self.refusals.get_or_create(&label(kind)).inc();
    }

    /// Records a rejected measurement.
    pub(crate) fn refused_measurement(&self, kind: ProblemKind) {
        self.refused_measurements.get_or_create(&label(kind)).inc();
    }

    /// Records accepted measurements, new ones and known ones.
    pub(crate) fn taken(&self, new: u64, known: u64) {
        self.measurements.inc_by(new);
        self.known_measurements.inc_by(known);
    }

    /// Records a heartbeat.
    pub(crate) fn heard(&self) {
        self.heartbeats.inc();
    }

    /// Records a successful poll of the chain.
    pub(crate) fn looked(&self, round: u64, now: u64) {
        self.round.set(round as f64);
        self.last_look.set(now as f64);
    }

    /// The metrics in OpenMetrics' text format, 1.0.
    pub(crate) fn encode(&self, moment: &Moment) -> String {
        self.waiting.set(moment.waiting as f64);
        self.limits.set(moment);
        encode(&self.registry)
    }
}

fn label(kind: ProblemKind) -> Kind {
    let kind = kind.uri().trim_start_matches("urn:assize:problem:").to_owned();
    Kind { kind }
}

#[cfg(test)]
mod tests {
    use assize_service::metrics::naming_faults;

    use super::*;

    #[test]
    fn names_follow_openmetrics() {
        let metrics = Metrics::new();
        metrics.answered("GET", "/", 200, Duration::from_millis(3));
        metrics.refused(ProblemKind::Gated);
        let text = encode(&metrics.registry);
        assert_eq!(naming_faults(&text), <[String; 0]>::default());
        assert!(text.contains("# TYPE assize_api_gate_dropped counter"), "{text}");
    }
}
