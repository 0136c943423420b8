//! The S3 client, against a real S3-compatible server: moto (PyPI `moto[server]`).
#![cfg(feature = "s3")]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use assize_measurement::car;
use assize_measurement::unixfs::file_cid;
use assize_store::{S3, Source, Store, StoreError};
use assize_testkit::services::Moto;
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;

struct Server(Moto);

impl Server {
    /// With the bucket `batches`. `None` if moto is not installed and not required.
    fn start() -> Option<Self> {
        let moto = Moto::start(None).unwrap()?;
        ureq::put(format!("{}/batches", moto.url)).send_empty().unwrap();
        Some(Self(moto))
    }

    fn settings(&self) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(&self.0.url)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
    }

    fn open(&self, url: &str) -> S3 {
        S3::new(url, self.settings()).unwrap()
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index / 1_000 % 251) as u8).collect()
}

#[test]
fn files_are_stored_in_and_read_from_a_bucket() {
    let Some(moto) = Server::start() else { return };
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
    let Some(moto) = Server::start() else { return };
    let store = moto.open("s3://batches");
    let cid = store.put(b"a batch\n").unwrap();
    assert_eq!(store.get(&cid).unwrap(), b"a batch\n");
}

#[test]
fn a_changed_object_is_rejected() {
    let Some(moto) = Server::start() else { return };
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
    let Some(moto) = Server::start() else { return };
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
    let Some(moto) = Server::start() else { return };
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
