//! Seeds, addresses, CIDs and actor ids: written values parse back.
#![no_main]

use assize_protocol::address::{parse_operator, parse_station};
use assize_protocol::{ActorId, FileCid, PayloadCid, ProviderId, Seed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(seed) = text.parse::<Seed>() {
        assert_eq!(seed.to_string().parse(), Ok(seed));
    }
    if let Ok(cid) = text.parse::<FileCid>() {
        assert_eq!(cid.to_string().parse(), Ok(cid));
    }
    if let Ok(cid) = text.parse::<PayloadCid>() {
        assert_eq!(cid.to_string().parse(), Ok(cid));
    }
    if let Ok(id) = text.parse::<ActorId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<ProviderId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let _ = (parse_station(text), parse_operator(text));
});
