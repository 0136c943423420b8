//! What is asked of the coordinator, and how it may answer.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use alloy_primitives::Address;
use assize_protocol::RoundNumber;
use assize_wire::{
    Answer, Heartbeat, Liveness, NetworkDocument, Problem, ProblemKind, Receipt, RoundDocument,
    StationDocument,
};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

/// Longest answer, bytes: a station's part with a hundred tasks and their proofs has about 200 kB.
const MAX_ANSWER: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 3;
/// Nobody is told to come again later than that, seconds.
const LONGEST_WAIT: u64 = 3_600;

/// Why the coordinator gave no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// Not an address that can be asked.
    #[error(
        "the coordinator's address is not usable: {reason}; give one that starts with http:// or https://"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// Requests cannot come from that address.
    #[error(
        "requests cannot come from {address}: {source}; --bind needs an address of this machine, or leave it out"
    )]
    Bind {
        /// What was given.
        address: IpAddr,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// It could not be reached, or broke off.
    #[error(
        "no answer from the coordinator at {url}: {reason}; is the address right and the coordinator running?"
    )]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the HTTP client said.
        reason: String,
    },
    /// It points to another host, which is not followed.
    #[error("the coordinator at {url} points elsewhere: {reason}; if it has moved, give its new address")]
    Elsewhere {
        /// What was asked.
        url: String,
        /// Where to.
        reason: String,
    },
    /// It refused, and said why.
    #[error("the coordinator refused ({}): {}", problem.title, problem.detail)]
    Refused {
        /// What it said.
        problem: Box<Problem>,
        /// Of its kind.
        kind: ProblemKind,
    },
    /// Something that is not the coordinator's refused, such as a proxy before it.
    #[error("{url} answered with HTTP {status}, and not in the coordinator's words")]
    Status {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// It answered with something else than was asked for.
    #[error("the answer of {url} is not understood: {reason}")]
    Malformed {
        /// What was asked.
        url: String,
        /// What does not fit.
        reason: String,
    },
}

impl AskError {
    /// The kind of refusal, if it is one.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// When to come again, if that was said.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { problem, .. } => problem.retry_after.map(wait),
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// As long as it was said, within bounds.
pub(crate) fn wait(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(LONGEST_WAIT))
}

/// The coordinator at one address. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Coordinator {
    http: Client,
    base: Url,
}

impl Coordinator {
    /// Nothing is asked yet. `bind` is the address that requests come from, on a machine with several.
    pub(crate) fn new(base: &Url, bind: Option<IpAddr>) -> Result<Self, AskError> {
        let refuse = |reason: String| AskError::Address { reason };
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(refuse(format!("`{base}` has no host to ask over HTTP")));
        }
        if let Some(address) = bind {
            // Without this every request would fail, and be tried again for ever.
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
            .redirect(Policy::custom(at_home))
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
        // Strings and numbers: nothing can fail to be JSON.
        let body = serde_json::to_vec(heartbeat).unwrap_or_default();
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json");
        parse(&url, &ask(&url, request.body(body)).await?)
    }

    /// Hands in lines; as many answers in the same order.
    pub(crate) async fn hand_in(&self, lines: &[&str]) -> Result<Vec<Answer>, AskError> {
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

/// Redirects are followed on the coordinator's own host alone.
fn at_home(attempt: Attempt<'_>) -> reqwest::redirect::Action {
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

/// The body of a good answer.
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

/// The innermost cause: "Connection refused" rather than "error sending request".
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
    fn an_address_that_the_machine_does_not_have_is_refused_at_once() {
        let base: Url = "http://127.0.0.1:1".parse().unwrap();
        // TEST-NET-3 (RFC 5737), and the documentation prefix (RFC 3849).
        for absent in ["203.0.113.7", "2001:db8::7"] {
            let error = Coordinator::new(&base, Some(absent.parse().unwrap())).unwrap_err();
            assert!(matches!(error, AskError::Bind { .. }), "{error}");
            let told = error.to_string();
            assert!(told.contains(absent) && told.contains("--bind"), "{told}");
        }
        assert!(Coordinator::new(&base, Some("127.0.0.1".parse().unwrap())).is_ok());
    }
}
