//! Metrics for Prometheus.

use std::time::Duration;

use assize_guard::{BodySnapshot, BucketsSnapshot, ConnectionsSnapshot, GateSnapshot};
use assize_service::metrics::{Gauge, MetricSet, Unit};
use assize_wire::ProblemKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the latency histogram's buckets, seconds.
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
    set: MetricSet<Moment>,
    requests: Family<Answered, Counter>,
    latencies: Latencies,
    refusals: Family<Kind, Counter>,
    refused_measurements: Family<Kind, Counter>,
    measurements: Counter,
    known_measurements: Counter,
    heartbeats: Counter,
    round: Gauge,
    last_look: Gauge,
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

/// Counters that the limits keep themselves; read when metrics are requested.
fn limits(set: &mut MetricSet<Moment>) {
    set.total(
        "buckets_passed",
        "Requests that the token buckets admitted",
        |now| now.buckets.passed as f64,
    );
    set.total(
        "buckets_refused_hosts",
        "Requests rejected by the limit per address",
        |now| now.buckets.refused_by_host as f64,
    );
    set.total(
        "buckets_refused_subnets",
        "Requests rejected by the limit per subnet",
        |now| now.buckets.refused_by_subnet as f64,
    );
    set.total(
        "buckets_shared",
        "Requests that shared a bucket with a whole network",
        |now| now.buckets.crowded as f64,
    );
    set.gauge("buckets_hosts", "Addresses with a bucket now", |now| {
        now.buckets.hosts as f64
    });
    set.gauge("buckets_subnets", "Subnets with a bucket now", |now| {
        now.buckets.subnets as f64
    });
    set.gauge("gate_active", "Whether the gate drops requests now", |now| {
        f64::from(u8::from(now.gate.on))
    });
    set.total("gate_dropped", "Requests that the gate dropped", |now| {
        now.gate.dropped as f64
    });
    set.gauge("gate_sources", "Subnets with a record at the gate", |now| {
        now.gate.sources as f64
    });
    set.gauge("connections", "Connections open now", |now| {
        now.connections.open as f64
    });
    set.gauge("connections_idle", "Open connections without a request", |now| {
        now.connections.idle as f64
    });
    set.total("connections_refused", "Connections rejected", |now| {
        (now.connections.refused_by_host + now.connections.refused_full) as f64
    });
    set.total(
        "connections_displaced",
        "Connections closed to make room",
        |now| now.connections.displaced as f64,
    );
    set.total(
        "connections_timed_out",
        "Connections closed because no request came",
        |now| now.connections.timed_out as f64,
    );
    set.total(
        "connections_malformed",
        "Connections closed because the request was not HTTP",
        |now| now.connections.malformed as f64,
    );
    set.gauge_in(
        Unit::Bytes,
        "bodies_in_memory",
        "Size of the bodies in memory",
        |now| now.bodies.held as f64,
    );
    set.total(
        "bodies_refused",
        "Bodies rejected: too large, too slow, or too many",
        |now| (now.bodies.too_large + now.bodies.too_slow + now.bodies.too_many) as f64,
    );
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut set: MetricSet<Moment> = MetricSet::new("assize_api");
        limits(&mut set);
        set.gauge("waiting_rows", "Rows waiting to be written", |now| {
            now.waiting as f64
        });
        Self {
            round: set.add("round", "The newest round", Gauge::default()),
            last_look: set.add_in(
                Unit::Seconds,
                "last_poll_timestamp",
                "Unix time of the last poll of the chain that succeeded",
                Gauge::default(),
            ),
            requests: set.add("requests", "Requests answered", Family::default()),
            latencies: set.add_in(
                Unit::Seconds,
                "latency",
                "Time from the head of a request to the head of its response",
                Latencies::new_with_constructor(|| Histogram::new(LATENCIES)),
            ),
            refusals: set.add("refusals", "Requests rejected, by problem", Family::default()),
            refused_measurements: set.add(
                "refused_measurements",
                "Measurements rejected individually, by problem",
                Family::default(),
            ),
            measurements: set.add("measurements", "Measurements received", Counter::default()),
            known_measurements: set.add(
                "known_measurements",
                "Measurements received again",
                Counter::default(),
            ),
            heartbeats: set.add("heartbeats", "Heartbeats accepted", Counter::default()),
            set,
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

    /// Number of new measurements accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.measurements.get()
    }

    /// Records a heartbeat.
    pub(crate) fn heartbeat_accepted(&self) {
        self.heartbeats.inc();
    }

    /// Records a successful poll of the chain.
    pub(crate) fn chain_polled(&self, round: u64, now: u64) {
        self.round.set(round as f64);
        self.last_look.set(now as f64);
    }

    /// The metrics in OpenMetrics' text format, 1.0.
    pub(crate) fn encode(&self, moment: &Moment) -> String {
        self.set.set(moment);
        self.set.encode()
    }
}

fn label(kind: ProblemKind) -> Kind {
    let kind = kind.uri().trim_start_matches("urn:assize:problem:").to_owned();
    Kind { kind }
}
