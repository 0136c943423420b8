//! JSON-RPC 2.0 over HTTP: single and batched requests, repeated while a node is busy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use thiserror::Error;
use url::Url;

use crate::refusal::Refusal;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause before a request is repeated; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const RETRIES: usize = 5;
/// The longest pause that a node may ask for with `Retry-After`; if it asks for more, the request fails at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// No answer of a node is larger, bytes.
const LARGEST_ANSWER: usize = 64 << 20;
/// Requests under way at a time in place of a batch.
const AT_A_TIME: usize = 8;

/// The parameters of a method that has none; `null` is not allowed (JSON-RPC 2.0, §4.2).
pub(crate) const NO_PARAMETERS: [(); 0] = [];

/// A node. Cheap to clone; clones share connections.
#[derive(Clone)]
pub(crate) struct Rpc {
    http: reqwest::Client,
    url: Url,
    next_id: Arc<AtomicU64>,
    /// Batches are an optional feature of nodes; this one has failed to answer one.
    no_batches: Arc<AtomicBool>,
}

/// Why a request failed.
#[derive(Debug, Error)]
pub(crate) enum RpcError {
    /// The node answered with an error.
    #[error("{}", .0.text())]
    Refused(Refusal),
    /// The node or its proxy is overloaded, or limits the rate of requests.
    #[error("{reason}{}", asks_for(*.retry_after))]
    Busy {
        /// The node's message or its HTTP status.
        reason: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An HTTP error, probably of a proxy in front of the node.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The response is malformed.
    #[error("{0}")]
    Answer(String),
    /// The response is missing or incomplete.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

fn asks_for(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |pause| {
        format!(", and it asks for a pause of {} s", pause.as_secs())
    })
}

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: P,
}

#[derive(Deserialize)]
struct Response {
    // A number, or the same number as text.
    #[serde(default)]
    id: Value,
    // `null` is a result: the block or receipt does not exist.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Refusal>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What came back over HTTP.
struct Answered {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Rpc {
    /// A client of the node at `url`. Sends no request.
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        assize_tls::use_ring();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(Policy::custom(|attempt| match attempt.status().as_u16() {
                // The others turn a request into another one.
                307 | 308 if attempt.previous().len() < 5 => attempt.follow(),
                _ => attempt.stop(),
            }))
            .build()?;
        Ok(Self {
            http,
            url,
            next_id: Arc::default(),
            no_batches: Arc::default(),
        })
    }

    /// Sends one request, again while the node is busy.
    pub(crate) async fn request<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<R, RpcError> {
        repeat(|| self.request_once(method, &params)).await
    }

    /// Sends one request once.
    pub(crate) async fn request_once<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<R, RpcError> {
        let answered = self.post(&self.number(method, params)).await?;
        let response: Response = answered.parse()?;
        response.read(&answered)
    }

    /// Sends many requests of one method: in one HTTP request if the node takes batches, else a few at a time. The results
    /// are in the order of the requests.
    pub(crate) async fn request_many<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: &[P],
    ) -> Result<Vec<R>, RpcError> {
        if !self.no_batches.load(Ordering::Relaxed) {
            match repeat(|| self.batch(method, params)).await {
                Err(error) if !error.is_connection() => {}
                results => return results,
            }
        }
        // Each has its own failure now, if it was not the batch that was refused.
        let results = stream::iter(params)
            .map(|params| self.request(method, params))
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        self.no_batches.store(true, Ordering::Relaxed);
        Ok(results)
    }

    async fn batch<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: &[P],
    ) -> Result<Vec<R>, RpcError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Responses {
            Each(Vec<Response>),
            /// For the whole batch: the node does not support batches, or rejects this one.
            One(Box<Response>),
        }

        let requests: Vec<_> = params.iter().map(|params| self.number(method, params)).collect();
        let answered = self.post(&requests).await?;
        let responses = match answered.parse()? {
            Responses::Each(responses) => responses,
            Responses::One(response) => {
                return Err(response
                    .read::<Value>(&answered)
                    .err()
                    .unwrap_or_else(|| RpcError::Answer("one response to a batch of requests".to_owned())));
            }
        };
        // Nodes may answer in any order.
        let mut by_id: BTreeMap<_, _> = responses
            .into_iter()
            .map(|response| (response.number(), response))
            .collect();
        let results = requests
            .iter()
            .map(|request| match by_id.remove(&Some(request.id)) {
                Some(response) => response.read(&answered),
                None => Err(RpcError::Answer(
                    "a request of the batch was not answered".to_owned(),
                )),
            });
        results.collect()
    }

    fn number<'a, P>(&self, method: &'a str, params: P) -> Request<'a, P> {
        Request {
            jsonrpc: "2.0",
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            method,
            params,
        }
    }

    async fn post(&self, body: &impl Serialize) -> Result<Answered, RpcError> {
        let body = serde_json::to_vec(body).map_err(|error| RpcError::Answer(error.to_string()))?;
        let request = self.http.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let mut response = request.send().await?;
        let mut answered = Answered {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
            body: Vec::new(),
        };
        while let Some(part) = response.chunk().await? {
            answered.body.extend_from_slice(&part);
            if answered.body.len() > LARGEST_ANSWER {
                return Err(RpcError::Answer(format!("more than {LARGEST_ANSWER} bytes")));
            }
        }
        Ok(answered)
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    assize_tls::retry_after(text(RETRY_AFTER)?, text(DATE))
}

impl Answered {
    /// Reads the body as JSON-RPC, whatever the HTTP status: some nodes send a JSON-RPC error with any.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, RpcError> {
        serde_json::from_slice(&self.body).map_err(|error| match self.status {
            200..=299 => RpcError::Answer(error.to_string()),
            status if self.is_busy() => self.busy(format!("HTTP status {status}")),
            status => RpcError::Status(status),
        })
    }

    /// Whether the status is that of a node or proxy that has too much to do. Some proxies limit the rate of requests with
    /// 403 or 500; then they say when to come again.
    fn is_busy(&self) -> bool {
        match self.status {
            408 | 429 | 502..=504 | 520..=530 => true,
            403 | 500 => self.retry_after.is_some(),
            _ => false,
        }
    }

    fn busy(&self, reason: String) -> RpcError {
        RpcError::Busy {
            reason,
            retry_after: self.retry_after,
        }
    }
}

impl Response {
    fn read<R: DeserializeOwned>(self, answered: &Answered) -> Result<R, RpcError> {
        match (self.error, self.result) {
            (Some(refusal), _) if answered.is_busy() || refusal.is_rate_limit() => {
                Err(answered.busy(refusal.text()))
            }
            (Some(refusal), _) => Err(RpcError::Refused(refusal)),
            (None, _) if answered.is_busy() => Err(answered.busy(format!("HTTP status {}", answered.status))),
            (None, _) if !(200..=299).contains(&answered.status) => Err(RpcError::Status(answered.status)),
            (None, Some(result)) => {
                serde_json::from_value(result).map_err(|error| RpcError::Answer(error.to_string()))
            }
            (None, None) => Err(RpcError::Answer("empty response".to_owned())),
        }
    }

    /// The number of the request that this answers.
    fn number(&self) -> Option<u64> {
        self.id.as_u64().or_else(|| self.id.as_str()?.parse().ok())
    }
}

/// Repeats a request with exponential back-off, or when the node says, while a repetition may succeed.
async fn repeat<T, F: Future<Output = Result<T, RpcError>>>(
    request: impl FnMut() -> F,
) -> Result<T, RpcError> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter();
    request
        .retry(pauses)
        .when(RpcError::is_worth_asking_again)
        .adjust(|error, pause| match error {
            RpcError::Busy {
                retry_after: Some(asked),
                ..
            } => pause
                .map(|pause| pause.max(*asked))
                .filter(|pause| *pause <= LONGEST_PAUSE),
            _ => pause,
        })
        .await
}

impl RpcError {
    /// Whether a retry may succeed soon: the node or its proxy was overloaded or closed the connection. A refused
    /// connection does not count, nor does a timeout, since each retry would take as long.
    fn is_worth_asking_again(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::Http(error) => !error.is_connect() && !error.is_timeout(),
            Self::Refused(_) | Self::Status(_) | Self::Answer(_) => false,
        }
    }

    /// Whether nothing answers at all.
    fn is_connection(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_connect() || error.is_timeout())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A node that gives these answers, each a status line with headers and a body, to one request each; the second value is
    /// the requests received.
    async fn ask<R>(answers: &[(&str, &str)], ask: impl AsyncFnOnce(Rpc) -> R) -> (R, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let answers: Vec<_> = answers
            .iter()
            .map(|(head, says)| {
                format!(
                    "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{says}",
                    says.len()
                )
            })
            .collect();
        let node = std::thread::spawn(move || {
            let receive = |answer: &String| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = Vec::new();
                let mut part = [0; 4096];
                while !asked.ends_with(b"]") && !asked.ends_with(b"}") {
                    let read = stream.read(&mut part).unwrap();
                    asked.extend_from_slice(&part[..read]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(asked).unwrap()
            };
            answers.iter().map(receive).collect()
        });
        let result = ask(Rpc::new(url.parse().unwrap()).unwrap()).await;
        (result, node.join().unwrap())
    }

    async fn one(rpc: Rpc) -> Result<String, RpcError> {
        rpc.request("x", (1,)).await
    }

    async fn many(rpc: Rpc) -> Result<Vec<u64>, RpcError> {
        rpc.request_many("x", &[(7,), (8,)]).await
    }

    #[tokio::test]
    async fn a_question_has_its_answer() {
        let answer = [("200 OK", r#"{"jsonrpc":"2.0","id":0,"result":"0x7a69"}"#)];
        let (answer, asked) = ask(&answer, async |rpc| {
            rpc.request::<String>("eth_chainId", NO_PARAMETERS).await
        })
        .await;
        assert_eq!(answer.unwrap(), "0x7a69");
        assert!(
            asked[0].ends_with(r#"{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}"#),
            "{asked:?}"
        );
        let (answer, _) = ask(&[("200 OK", r#"{"id":"0","result":null}"#)], async |rpc| {
            rpc.request::<Option<String>>("x", (1,)).await
        })
        .await;
        assert_eq!(answer.unwrap(), None);
    }

    #[tokio::test]
    async fn an_error_of_the_call_is_read_with_any_status_and_not_repeated() {
        let refusal =
            r#"{"id":0,"error":{"code":3,"message":"execution reverted","data":{"a":{"b":"0x01ff0000"}}}}"#;
        for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
            let (answer, _) = ask(&[(status, refusal)], one).await;
            let Err(RpcError::Refused(refusal)) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(refusal.revert().unwrap().data.to_string(), "0x01ff0000");
        }
    }

    #[tokio::test]
    async fn malformed_responses_are_distinguished() {
        for (status, says, words) in [
            ("404 Not Found", "{}", "HTTP status 404"),
            ("500 Internal Server Error", "<html>", "HTTP status 500"),
            ("200 OK", "{}", "empty response"),
            ("200 OK", r#"{"result":1}"#, "invalid type"),
            ("200 OK", "hello", "expected value"),
        ] {
            let (answer, _) = ask(&[(status, says)], one).await;
            let error = answer.unwrap_err().to_string();
            assert!(error.contains(words), "{says}: {error}");
        }
    }

    #[tokio::test]
    async fn a_busy_node_is_asked_again() {
        let fine = ("200 OK", r#"{"result":"fine"}"#);
        let slow_down = r#"{"error":{"code":-32000,"message":"slow down"}}"#;
        for (head, says) in [
            ("429 Too Many Requests", "{}"),
            ("429 Too Many Requests\r\nretry-after: 0", slow_down),
            ("503 Service Unavailable", "<html>"),
            ("503 Service Unavailable\r\nretry-after: 0", "<html>"),
            (
                "200 OK",
                r#"{"error":{"code":-32005,"message":"limit exceeded"}}"#,
            ),
            ("200 OK", r#"{"error":"Rate limit reached"}"#),
            ("403 Forbidden\r\nretry-after: 0", "<html>"),
            ("500 Internal Server Error\r\nretry-after: 0", slow_down),
            (
                "200 OK",
                r#"{"error":{"code":-32007,"message":"50/second request limit reached"}}"#,
            ),
        ] {
            let (answer, _) = ask(&[(head, says), fine], one).await;
            assert_eq!(answer.unwrap(), "fine", "{head}");
        }
        // It asks for longer than anyone waits.
        let busy = [("429 Too Many Requests\r\nretry-after: 3600", slow_down)];
        let (answer, _) = ask(&busy, one).await;
        assert_eq!(
            answer.unwrap_err().to_string(),
            "slow down, and it asks for a pause of 3600 s"
        );
    }

    #[tokio::test]
    async fn results_of_a_batch_come_in_any_order() {
        let answers = [("200 OK", r#"[{"id":"1","result":80},{"id":0,"result":70}]"#)];
        let (answer, asked) = ask(&answers, many).await;
        assert_eq!(answer.unwrap(), [70, 80]);
        assert!(
            asked[0].ends_with(
                r#"[{"jsonrpc":"2.0","id":0,"method":"x","params":[7]},{"jsonrpc":"2.0","id":1,"method":"x","params":[8]}]"#
            ),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn a_node_without_batches_is_asked_one_by_one() {
        // Requests under way at a time have no order: both have the same result.
        let single = ("200 OK", r#"{"result":70}"#);
        for refused in [
            ("400 Bad Request", "batches are not supported"),
            ("404 Not Found", "{}"),
            ("500 Internal Server Error", ""),
            ("200 OK", ""),
            ("200 OK", r#"{"id":0,"result":70}"#),
            ("200 OK", r#"[{"id":1,"result":80}]"#),
            (
                "200 OK",
                r#"{"id":null,"error":{"code":-32600,"message":"no batches here"}}"#,
            ),
            (
                "200 OK",
                r#"[{"id":0,"error":{"code":-32600,"message":"batch"}},{"id":1,"error":{"code":-32600}}]"#,
            ),
        ] {
            // And never again by the same client.
            let answers = [refused, single, single, single, single];
            let (answer, asked) = ask(&answers, async |rpc: Rpc| {
                let first = many(rpc.clone()).await?;
                Ok::<_, RpcError>((first, many(rpc).await?))
            })
            .await;
            assert_eq!(answer.unwrap(), (vec![70, 70], vec![70, 70]), "{refused:?}");
            assert!(asked[1..].iter().all(|asked| !asked.ends_with(']')), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn a_failure_of_one_call_is_that_calls() {
        let error = r#"{"error":{"code":3,"message":"execution reverted","data":"0x01ff0000"}}"#;
        let batch = r#"[{"id":1,"result":80},{"id":0,"error":{"code":3,"message":"execution reverted"}}]"#;
        let answers = [("200 OK", batch), ("200 OK", error), ("200 OK", error)];
        let (answer, _) = ask(&answers, many).await;
        assert!(matches!(answer, Err(RpcError::Refused(refusal)) if refusal.code == 3));
    }
}
