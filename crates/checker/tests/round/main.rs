//! A checker through a round: real chain, indexer and providers, and a coordinator that lies where a test requires it.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod scene;

use std::collections::BTreeSet;
use std::time::Duration;

use assize_checker::{CheckerError, Event, Summary};
use assize_service::Stop;
use assize_testkit::filecoin::{Conduct, ProviderPlan};
use serde_json::{Value, json};

use crate::scene::Scene;

fn mixed() -> Vec<ProviderPlan> {
    let mut forgetful = ProviderPlan::new(Conduct::Honest, 4);
    forgetful.kept = 0.5;
    vec![
        ProviderPlan::new(Conduct::Honest, 4),
        ProviderPlan::new(Conduct::Lying, 3),
        ProviderPlan::new(Conduct::Dead, 3),
        forgetful,
    ]
}

fn honest() -> Vec<ProviderPlan> {
    vec![ProviderPlan::new(Conduct::Honest, 6)]
}

fn measured(events: &[Event]) -> Vec<u32> {
    let task = |event: &Event| match event {
        Event::Measured { task, .. } => Some(task.0),
        _ => None,
    };
    events.iter().filter_map(task).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tasks_are_done_and_match_the_providers() {
    let scene = Scene::new(mixed(), true).await;
    let summary = scene.checker().run(&Stop::default()).await.unwrap();
    assert_eq!(
        summary,
        Summary {
            worked: 1,
            refused: 0
        }
    );
    let events = scene.events();
    for event in &events {
        if let Event::Measured {
            provider,
            cid,
            result,
            ..
        } = event
        {
            let expected = scene.filecoin.expected(*provider, *cid).unwrap();
            assert!(expected.allows(result), "{event}, not {expected:?}");
        }
    }
    let distinct: BTreeSet<_> = measured(&events).into_iter().collect();
    assert_eq!(
        (measured(&events).len(), distinct.len(), scene.receipts()),
        (14, 14, 14)
    );
    assert!(matches!(events.first(), Some(Event::Started { .. })));
    assert!(matches!(events.last(), Some(Event::Ended { waiting: 0, .. })));
    assert!(events.iter().any(|event| matches!(event, Event::Paid { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_coordinators_beacon_the_relays_is_used() {
    let scene = Scene::new(honest(), true).await;
    *scene.coordinator.tells_beacon.lock().unwrap() = false;
    let summary = scene.checker().run(&Stop::default()).await.unwrap();
    assert_eq!((summary.worked, scene.receipts()), (1, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_ends_the_round_before_any_retrieval() {
    type Change = fn(&mut Value);
    let round = "GET /rounds/1";
    let station = "/stations/";
    let lies: [(&str, &str, Change); 8] = [
        (round, "root of the roster", |said| {
            said["roster"]["root"] = json!(format!("0x{:064x}", 1))
        }),
        (round, "beacon round", |said| said["beacon"]["round"] = json!(7)),
        (round, "seed", |said| {
            said["seed"] = json!(format!("0x{:064x}", 1))
        }),
        (round, "chain id", |said| said["chainId"] = json!(314)),
        (station, "place in the roster", |said| {
            said["index"] = json!(said["index"].as_u64().unwrap() - 1)
        }),
        (station, "place in the roster", |said| {
            said["proof"][0] = json!(format!("0x{:064x}", 1))
        }),
        (station, "seat", |said| {
            said["seat"] = json!(said["seat"].as_u64().unwrap() ^ 1)
        }),
        (station, "task 2", |said| {
            said["tasks"][2]["provider"] = json!("f01")
        }),
    ];
    let scene = Scene::new(honest(), true).await;
    for (path, what, lie) in lies {
        scene.events.lock().unwrap().clear();
        scene.lie(move |asked, said| {
            if asked.ends_with(path) || asked.contains(path) && path.contains("stations") {
                lie(said);
            }
        });
        let summary = scene.checker().run(&Stop::default()).await.unwrap();
        assert_eq!(
            summary,
            Summary {
                worked: 0,
                refused: 1
            },
            "{what}"
        );
        let message = scene.events().into_iter().find_map(|event| match event {
            Event::Disagreement { what, .. } => Some(what),
            _ => None,
        });
        assert!(
            message
                .as_deref()
                .is_some_and(|message| message.starts_with(what)),
            "{message:?}, not {what}"
        );
    }
    assert_eq!(scene.visits(), 0);
    assert_eq!(scene.coordinator.count("POST /measurements"), 0);
    assert!(scene.coordinator.count("POST /heartbeats") >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_of_another_network_is_rejected() {
    let scene = Scene::new(honest(), true).await;
    scene.lie(|asked, said| {
        if asked == "GET /network" {
            said["chainId"] = json!(314);
        }
    });
    let error = scene.checker().run(&Stop::default()).await.unwrap_err();
    assert!(matches!(error, CheckerError::OtherNetwork { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_leaves_its_measurements_to_the_next() {
    let slow = ProviderPlan::new(Conduct::Slow(Duration::from_millis(200)), 12);
    let scene = Scene::new(vec![slow], true).await;
    *scene.coordinator.takes.lock().unwrap() = false;
    let stop = Stop::default();
    let checker = scene.checker();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { checker.run(&stop).await }
    });
    while measured(&scene.events()).len() < 5 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.set();
    assert_eq!(running.await.unwrap().unwrap(), Summary::default());
    let done = measured(&scene.events()).len();
    let waits = |event: &Event| matches!(event, Event::Ended { waiting, .. } if *waiting == done as u64);
    assert!(
        scene.events().last().is_some_and(waits),
        "{:?}",
        scene.events().last()
    );
    assert_eq!(scene.receipts(), 0);

    *scene.coordinator.takes.lock().unwrap() = true;
    let summary = scene.checker().run(&Stop::default()).await.unwrap();
    assert_eq!((summary.worked, scene.receipts()), (1, 12));
    let all = measured(&scene.events());
    let distinct: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (12, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_station_is_reported() {
    let scene = Scene::new(honest(), false).await;
    let stop = Stop::default();
    let checker = scene.checker();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { checker.run(&stop).await }
    });
    let message = loop {
        let message = |event: &Event| matches!(event, Event::NotInRoster { .. }).then(|| event.to_string());
        if let Some(message) = scene.events().iter().find_map(message) {
            break message;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(
        message.contains("before this station was live") && message.contains("next round"),
        "{message}"
    );
    stop.set();
    assert_eq!(running.await.unwrap().unwrap(), Summary::default());
    assert_eq!(scene.visits(), 0);
}
