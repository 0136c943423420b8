//! Every route and every rejection, over real sockets, on both databases.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

#[path = "../common/mod.rs"]
mod common;
mod description;
mod heartbeats;
mod inclusion;
mod measurements;
mod overlap;
mod rounds;
mod rules;

use alloy_primitives::{Address, B256};
use assize_measurement::unixfs::file_cid;
use assize_measurement::{Domain, Measurement, Millis, Signature};
use assize_protocol::{CommitteeIndex, LinesRoot, RoundNumber, StationIndex, TaskIndex, merkle};
use assize_wire::{
    Answer, ClientSummary, CommitteeDocument, Heartbeat, InclusionDocument, InspectDocument, Liveness,
    MinerSummary, NetworkDocument, ProblemKind, Progress, Receipt, RoundDocument, State, StationDocument,
    Version,
};
use secp256k1::SecretKey;

use crate::common::server::{STATIONS, Scene, Served, ingest_key, roomy};
use crate::common::{places, sqlite};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
/// The `Cache-Control` of a round that a reorganisation may still change.
const BRIEFLY: &str = "public, max-age=10";
