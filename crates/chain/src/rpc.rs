//! JSON-RPC 2.0 over HTTP: single and batched requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::Bytes;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use thiserror::Error;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A node. Cheap to clone; clones share connections.
#[derive(Clone)]
pub(crate) struct Rpc {
    http: reqwest::Client,
    url: Url,
    next_id: Arc<AtomicU64>,
}

/// Why a request failed.
#[derive(Debug, Error)]
pub(crate) enum RpcError {
    /// The node answered with an error.
    #[error("{}", .0.text())]
    Refused(Refusal),
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

/// A JSON-RPC error object.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refusal {
    /// Nodes agree on few codes: 3 is a revert, -32005 and 429 are rate limits.
    pub(crate) code: i64,
    /// The node's message.
    #[serde(default)]
    pub(crate) message: String,
    /// Additional data of the node; for a revert, its data.
    #[serde(default)]
    data: Option<Value>,
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
    #[serde(default)]
    id: Option<u64>,
    // `null` is a result: the block or receipt does not exist.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Refusal>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Rpc {
    /// A client of the node at `url`. Sends no request.
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        assize_tls::use_ring();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            url,
            next_id: Arc::default(),
        })
    }

    /// Sends one request.
    pub(crate) async fn request<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<R, RpcError> {
        let request = self.number(method, params);
        let response: Response = parse(&self.post(&request).await?)?;
        response.read()
    }

    /// Sends many requests of one method in one HTTP request. The responses are in the order of the requests.
    pub(crate) async fn request_many<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &[impl Serialize],
    ) -> Result<Vec<R>, RpcError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answers {
            Each(Vec<Response>),
            /// An error for the whole batch: the node does not support batches, or rejects this one.
            One(Response),
        }

        let requests: Vec<_> = params.iter().map(|params| self.number(method, params)).collect();
        let answers = match parse(&self.post(&requests).await?)? {
            Answers::Each(answers) => answers,
            Answers::One(answer) => vec![answer],
        };
        // Nodes may answer in any order.
        let mut by_id = BTreeMap::new();
        for answer in answers {
            match (answer.id, &answer.error) {
                (Some(id), _) => by_id.insert(id, answer),
                (None, Some(refusal)) => return Err(RpcError::Refused(refusal.clone())),
                (None, None) => return Err(RpcError::Answer("a response has no id".to_owned())),
            };
        }
        let answers = requests.iter().map(|request| match by_id.remove(&request.id) {
            Some(answer) => answer.read(),
            None => Err(RpcError::Answer(
                "a request of the batch was not answered".to_owned(),
            )),
        });
        answers.collect()
    }

    fn number<'a, P>(&self, method: &'a str, params: P) -> Request<'a, P> {
        Request {
            jsonrpc: "2.0",
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            method,
            params,
        }
    }

    async fn post(&self, body: &impl Serialize) -> Result<Vec<u8>, RpcError> {
        let body = serde_json::to_vec(body).map_err(|error| RpcError::Answer(error.to_string()))?;
        let request = self.http.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await?;
        let status = response.status();
        let body = response.bytes().await;
        if status.is_success() {
            return Ok(body?.into());
        }
        // Some nodes send a JSON-RPC error with any HTTP status.
        let refusal = body.ok().and_then(|body| parse::<Response>(&body).ok()?.error);
        Err(refusal.map_or(RpcError::Status(status.as_u16()), RpcError::Refused))
    }
}

impl Response {
    fn read<R: DeserializeOwned>(self) -> Result<R, RpcError> {
        match (self.error, self.result) {
            (Some(refusal), _) => Err(RpcError::Refused(refusal)),
            (None, Some(result)) => {
                serde_json::from_value(result).map_err(|error| RpcError::Answer(error.to_string()))
            }
            (None, None) => Err(RpcError::Answer("empty response".to_owned())),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RpcError> {
    serde_json::from_slice(body).map_err(|error| RpcError::Answer(error.to_string()))
}

impl RpcError {
    /// Whether a retry may succeed soon: the node or its proxy was overloaded or closed the connection. A refused
    /// connection does not count, nor does a timeout, since each retry would take as long.
    pub(crate) fn is_worth_asking_again(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.code, -32_005 | 429),
            Self::Status(status) => matches!(status, 429 | 502..=504),
            Self::Http(error) => !error.is_connect() && !error.is_timeout(),
            Self::Answer(_) => false,
        }
    }
}

impl Refusal {
    /// The data of a revert; `None` if the error is not a revert. Geth, anvil, Lotus and Forest answer with code 3;
    /// others only say "revert".
    pub(crate) fn revert_data(&self) -> Option<Bytes> {
        // Some nodes wrap the data in objects.
        fn find(value: &Value) -> Option<Bytes> {
            match value {
                Value::String(text) => text.parse().ok(),
                Value::Object(fields) => fields.values().find_map(find),
                _ => None,
            }
        }
        let reverted = self.code == 3 || self.message.contains("revert");
        reverted.then(|| self.data.as_ref().and_then(find).unwrap_or_default())
    }

    /// Message and data.
    pub(crate) fn text(&self) -> String {
        match &self.data {
            Some(data) => format!("{} {data}", self.message),
            None => self.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A node that gives one answer to one request; the second value is the request received.
    async fn ask<R>(
        status: &str,
        says: &str,
        ask: impl AsyncFnOnce(Rpc) -> Result<R, RpcError>,
    ) -> (Result<R, RpcError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{says}",
            says.len()
        );
        let node = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut part = [0; 4096];
            while !asked.ends_with(b"]") && !asked.ends_with(b"}") {
                let read = stream.read(&mut part).unwrap();
                asked.extend_from_slice(&part[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        let result = ask(Rpc::new(url.parse().unwrap()).unwrap()).await;
        (result, node.join().unwrap())
    }

    #[tokio::test]
    async fn a_question_has_its_answer() {
        let (answer, asked) = ask(
            "200 OK",
            r#"{"jsonrpc":"2.0","id":0,"result":"0x7a69"}"#,
            async |rpc| rpc.request::<String>("eth_chainId", ()).await,
        )
        .await;
        assert_eq!(answer.unwrap(), "0x7a69");
        assert!(
            asked.ends_with(r#"{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":null}"#)
                || asked.ends_with(r#"{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}"#),
            "{asked}"
        );
        let (answer, _) = ask("200 OK", r#"{"id":0,"result":null}"#, async |rpc| {
            rpc.request::<Option<String>>("x", (1,)).await
        })
        .await;
        assert_eq!(answer.unwrap(), None);
    }

    #[tokio::test]
    async fn malformed_responses_are_distinguished() {
        let refusal =
            r#"{"id":0,"error":{"code":3,"message":"execution reverted","data":{"a":{"b":"0x01ff"}}}}"#;
        for status in ["200 OK", "500 Internal Server Error"] {
            let (answer, _) = ask(status, refusal, async |rpc| {
                rpc.request::<String>("x", (1,)).await
            })
            .await;
            let Err(RpcError::Refused(refusal)) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(refusal.revert_data(), Some(Bytes::from([1, 255])));
            assert_eq!(refusal.text(), r#"execution reverted {"a":{"b":"0x01ff"}}"#);
        }
        for (status, says, words, again) in [
            ("503 Service Unavailable", "<html>", "HTTP status 503", true),
            ("404 Not Found", "{}", "HTTP status 404", false),
            ("200 OK", "{}", "empty response", false),
            ("200 OK", r#"{"result":1}"#, "invalid type", false),
            ("200 OK", "hello", "expected value", false),
            (
                "200 OK",
                r#"{"error":{"code":-32005,"message":"slow down"}}"#,
                "slow down",
                true,
            ),
        ] {
            let (answer, _) = ask(status, says, async |rpc| rpc.request::<String>("x", (1,)).await).await;
            let error = answer.unwrap_err();
            assert!(error.to_string().contains(words), "{says}: {error}");
            assert_eq!(error.is_worth_asking_again(), again, "{says}");
        }
    }

    #[tokio::test]
    async fn many_answers_come_in_any_order() {
        let many = async |rpc: Rpc| rpc.request_many::<u64>("x", &[(7,), (8,)]).await;
        let (answer, asked) = ask("200 OK", r#"[{"id":1,"result":80},{"id":0,"result":70}]"#, many).await;
        assert_eq!(answer.unwrap(), [70, 80]);
        assert!(
            asked.ends_with(
                r#"[{"jsonrpc":"2.0","id":0,"method":"x","params":[7]},{"jsonrpc":"2.0","id":1,"method":"x","params":[8]}]"#
            ),
            "{asked}"
        );
        for (says, words) in [
            (r#"[{"id":1,"result":80}]"#, "was not answered"),
            (
                r#"{"id":null,"error":{"code":-32600,"message":"no batches here"}}"#,
                "no batches here",
            ),
            (
                r#"[{"id":1,"result":80},{"id":0,"error":{"code":1,"message":"no"}}]"#,
                "no",
            ),
        ] {
            let (answer, _) = ask("200 OK", says, many).await;
            let error = answer.unwrap_err().to_string();
            assert!(error.contains(words), "{says}: {error}");
        }
    }
}
