//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use assize_guard::{BodySnapshot, BucketsSnapshot, ConnectionsSnapshot, GateSnapshot};
use assize_wire::ProblemKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds.
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

/// The figures.
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
    last_look: Gauge<f64, AtomicU64>,
    guard: Guarded,
}

/// What the guard counts itself, set when it is asked for; those that only grow are named `_total`, as counters are.
#[derive(Debug, Default)]
struct Guarded {
    passed: Gauge,
    refused_hosts: Gauge,
    refused_subnets: Gauge,
    crowded: Gauge,
    hosts: Gauge,
    subnets: Gauge,
    gate_on: Gauge,
    gate_dropped: Gauge,
    gate_sources: Gauge,
    connections: Gauge,
    idle: Gauge,
    refused_connections: Gauge,
    displaced: Gauge,
    timed_out: Gauge,
    malformed: Gauge,
    held: Gauge,
    refused_bodies: Gauge,
}

/// What is asked for when figures are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Rows that wait to be written.
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

impl Guarded {
    fn register(&self, registry: &mut Registry) {
        let figures = [
            (
                "buckets_passed_total",
                "Requests that the token buckets let in",
                &self.passed,
            ),
            (
                "buckets_refused_hosts_total",
                "Requests refused for their address",
                &self.refused_hosts,
            ),
            (
                "buckets_refused_subnets_total",
                "Requests refused for their subnet",
                &self.refused_subnets,
            ),
            (
                "buckets_crowded_total",
                "Requests that shared a bucket with a whole network",
                &self.crowded,
            ),
            ("buckets_hosts", "Addresses with a bucket now", &self.hosts),
            ("buckets_subnets", "Subnets with a bucket now", &self.subnets),
            ("gate_on", "Whether the gate works now", &self.gate_on),
            (
                "gate_dropped_total",
                "Requests that the gate dropped",
                &self.gate_dropped,
            ),
            (
                "gate_sources",
                "Subnets with a record at the gate",
                &self.gate_sources,
            ),
            ("connections", "Connections open now", &self.connections),
            ("connections_idle", "Of them, without a request", &self.idle),
            (
                "connections_refused_total",
                "Connections refused",
                &self.refused_connections,
            ),
            (
                "connections_displaced_total",
                "Connections closed to make room",
                &self.displaced,
            ),
            (
                "connections_timed_out_total",
                "Connections closed since no request came",
                &self.timed_out,
            ),
            (
                "connections_malformed_total",
                "Connections closed since what came was no HTTP",
                &self.malformed,
            ),
            ("bodies_held_bytes", "Bytes of bodies held now", &self.held),
            (
                "bodies_refused_total",
                "Bodies refused: too large, too slow, too many",
                &self.refused_bodies,
            ),
        ];
        for (name, help, gauge) in figures {
            registry.register(name, help, gauge.clone());
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
        let figures = [
            (&self.passed, buckets.passed),
            (&self.refused_hosts, buckets.refused_by_host),
            (&self.refused_subnets, buckets.refused_by_subnet),
            (&self.crowded, buckets.crowded),
            (&self.hosts, buckets.hosts as u64),
            (&self.subnets, buckets.subnets as u64),
            (&self.gate_on, gate.on.into()),
            (&self.gate_dropped, gate.dropped),
            (&self.gate_sources, gate.sources as u64),
            (&self.connections, connections.open as u64),
            (&self.idle, connections.idle as u64),
            (
                &self.refused_connections,
                connections.refused_by_host + connections.refused_full,
            ),
            (&self.displaced, connections.displaced),
            (&self.timed_out, connections.timed_out),
            (&self.malformed, connections.malformed),
            (&self.held, bodies.held),
            (
                &self.refused_bodies,
                bodies.too_large + bodies.too_slow + bodies.too_many,
            ),
        ];
        for (gauge, figure) in figures {
            gauge.set(i64::try_from(figure).unwrap_or(i64::MAX));
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("assize_api");
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            latencies: Latencies::new_with_constructor(|| Histogram::new(LATENCIES)),
            refusals: Family::default(),
            refused_measurements: Family::default(),
            measurements: Counter::default(),
            known_measurements: Counter::default(),
            heartbeats: Counter::default(),
            waiting: Gauge::default(),
            round: Gauge::default(),
            last_look: Gauge::default(),
            guard: Guarded::default(),
        };
        metrics.guard.register(&mut registry);
        registry.register("requests", "Requests answered", metrics.requests.clone());
        let help = "Time from a request's head to its answer's";
        registry.register_with_unit("latency", help, Unit::Seconds, metrics.latencies.clone());
        registry.register(
            "refusals",
            "Requests refused, by problem",
            metrics.refusals.clone(),
        );
        let help = "Measurements refused one by one, by problem";
        registry.register("refused_measurements", help, metrics.refused_measurements.clone());
        registry.register("measurements", "Measurements taken", metrics.measurements.clone());
        let help = "Measurements that were there already";
        registry.register("known_measurements", help, metrics.known_measurements.clone());
        registry.register("heartbeats", "Heartbeats noted", metrics.heartbeats.clone());
        registry.register(
            "waiting_rows",
            "Rows that wait to be written",
            metrics.waiting.clone(),
        );
        registry.register("round", "The newest round", metrics.round.clone());
        let help = "Unix time of the last look at the chain that succeeded";
        registry.register_with_unit(
            "last_look_timestamp",
            help,
            Unit::Seconds,
            metrics.last_look.clone(),
        );
        Self { registry, ..metrics }
    }

    /// A request was answered. Other methods than there are count as one.
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

    /// A request was refused.
    pub(crate) fn refused(&self, kind: ProblemKind) {
        self.refusals.get_or_create(&label(kind)).inc();
    }

    /// A measurement was refused.
    pub(crate) fn refused_measurement(&self, kind: ProblemKind) {
        self.refused_measurements.get_or_create(&label(kind)).inc();
    }

    /// Measurements were taken, or were there already.
    pub(crate) fn taken(&self, new: u64, known: u64) {
        self.measurements.inc_by(new);
        self.known_measurements.inc_by(known);
    }

    /// A heartbeat was noted.
    pub(crate) fn heard(&self) {
        self.heartbeats.inc();
    }

    /// The chain was looked at.
    pub(crate) fn looked(&self, round: u64, now: u64) {
        self.round.set(i64::try_from(round).unwrap_or(i64::MAX));
        self.last_look.set(now as f64);
    }

    /// In OpenMetrics' text form, 1.0.
    pub(crate) fn encode(&self, moment: &Moment) -> String {
        self.waiting
            .set(i64::try_from(moment.waiting).unwrap_or(i64::MAX));
        self.guard.set(moment);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn label(kind: ProblemKind) -> Kind {
    let kind = kind.uri().trim_start_matches("urn:assize:problem:").to_owned();
    Kind { kind }
}
