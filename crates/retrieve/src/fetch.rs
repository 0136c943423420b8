//! One request to one gateway, within its limits.

use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use crate::content::{BodyReader, CompleteBody, Format};
use crate::failure::Failure;
use crate::follow::FinalResponse;
use crate::http::{Answer, Http, HttpRequest};
use crate::net::Reach;
use crate::{Cid, Limits};

/// How long to wait for the body of an error response, and how much of it to show.
const ERROR_EXCERPT: (Duration, usize) = (Duration::from_secs(1), 200);

/// The limits of a fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) reach: Reach,
    pub(crate) redirects: usize,
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// HTTP status, if one was received.
    pub(crate) status: Option<u16>,
    pub(crate) first_byte: Option<Instant>,
    /// Bytes of body, decompressed.
    pub(crate) received: u64,
    pub(crate) result: FetchResult,
    /// Description for the log of steps.
    pub(crate) summary: String,
}

#[derive(Debug)]
pub(crate) enum FetchResult {
    /// A complete body.
    Complete(CompleteBody),
    /// A status other than success.
    Refused,
    Failed(Failure),
}

impl Outcome {
    pub(crate) fn failed(status: Option<u16>, failure: Failure) -> Self {
        let summary = failure.to_string();
        Self {
            status,
            first_byte: None,
            received: 0,
            result: FetchResult::Failed(failure),
            summary,
        }
    }

    /// Whether the payload was delivered.
    pub(crate) fn delivered(&self) -> bool {
        matches!(&self.result, FetchResult::Complete(whole) if whole.verdict.is_ok())
    }

    /// Whether the result is final: the provider has served something as the payload, so other addresses are not tried.
    pub(crate) fn is_verdict(&self) -> bool {
        matches!(
            self.result,
            FetchResult::Complete(_) | FetchResult::Failed(Failure::TooLarge(_))
        )
    }

    /// How far the request got. The provider is judged by the address that got farthest.
    pub(crate) fn progress(&self) -> u8 {
        match &self.result {
            _ if self.is_verdict() => 5,
            _ if self.status.is_some() => 4,
            FetchResult::Failed(Failure::Multiaddr(_)) => 0,
            FetchResult::Failed(Failure::Dns { .. } | Failure::Url(_)) => 1,
            FetchResult::Failed(Failure::Connect { .. } | Failure::NotPublic(_)) => 2,
            _ => 3,
        }
    }
}

impl Http {
    /// Sends the request and reads the body.
    pub(crate) async fn fetch(
        &self,
        ask: &HttpRequest,
        wanted: &Cid,
        format: Format,
        budget: Budget<'_>,
    ) -> Outcome {
        let limits = budget.limits;
        let until = |now: Instant| (now + limits.idle).min(budget.deadline);
        let late = || match Instant::now() < budget.deadline {
            true => Failure::Timeout("no byte of the body within the idle timeout"),
            false => Failure::Timeout("the body did not end within the total timeout"),
        };

        let head = self.follow(
            ask,
            (budget.reach, budget.reach),
            limits.connect,
            budget.redirects,
        );
        let head = timeout_at(until(Instant::now()), head).await;
        let FinalResponse {
            mut answer,
            url,
            hops,
            trouble,
        } = match head.unwrap_or_else(|_| Err(late())) {
            Ok(end) => end,
            Err(failure) => return Outcome::failed(None, failure),
        };
        let status = answer.status.as_u16();
        if trouble.is_some() || !answer.status.is_success() {
            let words = match trouble {
                Some(trouble) => trouble,
                None => timeout(ERROR_EXCERPT.0, error_excerpt(&mut answer))
                    .await
                    .unwrap_or_default(),
            };
            return Outcome {
                status: Some(status),
                first_byte: None,
                received: 0,
                result: FetchResult::Refused,
                summary: format!("HTTP {status}{}", prefixed(&words)),
            };
        }

        let gzip = answer
            .header(&CONTENT_ENCODING)
            .is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
        let kind = answer
            .header(&CONTENT_TYPE)
            .unwrap_or("no content type")
            .to_owned();
        let mut reader = BodyReader::new(wanted, format, gzip, limits.body);
        let mut first_byte = None;
        let failure = loop {
            match timeout_at(until(Instant::now()), answer.chunk()).await {
                Err(_) => break Some(late()),
                Ok(Err(failure)) => break Some(failure),
                Ok(Ok(None)) => break None,
                Ok(Ok(Some(data))) => {
                    first_byte.get_or_insert_with(Instant::now);
                    if let Err(stop) = reader.update(&data) {
                        break Some(Failure::stopped(stop, limits.body));
                    }
                }
            }
        };
        let (received, result) = match failure {
            Some(failure) => (reader.received(), FetchResult::Failed(failure)),
            None => match reader.finish() {
                (received, Ok(whole)) => (received, FetchResult::Complete(whole)),
                (received, Err(stop)) => (received, FetchResult::Failed(Failure::stopped(stop, limits.body))),
            },
        };
        let said = match &result {
            FetchResult::Complete(CompleteBody { verdict: Ok(()), .. }) => {
                "the block is present and its hash matches its CID".into()
            }
            FetchResult::Complete(CompleteBody {
                verdict: Err(error), ..
            }) => error.to_string(),
            FetchResult::Failed(failure) => failure.to_string(),
            FetchResult::Refused => String::new(),
        };
        let zipped = if gzip { ", gzip" } else { "" };
        let summary = format!(
            "HTTP {status}, {kind}{zipped}, {received} bytes{}: {said}",
            redirected(hops, &url)
        );
        Outcome {
            status: Some(status),
            first_byte,
            received,
            result,
            summary,
        }
    }

    /// The status of a HEAD request, or Spark's code for the failure, with a description.
    pub(crate) async fn head(&self, ask: &HttpRequest, budget: Budget<'_>) -> (u16, String) {
        let limits = budget.limits;
        let head = self.follow(
            ask,
            (budget.reach, budget.reach),
            limits.connect,
            budget.redirects,
        );
        match timeout(limits.head, head).await {
            Ok(Ok(FinalResponse {
                answer,
                url,
                hops,
                trouble,
            })) => {
                let status = answer.status.as_u16();
                let words = trouble.map(|trouble| prefixed(&trouble)).unwrap_or_default();
                (status, format!("HTTP {status}{}{words}", redirected(hops, &url)))
            }
            Ok(Err(failure)) => (failure.code(), failure.to_string()),
            Err(_) => {
                let failure = Failure::Timeout("no response to HEAD within its timeout");
                (failure.code(), failure.to_string())
            }
        }
    }
}

/// The message of an error response, in one line.
async fn error_excerpt(answer: &mut Answer) -> String {
    let Ok(Some(data)) = answer.chunk().await else {
        return String::new();
    };
    let text: String = String::from_utf8_lossy(&data)
        .chars()
        .take(ERROR_EXCERPT.1)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    text.trim().to_owned()
}

fn prefixed(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(": {words}")
    }
}

fn redirected(hops: usize, url: &Url) -> String {
    match hops {
        0 => String::new(),
        1 => format!(", redirected to {url}"),
        hops => format!(", redirected {hops} times, finally to {url}"),
    }
}
