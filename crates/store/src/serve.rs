//! Serves a local store as a trustless gateway (IPFS Trustless Gateway specification; IPIP-402, IPIP-412,
//! IPIP-499).
//!
//! `GET` and `HEAD /ipfs/{cid}` return a file as a CAR, its blocks depth first, or a single block. Every block is read
//! and verified right before it is sent, so that a damaged disk can end a response but never falsify it. Memory use is
//! constant.

mod blocks;
mod request;

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use assize_measurement::car;
use assize_measurement::unixfs::{Profile, Walk};
use assize_protocol::{FileCid, PayloadCid};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use tokio::sync::mpsc;

use self::blocks::{Library, OpenFile};
use self::request::{Duplicates, Form, Refusal, Scope, Wanted};
use crate::{LocalStore, StoreError};

/// The CID for probing gateways, `bafkqaaa`: CIDv1, raw, the identity of no bytes.
const PROBE: [u8; 4] = [1, 0x55, 0, 0];
/// Number of blocks that wait for a slow client; the limit in MiB per response.
const AHEAD: usize = 2;
/// How often the store's directory is read for its health.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// The HTTP interface of a store.
pub fn router(store: LocalStore) -> Router {
    let health = Arc::new(Health {
        store: store.clone(),
        checked: Mutex::default(),
    });
    Router::new()
        .route("/ipfs/{cid}", get(answer))
        .route("/ipfs/{cid}/", get(answer))
        .route("/healthz", get(move || healthz(Arc::clone(&health))))
        .fallback(|| async {
            let text = "This gateway serves only files at /ipfs/{cid}, as CARs or blocks.\n";
            (StatusCode::NOT_FOUND, text)
        })
        .with_state(Arc::new(Library::new(store)))
}

/// Whether the store's directory can be read, as last checked.
struct Health {
    store: LocalStore,
    checked: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Health {
    fn check(&self) -> Result<(), String> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        match &*checked {
            Some((at, outcome)) if at.elapsed() < CHECK_EVERY => outcome.clone(),
            _ => {
                let outcome = self.store.check().map_err(|error| error.to_string());
                *checked = Some((Instant::now(), outcome.clone()));
                outcome
            }
        }
    }
}

async fn healthz(health: Arc<Health>) -> Response {
    let checked = tokio::task::spawn_blocking(move || health.check()).await;
    match checked.unwrap_or_else(|panic| Err(panic.to_string())) {
        Ok(()) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn answer(
    State(library): State<Arc<Library>>,
    Path(cid): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let accept: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let wanted = match Wanted::parse(query.as_deref().unwrap_or_default(), &accept.join(",")) {
        Ok(wanted) => wanted,
        Err(refusal) => return refuse(&refusal),
    };
    if cid.parse().is_ok_and(|cid: PayloadCid| cid.to_bytes() == PROBE) {
        return probe(&wanted);
    }
    let Ok(cid) = FileCid::of_any_spelling(&cid) else {
        return refuse(&Refusal::Cid(cid));
    };
    let mut response = match if_none_match(&headers, &wanted.etag(&cid)) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let head = method == Method::HEAD;
            let opened = tokio::task::spawn_blocking(move || Reading::begin(&library, &cid, wanted)).await;
            match opened.unwrap_or_else(|panic| Err(StoreError::of_reading(io::Error::other(panic)))) {
                Ok(reading) => reading.into_response(head),
                Err(error @ StoreError::NotFound { .. }) => {
                    return (StatusCode::NOT_FOUND, format!("{error}\n")).into_response();
                }
                Err(error) => {
                    tracing::error!(%cid, %error, "failed to serve a file");
                    return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response();
                }
            }
        }
    };
    describe(response.headers_mut(), &cid, &wanted);
    response
}

fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Form { .. } => StatusCode::NOT_ACCEPTABLE,
        Refusal::Cid(_) | Refusal::Parameter { .. } => StatusCode::BAD_REQUEST,
    };
    (status, format!("{refusal}\n")).into_response()
}

/// The response to the probe that every gateway supports.
fn probe(wanted: &Wanted) -> Response {
    let kind = wanted.content_type();
    match wanted.form {
        Form::Raw => ([(header::CONTENT_TYPE, kind)], Body::empty()).into_response(),
        Form::Car { .. } => {
            // The header of a CAR whose root is that CID. There is no section, because the block is in its CID.
            let header = b"\x19\xa2\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00\x67version\x01";
            ([(header::CONTENT_TYPE, kind)], Bytes::from_static(header)).into_response()
        }
    }
}

fn if_none_match(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|tag| tag == "*" || tag == etag)
}

fn describe(headers: &mut HeaderMap, cid: &FileCid, wanted: &Wanted) {
    let extension = match wanted.form {
        Form::Raw => "bin",
        Form::Car { .. } => "car",
    };
    let values = [
        (header::CONTENT_TYPE, wanted.content_type()),
        (header::ETAG, wanted.etag(cid)),
        (
            header::CACHE_CONTROL,
            "public, max-age=29030400, immutable".into(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{cid}.{extension}\""),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (header::ACCEPT_RANGES, "none".into()),
        (header::VARY, "Accept".into()),
        (
            header::HeaderName::from_static("x-ipfs-path"),
            format!("/ipfs/{cid}"),
        ),
        (header::HeaderName::from_static("x-ipfs-roots"), cid.to_string()),
    ];
    for (name, value) in values {
        // CIDs and our own constants are valid header values.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// A response whose first block has been read and verified.
struct Reading {
    file: OpenFile,
    walk: Option<Walk>,
    /// Header of the CAR and first block, or the block.
    first: Vec<u8>,
    wanted: Wanted,
}

impl Reading {
    fn begin(library: &Library, cid: &FileCid, wanted: Wanted) -> Result<Self, StoreError> {
        let mut file = library.open(cid)?;
        let mut block = Vec::new();
        file.read(cid, &mut block)?;
        let Form::Car { .. } = wanted.form else {
            return Ok(Self {
                file,
                walk: None,
                first: block,
                wanted,
            });
        };
        let mut first = Vec::with_capacity(block.len() + 200);
        car::put_header(&mut first, cid);
        car::put_block(&mut first, cid, &block);
        let whole = !matches!(wanted.scope(), Scope::Block) && file.is_root(cid);
        let mut walk = Walk::new(cid, Profile::default());
        if whole {
            walk.take(&block).map_err(|error| file.damaged(error.into()))?;
        }
        Ok(Self {
            file,
            walk: whole.then_some(walk),
            first,
            wanted,
        })
    }

    fn into_response(self, head: bool) -> Response {
        if head || self.walk.is_none() {
            let length = self.walk.is_none().then_some(self.first.len());
            let body = match head {
                true => Body::empty(),
                false => self.first.into(),
            };
            let mut response = Response::new(body);
            if let Some(length) = length {
                response
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, length.into());
            }
            return response;
        }
        let (blocks, sent) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || self.send(&blocks));
        let body = stream::unfold(sent, |mut sent| async {
            sent.recv().await.map(|block| (block, sent))
        });
        Response::new(Body::from_stream(body))
    }

    /// Reads and sends the following blocks. An error or a disconnected client ends it.
    fn send(self, to: &mpsc::Sender<io::Result<Bytes>>) {
        let Self {
            mut file,
            walk,
            first,
            wanted,
        } = self;
        if to.blocking_send(Ok(first.into())).is_err() {
            return;
        }
        let Some(mut walk) = walk else { return };
        let range = wanted.range(walk.size().unwrap_or_default());
        let mut sent = BTreeSet::new();
        loop {
            match next_section(&mut file, &mut walk, &range, wanted.duplicates(), &mut sent) {
                Ok(None) => return,
                Ok(Some(section)) if section.is_empty() => {}
                Ok(Some(section)) => {
                    if to.blocking_send(Ok(section.into())).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "response aborted");
                    let _ = to.blocking_send(Err(io::Error::other(error)));
                    return;
                }
            }
        }
    }
}

/// The section of the next block; empty if the block is to be skipped; `None` at the end.
fn next_section(
    file: &mut OpenFile,
    walk: &mut Walk,
    range: &Range<u64>,
    duplicates: Duplicates,
    sent: &mut BTreeSet<FileCid>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(cid) = walk.wanted() else {
        return Ok(None);
    };
    let outside = |there: Range<u64>| there.end <= range.start || there.start >= range.end;
    if walk.wanted_range().is_some_and(outside) {
        walk.skip().map_err(|error| file.damaged(error.into()))?;
        return Ok(Some(Vec::new()));
    }
    let mut block = Vec::new();
    file.read(&cid, &mut block)?;
    walk.take(&block).map_err(|error| file.damaged(error.into()))?;
    if !sent.insert(cid) && duplicates == Duplicates::No {
        return Ok(Some(Vec::new()));
    }
    let mut section = Vec::with_capacity(block.len() + 64);
    car::put_block(&mut section, &cid, &block);
    Ok(Some(section))
}
