//! The coordinator against a real chain with the real contracts, a real queue and a real store.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod crashes;
mod office;
mod opening;
mod others;
mod stage;
mod troubles;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use alloy_primitives::{Address, B128};
use assize_chain::{ChainClient, Draft, Rounds};
use assize_coordinator::{
    Boundary, Coordinator, CoordinatorAlert, CoordinatorError, PassReport, Settings, Waiting,
};
use assize_drand::{Beacon, BeaconError, BeaconSource, Verified, with_y};
use assize_facts::Round;
use assize_ingest::{Database, Heartbeat, Location};
use assize_keys::Signer;
use assize_outbox::{Caps, Depth, Finality, Outbox, OutboxError, Policy};
use assize_protocol::{BeaconRound, Roster, RoundNumber, TaskList};
use assize_service::{Alert as _, Clock};
use assize_store::{LocalStore, Source};
use assize_testkit::fault::{FaultNode, Faults};
use assize_testkit::fixtures;
use assize_testkit::world::{World, WorldBeacons};
use assize_wire::Version;
use serde_json::json;

use crate::stage::{DURATION, NOW, Stage, is_revealed, kinds, pass, until};
