//! Crate `retrieve` reports for every behaviour what `testkit::filecoin` expects of a correct checker.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, one that is skipped says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assize_retrieve::{Config, Limits, Retriever};
use assize_testkit::filecoin::{
    Advertised, CURIO_PEER_IDS, Conduct, DeadAddress, GatewayLib, GatewayLibError, IndexerFault,
    LocalFilecoin, LotusFault, PeerIdSource, Plan, ProviderPlan, Record,
};
use assize_testkit::services::or_skip;

fn checker(network: &LocalFilecoin) -> Retriever {
    let indexer = network.indexer_url().parse().unwrap();
    let mut config = Config::new(network.rpc_url().parse().unwrap(), vec![indexer]);
    config.peer_ids = Some(CURIO_PEER_IDS);
    config.allow_private = true;
    config.limits = Limits {
        idle: Duration::from_secs(2),
        total: Duration::from_secs(3),
        head: Duration::from_secs(2),
        body: 8 << 20,
        backoff: Duration::from_millis(1),
        ..Limits::default()
    };
    Retriever::new(config).unwrap()
}

/// Retrieves all payloads and compares the results.
async fn compare(network: &LocalFilecoin) {
    let retriever = checker(network);
    let mut all = tokio::task::JoinSet::new();
    for task in network.tasks().entries() {
        let (retriever, cid, provider) = (retriever.clone(), task.cid, task.provider);
        all.spawn(async move { retriever.retrieve(cid, provider).await.unwrap() });
    }
    let mut wrong = Vec::new();
    while let Some(retrieval) = all.join_next().await {
        let retrieval = retrieval.unwrap();
        let result = retrieval.result().to_string();
        let expected = network.expected(retrieval.provider, retrieval.cid).unwrap();
        if !expected.allows(&result) {
            let conduct = &network.offers()[&retrieval.provider].plan.conduct;
            wrong.push(format!(
                "{conduct:?}: {result}, not {expected}: {:#?}",
                retrieval.steps
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_behaviour_gets_its_result() {
    let nobody = DeadAddress::reserve().unwrap();
    let conducts = [
        Conduct::Honest,
        Conduct::CarOnly,
        Conduct::RawOnly(400),
        Conduct::RawOnly(406),
        Conduct::Http10,
        Conduct::Slow(Duration::from_millis(50)),
        Conduct::SlowHeaders(Duration::from_millis(10)),
        Conduct::Drip(Duration::from_millis(50)),
        Conduct::Silent,
        Conduct::Dead,
        Conduct::Lying,
        Conduct::EmptyCar,
        Conduct::ExtraBlock,
        Conduct::Truncated,
        Conduct::BrokenOff,
        Conduct::Garbage,
        Conduct::RedirectLoop,
        Conduct::Redirect(nobody.url()),
        Conduct::GzipBomb(64 << 20),
        Conduct::Oversize(16 << 20),
        Conduct::Status(500),
        Conduct::Status(429),
        Conduct::Flaky(300),
        Conduct::GarbageStatusLine,
    ];
    // Four payloads include one of each kind.
    let plans = conducts.map(|conduct| ProviderPlan::new(conduct, 4));
    compare(&LocalFilecoin::start(&Plan::new(1, plans.into())).unwrap()).await;
}

#[tokio::test]
async fn a_mixed_network_is_reported_correctly() {
    compare(&LocalFilecoin::start(&Plan::mixed(5, 40, 4)).unwrap()).await;
}

/// Sixty independent checkers: their results are correct, and the fields that a committee votes on are equal.
#[tokio::test]
async fn a_committee_agrees() {
    let network = LocalFilecoin::start(&Plan::mixed(9, 60, 1)).unwrap();
    let mut committee = tokio::task::JoinSet::new();
    for member in 0..60 {
        let retriever = checker(&network);
        let mut tasks = network.tasks().entries().to_vec();
        tasks.rotate_left(member);
        committee.spawn(async move {
            let mut all = Vec::new();
            for task in tasks {
                all.push(retriever.retrieve(task.cid, task.provider).await.unwrap());
            }
            all
        });
    }
    let begun = std::time::Instant::now();
    let mut seen = BTreeMap::<_, BTreeSet<String>>::new();
    while let Some(retrievals) = committee.join_next().await {
        for retrieval in retrievals.unwrap() {
            let result = retrieval.result().to_string();
            let expected = network.expected(retrieval.provider, retrieval.cid).unwrap();
            assert!(
                expected.allows(&result),
                "{result}, not {expected}: {:#?}",
                retrieval.steps
            );
            let vote = (
                retrieval.peer_id,
                retrieval.indexer_result,
                retrieval.address,
                retrieval.protocol,
                result,
                retrieval.byte_length,
                retrieval.car_checksum,
            );
            seen.entry(retrieval.provider)
                .or_default()
                .insert(format!("{vote:?}"));
        }
    }
    eprintln!("3600 retrievals, 60 at a time, in {:?}", begun.elapsed());
    for (provider, votes) in seen {
        assert_eq!(votes.len(), 1, "{provider}: {votes:#?}");
    }
}

#[tokio::test]
async fn all_ways_of_advertising() {
    let mut plans = Vec::new();
    for advertised in [
        Advertised::Http,
        Advertised::Graphsync,
        Advertised::Both,
        Advertised::Apart,
        Advertised::ByAnother,
        Advertised::Nowhere,
    ] {
        for peer_id in [PeerIdSource::MinerInfo, PeerIdSource::Contract] {
            for dead_address_first in [false, true] {
                plans.push(ProviderPlan {
                    advertised,
                    peer_id,
                    dead_address_first,
                    kept: 0.5,
                    ..ProviderPlan::new(Conduct::Honest, 4)
                });
            }
        }
    }
    compare(&LocalFilecoin::start(&Plan::new(3, plans)).unwrap()).await;
}

#[tokio::test]
async fn faults_of_indexer_and_node_do_not_count_for_the_provider() {
    let plan = Plan::new(1, vec![ProviderPlan::new(Conduct::Honest, 1)]);
    let network = LocalFilecoin::start(&plan).unwrap();
    let task = &network.tasks().entries()[0];
    for (fault, result) in [
        (IndexerFault::Status(500), "IPNI_ERROR_500"),
        (IndexerFault::Status(403), "IPNI_ERROR_403"),
        (IndexerFault::Garbage, "IPNI_ERROR_FETCH"),
        (IndexerFault::Truncated, "IPNI_ERROR_FETCH"),
        (IndexerFault::HangUp, "IPNI_ERROR_FETCH"),
        (IndexerFault::Slow(Duration::from_millis(20)), "OK"),
    ] {
        network.indexer().set_fault(fault.clone());
        let retrieval = checker(&network).retrieve(task.cid, task.provider).await.unwrap();
        assert_eq!(retrieval.result().to_string(), result, "{fault:?}");
    }
    for fault in [
        LotusFault::Status(502),
        LotusFault::Error("too many requests".into()),
        LotusFault::Garbage,
    ] {
        network.lotus().set_fault(fault.clone());
        let retrieved = checker(&network).retrieve(task.cid, task.provider).await;
        assert!(retrieved.is_err(), "{fault:?}");
    }
}

/// A provider cannot see who asks, or why.
#[tokio::test]
async fn checkers_look_like_any_client() {
    let plan = Plan::new(1, vec![ProviderPlan::new(Conduct::Honest, 4)]);
    let network = LocalFilecoin::start(&plan).unwrap();
    compare(&network).await;
    let (_, offer) = network.offers().first_key_value().unwrap();
    let visits = offer.server.visits();
    assert_eq!(visits.len(), 8, "GET and HEAD for each payload");
    let names: BTreeSet<String> = visits
        .iter()
        .flat_map(|visit| {
            let head = String::from_utf8(visit.head.clone()).unwrap().to_lowercase();
            for word in [
                "assize", "spark", "check", "station", "zinnia", "hyper", "reqwest",
            ] {
                assert!(!head.contains(word), "{head}");
            }
            let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            headers.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let lassie = ["accept", "accept-encoding", "host", "user-agent", "x-request-id"];
    assert_eq!(names, lassie.map(String::from).into());
}

/// npm's gateway-lib, an independent gateway, in the place of a provider.
#[tokio::test]
async fn an_independent_gateway_is_retrieved_from() {
    let content = vec![7; 100_000];
    let (cid, packed) = assize_measurement::car::pack(&content);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("payload.car");
    std::fs::write(&file, packed).unwrap();
    let gateway = match GatewayLib::start(&file) {
        Err(error @ GatewayLibError::NotInstalled) => {
            or_skip(None::<()>, &error.to_string());
            return;
        }
        started => started.unwrap(),
    };

    let network = LocalFilecoin::start(&Plan::new(1, vec![ProviderPlan::new(Conduct::Dead, 1)])).unwrap();
    let (&provider, offer) = network.offers().first_key_value().unwrap();
    let address = gateway.multiaddr();
    let protocols = [assize_testkit::filecoin::Protocol::TrustlessGateway];
    let publish = |cid: &str| {
        let record = Record::new(&offer.peer_id, std::slice::from_ref(&address), &protocols);
        network.indexer().publish(cid.parse().unwrap(), record);
    };
    let there = cid.to_string();
    let missing = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
    publish(&there);
    publish(missing);
    let retriever = checker(&network);
    let retrieval = retriever
        .retrieve(there.parse().unwrap(), provider)
        .await
        .unwrap();
    assert_eq!(retrieval.result().to_string(), "OK", "{:#?}", retrieval.steps);
    // It rejects HEAD of a CAR with 405, so the status depends on whether the query of the HEAD request has
    // `format=car`.
    assert!(matches!(retrieval.head_status_code, Some(200 | 405)));
    // For a missing block it returns 200 with an empty CAR, which Spark counted as a success, and 500 for the raw
    // block.
    let retrieval = retriever
        .retrieve(missing.parse().unwrap(), provider)
        .await
        .unwrap();
    assert_eq!(
        retrieval.result().to_string(),
        "CONTENT_VERIFICATION_FAILED",
        "{:#?}",
        retrieval.steps
    );
}
