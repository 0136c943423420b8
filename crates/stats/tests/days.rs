//! Rounds are added to days, and days are queried.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_evaluate::{Figures, FiguresByParty, Party, Ttfb};
use assize_protocol::{ActorId, ProviderId, RoundNumber};
use assize_stats::{
    By, Catalog, DailyDocument, Dataset, Day, Query, RoundEntry, RoundFigures, Rsr, to_csv, to_parquet,
};
use assize_store::{LocalStore, Source, Store};
use proptest::prelude::*;

const NOON: u64 = 1_795_176_000;
const DAY: u64 = 86_400;

fn figures(total: u64, successful: u64, http: u64) -> Figures {
    let mut figures = Figures::default();
    figures.counts.total = total;
    figures.counts.successful = successful;
    figures.counts.successful_http = http;
    figures.counts.verdicts.majority_result = total;
    figures.results = BTreeMap::from([
        ("OK".to_owned(), successful),
        ("TIMEOUT".to_owned(), total - successful),
    ]);
    figures.results.retain(|_, count| *count > 0);
    figures.ttfb_http = Ttfb::default();
    (0..http).for_each(|number| figures.ttfb_http.count(100 + number * 10));
    figures
}

fn of_round(one: (u64, u64), two: (u64, u64)) -> FiguresByParty {
    let of = |(total, successful): (u64, u64)| figures(total, successful, successful / 2);
    let mut all = of(one);
    all += &of(two);
    BTreeMap::from([
        (Party::Network, all.clone()),
        (Party::Provider(ProviderId(10)), of(one)),
        (Party::Provider(ProviderId(2)), of(two)),
        (Party::Client(ActorId(7)), all),
    ])
}

fn round(number: u64, opened_at: u64, figures: &FiguresByParty) -> RoundFigures<'_> {
    RoundFigures {
        round: RoundNumber(number),
        opened_at,
        entry: RoundEntry {
            contract: Address::repeat_byte(0xa1),
            tasks: assize_measurement::unixfs::file_cid(b"tasks"),
            batches: vec![assize_measurement::unixfs::file_cid(&number.to_be_bytes())],
        },
        figures,
    }
}

fn ask(dataset: &Dataset, source: &dyn Source, by: By, days: (u64, u64), per_day: bool) -> Vec<Rsr> {
    let query = Query {
        by,
        from: Day::of_unix(days.0),
        to: Day::of_unix(days.1),
        per_day,
    };
    query.run(dataset, source).unwrap()
}

struct Fixture {
    _directory: tempfile::TempDir,
    store: LocalStore,
    dataset: Dataset,
}

/// Three rounds on two days.
fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path()).unwrap();
    let mut dataset = Dataset::default();
    let rounds = [
        of_round((10, 8), (4, 0)),
        of_round((10, 6), (2, 2)),
        of_round((5, 5), (1, 0)),
    ];
    dataset
        .add(
            &store,
            &[
                round(1, NOON, &rounds[0]),
                round(2, NOON + 1_200, &rounds[1]),
                round(3, NOON + DAY, &rounds[2]),
            ],
        )
        .unwrap();
    Fixture {
        _directory: directory,
        store,
        dataset,
    }
}

#[test]
fn any_range_is_the_sum_of_its_rounds() {
    let Fixture { store, dataset, .. } = &fixture();
    let providers = ask(dataset, store, By::Provider, (NOON, NOON + DAY), false);
    let rows: Vec<_> = providers
        .iter()
        .map(|row| {
            (
                &*row.id,
                row.day,
                row.figures.counts.total,
                row.figures.counts.successful,
            )
        })
        .collect();
    assert_eq!(rows, [("f02", None, 7, 2), ("f010", None, 25, 19)]);
    assert_eq!(
        providers[1].figures.results,
        BTreeMap::from([("OK".to_owned(), 19), ("TIMEOUT".to_owned(), 6)])
    );
    // 4 + 3 + 2 times, from 100 ms.
    assert_eq!(providers[1].figures.ttfb_http.total(), 9);
    assert_eq!(providers[1].figures.ttfb_http.percentile(50), Some(110));

    let network = ask(dataset, store, By::Network, (NOON, NOON + DAY), true);
    let rows: Vec<_> = network
        .iter()
        .map(|row| (row.day.unwrap().to_string(), row.figures.counts.total))
        .collect();
    assert_eq!(
        rows,
        [("2026-11-20".to_owned(), 26), ("2026-11-21".to_owned(), 6)]
    );
    let last = ask(dataset, store, By::Client, (NOON + DAY, NOON + 9 * DAY), false);
    assert_eq!((last.len(), last[0].figures.counts.total), (1, 6));
    assert_eq!(ask(dataset, store, By::Allocator, (NOON, NOON), false), []);
}

#[test]
fn adding_a_round_again_replaces_it() {
    let Fixture { store, dataset, .. } = &fixture();
    let mut again = dataset.clone();
    let (same, other) = (of_round((10, 6), (2, 2)), of_round((100, 1), (0, 0)));
    again.add(store, &[round(2, NOON + 1_200, &same)]).unwrap();
    assert_eq!(again, *dataset);
    again.add(store, &[round(2, NOON + 1_200, &other)]).unwrap();
    let network = ask(&again, store, By::Network, (NOON, NOON), false);
    assert_eq!(network[0].figures.counts.total, 114);
}

#[test]
fn days_without_figures_are_named() {
    let Fixture { store, dataset, .. } = &fixture();
    let day = Day::of_unix(0);
    let error = dataset.days(day, day).unwrap_err().to_string();
    assert_eq!(
        error,
        "no figures are available from 1970-01-01 to 1970-01-01: the available days are 2026-11-20 to 2026-11-21"
    );
    assert!(dataset.days(Day::of_unix(NOON), day).is_err());
    assert!(
        Dataset::default()
            .days(day, day)
            .unwrap_err()
            .to_string()
            .contains("assize settlement evaluate --rates")
    );
    let mut broken = dataset.clone();
    broken
        .catalog
        .days
        .values_mut()
        .for_each(|entry| entry.rates = entry.results);
    let rows = of_round((1, 1), (1, 1));
    let error = broken
        .add(store, &[round(1, NOON, &rows)])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the table `rates` of 2026-11-20 has an unexpected format: column `total` does not exist"
    );
}

#[test]
fn the_catalog_round_trips() {
    let catalog = fixture().dataset.catalog;
    let json = serde_json::to_vec(&catalog).unwrap();
    assert_eq!(Catalog::parse(&json).unwrap(), catalog);
    let newer = String::from_utf8(json)
        .unwrap()
        .replacen("\"version\":1", "\"version\":2", 1);
    assert!(
        Catalog::parse(newer.as_bytes())
            .unwrap_err()
            .contains("version 2")
    );
    assert!(Catalog::parse(b"{}").unwrap_err().contains("not a catalog"));
}

#[test]
fn the_daily_document_has_sparks_format_and_a_stable_cid() {
    let Fixture { store, dataset, .. } = &fixture();
    let (day, entry) = dataset.days(Day::of_unix(NOON), Day::of_unix(NOON)).unwrap()[0];
    let providers = ask(dataset, store, By::Provider, (NOON, NOON), false);
    let document = DailyDocument::new(day, entry, &providers, "0.1.0");
    let text = String::from_utf8(document.to_bytes()).unwrap();
    let tasks = assize_measurement::unixfs::file_cid(b"tasks");
    let batch = |number: u64| assize_measurement::unixfs::file_cid(&number.to_be_bytes());
    let round = |number: u64| {
        format!(
            r#"{{"contractAddress":"0xa1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1","details":{{"/":"{tasks}"}},"index":{number},"measurementBatches":[{{"/":"{}"}}],"sparkEvaluateVersion":{{"gitCommit":"0.1.0"}}}}"#,
            batch(number)
        )
    };
    assert_eq!(
        text.to_lowercase(),
        format!(
            r#"{{"date":"2026-11-20","meta":{{"rounds":[{},{}]}},"providerRetrievalResultStats":[{{"providerId":"f02","successful":2,"total":6}},{{"providerId":"f010","successful":14,"total":20}}]}}"#,
            round(1),
            round(2)
        )
        .to_lowercase()
    );
    assert!(document.cid().starts_with("baguqeera"));
    assert_eq!(
        document.cid(),
        DailyDocument::new(day, entry, &providers, "0.1.0").cid()
    );
}

#[test]
fn results_are_written_as_csv_and_parquet() {
    let Fixture { store, dataset, .. } = &fixture();
    let days = (NOON, NOON + DAY);
    let providers = ask(dataset, store, By::Provider, days, false);
    let csv = to_csv(&providers);
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert!(lines[0].starts_with("id,day,rsr,rsr_http,total,successful,"));
    assert!(
        lines[2].starts_with("f010,,0.760000,0.360000,25,19,9,25,0,0,0,110,"),
        "{}",
        lines[2]
    );
    assert_eq!(lines.len(), 4);
    assert_eq!(&to_parquet(&providers).unwrap()[..4], b"PAR1");
}

#[cfg(feature = "plots")]
#[test]
fn results_are_drawn_as_plots() {
    use assize_stats::draw_rsr;

    let Fixture { store, dataset, .. } = &fixture();
    let days = (NOON, NOON + DAY);
    let providers = ask(dataset, store, By::Provider, days, false);
    let svg = draw_rsr(&ask(dataset, store, By::Network, days, true), &providers).unwrap();
    assert!(
        svg.starts_with("<svg")
            && svg.contains("Retrieval success rates of 2 providers")
            && svg.contains("2026-11-21")
    );
    // An empty result gives a plot, too.
    assert!(draw_rsr(&[], &[]).unwrap().contains("<svg"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_order_of_adding_does_not_matter(
        (rounds, shuffled) in proptest::collection::vec((0_u64..50, 0_u64..50, 0_u64..3), 1..6)
            .prop_map(|rounds| rounds.into_iter().enumerate().collect::<Vec<_>>())
            .prop_flat_map(|rounds| (Just(rounds.clone()), Just(rounds).prop_shuffle()))
    ) {
        let catalogs = [rounds, shuffled].map(|rounds| {
            let directory = tempfile::tempdir().unwrap();
            let store = LocalStore::open(directory.path()).unwrap();
            let mut dataset = Dataset::default();
            for (number, (one, two, day)) in rounds {
                let figures = of_round((one, one / 2), (two, two / 3));
                dataset.add(&store as &dyn Store, &[round(number as u64 + 1, NOON + day * DAY, &figures)]).unwrap();
            }
            dataset.catalog
        });
        prop_assert_eq!(&catalogs[0], &catalogs[1]);
    }
}
