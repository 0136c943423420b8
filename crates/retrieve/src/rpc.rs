//! JSON-RPC endpoints, which the operator configures.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::failure::Failure;
use crate::http::{Http, HttpRequest};
use crate::net::Reach;
use crate::request::service_request;
use crate::retry::{Retry, Retryable, with_retries};
use crate::{Limits, RpcError, Secret, plain};

/// A JSON-RPC endpoint.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) url: Url,
    pub(crate) token: Option<Secret>,
}

/// A response of the endpoint.
struct Response {
    status: u16,
    retry_after: Option<Duration>,
    /// `None` if the body is not JSON.
    body: Result<Value, serde_json::Error>,
}

impl Response {
    /// The error object of the call.
    fn error(&self) -> Option<&Value> {
        let error = self.body.as_ref().ok()?.get("error")?;
        (!error.is_null()).then_some(error)
    }
}

impl Retryable for Response {
    fn retry(&self) -> Retry {
        match self.error().map(|error| error["code"].as_i64()) {
            // Rate limits, whatever the status.
            Some(Some(-32_005 | 429)) => self.retry_after.map_or(Retry::Soon, Retry::After),
            // Nodes send errors of the call with any status, 500 above all; those of a busy proxy have its status.
            Some(_) if !matches!(self.status, 429 | 503) => Retry::No,
            _ => Retry::of_status(self.status, self.retry_after),
        }
    }
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
        let response = with_retries(limits, limits.retries, || send(http, &ask, limits))
            .await
            .map_err(|reason| RpcError::Unreachable(plain(&reason)))?;
        if let Some(error) = response.error() {
            return Err(RpcError::Refused {
                code: error["code"].as_i64().unwrap_or_default(),
                message: plain(error["message"].as_str().unwrap_or("no message")),
            });
        }
        let malformed = |reason: &str| RpcError::Malformed(reason.into());
        match response.body {
            _ if response.status != 200 => Err(RpcError::Status(response.status)),
            Ok(Value::Object(mut answer)) => answer.remove("result").ok_or(malformed("no result field")),
            Ok(_) => Err(malformed("not a JSON object")),
            Err(error) => Err(malformed(&error.to_string())),
        }
    }
}

async fn send(http: &Http, ask: &HttpRequest, limits: &Limits) -> Result<Response, String> {
    let exchange = async {
        // A POST is never redirected.
        let answer = http.ask(ask, Reach::Anywhere, limits.connect).await?;
        let (status, retry_after) = (answer.status.as_u16(), answer.retry_after());
        let body = answer.all(limits.answer).await?;
        Ok(Response {
            status,
            retry_after,
            body: serde_json::from_slice(&body),
        })
    };
    let answered: Result<_, Failure> = timeout(limits.lookup, exchange).await.map_err(|_| "timeout")?;
    answered.map_err(|failure| failure.to_string())
}
