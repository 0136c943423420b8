//! The Kubo client, against a server that parses forms and CARs as Kubo does and uses its messages. No Kubo binary
//! was available in the development environment; the responses follow its documentation and source (core/commands/dag,
//! v0.39).
#![cfg(feature = "kubo")]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;

use assize_measurement::car::{self, Sections};
use assize_measurement::unixfs::file_cid;
use assize_store::{Kubo, Source, Store, StoreError};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Multipart, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;

/// The behaviour of the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Good,
    CannotPin,
    GivesSomethingElse,
    BreaksOff,
}

#[derive(Debug, Default)]
struct Node {
    /// CARs by root.
    cars: BTreeMap<String, Vec<u8>>,
    mood: Mood,
}

type Shared = Arc<Mutex<Node>>;

fn start() -> (String, Shared) {
    let node = Shared::default();
    let shared = Arc::clone(&node);
    let (sender, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let app = Router::new()
                .route("/api/v0/dag/import", post(import))
                .route("/api/v0/dag/export", post(export))
                .route("/api/v0/block/stat", post(stat))
                .layer(DefaultBodyLimit::disable())
                .with_state(shared);
            axum::serve(listener, app).await.unwrap();
        });
    });
    (format!("http://{}", address.recv().unwrap()), node)
}

/// Kubo's errors: core/commands, `cmds.Error`.
fn refuse(message: String) -> Response {
    let body = json!({"Message": message, "Code": 0, "Type": "error"}).to_string();
    (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
}

async fn import(
    State(node): State<Shared>,
    Query(options): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    if headers
        .get("authorization")
        .is_some_and(|token| token != "Bearer right")
    {
        return (StatusCode::FORBIDDEN, "403 - Access Denied").into_response();
    }
    assert_eq!(options["pin-roots"], "true");
    let file = form.next_field().await.unwrap().unwrap();
    let bytes = file.bytes().await.unwrap().to_vec();
    assert!(form.next_field().await.unwrap().is_none());
    let Some(sections) = Sections::open(&bytes) else {
        return refuse("unexpected end of data".into());
    };
    let root = sections.root().to_string();
    let mut count = 0;
    for section in sections {
        if let Err(error) = section {
            return refuse(format!("import failed: {error}"));
        }
        count += 1;
    }
    let mut node = node.lock().unwrap();
    let pin_error = match node.mood {
        Mood::CannotPin => "block was not found locally (offline): ipld: could not find node",
        _ => "",
    };
    node.cars.insert(root.clone(), bytes);
    let root = json!({"Root": {"Cid": {"/": root}, "PinErrorMsg": pin_error}});
    let stats = json!({"Stats": {"BlockCount": count, "BlockBytesCount": 0}});
    format!("{root}\n{stats}\n").into_response()
}

async fn export(State(node): State<Shared>, Query(options): Query<BTreeMap<String, String>>) -> Response {
    let node = node.lock().unwrap();
    let Some(car) = node.cars.get(&options["arg"]) else {
        return refuse(format!(
            "block was not found locally (offline): ipld: could not find {}",
            options["arg"]
        ));
    };
    match node.mood {
        Mood::GivesSomethingElse => car::pack(b"something else").1.into_response(),
        Mood::BreaksOff => {
            let half = car[..car.len() / 2].to_vec();
            let parts = [Ok(half), Err(std::io::Error::other("X-Stream-Error"))];
            Response::new(Body::from_stream(futures_util::stream::iter(parts)))
        }
        _ => car.clone().into_response(),
    }
}

async fn stat(State(node): State<Shared>, Query(options): Query<BTreeMap<String, String>>) -> Response {
    assert_eq!(options["offline"], "true");
    match node.lock().unwrap().cars.contains_key(&options["arg"]) {
        true => json!({"Key": options["arg"], "Size": 1})
            .to_string()
            .into_response(),
        false => refuse("ipld: could not find it".into()),
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index / 1_000 % 251) as u8).collect()
}

#[test]
fn files_are_stored_in_and_read_from_a_node() {
    let (url, node) = start();
    let kubo = Kubo::new(&format!("{url}/"), None).unwrap();
    for size in [0, 1, 1 << 20, (9 << 20) + 5] {
        let content = content(size);
        let cid = file_cid(&content);
        assert!(!kubo.has(&cid).unwrap());
        assert_eq!(kubo.put(&content).unwrap(), cid);
        assert!(kubo.has(&cid).unwrap());
        assert_eq!(kubo.get(&cid).unwrap(), content);
        // The form contains exactly the CAR.
        assert_eq!(node.lock().unwrap().cars[&cid.to_string()], car::pack(&content).1);
    }
}

#[test]
fn failures_quote_the_nodes_message() {
    let (url, node) = start();
    let kubo = Kubo::new(&url, None).unwrap();
    let cid = file_cid(b"never stored");
    let error = kubo.get(&cid).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    let set = |mood| node.lock().unwrap().mood = mood;
    set(Mood::CannotPin);
    let error = kubo.put(b"x").unwrap_err().to_string();
    assert!(
        error.contains("cannot be pinned: block was not found") && error.contains(&url),
        "{error}"
    );
    set(Mood::Good);
    let cid = kubo.put(&content(3 << 20)).unwrap();
    set(Mood::GivesSomethingElse);
    let error = kubo.get(&cid).unwrap_err().to_string();
    assert!(error.contains("is not the file"), "{error}");
    set(Mood::BreaksOff);
    kubo.get(&cid).unwrap_err();
    let denied = Kubo::new(&url, Some("Bearer wrong".into())).unwrap();
    let error = denied.put(b"x").unwrap_err().to_string();
    assert!(
        error.contains("HTTP status 403") && error.contains("grants access"),
        "{error}"
    );
    set(Mood::Good);
    Kubo::new(&url, Some("Bearer right".into()))
        .unwrap()
        .put(b"x")
        .unwrap();
}

#[test]
fn invalid_node_addresses_are_rejected() {
    for url in ["127.0.0.1:5001", "/ip4/127.0.0.1/tcp/5001", "ftp://x", ""] {
        let error = Kubo::new(url, None).unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:5001"), "{url}: {error}");
    }
    let error = Kubo::new("http://127.0.0.1:1", None)
        .unwrap()
        .put(b"x")
        .unwrap_err()
        .to_string();
    assert!(error.contains("http://127.0.0.1:1"), "{error}");
}
