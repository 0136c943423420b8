//! drand beacons: verification, relays, recorded beacons, waiting, cache.
//!
//! [`Chain::verify`] is a pure function of a chain's public key and a [`Beacon`], and reports each kind of invalid
//! signature separately. Beacons come from a [`BeaconSource`]: [`RecordedBeacons`], offline, or public relays
//! (`Relays`, feature `relays`). [`Verified`] wraps a source and verifies everything that it returns.
//!
//! ```
//! use assize_drand::{Beacon, Chain};
//!
//! let beacon = Beacon::from_json(br#"{"round": 1000, "signature":
//!     "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"}"#)?;
//! let randomness = Chain::quicknet().verify(&beacon)?;
//! assert_eq!(randomness, beacon.randomness());
//! # Ok::<(), assize_drand::BeaconError>(())
//! ```

// The README's example is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backend;
mod beacon;
#[cfg(feature = "relays")]
mod cache;
mod chain;
mod error;
mod info;
mod point;
mod recorded;
#[cfg(feature = "relays")]
mod relays;
#[cfg(feature = "serve")]
pub mod serve;
mod source;
mod wait;

pub use backend::Backend;
pub use beacon::Beacon;
#[cfg(feature = "relays")]
pub use cache::Cached;
pub use chain::Chain;
pub use error::{BeaconError, Failures, RelayFailure, RelayFault};
pub use info::{ChainInfo, Scheme};
pub use point::{PointError, with_y};
pub use recorded::RecordedBeacons;
#[cfg(feature = "relays")]
pub use relays::{PUBLIC_RELAYS, Relays, Timeouts};
pub use source::{BeaconSource, Verified};
pub use wait::{Clock, SystemClock, wait_for};
