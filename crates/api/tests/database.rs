//! The database: the same tests over SQLite and over a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use alloy_primitives::{Address, B128};
use assize_api::{Database, Heard, Hearing, Station};
use assize_wire::Version;

use crate::common::places;

fn heard(station: u8, time: u64) -> Heard {
    Heard {
        station: Address::repeat_byte(station),
        operator: Address::repeat_byte(0xee),
        subnet: B128::repeat_byte(station),
        version: Version(1, 20, 0),
        time,
        heard_at: time + 1,
    }
}

fn addresses(stations: &[Station]) -> Vec<u8> {
    stations.iter().map(|station| station.station[0]).collect()
}

#[tokio::test]
async fn the_book_has_who_was_seen_and_takes_no_heartbeat_twice() {
    for place in places() {
        let database = Database::open(&place.location).unwrap();
        for (station, time) in [(2, 100), (1, 100), (3, 150)] {
            assert_eq!(database.hear(heard(station, time)).await.unwrap(), Hearing::Noted);
        }
        assert_eq!(addresses(&database.live(0).await.unwrap()), [1, 2, 3]);
        assert_eq!(addresses(&database.live(151).await.unwrap()), [3]);
        // The same again, and one from before.
        for time in [100, 99] {
            assert_eq!(database.hear(heard(2, time)).await.unwrap(), Hearing::Replayed);
        }
        let later = Heard {
            operator: Address::repeat_byte(0xdd),
            subnet: B128::repeat_byte(9),
            version: Version(2, 0, 0),
            ..heard(1, 200)
        };
        assert_eq!(database.hear(later).await.unwrap(), Hearing::Noted);
        // Another process sees it as well.
        let other = Database::open(&place.location).unwrap();
        let moved = Station {
            station: Address::repeat_byte(1),
            operator: Address::repeat_byte(0xdd),
            subnet: B128::repeat_byte(9),
            version: Version(2, 0, 0),
            first_seen: 101,
            seen_at: 201,
        };
        assert_eq!(other.live(200).await.unwrap(), [moved]);
        assert_eq!(other.forget(150).await.unwrap(), 1);
        assert_eq!(addresses(&database.live(0).await.unwrap()), [1, 3]);
    }
}

#[tokio::test]
async fn of_a_stations_heartbeats_in_one_group_each_is_judged() {
    for place in places() {
        let mut tables = tokio::task::spawn_blocking({
            let location = place.location.clone();
            move || location.connect().unwrap()
        })
        .await
        .unwrap();
        let hearings = tokio::task::spawn_blocking(move || {
            let group = [heard(1, 5), heard(2, 5), heard(1, 6), heard(1, 6), heard(1, 4)];
            let hearings = tables.hear(&group).unwrap();
            drop(tables);
            hearings
        });
        use Hearing::{Noted, Replayed};
        assert_eq!(hearings.await.unwrap(), [Noted, Noted, Noted, Replayed, Replayed]);
    }
}
