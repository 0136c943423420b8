//! `assize run checker` and `assize check` as processes, with a real coordinator, chain, indexer and providers.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

#[path = "common/checkers.rs"]
mod checkers;
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use assize_protocol::RoundNumber;
use assize_service::Router;
use assize_testkit::filecoin::{Conduct, LocalFilecoin, PeerIdSource, Plan, ProviderPlan};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use checkers::{Network, OPERATOR, of_kind};
use common::processes::{get, terminate};
use common::{assize, refused};
use serde_json::{Value, json};

fn tasks_of(events: &[Value], kind: &str) -> Vec<u64> {
    of_kind(events, kind)
        .map(|event| event["task"].as_u64().unwrap())
        .collect()
}

fn mixed() -> Vec<ProviderPlan> {
    let mut contract = ProviderPlan::new(Conduct::Honest, 3);
    contract.peer_id = PeerIdSource::Contract;
    let mut forgetful = ProviderPlan::new(Conduct::Honest, 4);
    forgetful.kept = 0.5;
    vec![
        ProviderPlan::new(Conduct::Honest, 4),
        ProviderPlan::new(Conduct::Lying, 3),
        ProviderPlan::new(Conduct::Dead, 3),
        contract,
        forgetful,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn measurements_match_the_providers_and_every_receipt_is_valid() {
    let network = Network::start(mixed()).await;
    let (events, code) = network
        .checker(&network.api, &["--once", "--metrics", "127.0.0.1:0"])
        .end();
    assert_eq!(code, Some(0), "{events:#?}");
    assert_eq!(events[0]["event"], "started");
    assert!(
        events[0]["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );

    let drawn = of_kind(&events, "drawn").next().unwrap();
    let count = network.filecoin.tasks().count() as usize;
    assert_eq!(
        (drawn["tasks"].as_u64(), drawn["done"].as_u64()),
        (Some(count as u64), Some(0))
    );
    for event in of_kind(&events, "measured") {
        let provider = event["provider"].as_str().unwrap().parse().unwrap();
        let cid = event["cid"].as_str().unwrap().parse().unwrap();
        let expected = network.filecoin.expected(provider, cid).unwrap();
        let result = event["result"].as_str().unwrap();
        assert!(
            expected.allows(result),
            "{provider} {cid}: {result}, not {expected:?}"
        );
    }
    let measured = tasks_of(&events, "measured");
    let distinct: BTreeSet<_> = measured.iter().copied().collect();
    assert_eq!((measured.len(), distinct.len()), (count, count));
    // Not in the list's order: every station has its own.
    assert!(!measured.is_sorted());
    let submitted: BTreeSet<_> = tasks_of(&events, "submitted").into_iter().collect();
    assert_eq!(submitted, distinct);
    assert_eq!(network.receipts().len(), count);
    let ended = of_kind(&events, "ended").next().unwrap();
    assert_eq!(ended["waiting"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_checker_continues_after_a_restart() {
    let slow = Conduct::Slow(Duration::from_millis(100));
    let network = Network::start(vec![ProviderPlan::new(slow, 20)]).await;
    // In the first two runs nothing can be submitted: measurements are only in the spool.
    let proxy = Proxy::start(&network.api, |path, answer| match path {
        "POST /measurements" => (503, b"down".to_vec()),
        _ => answer(),
    })
    .await;
    let mut events = Vec::new();
    for wanted in [3, 4] {
        let mut checker = network.checker(&proxy.url, &[]);
        for _ in 0..wanted {
            events.extend(checker.until("measured"));
        }
        // SIGKILL.
        drop(checker);
    }
    let before: BTreeSet<_> = tasks_of(&events, "measured").into_iter().collect();
    let (last, code) = network.checker(&network.api, &["--once"]).end();
    assert_eq!(code, Some(0), "{last:#?}");
    let drawn = of_kind(&last, "drawn").next().unwrap();
    let done = drawn["done"].as_u64().unwrap() as usize;
    assert!(
        done >= before.len() && before.len() == 7,
        "{drawn} after {before:?}"
    );
    let started = of_kind(&last, "started").next().unwrap();
    assert_eq!(started["waiting"].as_u64().unwrap() as usize, done);
    // Every task once, with a receipt.
    events.extend(last);
    let measured = tasks_of(&events, "measured");
    let distinct: BTreeSet<_> = measured.iter().copied().collect();
    assert_eq!(measured.len(), distinct.len());
    let kept = network.receipts();
    let digests: BTreeSet<_> = kept.iter().map(|kept| kept.receipt.digest).collect();
    assert_eq!((kept.len(), digests.len()), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_coordinator_gets_heartbeats_but_no_measurements() {
    let network = Network::start(vec![ProviderPlan::new(Conduct::Honest, 5)]).await;
    // Changes the station's seat: one field of one document.
    let proxy = Proxy::start(&network.api, |path, answer| {
        let (status, body) = answer();
        if !path.contains("/stations/") {
            return (status, body);
        }
        let mut document: Value = serde_json::from_slice(&body).unwrap();
        document["tasks"][2]["provider"] = json!("f01");
        (status, document.to_string().into_bytes())
    })
    .await;
    let (events, code) = network.checker(&proxy.url, &["--once"]).end();
    assert_eq!(code, Some(1), "{events:#?}");
    let disagreement = of_kind(&events, "disagreement").next().unwrap();
    assert!(
        disagreement["what"].as_str().unwrap().starts_with("task 2"),
        "{disagreement}"
    );
    assert!(
        disagreement["got"].as_str().unwrap().contains("f01,"),
        "{disagreement}"
    );
    assert!(of_kind(&events, "measured").next().is_none());
    assert_eq!(network.visits(), 0);
    assert!(proxy.seen("POST /heartbeats") > 0);
    assert_eq!(proxy.seen("POST /measurements"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checker_stops_within_seconds_and_reports_pending_measurements() {
    let slow = Conduct::Slow(Duration::from_secs(30));
    let mut plans = vec![ProviderPlan::new(slow, 10)];
    plans.push(ProviderPlan::new(Conduct::Honest, 2));
    let network = Network::start(plans).await;
    let arguments = ["--concurrency", "2", "--metrics", "127.0.0.1:0"];
    let mut checker = network.checker(&network.api, &arguments);
    let url = checker.next("started")["url"].as_str().unwrap().to_owned();
    checker.until("drawn");
    let get = |path: &str| get(format!("{url}{path}"));
    assert_eq!(get("/healthz"), "ok\n");
    let figures = get("/metrics");
    for line in [
        "assize_checker_rounds_total{outcome=\"drawn\"} 1",
        "assize_checker_round 1",
    ] {
        assert!(figures.contains(line), "no `{line}` in {figures}");
    }
    let begun = Instant::now();
    terminate(&checker.running.0);
    let (events, code) = checker.end();
    assert_eq!(code, Some(0), "{events:#?}");
    assert!(of_kind(&events, "ended").next().is_some());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_station_is_told_when_the_next_round_can_open() {
    let network = Network::start(vec![ProviderPlan::new(Conduct::Honest, 2)]).await;
    let mut checker = network.checker(&network.api, &["--data", "another"]);
    let event = checker.next("not-in-roster");
    assert_eq!(event["round"], 1);
    let round = network.site.world.rounds.round(RoundNumber(1)).await.unwrap();
    assert_eq!(event["nextOpening"], round.times.closes_at);
    // A second process with the same directory fails.
    let output = network
        .command(&network.api)
        .args(["--data", "another"])
        .output()
        .unwrap();
    refused(&output, 2, &["is in use by another process"]);
    drop(checker);
    // So does one whose key others can read.
    let key = network.path("another/checker/station.key");
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let output = network
        .command(&network.api)
        .args(["--data", "another"])
        .output()
        .unwrap();
    refused(&output, 2, &["accessible to other users", "chmod 600"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_is_rejected_with_the_remedy() {
    let network = Network::start(vec![ProviderPlan::new(Conduct::Honest, 1)]).await;
    let again = network.site.world.deploy_again().await.unwrap();
    fs::write(network.path("deployment.json"), json!(again).to_string()).unwrap();
    let mut command = network.command(&network.api);
    command
        .env("ASSIZE_DATA", "fresh")
        .env("ASSIZE_DEPLOYMENT", "deployment.json");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("serves another network") && stderr.contains("31337"),
        "{stderr}"
    );
    // It has neither a key nor a spool.
    assert!(!network.path("fresh").exists(), "{stderr}");
}

#[test]
fn an_operator_without_an_f410_address_gets_the_remedy() {
    let native = "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za";
    let arguments = ["run", "checker", "--coordinator", "http://127.0.0.1:1"];
    let output = assize()
        .args(arguments)
        .args(["--operator", native, "--rpc-url", "http://127.0.0.1:1"])
        .args(["--deployment", "x"])
        .output()
        .unwrap();
    refused(&output, 2, &["payout-address set", "f410"]);
}

#[test]
fn a_key_for_own_reports_that_cannot_be_opened_is_refused_at_once() {
    let start = |arguments: &[&str], key: &str| {
        assize()
            .args(["run", "checker", "--coordinator", "http://127.0.0.1:1"])
            .args(["--operator", OPERATOR, "--rpc-url", "http://127.0.0.1:1"])
            .args(["--deployment", "x"])
            .args(arguments)
            .env("ASSIZE_INCLUSION_PRIVATE_KEY", key)
            .output()
            .unwrap()
    };
    let output = start(&[], "0xSECRET");
    refused(&output, 2, &["ASSIZE_INCLUSION_PRIVATE_KEY is not a private key"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("SECRET"));
    let output = start(&["--inclusion-keystore", "gas.json"], "");
    refused(&output, 2, &["--inclusion-keystore gas.json is not a file"]);
    let directory = tempfile::tempdir().unwrap();
    let keystore = directory.path().join("gas.json");
    std::fs::write(&keystore, "{}").unwrap();
    let output = start(&["--inclusion-keystore", keystore.to_str().unwrap()], "");
    refused(&output, 2, &["gas.json", "--inclusion-password-file"]);
    let output = start(&["--inclusion-password-file", "password"], "");
    refused(&output, 2, &["--inclusion-keystore"]);
}

#[test]
fn check_explains_why_a_provider_fails() {
    let filecoin = LocalFilecoin::start(&Plan::new(1, mixed())).unwrap();
    let check = |provider: u64, cid: &str, more: &[&str]| {
        assize()
            .args(["check", cid, "--provider", &format!("f0{provider}")])
            .args([
                "--rpc-url",
                &filecoin.rpc_url(),
                "--indexer",
                &filecoin.indexer_url(),
            ])
            // This node knows only what checkers need.
            .args(["--chain-id", "31337"])
            .args(more)
            .output()
            .unwrap()
    };
    let payloads: BTreeMap<u64, String> = filecoin
        .offers()
        .iter()
        .map(|(id, offer)| (id.0, offer.payloads[0].cid().to_string()))
        .collect();
    let good = check(1_000, &payloads[&1_000], &["--allow-private"]);
    let text = String::from_utf8(good.stdout).unwrap();
    assert_eq!(good.status.code(), Some(0), "{text}");
    assert!(
        text.contains("\n  ok    peer id of f01000") && text.contains("\nOK; first byte after"),
        "{text}"
    );

    let dead = check(1_002, &payloads[&1_002], &["--allow-private", "--format", "json"]);
    assert_eq!(dead.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&dead.stdout).unwrap();
    let expected = filecoin.expected(
        assize_protocol::ProviderId(1_002),
        payloads[&1_002].parse().unwrap(),
    );
    assert!(
        expected.unwrap().allows(report["result"].as_str().unwrap()),
        "{report}"
    );
    assert!(
        report["advice"].as_str().unwrap().contains("firewall"),
        "{report}"
    );
    assert!(report["steps"].as_array().unwrap().len() >= 3, "{report}");

    // Without `--allow-private`, nothing is sent to this machine.
    let before = filecoin
        .provider(assize_protocol::ProviderId(1_000))
        .unwrap()
        .request_count();
    let private = check(1_000, &payloads[&1_000], &[]);
    let text = String::from_utf8(private.stdout).unwrap();
    assert_eq!(private.status.code(), Some(1), "{text}");
    assert!(
        text.contains("CONNECTION_REFUSED") && text.contains("public"),
        "{text}"
    );
    let after = filecoin
        .provider(assize_protocol::ProviderId(1_000))
        .unwrap()
        .request_count();
    assert_eq!(before, after);

    assert_eq!(check(1_000, "nonsense", &[]).status.code(), Some(2));
    assert_eq!(check(9_999, &payloads[&1_000], &[]).status.code(), Some(2));
}

type Twist = dyn Fn(&str, &mut dyn FnMut() -> (u16, Vec<u8>)) -> (u16, Vec<u8>) + Send + Sync;

/// A proxy of a coordinator that changes responses.
struct Proxy {
    url: String,
    shared: Arc<Behind>,
}

struct Behind {
    upstream: String,
    twist: Box<Twist>,
    seen: Mutex<Vec<String>>,
}

impl Proxy {
    async fn start(
        upstream: &str,
        twist: impl Fn(&str, &mut dyn FnMut() -> (u16, Vec<u8>)) -> (u16, Vec<u8>) + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Behind {
            upstream: upstream.to_owned(),
            twist: Box::new(twist),
            seen: Mutex::default(),
        });
        let app = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    fn seen(&self, path: &str) -> usize {
        self.shared
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|seen| *seen == path)
            .count()
    }
}

async fn pass_on(
    State(behind): State<Arc<Behind>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = format!("{method} {}", uri.path());
    behind.seen.lock().unwrap().push(path.clone());
    let answer = tokio::task::spawn_blocking(move || {
        let mut location = None;
        let mut ask = || {
            let mut request = ureq::http::Request::builder()
                .method(method.as_str())
                .uri(format!("{}{}", behind.upstream, uri.path()));
            if let Some(kind) = headers.get(header::CONTENT_TYPE) {
                request = request.header("content-type", kind.to_str().unwrap());
            }
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .build()
                .into();
            let mut response = agent.run(request.body(body.to_vec()).unwrap()).unwrap();
            let to = response.headers().get("location");
            location = to.map(|to| to.to_str().unwrap().to_owned());
            (
                response.status().as_u16(),
                response.body_mut().read_to_vec().unwrap(),
            )
        };
        let (status, body) = (behind.twist)(&path, &mut ask);
        (status, location, body)
    });
    let (status, location, body) = answer.await.unwrap();
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    if let Some(location) = location {
        response
            .headers_mut()
            .insert(header::LOCATION, location.parse().unwrap());
    }
    response
}
