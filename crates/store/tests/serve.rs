//! A local store served as a trustless gateway, read by our own client and by plain HTTP.
#![cfg(feature = "serve")]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::fs;
use std::thread;

use assize_measurement::car::{self, Sections};
use assize_measurement::unixfs::{Profile, Walk, build};
use assize_protocol::{Codec, FileCid};
use assize_store::{Gateways, LocalStore, Source, Store, StoreError, serve};
use cid::multibase::{Base, encode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Server {
    url: String,
    store: LocalStore,
    _directory: TempDir,
    _stop: oneshot::Sender<()>,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path().join("store")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (sender, address) = std::sync::mpsc::channel();
        let served = store.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let stop = async { drop(stopped.await) };
                axum::serve(listener, serve::router(served))
                    .with_graceful_shutdown(stop)
                    .await
                    .unwrap();
            });
        });
        Self {
            url: format!("http://{}", address.recv().unwrap()),
            store,
            _directory: directory,
            _stop: stop,
        }
    }

    fn get(&self, path: &str, accept: &str) -> Answer {
        self.ask(ureq::get(format!("{}{path}", self.url)), accept)
    }

    fn ask(&self, request: ureq::RequestBuilder<ureq::typestate::WithoutBody>, accept: &str) -> Answer {
        let request = match accept {
            "" => request,
            accept => request.header("Accept", accept),
        };
        let mut response = request
            .config()
            .http_status_as_error(false)
            .build()
            .call()
            .unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        Answer {
            status: response.status().as_u16(),
            headers,
            body: response.body_mut().read_to_vec(),
        }
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>, ureq::Error>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(there, _)| there == name);
        found.map_or("", |(_, value)| value)
    }

    fn body(&self) -> &[u8] {
        self.body.as_ref().unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.body()).unwrap()
    }

    fn blocks(&self) -> Vec<FileCid> {
        let sections = Sections::open(self.body()).unwrap();
        sections.map(|section| section.unwrap().cid).collect()
    }
}

/// Different chunks, and a repeated one.
fn content() -> Vec<u8> {
    let mut content: Vec<u8> = (0..(5 << 20) + 77_u32)
        .map(|index| (index / 1_000 % 251) as u8)
        .collect();
    let (first, rest) = content.split_at_mut(1 << 20);
    rest[1 << 20..2 << 20].copy_from_slice(first);
    content
}

/// The CIDs in depth-first order.
fn depth_first(content: &[u8]) -> Vec<FileCid> {
    let (root, blocks) = build(content, Profile::default());
    let mut walk = Walk::new(&root, Profile::default());
    let mut order = Vec::new();
    while let Some(cid) = walk.wanted() {
        let block = blocks.iter().find(|block| block.cid == cid).unwrap();
        walk.take(&block.data).unwrap();
        order.push(cid);
    }
    order
}

#[test]
fn our_own_client_gets_every_file() {
    let server = Server::start();
    let gateways = Gateways::new(&[&server.url]).unwrap();
    for content in [
        vec![],
        b"x".to_vec(),
        vec![7; 1 << 20],
        vec![7; 3 << 20],
        content(),
    ] {
        let cid = server.store.put(&content).unwrap();
        assert_eq!(gateways.get(&cid).unwrap(), content);
    }
    let missing = assize_measurement::unixfs::file_cid(b"missing");
    let error = gateways.get(&missing).unwrap_err().to_string();
    assert!(error.contains("HTTP status 404"), "{error}");
}

#[test]
fn a_car_is_depth_first_with_the_headers_of_the_specification() {
    let server = Server::start();
    let cid = server.store.put(&content()).unwrap();
    let order = depth_first(&content());
    let answer = server.get(&format!("/ipfs/{cid}"), "application/vnd.ipld.car;dups=y");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.blocks(), order);
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.ipld.car; version=1; order=dfs; dups=y"
    );
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=29030400, immutable"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-ipfs-path"), format!("/ipfs/{cid}"));
    assert_eq!(
        answer.header("content-disposition"),
        format!("attachment; filename=\"{cid}.car\"")
    );
    let mut once = order.clone();
    once.remove(3);
    let answer = server.get(&format!("/ipfs/{cid}?format=car"), "");
    assert_eq!(answer.blocks(), once);
    assert_eq!(car::unpack(&cid, answer.body()).unwrap(), content());
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.ipld.car; version=1; order=dfs; dups=n"
    );
}

#[test]
fn cached_responses_are_not_sent_again_and_head_has_no_body() {
    let server = Server::start();
    let cid = server.store.put(&content()).unwrap();
    let path = format!("/ipfs/{cid}?format=car");
    let etag = server.get(&path, "").header("etag").to_owned();
    let again = |tag: &str| {
        let request = ureq::get(format!("{}{path}", server.url)).header("If-None-Match", tag);
        server.ask(request, "")
    };
    assert_eq!(again(&etag).status, 304);
    assert_eq!(again(&etag).body().len(), 0);
    assert_eq!(again(&format!("\"x\", W/{etag}")).status, 304);
    assert_eq!(again("\"x\"").status, 200);
    let tags: Vec<_> = [
        "format=raw",
        "format=car&dag-scope=block",
        "format=car&car-dups=y",
        "format=car&entity-bytes=0:5",
    ]
    .iter()
    .map(|query| {
        server
            .get(&format!("/ipfs/{cid}?{query}"), "")
            .header("etag")
            .to_owned()
    })
    .collect();
    assert!(tags.iter().all(|tag| *tag != etag), "{tags:?}");
    let head = server.ask(ureq::head(format!("{}{path}", server.url)), "");
    assert_eq!(
        (head.status, head.body().len(), head.header("etag")),
        (200, 0, &*etag)
    );
    let head = server.ask(ureq::head(format!("{}/ipfs/{cid}?format=raw", server.url)), "");
    assert!(head.header("content-length").parse::<usize>().unwrap() > 0);
}

#[test]
fn blocks_alone_and_parts_of_files() {
    let server = Server::start();
    let cid = server.store.put(&content()).unwrap();
    let order = depth_first(&content());
    let (_, blocks) = build(&content(), Profile::default());
    for block in &blocks {
        // Chunks have their own CIDs.
        let answer = server.get(&format!("/ipfs/{}", block.cid), "application/vnd.ipld.raw");
        assert_eq!(answer.body(), block.data);
        assert_eq!(answer.header("content-type"), "application/vnd.ipld.raw");
        let answer = server.get(&format!("/ipfs/{}?format=car&dag-scope=block", block.cid), "");
        assert_eq!(answer.blocks(), [block.cid]);
    }
    let answer = server.get(&format!("/ipfs/{}?format=car", order[2]), "");
    assert_eq!(answer.blocks(), [order[2]]);
    // The chunks that contain a range, and the node above them.
    for (bytes, places) in [
        ("0:0", vec![0, 1]),
        ("1048575:1048576", vec![0, 1, 2]),
        ("-1:*", vec![0, 6]),
        ("-77:-1", vec![0, 6]),
        ("3145728:4194303", vec![0, 4]),
        ("99999999:*", vec![0]),
    ] {
        let answer = server.get(&format!("/ipfs/{cid}?format=car&entity-bytes={bytes}"), "");
        let expected: Vec<_> = places.into_iter().map(|place| order[place]).collect();
        assert_eq!(answer.blocks(), expected, "{bytes}");
    }
    // A file stored later is found too.
    let other: Vec<u8> = content().iter().map(|byte| byte ^ 1).collect();
    let (_, blocks) = build(&other, Profile::default());
    assert_eq!(
        server
            .get(&format!("/ipfs/{}?format=raw", blocks[1].cid), "")
            .status,
        404
    );
    server.store.put(&other).unwrap();
    assert_eq!(
        server
            .get(&format!("/ipfs/{}?format=raw", blocks[1].cid), "")
            .body(),
        blocks[1].data
    );
}

/// The same CID in every spelling, and the same request in any.
#[test]
fn a_file_is_found_by_every_spelling_of_its_request() {
    let server = Server::start();
    let content = content();
    let cid = server.store.put(&content).unwrap();
    let (bytes, multihash) = (cid.to_bytes(), &cid.to_bytes()[2..]);
    let raw = assize_measurement::unixfs::build(&content, Profile::default()).1[0].cid;
    for spelling in [
        cid.to_string(),
        encode(Base::Base32Upper, bytes),
        encode(Base::Base58Btc, bytes),
        encode(Base::Base36Lower, bytes),
        encode(Base::Base16Lower, bytes),
        encode(Base::Base64Url, bytes),
        // Version 0.
        Base::Base58Btc.encode(multihash),
    ] {
        let answer = server.get(&format!("/ipfs/{spelling}?format=car"), "");
        assert_eq!(answer.status, 200, "{spelling}: {}", answer.text());
        assert_eq!(car::unpack(&cid, answer.body()).unwrap(), content, "{spelling}");
        assert_eq!(answer.header("x-ipfs-roots"), cid.to_string());
    }
    let car = server.get(&format!("/ipfs/{cid}?format=car&dag-scope=block"), "");
    for (path, accept) in [
        (format!("/ipfs/{cid}/?format=car&dag-scope=block"), ""),
        (format!("/ipfs/{cid}?dag-scope=block&format=car"), ""),
        (
            format!("/ipfs/{cid}/?dag-scope=block"),
            "application/vnd.ipld.car",
        ),
        (
            format!("/ipfs/{cid}?format=car&dag-scope=block"),
            "application/vnd.ipld.raw",
        ),
        (
            format!("/ipfs/{cid}?format=&dag-scope=block&car-dups="),
            "application/vnd.ipld.car, */*",
        ),
        (format!("/ipfs/{cid}?format=c%61r&dag-scope=bloc%6B"), "text/html"),
    ] {
        let answer = server.get(&path, accept);
        assert_eq!(
            (answer.status, answer.body()),
            (200, car.body()),
            "{path} {accept}"
        );
        let head = server.ask(ureq::head(format!("{}{path}", server.url)), accept);
        assert_eq!(head.status, 200, "{path} {accept}");
    }
    let answer = server.get(&format!("/ipfs/{raw}?format=raw"), "application/vnd.ipld.car");
    assert_eq!(answer.body(), &content[..1 << 20]);
    // The probe too.
    for path in [
        "/ipfs/bafkqaaa/?format=raw",
        "/ipfs/BAFKQAAA?format=raw",
        "/ipfs/f01550000?format=raw",
    ] {
        assert_eq!(server.get(path, "").status, 200, "{path}");
    }
}

#[test]
fn rejections_say_what_to_request() {
    let server = Server::start();
    let cid = server.store.put(b"a batch\n").unwrap();
    for (path, status, words) in [
        (format!("/ipfs/{cid}"), 406, "?format=car"),
        (format!("/ipfs/{cid}?format=tar"), 406, "format=tar"),
        (
            format!("/ipfs/{cid}?format=car&dag-scope=x"),
            400,
            "block, entity or all",
        ),
        (
            "/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG?format=car".into(),
            404,
            "is not in",
        ),
        (
            "/ipfs/bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku?format=car".into(),
            400,
            "is not the CID of a file",
        ),
        (
            "/ipfs/..%2f..%2fetc%2fpasswd?format=raw".into(),
            400,
            "is not the CID of a file",
        ),
        (format!("/ipfs/{cid}/index.html?format=car"), 404, "/ipfs/{cid}"),
        ("/".into(), 404, "/ipfs/{cid}"),
    ] {
        let answer = server.get(&path, "");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    }
    assert_eq!(server.get("/ipfs/bafkqaaa?format=raw", "").body(), b"");
    assert_eq!(
        server.get("/ipfs/bafkqaaa", "application/vnd.ipld.car").status,
        200
    );
    assert_eq!(server.get("/healthz", "").text(), "ok\n");
}

#[test]
fn a_damaged_file_is_never_sent_as_complete() {
    let server = Server::start();
    let cid = server.store.put(&content()).unwrap();
    let path = server.store.path(&cid);
    let whole = fs::read(&path).unwrap();
    let get = || server.get(&format!("/ipfs/{cid}?format=car"), "");
    // The root is the last block; without it the response cannot begin.
    let mut damaged = whole.clone();
    let last = damaged.len() - 10;
    damaged[last] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let answer = get();
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("is damaged") && answer.text().contains(&cid.to_string()),
        "{}",
        answer.text()
    );
    // A damaged chunk in the middle aborts the response, and our client rejects it.
    let mut damaged = whole.clone();
    damaged[(2 << 20) + 5_000] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert!(get().body.is_err());
    let error = Gateways::new(&[&server.url]).unwrap().get(&cid).unwrap_err();
    assert!(matches!(error, StoreError::Gateways { .. }), "{error}");
    fs::write(&path, &whole).unwrap();
    assert_eq!(car::unpack(&cid, get().body()).unwrap(), content());
}

#[test]
fn concurrent_clients_and_disconnects() {
    let server = Server::start();
    let cid = server.store.put(&content()).unwrap();
    assert_eq!(cid.codec, Codec::DagPb);
    thread::scope(|scope| {
        for client in 0..12 {
            let server = &server;
            scope.spawn(move || {
                if client % 3 == 0 {
                    // Reads nothing of the response.
                    let request = ureq::get(format!("{}/ipfs/{cid}?format=car", server.url));
                    drop(request.call().unwrap());
                } else {
                    let gateways = Gateways::new(&[&server.url]).unwrap();
                    assert_eq!(gateways.get(&cid).unwrap(), content());
                }
            });
        }
    });
}

#[test]
fn a_gateway_whose_directory_is_gone_is_not_healthy() {
    let server = Server::start();
    fs::remove_dir_all(server.store.directory()).unwrap();
    let answer = server.get("/healthz", "");
    let body = String::from_utf8(answer.body.unwrap()).unwrap();
    assert_eq!(answer.status, 503, "{body}");
    assert!(
        body.contains(server.store.directory().to_str().unwrap()),
        "{body}"
    );
    let server = Server::start();
    assert_eq!(server.get("/healthz", "").status, 200);
}
