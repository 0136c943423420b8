//! A store in a bucket of Amazon S3 or a compatible service.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Seek};
use std::sync::Arc;
use std::time::Duration;

use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::runtime::{Handle, Runtime};

use crate::spool::{SpoolError, pack, spool};
use crate::{Content, Produce, Source, Store, StoreError};

/// Size of a part of an upload in bytes. S3 accepts 5 MiB or more.
const PART: usize = 8 << 20;

/// Files in a bucket, each an object `<prefix>/<cid>.car`.
///
/// Objects never change: the same file is the same object. Everything that is read is verified block by block, so the
/// bucket's owner can lose or withhold a file, but not change it.
pub struct S3 {
    bucket: Arc<dyn ObjectStore>,
    prefix: Path,
    label: String,
    runtime: Option<Runtime>,
}

impl S3 {
    /// Opens the bucket of a URL such as `s3://bucket/prefix`. Credentials, region and endpoint come from the
    /// environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL and related variables.
    ///
    /// # Errors
    /// [`StoreError::Bucket`] if the URL or the settings are invalid. No request is sent yet.
    pub fn from_env(url: &str) -> Result<Self, StoreError> {
        let settings = AmazonS3Builder::from_env();
        // Private servers often have no TLS; an http:// endpoint is used as configured.
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
        Self::new(url, settings.with_allow_http(endpoint.starts_with("http://")))
    }

    /// Opens a bucket with explicit settings.
    ///
    /// # Errors
    /// As [`S3::from_env`].
    pub fn new(url: &str, settings: AmazonS3Builder) -> Result<Self, StoreError> {
        let refuse = |reason: String| StoreError::Bucket {
            place: url.to_owned(),
            reason,
        };
        let (bucket, prefix) = url
            .strip_prefix("s3://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
            .filter(|(bucket, _)| !bucket.is_empty())
            .ok_or_else(|| refuse("use s3://bucket or s3://bucket/prefix".into()))?;
        // A batch must be stored before its round's deadline, so requests must not hang.
        let retry = RetryConfig {
            max_retries: 4,
            retry_timeout: Duration::from_secs(60),
            ..RetryConfig::default()
        };
        assize_tls::use_ring();
        let store = settings.with_bucket_name(bucket).with_retry(retry).build();
        let store = store.map_err(|error| refuse(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Ok(Self {
            bucket: Arc::new(store),
            prefix: Path::parse(prefix).map_err(|error| refuse(error.to_string()))?,
            label: url.to_owned(),
            runtime: Some(runtime.map_err(|error| refuse(error.to_string()))?),
        })
    }

    fn path(&self, cid: &FileCid) -> Path {
        self.prefix.clone().join(format!("{cid}.car"))
    }

    /// Runs on its own thread, so that callers may be within a runtime themselves.
    fn run<T: Send, F: Future<Output = T>>(
        &self,
        work: impl FnOnce(Handle) -> F + Send,
    ) -> Result<T, StoreError> {
        let Some(runtime) = &self.runtime else {
            return Err(self.failed("the runtime has stopped".into()));
        };
        let work = || runtime.block_on(work(runtime.handle().clone()));
        std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    fn failed(&self, reason: String) -> StoreError {
        StoreError::Bucket {
            place: self.label.clone(),
            reason,
        }
    }

    fn explain(&self, cid: &FileCid, error: &Error) -> StoreError {
        match error {
            Error::NotFound { source, .. } if !names_the_bucket(source.as_ref()) => StoreError::NotFound {
                cid: *cid,
                place: self.label.clone(),
            },
            other => self.failed(format!("{cid}.car: {}", causes(other))),
        }
    }
}

impl Source for S3 {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        self.open_within(cid, MAX_FILE_SIZE)
    }

    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        let path = self.path(cid);
        let bucket = Arc::clone(&self.bucket);
        let got = self.run(|_| async move { bucket.get(&path).await })?;
        let body = got.map_err(|error| self.explain(cid, &error))?.into_stream();
        let Some(runtime) = &self.runtime else {
            return Err(self.failed("the runtime has stopped".into()));
        };
        let body = Body {
            stream: body,
            runtime: runtime.handle().clone(),
            chunk: Default::default(),
        };
        let spooled = std::thread::scope(|scope| match scope.spawn(|| spool(cid, body, most)).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        match spooled {
            Ok(content) => Ok(Content::checked(content)),
            Err(SpoolError::Car(error)) => Err(self.failed(format!("{cid}.car is damaged: {error}"))),
            Err(SpoolError::Body(error)) => Err(self.failed(format!("{cid}.car: {error}"))),
            Err(SpoolError::TooLong(most)) => Err(StoreError::TooLong { cid: *cid, most }),
            Err(SpoolError::Disk(source)) => Err(StoreError::spool(source)),
        }
    }
}

impl Store for S3 {
    fn put_with(&self, produce: Produce<'_>) -> Result<FileCid, StoreError> {
        let (cid, car) = pack(produce)?;
        let path = self.path(&cid);
        let bucket = Arc::clone(&self.bucket);
        let uploaded = self.run(|_| async move { upload(&*bucket, &path, car).await })?;
        uploaded.map_err(|error| match error {
            UploadError::Bucket(error) => self.explain(&cid, &error),
            UploadError::Disk(source) => StoreError::spool(source),
        })?;
        Ok(cid)
    }

    fn has(&self, cid: &FileCid) -> Result<bool, StoreError> {
        let path = self.path(cid);
        let bucket = Arc::clone(&self.bucket);
        match self.run(|_| async move { bucket.head(&path).await })? {
            Ok(_) => Ok(true),
            Err(error) => match self.explain(cid, &error) {
                StoreError::NotFound { .. } => Ok(false),
                other => Err(other),
            },
        }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        // A runtime must not be dropped within another in a blocking way.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("place", &self.label)
            .finish_non_exhaustive()
    }
}

enum UploadError {
    Bucket(Error),
    Disk(io::Error),
}

impl From<Error> for UploadError {
    fn from(error: Error) -> Self {
        Self::Bucket(error)
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Uploads a small file in one request, a large one in parts. The object appears once it is complete.
async fn upload(bucket: &dyn ObjectStore, path: &Path, mut car: File) -> Result<(), UploadError> {
    car.rewind()?;
    let first = next_part(&mut car)?;
    if first.len() < PART {
        bucket.put(path, first.into()).await?;
        return Ok(());
    }
    let mut upload = bucket.put_multipart(path).await?;
    let mut part = first;
    while !part.is_empty() {
        if let Err(error) = upload.put_part(PutPayload::from(part)).await {
            // Otherwise the uploaded parts would be kept, and charged for.
            let _ = upload.abort().await;
            return Err(error.into());
        }
        part = next_part(&mut car)?;
    }
    upload.complete().await?;
    Ok(())
}

fn next_part(car: &mut File) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(PART);
    car.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// An object's bytes as a stream.
struct Body {
    stream: BoxStream<'static, Result<bytes::Bytes, Error>>,
    runtime: Handle,
    chunk: bytes::Bytes,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(|error| io::Error::other(causes(&error)))?,
            }
        }
        let count = buffer.len().min(self.chunk.len());
        buffer[..count].copy_from_slice(&self.chunk.split_to(count));
        Ok(count)
    }
}

/// S3 answers 404 for a missing bucket too.
fn names_the_bucket(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).contains("NoSuchBucket")
}

/// An error with its causes, without repetition.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
