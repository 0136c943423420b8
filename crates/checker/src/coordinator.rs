//! The client of the coordinator's API.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use assize_protocol::RoundNumber;
use assize_service::PassError;
use assize_wire::{
    Answer, Heartbeat, HeldDocument, InclusionDocument, Liveness, NetworkDocument, Problem, ProblemKind,
    Receipt, RoundDocument, StationDocument,
};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

/// Maximum response size in bytes; an assignment with a hundred tasks and their proofs has about 200 kB.
const MAX_ANSWER: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 3;
/// Maximum retry delay in seconds, whatever the coordinator requests.
const LONGEST_WAIT: u64 = 3_600;

/// Why a request to the coordinator failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// An invalid address.
    #[error("the coordinator's address is invalid: {reason}; use one that starts with http:// or https://")]
    Address {
        /// The cause.
        reason: String,
    },
    /// The source address is unavailable.
    #[error(
        "cannot send requests from {address}: {source}; set --bind to an address of this machine, or omit it"
    )]
    Bind {
        /// The configured source address.
        address: IpAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The coordinator is unreachable, or the connection broke.
    #[error(
        "no response from the coordinator at {url}: {reason}; check the address, and that the coordinator is running"
    )]
    Unreachable {
        /// The requested URL.
        url: String,
        /// The HTTP client's error.
        reason: String,
    },
    /// A redirect to another host, which is not followed.
    #[error(
        "the coordinator at {url} redirects to another host: {reason}; if it has moved, use its new address"
    )]
    Elsewhere {
        /// The requested URL.
        url: String,
        /// The target.
        reason: String,
    },
    /// The coordinator rejected the request, with a reason.
    #[error("the coordinator rejected the request ({}): {}", problem.title, problem.detail)]
    Refused {
        /// The reason.
        problem: Box<Problem>,
        /// Its kind.
        kind: ProblemKind,
    },
    /// Another server rejected the request, such as a proxy.
    #[error(
        "{url} answered with HTTP {status}, which is not what a coordinator answers; check --coordinator"
    )]
    Status {
        /// The requested URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// When to retry.
        retry_after: Option<Duration>,
    },
    /// The response is malformed.
    #[error("malformed response from {url}: {reason}")]
    Malformed {
        /// The requested URL.
        url: String,
        /// The cause.
        reason: String,
    },
}

impl AskError {
    /// The kind of the problem, if it is one.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}

impl PassError for AskError {
    fn is_transient(&self) -> bool {
        true
    }

    fn is_fatal(&self) -> bool {
        false
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { problem, .. } => problem.retry_after.map(wait),
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The requested delay, within bounds.
pub(crate) fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(LONGEST_WAIT))
}

/// The coordinator at an address. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Coordinator {
    http: Client,
    base: Url,
}

impl Coordinator {
    /// Creates a client; no request is sent yet. `bind` is the source address, on a machine with several.
    pub(crate) fn new(base: &Url, bind: Option<IpAddr>) -> Result<Self, AskError> {
        let refuse = |reason: String| AskError::Address { reason };
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(refuse(format!("`{base}` is not an HTTP address with a host")));
        }
        if let Some(address) = bind {
            // Otherwise every request would fail, and be retried forever.
            UdpSocket::bind((address, 0)).map_err(|source| AskError::Bind { address, source })?;
        }
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        assize_tls::use_ring();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(Policy::custom(same_host_only))
            .local_address(bind)
            .user_agent(concat!("assize-checker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| refuse(root_cause(&error)))?;
        Ok(Self { http, base })
    }

    /// Scheme, host and path: without user and password.
    pub(crate) fn name(&self) -> String {
        shown(&self.base)
    }

    pub(crate) async fn network(&self) -> Result<NetworkDocument, AskError> {
        self.get("network").await
    }

    pub(crate) async fn current(&self) -> Result<RoundDocument, AskError> {
        self.get("rounds/current").await
    }

    pub(crate) async fn station(
        &self,
        round: RoundNumber,
        station: Address,
    ) -> Result<StationDocument, AskError> {
        self.get(&format!("rounds/{round}/stations/{station:#x}")).await
    }

    pub(crate) async fn live(&self, heartbeat: &Heartbeat) -> Result<Liveness, AskError> {
        let url = self.url("heartbeats")?;
        // Only strings and numbers, so serialisation cannot fail.
        let body = serde_json::to_vec(heartbeat).unwrap_or_default();
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json");
        parse(&url, &ask(&url, request.body(body)).await?)
    }

    /// Submits lines; returns as many answers in the same order.
    pub(crate) async fn submit(&self, lines: &[&str]) -> Result<Vec<Answer>, AskError> {
        let url = self.url("measurements")?;
        let request = self.http.post(url.clone());
        if let [line] = lines {
            let request = request
                .header(CONTENT_TYPE, "application/json")
                .body((*line).to_owned());
            let receipt: Receipt = parse(&url, &ask(&url, request).await?)?;
            return Ok(vec![Answer::Receipt(receipt)]);
        }
        let body: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(body);
        let body = ask(&url, request).await?;
        let answers = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let answers = answers
            .map(|line| parse(&url, line))
            .collect::<Result<Vec<_>, _>>()?;
        match answers.len() == lines.len() {
            true => Ok(answers),
            false => Err(AskError::Malformed {
                url: shown(&url),
                reason: format!("{} answers to {} measurements", answers.len(), lines.len()),
            }),
        }
    }

    /// The proof that the measurement with this digest is in a batch.
    pub(crate) async fn inclusion(&self, digest: B256) -> Result<InclusionDocument, AskError> {
        self.get(&format!("measurements/{digest}/inclusion")).await
    }

    /// The batches of a round that it holds, if it is an evaluator.
    pub(crate) async fn held(&self, round: RoundNumber) -> Result<HeldDocument, AskError> {
        self.get(&format!("held/{round}")).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        let url = self.url(path)?;
        parse(&url, &ask(&url, self.http.get(url.clone())).await?)
    }

    fn url(&self, path: &str) -> Result<Url, AskError> {
        self.base.join(path).map_err(|error| AskError::Address {
            reason: error.to_string(),
        })
    }
}

/// Redirects are followed within the coordinator's own host only.
fn same_host_only(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let origin = attempt.previous().first().map(Url::origin);
    if origin != Some(attempt.url().origin()) {
        let to = shown(attempt.url());
        return attempt.error(format!("a redirect to {to}"));
    }
    match attempt.previous().len() > MAX_REDIRECTS {
        true => attempt.error(format!("more than {MAX_REDIRECTS} redirects")),
        false => attempt.follow(),
    }
}

/// The body of a successful response.
async fn ask(url: &Url, request: RequestBuilder) -> Result<Vec<u8>, AskError> {
    let mut response = request.send().await.map_err(|error| failure(url, &error))?;
    let body = read(url, &mut response).await?;
    let status = response.status();
    if status.is_success() {
        return Ok(body);
    }
    let problem = serde_json::from_slice::<Problem>(&body).ok();
    let header = response.headers().get(RETRY_AFTER);
    let retry_after = header.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    match problem.and_then(|problem| Some((problem.kind()?, problem))) {
        Some((kind, mut problem)) => {
            problem.retry_after = problem.retry_after.or(retry_after);
            let problem = Box::new(problem);
            Err(AskError::Refused { problem, kind })
        }
        None => Err(AskError::Status {
            url: shown(url),
            status: status.as_u16(),
            retry_after: retry_after.map(wait),
        }),
    }
}

async fn read(url: &Url, response: &mut Response) -> Result<Vec<u8>, AskError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(url, &error))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(AskError::Malformed {
                url: shown(url),
                reason: format!("it has more than {MAX_ANSWER} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body).map_err(|error| AskError::Malformed {
        url: shown(url),
        reason: error.to_string(),
    })
}

fn failure(url: &Url, error: &reqwest::Error) -> AskError {
    let (url, reason) = (shown(url), root_cause(error));
    match error.is_redirect() {
        true => AskError::Elsewhere { url, reason },
        false => AskError::Unreachable { url, reason },
    }
}

/// Without user, password and query.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// The innermost cause, such as "Connection refused" instead of "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_the_machine_does_not_have_is_rejected_at_once() {
        let base: Url = "http://127.0.0.1:1".parse().unwrap();
        // TEST-NET-3 (RFC 5737), and the documentation prefix (RFC 3849).
        for absent in ["203.0.113.7", "2001:db8::7"] {
            let error = Coordinator::new(&base, Some(absent.parse().unwrap())).unwrap_err();
            assert!(matches!(error, AskError::Bind { .. }), "{error}");
            let message = error.to_string();
            assert!(
                message.contains(absent) && message.contains("--bind"),
                "{message}"
            );
        }
        assert!(Coordinator::new(&base, Some("127.0.0.1".parse().unwrap())).is_ok());
    }
}
