use assize_wire::{Heartbeat, Version};
use std::sync::Mutex;
use tokio::sync::mpsc;

use super::*;
use crate::testing::{Bench, DOMAIN, Reply, Stub, json, problem};

fn liveness(time: u64) -> Liveness {
    Liveness {
        live_until: time + 3_600,
        interval: 1,
        round: None,
        next_opening: None,
        time,
        minimum_version: Version(0, 1, 0),
        outdated: false,
    }
}

/// The events of a checker whose heartbeats get these replies; ends with the replies.
async fn beat_through(replies: Vec<Reply>) -> (Vec<Event>, Vec<Heartbeat>) {
    let count = replies.len();
    let (sender, mut events) = mpsc::unbounded_channel();
    let sender = Mutex::new(sender);
    let stub = Stub::start(move |_, _| {
        sender.lock().unwrap().send(()).unwrap();
        json(200, &liveness(Clock::system().now()))
    })
    .await;
    replies.into_iter().for_each(|reply| stub.reply(reply));
    let bench = Bench::new(&stub).await;
    let stop = Stop::default();
    let beating = tokio::spawn(send(Arc::clone(bench.checker.shared()), stop.clone()));
    events.recv().await.unwrap();
    stop.set();
    beating.await.unwrap();
    let bodies = stub.seen("POST /heartbeats");
    let beats = bodies.iter().map(|body| serde_json::from_slice(body).unwrap());
    let beats: Vec<_> = beats.collect();
    assert!(beats.len() > count);
    (bench.events(), beats)
}

#[tokio::test]
async fn failures_do_not_stop_heartbeats() {
    let replies = vec![
        (503, Vec::new(), b"down".to_vec()),
        problem(ProblemKind::Unavailable, None),
        json(200, &liveness(Clock::system().now())),
    ];
    let (events, beats) = beat_through(replies).await;
    let troubles = events
        .iter()
        .filter(|event| matches!(event, Event::Trouble { what: HEARTBEAT, .. }));
    assert_eq!(troubles.count(), 2);
    assert!(events.iter().any(|event| matches!(event, Event::Live { .. })));
    assert!(beats.iter().all(|heartbeat| heartbeat.signed_by_station(&DOMAIN)));
    assert!(beats.windows(2).all(|pair| pair[0].time < pair[1].time));
}

#[tokio::test]
async fn a_wrong_clock_and_an_old_version_are_reported_once() {
    let mut old = liveness(Clock::system().now() - 500);
    old.outdated = true;
    old.minimum_version = Version(9, 0, 0);
    let replies = vec![json(200, &old), json(200, &old)];
    let (events, _) = beat_through(replies).await;
    let ahead = events.iter().filter_map(|event| match event {
        Event::ClockOff { ahead } => Some(*ahead),
        _ => None,
    });
    let ahead: Vec<_> = ahead.collect();
    assert!(ahead.len() == 1 && (495..=520).contains(&ahead[0]), "{ahead:?}");
    let outdated = events
        .iter()
        .filter(|event| matches!(event, Event::Outdated { .. }));
    assert_eq!(outdated.count(), 1);
}

#[tokio::test]
async fn a_rejection_for_clock_skew_reports_the_difference() {
    let (events, _) = beat_through(vec![problem(ProblemKind::ClockSkew, None)]).await;
    let off = events
        .iter()
        .any(|event| matches!(event, Event::ClockOff { ahead } if *ahead > 1_000_000));
    assert!(off, "{events:?}");
}

#[tokio::test]
async fn a_heartbeat_of_the_same_second_is_resent_silently() {
    let (events, beats) = beat_through(vec![problem(ProblemKind::Replayed, None)]).await;
    assert!(
        !events.iter().any(|event| matches!(event, Event::Trouble { .. })),
        "{events:?}"
    );
    assert!(beats[0].time < beats[1].time);
}
