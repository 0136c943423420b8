//! Selects the stations of a roster.

use std::collections::BTreeMap;

use assize_ingest::Station;
use assize_protocol::{ListError, Roster, RosterEntry};

/// The roster of live stations, which are given in order of their first heartbeat: at most `max_per_subnet` per
/// subnet, oldest first, sorted by address.
///
/// New stations cannot displace older ones of their subnet. A station that moves to another subnet keeps its age; one
/// that was removed as stale counts as new.
///
/// # Errors
/// [`ListError`] if a station is given twice.
pub fn cut(live: &[Station], max_per_subnet: u32) -> Result<Roster, ListError> {
    let mut taken = BTreeMap::new();
    let mut entries: Vec<_> = live
        .iter()
        .filter(|station| {
            let taken = taken.entry(station.subnet).or_insert(0_u32);
            *taken += 1;
            *taken <= max_per_subnet
        })
        .map(|station| RosterEntry {
            station: station.station,
            operator: station.operator,
            subnet: station.subnet,
        })
        .collect();
    entries.sort_unstable_by_key(|entry| entry.station);
    Roster::new(entries)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B128};
    use assize_wire::Version;

    use super::*;

    fn station(address: u8, subnet: u8, first_seen: u64) -> Station {
        Station {
            station: Address::repeat_byte(address),
            operator: Address::repeat_byte(0xee),
            subnet: B128::repeat_byte(subnet),
            version: Version(1, 0, 0),
            first_seen,
            seen_at: 1_000,
        }
    }

    fn addresses(live: &[Station], max: u32) -> Vec<u8> {
        let roster = cut(live, max).unwrap();
        roster.entries().iter().map(|entry| entry.station[0]).collect()
    }

    #[test]
    fn the_oldest_stations_of_a_subnet_stay_and_the_order_is_by_address() {
        let live = [
            station(9, 1, 10),
            station(5, 1, 20),
            station(7, 2, 30),
            station(1, 1, 40),
        ];
        assert_eq!(addresses(&live, 2), [5, 7, 9]);
        assert_eq!(addresses(&live, 1), [7, 9]);
        assert_eq!(addresses(&live, 3), [1, 5, 7, 9]);
        assert_eq!(addresses(&[], 3), [0_u8; 0]);
    }

    #[test]
    fn a_station_given_twice_is_rejected() {
        assert!(cut(&[station(1, 1, 10), station(1, 2, 20)], 9).is_err());
    }
}
