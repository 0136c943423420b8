//! One exchange with one gateway, within its limits.

use std::time::Duration;

use cid::Cid;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use crate::Limits;
use crate::content::{Format, Intake, Whole};
use crate::failure::Failure;
use crate::follow::End;
use crate::http::{Answer, Ask, Http};
use crate::net::Reach;

/// How long a refusal's words are waited for, and how many are shown.
const WORDS: (Duration, usize) = (Duration::from_secs(1), 200);

/// What a fetch may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) reach: Reach,
    pub(crate) redirects: usize,
}

/// What an exchange came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// HTTP status, if one was seen.
    pub(crate) status: Option<u16>,
    pub(crate) first_byte: Option<Instant>,
    /// Bytes of body, decompressed.
    pub(crate) received: u64,
    pub(crate) result: Outcomes,
    /// In words.
    pub(crate) told: String,
}

#[derive(Debug)]
pub(crate) enum Outcomes {
    /// A body came to its end.
    Whole(Whole),
    /// A status other than a success.
    Refused,
    Failed(Failure),
}

impl Outcome {
    pub(crate) fn failed(status: Option<u16>, failure: Failure) -> Self {
        let told = failure.to_string();
        Self {
            status,
            first_byte: None,
            received: 0,
            result: Outcomes::Failed(failure),
            told,
        }
    }

    /// Whether this is the payload.
    pub(crate) fn delivered(&self) -> bool {
        matches!(&self.result, Outcomes::Whole(whole) if whole.verdict.is_ok())
    }

    /// Whether other addresses need not be asked: the provider has served something as the payload.
    pub(crate) fn is_verdict(&self) -> bool {
        matches!(
            self.result,
            Outcomes::Whole(_) | Outcomes::Failed(Failure::TooLarge(_))
        )
    }

    /// How far it came; the provider is judged by the address that came farthest.
    pub(crate) fn progress(&self) -> u8 {
        match &self.result {
            _ if self.is_verdict() => 5,
            _ if self.status.is_some() => 4,
            Outcomes::Failed(Failure::Multiaddr(_)) => 0,
            Outcomes::Failed(Failure::Dns { .. } | Failure::Url(_)) => 1,
            Outcomes::Failed(Failure::Connect { .. } | Failure::NotPublic(_)) => 2,
            _ => 3,
        }
    }
}

impl Http {
    /// Asks, and takes the body in.
    pub(crate) async fn fetch(&self, ask: &Ask, wanted: &Cid, format: Format, budget: Budget<'_>) -> Outcome {
        let limits = budget.limits;
        let until = |now: Instant| (now + limits.idle).min(budget.deadline);
        let late = || match Instant::now() < budget.deadline {
            true => Failure::Timeout("no byte of the body came within the idle limit"),
            false => Failure::Timeout("the body did not end within the limit for the whole"),
        };

        let head = self.follow(
            ask,
            (budget.reach, budget.reach),
            limits.connect,
            budget.redirects,
        );
        let head = timeout_at(until(Instant::now()), head).await;
        let End {
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
                None => timeout(WORDS.0, words(&mut answer)).await.unwrap_or_default(),
            };
            return Outcome {
                status: Some(status),
                first_byte: None,
                received: 0,
                result: Outcomes::Refused,
                told: format!("HTTP {status}{}", prefixed(&words)),
            };
        }

        let gzip = answer
            .header(&CONTENT_ENCODING)
            .is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
        let kind = answer
            .header(&CONTENT_TYPE)
            .unwrap_or("no content type")
            .to_owned();
        let mut intake = Intake::new(wanted, format, gzip, limits.body);
        let mut first_byte = None;
        let failure = loop {
            match timeout_at(until(Instant::now()), answer.chunk()).await {
                Err(_) => break Some(late()),
                Ok(Err(failure)) => break Some(failure),
                Ok(Ok(None)) => break None,
                Ok(Ok(Some(data))) => {
                    first_byte.get_or_insert_with(Instant::now);
                    if let Err(stop) = intake.update(&data) {
                        break Some(Failure::stopped(stop, limits.body));
                    }
                }
            }
        };
        let (received, result) = match failure {
            Some(failure) => (intake.received(), Outcomes::Failed(failure)),
            None => match intake.finish() {
                (received, Ok(whole)) => (received, Outcomes::Whole(whole)),
                (received, Err(stop)) => (received, Outcomes::Failed(Failure::stopped(stop, limits.body))),
            },
        };
        let said = match &result {
            Outcomes::Whole(Whole { verdict: Ok(()), .. }) => {
                "the block is there and has the hash that its CID says".into()
            }
            Outcomes::Whole(Whole {
                verdict: Err(error), ..
            }) => error.to_string(),
            Outcomes::Failed(failure) => failure.to_string(),
            Outcomes::Refused => String::new(),
        };
        let zipped = if gzip { ", gzip" } else { "" };
        let told = format!(
            "HTTP {status}, {kind}{zipped}, {received} bytes{}: {said}",
            redirected(hops, &url)
        );
        Outcome {
            status: Some(status),
            first_byte,
            received,
            result,
            told,
        }
    }

    /// The status of a HEAD request, or Spark's code for what went wrong; and the same in words.
    pub(crate) async fn head(&self, ask: &Ask, budget: Budget<'_>) -> (u16, String) {
        let limits = budget.limits;
        let head = self.follow(
            ask,
            (budget.reach, budget.reach),
            limits.connect,
            budget.redirects,
        );
        match timeout(limits.head, head).await {
            Ok(Ok(End {
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
                let failure = Failure::Timeout("no answer to HEAD within its limit");
                (failure.code(), failure.to_string())
            }
        }
    }
}

/// What a refusal says of itself, in one line.
async fn words(answer: &mut Answer) -> String {
    let Ok(Some(data)) = answer.chunk().await else {
        return String::new();
    };
    let text: String = String::from_utf8_lossy(&data)
        .chars()
        .take(WORDS.1)
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
        hops => format!(", redirected {hops} times, at last to {url}"),
    }
}
