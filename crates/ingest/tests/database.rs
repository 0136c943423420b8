//! The database: the same tests over SQLite and over a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use alloy_primitives::{Address, B128, B256};
use assize_ingest::{
    BatchLimit, BatchMarks, Database, DatabaseOptions, Heartbeat, HeartbeatOutcome, NO_LABEL, Receiving,
    SignedRow, Station, Stored, SubnetLimit,
};
use assize_measurement::unixfs::file_cid;
use assize_protocol::{RoundNumber, TaskIndex};
use assize_service::Clock;
use assize_testkit::services::Place;
use assize_wire::Version;

fn heartbeat(station: u8, time: u64) -> Heartbeat {
    Heartbeat {
        station: Address::repeat_byte(station),
        operator: Address::repeat_byte(0xee),
        subnet: B128::repeat_byte(station),
        version: Version(1, 20, 0),
        time,
        received_at: time + 1,
    }
}

fn addresses(stations: &[Station]) -> Vec<u8> {
    stations.iter().map(|station| station.station[0]).collect()
}

#[tokio::test]
async fn live_stations_are_listed_and_replayed_heartbeats_rejected() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let database = Database::open(&place.location).unwrap();
        for (station, time) in [(2, 100), (1, 100), (3, 150)] {
            assert_eq!(
                database.record(heartbeat(station, time)).await.unwrap(),
                HeartbeatOutcome::Recorded
            );
        }
        assert_eq!(addresses(&database.live(0).await.unwrap()), [1, 2, 3]);
        assert_eq!(addresses(&database.live(151).await.unwrap()), [3]);
        // The same again, and one from before.
        for time in [100, 99] {
            assert_eq!(
                database.record(heartbeat(2, time)).await.unwrap(),
                HeartbeatOutcome::Replayed
            );
        }
        let later = Heartbeat {
            operator: Address::repeat_byte(0xdd),
            subnet: B128::repeat_byte(9),
            version: Version(2, 0, 0),
            ..heartbeat(1, 200)
        };
        assert_eq!(database.record(later).await.unwrap(), HeartbeatOutcome::Recorded);
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
        assert_eq!(other.remove_stale(150).await.unwrap(), 1);
        assert_eq!(addresses(&database.live(0).await.unwrap()), [1, 3]);
    }
}

#[tokio::test]
async fn of_a_stations_heartbeats_in_one_group_each_is_judged() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let mut tables = tokio::task::spawn_blocking({
            let location = place.location.clone();
            move || location.connect().unwrap()
        })
        .await
        .unwrap();
        let outcomes = tokio::task::spawn_blocking(move || {
            let group = [
                heartbeat(1, 5),
                heartbeat(2, 5),
                heartbeat(1, 6),
                heartbeat(1, 6),
                heartbeat(1, 4),
            ];
            let outcomes = tables.record(&group, SubnetLimit::default()).unwrap();
            drop(tables);
            outcomes
        });
        use HeartbeatOutcome::{Recorded, Replayed};
        assert_eq!(
            outcomes.await.unwrap(),
            [Recorded, Recorded, Recorded, Replayed, Replayed]
        );
    }
}

fn row(number: u8) -> SignedRow {
    SignedRow {
        digest: B256::repeat_byte(number),
        round: RoundNumber(1),
        station: Address::repeat_byte(7),
        task: TaskIndex(number.into()),
        line: format!("{{\"number\":{number}}}"),
    }
}

#[tokio::test]
async fn measurements_are_durable_and_have_the_time_of_their_first_coming() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let clock = Clock::standing(1_000);
        let options = DatabaseOptions {
            clock: clock.clone(),
            ..DatabaseOptions::default()
        };
        let database = Database::open_with(&place.location, options.clone()).unwrap();
        let new = |received_at| Receiving::New { received_at };
        let known = |received_at| Receiving::Known { received_at };
        assert_eq!(
            database.take(vec![row(1), row(2)]).await.unwrap(),
            [new(1_000); 2]
        );
        clock.set(2_000);
        assert_eq!(
            database.take(vec![row(2), row(3), row(3)]).await.unwrap(),
            [known(1_000), new(2_000), known(2_000)]
        );
        // As after a kill.
        drop(database);
        let database = Database::open_with(&place.location, options).unwrap();
        clock.set(3_000);
        assert_eq!(
            database.take(vec![row(1), row(3)]).await.unwrap(),
            [known(1_000), known(2_000)]
        );
        assert_eq!(database.find(B256::repeat_byte(9)).await.unwrap(), None);
        let standing = database.find(B256::repeat_byte(3)).await.unwrap().unwrap();
        assert_eq!(
            (standing.found.received_at, standing.found.batch, standing.mark),
            (2_000, None, None)
        );

        // The publisher batches it from the same table, and the marks find its line.
        let root = B256::repeat_byte(8);
        let stored = Stored {
            cid: file_cid(b"a batch"),
            root,
        };
        let batch = tokio::task::spawn_blocking({
            let location = place.location.clone();
            move || {
                let mut ingest = location.connect_ingest().unwrap();
                let batch = ingest
                    .close(
                        RoundNumber(1),
                        BatchLimit {
                            lines: 10,
                            bytes: u64::MAX,
                        },
                    )
                    .unwrap()
                    .unwrap();
                ingest.set_stored(batch.id, &stored, 100).unwrap();
                batch
            }
        })
        .await
        .unwrap();
        assert_eq!(batch.count, 3);
        let standing = database.find(B256::repeat_byte(3)).await.unwrap().unwrap();
        assert_eq!(standing.found.batch.unwrap().stored, Some(stored));
        let marks = BatchMarks {
            root,
            marks: vec![7, 8],
        };
        for _ in 0..2 {
            database.mark(RoundNumber(1), vec![marks.clone()]).await.unwrap();
        }
        for (number, mark) in [(1, 7), (2, 8), (3, NO_LABEL)] {
            let standing = database.find(B256::repeat_byte(number)).await.unwrap().unwrap();
            assert_eq!(standing.mark, Some(mark));
        }
        // The same lines in another round would be another batch.
        database
            .mark(
                RoundNumber(2),
                vec![BatchMarks {
                    root,
                    marks: vec![1; 3],
                }],
            )
            .await
            .unwrap();
        let found = database.locate(B256::repeat_byte(1)).await.unwrap().unwrap();
        assert_eq!(
            database.find(B256::repeat_byte(1)).await.unwrap().unwrap().mark,
            Some(7)
        );
        let tree = database.tree(found.batch.unwrap()).await.unwrap();
        assert_eq!((tree.count(), tree.proof(found.id).unwrap().0), (3, 0));
    }
}

#[tokio::test]
async fn a_second_measurement_of_a_task_is_a_duplicate() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let database = Database::open(&place.location).unwrap();
        let second = SignedRow {
            digest: B256::repeat_byte(2),
            ..row(1)
        };
        let taken = database.take(vec![row(1), second]).await.unwrap();
        assert!(
            matches!(taken[..], [Receiving::New { .. }, Receiving::Duplicate]),
            "{taken:?}"
        );
    }
}

#[tokio::test]
async fn the_daily_limit_survives_restarts_and_ends_with_the_day() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let clock = Clock::standing(86_400);
        let options = DatabaseOptions {
            clock: clock.clone(),
            daily_bytes: 2 * row(1).line.len() as u64,
        };
        for (number, expected) in [
            (1, Receiving::New { received_at: 86_400 }),
            (2, Receiving::New { received_at: 86_400 }),
            (3, Receiving::OverLimit),
            (1, Receiving::Known { received_at: 86_400 }),
        ] {
            let database = Database::open_with(&place.location, options.clone()).unwrap();
            assert_eq!(
                database.take(vec![row(number)]).await.unwrap(),
                [expected],
                "{number}"
            );
        }
        clock.set(2 * 86_400);
        let database = Database::open_with(&place.location, options).unwrap();
        let new = Receiving::New { received_at: 172_800 };
        assert_eq!(database.take(vec![row(3)]).await.unwrap(), [new]);
    }
}

#[tokio::test]
async fn queued_writes_share_a_transaction_and_each_gets_its_result() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let database = Database::open(&place.location).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200_u8 {
            let database = database.clone();
            tasks.spawn(async move {
                let taken = database.take(vec![row(number % 100)]).await.unwrap();
                let outcome = database.record(heartbeat(number, 100)).await.unwrap();
                (matches!(taken[..], [Receiving::New { .. }]), outcome)
            });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|(new, _)| *new).count(), 100);
        assert!(
            answers
                .iter()
                .all(|(_, outcome)| *outcome == HeartbeatOutcome::Recorded)
        );
        assert_eq!(database.waiting(), 0);
    }
}

#[tokio::test]
async fn keys_made_up_in_one_subnet_do_not_fill_the_book() {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let location = place.location.clone();
        let test = move || {
            let limit = SubnetLimit {
                stations: 3,
                within: 100,
            };
            let mut tables = location.connect().unwrap();
            let mut hear = |station, subnet, time| {
                let heartbeat = Heartbeat {
                    subnet: B128::repeat_byte(subnet),
                    ..heartbeat(station, time)
                };
                tables.record(&[heartbeat], limit).unwrap()[0]
            };
            for station in 1..=3 {
                assert_eq!(hear(station, 7, 1_000), HeartbeatOutcome::Recorded);
            }
            assert_eq!(hear(4, 7, 1_000), HeartbeatOutcome::SubnetFull);
            // Known stations and other subnets are still accepted, and stale stations make room.
            assert_eq!(hear(1, 7, 1_050), HeartbeatOutcome::Recorded);
            assert_eq!(hear(1, 7, 1_050), HeartbeatOutcome::Replayed);
            assert_eq!(hear(5, 8, 1_000), HeartbeatOutcome::Recorded);
            assert_eq!(hear(4, 7, 1_101), HeartbeatOutcome::Recorded);
            assert_eq!(addresses(&tables.live(0).unwrap()), [1, 2, 3, 5, 4]);
        };
        tokio::task::spawn_blocking(test).await.unwrap();
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn shutdown_loses_no_accepted_measurement() {
    let Some(place) = Place::postgres() else { return };
    let database = Database::open(&place.location).unwrap();
    let hang_up = || {
        let assize_ingest::Location::Postgres(url) = place.location.clone() else {
            panic!("a server was started")
        };
        std::thread::spawn(move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client
                .execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
                    &[],
                )
                .unwrap()
        })
        .join()
        .unwrap()
    };
    for number in 0..20 {
        assert!(hang_up() > 0);
        // The caller never sees that the connection was lost.
        let taken = database.take(vec![row(number)]).await.unwrap();
        assert!(matches!(taken[..], [Receiving::New { .. }]), "{taken:?}");
        assert!(hang_up() > 0);
        let at = 100 + u64::from(number);
        assert_eq!(
            database.record(heartbeat(1, at)).await.unwrap(),
            HeartbeatOutcome::Recorded
        );
    }
    for number in 0..20 {
        hang_up();
        let found = database.find(B256::repeat_byte(number)).await.unwrap();
        assert!(found.is_some());
    }
}
