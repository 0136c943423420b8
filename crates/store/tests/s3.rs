//! The S3 client, against a real S3-compatible server: moto (PyPI `moto[server]`).
#![cfg(feature = "s3")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assize_measurement::car;
use assize_measurement::unixfs::file_cid;
use assize_store::{S3, Source, Store, StoreError};
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;

struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    /// `None` if moto is not installed and not required.
    fn start() -> Option<Self> {
        let Some(program) = find() else {
            let remedy = "no moto_server: run `make services`, or set ASSIZE_MOTO to its path";
            assert!(std::env::var_os("ASSIZE_REQUIRE_SERVICES").is_none(), "{remedy}");
            eprintln!("SKIPPED: {remedy}");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let begun = Instant::now();
        while ureq::put(format!("{}/batches", moto.url)).send_empty().is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "moto_server does not listen"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(moto)
    }

    fn settings(&self) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(&self.url)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
    }

    fn open(&self, url: &str) -> S3 {
        S3::new(url, self.settings()).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> Option<PathBuf> {
    let named = std::env::var_os("ASSIZE_MOTO").map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/moto/bin/moto_server");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|directory| directory.join("moto_server"));
    named
        .into_iter()
        .chain([tools])
        .chain(in_path)
        .find(|program| program.is_file())
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index / 1_000 % 251) as u8).collect()
}

#[test]
fn files_go_to_a_bucket_and_come_back() {
    let Some(moto) = Moto::start() else { return };
    let store = moto.open("s3://batches/rounds/1");
    // Empty, small, one part and a byte, three parts.
    for size in [0, 1, 1 << 20, (8 << 20) + 1, 20 << 20] {
        let content = content(size);
        let cid = file_cid(&content);
        assert!(!store.has(&cid).unwrap());
        let put = store.put_with(&mut |to| content.chunks(99_999).try_for_each(|piece| to.write_all(piece)));
        assert_eq!(put.unwrap(), cid);
        assert!(store.has(&cid).unwrap());
        assert_eq!(store.get(&cid).unwrap(), content);
        assert_eq!(store.put(&content).unwrap(), cid, "again");
        // Another prefix is another store.
        assert!(!moto.open("s3://batches").has(&cid).unwrap());
    }
}

#[tokio::test]
async fn it_works_within_a_runtime_too() {
    let Some(moto) = Moto::start() else { return };
    let store = moto.open("s3://batches");
    let cid = store.put(b"a batch\n").unwrap();
    assert_eq!(store.get(&cid).unwrap(), b"a batch\n");
}

#[test]
fn a_changed_object_is_refused() {
    let Some(moto) = Moto::start() else { return };
    let store = moto.open("s3://batches");
    let cid = store.put(&content(3 << 20)).unwrap();
    // As the bucket's owner could do.
    let bucket = moto.settings().with_bucket_name("batches").build().unwrap();
    let object = object_store::path::Path::from(format!("{cid}.car"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let overwrite = |car: &[u8]| {
        runtime
            .block_on(bucket.put(&object, car.to_vec().into()))
            .unwrap()
    };
    let (_, mut car) = car::pack(&content(3 << 20));
    car[5_000] ^= 1;
    overwrite(&car);
    let error = store.get(&cid).unwrap_err().to_string();
    assert!(
        error.contains("is damaged") && error.contains("block baf"),
        "{error}"
    );
    overwrite(&car[..1_000]);
    let error = store.get(&cid).unwrap_err().to_string();
    assert!(error.contains("is truncated"), "{error}");
    // Storing the file again repairs it.
    store.put(&content(3 << 20)).unwrap();
    assert_eq!(store.get(&cid).unwrap().len(), 3 << 20);
}

#[test]
fn errors_name_missing_files_and_wrong_settings() {
    let Some(moto) = Moto::start() else { return };
    let cid = file_cid(b"never stored");
    let error = moto.open("s3://batches").get(&cid).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("s3://batches"), "{error}");
    for failed in [
        moto.open("s3://nowhere").put(b"x").map(drop),
        moto.open("s3://nowhere").get(&cid).map(drop),
    ] {
        let error = failed.unwrap_err().to_string();
        assert!(
            error.contains("s3://nowhere") && error.contains("check that the bucket exists"),
            "{error}"
        );
    }
    for url in ["s3://", "s3:///x", "https://bucket", "bucket"] {
        let error = S3::new(url, moto.settings()).unwrap_err().to_string();
        assert!(error.contains("s3://bucket/prefix"), "{url}: {error}");
    }
    let nobody = moto.settings().with_endpoint("http://127.0.0.1:1");
    let error = S3::new("s3://batches", nobody)
        .unwrap()
        .put(b"x")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("s3://batches") && error.contains("AWS_ENDPOINT_URL"),
        "{error}"
    );
}

#[test]
fn concurrent_puts_of_one_file_succeed() {
    let Some(moto) = Moto::start() else { return };
    let content = content(9 << 20);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| moto.open("s3://batches").put(&content).unwrap());
        }
    });
    assert_eq!(
        moto.open("s3://batches").get(&file_cid(&content)).unwrap(),
        content
    );
}
