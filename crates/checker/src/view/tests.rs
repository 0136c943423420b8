use alloy_primitives::B256;
use assize_protocol::TaskIndex;
use assize_wire::Version;

use super::*;

fn started() -> Event {
    Event::Started {
        station: Address::repeat_byte(0x5a),
        operator: Address::repeat_byte(0x0e),
        coordinator: "https://coordinator.example/".into(),
        version: Version(0, 1, 0),
        waiting: 0,
        receipts: 1_812,
        url: None,
    }
}

fn live() -> Event {
    Event::Live {
        until: 4_000,
        next_opening: Some(1_090),
    }
}

fn drawn() -> Event {
    Event::Drawn {
        round: RoundNumber(412),
        committee: CommitteeIndex(17),
        seat: Seat(1_733),
        tasks: 60,
        done: 20,
        closes_at: 2_200,
    }
}

fn measured(task: u32, provider: u64, result: &str, ttfb: Option<u64>, took: u64) -> Event {
    Event::Measured {
        round: RoundNumber(412),
        committee: CommitteeIndex(17),
        task: TaskIndex(task),
        cid: "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq"
            .parse()
            .unwrap(),
        provider: ProviderId(provider),
        result: result.into(),
        ttfb,
        took,
        bytes: 0,
    }
}

fn submitted(task: u32) -> Event {
    Event::Submitted {
        round: RoundNumber(412),
        task: TaskIndex(task),
        digest: B256::ZERO,
        received_at: 1_500,
    }
}

fn after(events: &[Event]) -> View {
    let mut view = View::default();
    events.iter().for_each(|event| view.apply(event));
    view
}

/// The screen that docs/earn.md shows.
#[test]
fn the_screen_matches_the_documentation() {
    let view = after(&[
        started(),
        live(),
        drawn(),
        Event::Paid {
            atto: AttoFil::new(15_908_433_600_726_576),
        },
        measured(9, 1_697_248, "OK", Some(212), 640),
        submitted(9),
        measured(733, 2_829_747, "IPNI_NO_VALID_ADVERTISEMENT", None, 190),
        submitted(733),
        measured(12, 2_820_572, "CONNECTION_REFUSED", None, 260),
        submitted(12),
        measured(3, 2_199_203, "CONTENT_VERIFICATION_FAILED", Some(80), 410),
        measured(81, 2_894_945, "TIMEOUT", Some(1_304), 60_210),
    ]);
    assert_eq!(
        view.render(1_540),
        include_str!("../../../../docs/checker/screen.txt")
    );
    assert!(view.render(1_540).lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn before_a_round_the_next_opening_is_shown() {
    assert!(after(&[started()]).render(1_000).contains("round     none yet\n"));
    let view = after(&[started(), live()]);
    assert!(
        view.render(1_000)
            .contains("round     the next can be opened in 90 s\n")
    );
    assert!(view.render(1_090).contains("round     none yet\n"));
}

#[test]
fn notices_are_shown_below() {
    let refused = after(&[
        started(),
        live(),
        Event::Disagreement {
            round: RoundNumber(412),
            what: "seat".into(),
            expected: "3".into(),
            got: "4".into(),
        },
    ]);
    let text = refused.render(1_000);
    assert!(text.contains("round     412, rejected\n"), "{text}");
    assert!(
        text.contains("\n! nothing is done in round 412") && text.contains("seat should be 3, it says 4")
    );

    let trouble = Event::Trouble {
        what: crate::heartbeat::HEARTBEAT,
        error: "no answer".into(),
    };
    let view = after(&[started(), live(), drawn(), trouble]);
    let text = view.render(1_000);
    assert!(
        text.contains("  not live\n") && text.contains("\n! heartbeat: no answer\n"),
        "{text}"
    );
    // It is live again: the notice disappears.
    let mut again = view.clone();
    again.apply(&live());
    assert!(!again.render(1_000).contains('!'));

    let outdated = Event::Outdated {
        version: Version(0, 1, 0),
        minimum: Version(0, 2, 0),
    };
    let text = after(&[started(), outdated, drawn()]).render(1_000);
    assert!(
        text.contains("! outdated: this is 0.1.0, measurements are accepted from 0.2.0 on"),
        "{text}"
    );

    let without = after(&[Event::NotInRoster {
        round: RoundNumber(5),
        opened_at: 900,
        live_since: Some(950),
        next_opening: 2_100,
    }]);
    let text = without.render(1_000);
    assert!(
        text.contains("round     5, without this station, next in 18 min\n"),
        "{text}"
    );
}
