//! Requests to services that the operator configures: JSON-RPC, and retries.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::http::{Http, HttpRequest};
use crate::net::Reach;
use crate::request::service_request;
use crate::{Limits, RpcError, Secret, plain};

impl Http {
    /// Sends a request and returns status and body. On a status of 500 or above and on 429, it retries with exponential
    /// back-off as often as the limits allow; on a connection failure, `unreachable` times.
    ///
    /// The operator chooses the service, so its address is unrestricted. Its redirects are not: they are limited to
    /// `redirected`.
    pub(crate) async fn send_with_retries(
        &self,
        ask: &HttpRequest,
        limits: &Limits,
        redirected: Reach,
        mut unreachable: u32,
    ) -> Result<(u16, Vec<u8>), String> {
        let mut pause = limits.backoff;
        let mut left = limits.retries;
        loop {
            let answered = self.send_once(ask, limits, redirected).await;
            let again = match &answered {
                Ok((status, _)) => *status >= 500 || *status == 429,
                Err(_) if unreachable > 0 => {
                    unreachable -= 1;
                    true
                }
                Err(_) => false,
            };
            if !again || left == 0 {
                return answered;
            }
            left -= 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    async fn send_once(
        &self,
        ask: &HttpRequest,
        limits: &Limits,
        redirected: Reach,
    ) -> Result<(u16, Vec<u8>), String> {
        let exchange = async {
            let answer = match ask.body.is_empty() {
                true => {
                    let reach = (Reach::Anywhere, redirected);
                    self.follow(ask, reach, limits.connect, limits.redirects)
                        .await?
                        .answer
                }
                false => self.ask(ask, Reach::Anywhere, limits.connect).await?,
            };
            let status = answer.status.as_u16();
            Ok((status, answer.all(limits.answer).await?))
        };
        let answered: Result<_, crate::failure::Failure> =
            timeout(limits.lookup, exchange).await.map_err(|_| "timeout")?;
        answered.map_err(|failure| failure.to_string())
    }
}

/// A JSON-RPC endpoint.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) url: Url,
    pub(crate) token: Option<Secret>,
}

impl Rpc {
    pub(crate) async fn call(
        &self,
        http: &Http,
        limits: &Limits,
        method: &str,
        params: Value,
    ) -> Result<Value, RpcError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let body = body.to_string().into_bytes();
        let ask = service_request(
            self.url.clone(),
            "application/json",
            self.token.as_ref(),
            Some(body),
        );
        let (status, body) = http
            // A POST is never redirected.
            .send_with_retries(&ask, limits, Reach::Public, limits.retries)
            .await
            .map_err(|reason| RpcError::Unreachable(plain(&reason)))?;
        let malformed = |reason: &str| RpcError::Malformed(reason.into());
        let answer: Value = match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            Err(_) if status != 200 => return Err(RpcError::Status(status)),
            Err(error) => return Err(malformed(&error.to_string())),
        };
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            return Err(RpcError::Refused {
                code: error["code"].as_i64().unwrap_or_default(),
                message: plain(error["message"].as_str().unwrap_or("no message")),
            });
        }
        match answer {
            Value::Object(mut answer) if status == 200 => {
                answer.remove("result").ok_or(malformed("no result field"))
            }
            _ if status != 200 => Err(RpcError::Status(status)),
            _ => Err(malformed("not a JSON object")),
        }
    }
}
