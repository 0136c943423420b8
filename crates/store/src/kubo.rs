//! A store in a Kubo node, through its RPC API (docs.ipfs.tech/reference/kubo/rpc).

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::time::Duration;

use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;
use serde::Deserialize;
use ureq::http::{Response, Uri};
use ureq::typestate::WithBody;
use ureq::{Agent, Body, RequestBuilder, SendBody};

use crate::spool::{SpoolError, pack, spool};
use crate::{Content, Produce, Source, Store, StoreError};

/// Timeout for sending or receiving a whole file.
const TRANSFER: Duration = Duration::from_secs(600);
/// How long the node may search its network for a block.
const SEARCH: &str = "60s";
/// Multipart boundary. None of our CARs contains it at the beginning of a line.
const BOUNDARY: &str = "assize-car-b3f1c6a0d2e94";

/// Files pinned in a Kubo node. They are imported as CARs, so that their CIDs do not depend on the node's settings, and
/// exported as CARs, with every block verified.
#[derive(Clone)]
pub struct Kubo {
    /// Without a trailing slash.
    base: String,
    /// Value of the `Authorization` header.
    authorization: Option<String>,
    agent: Agent,
}

/// A line of the response to `dag/import`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Imported {
    root: Option<Root>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    cid: Link,
    #[serde(default)]
    pin_error_msg: String,
}

#[derive(Deserialize)]
struct Link {
    #[serde(rename = "/")]
    cid: String,
}

/// An error response of the node.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    message: String,
}

impl Kubo {
    /// Connects to the node with RPC address `url`, such as `http://127.0.0.1:5001`. `authorization` is a value that
    /// the node's `API.Authorizations` accepts, such as `Bearer …`.
    ///
    /// # Errors
    /// [`StoreError::Node`] if the address is invalid.
    pub fn new(url: &str, authorization: Option<String>) -> Result<Self, StoreError> {
        let base = url.trim_end_matches('/');
        let address = Uri::try_from(base)
            .ok()
            .filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if address.is_none() {
            return Err(StoreError::Node {
                node: base.to_owned(),
                reason: "invalid address; use one such as http://127.0.0.1:5001".into(),
            });
        }
        let agent = Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(TRANSFER))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self {
            base: base.to_owned(),
            authorization,
            agent,
        })
    }

    /// A call without a body.
    fn call(&self, call: &str) -> Result<Response<Body>, StoreError> {
        // `SendBody::none()` sends an empty chunked body. A server may leave it unread and reset the connection.
        self.answered(self.post(call).send_empty())
    }

    fn post(&self, call: &str) -> RequestBuilder<WithBody> {
        let request = self.agent.post(format!("{}/api/v0/{call}", self.base));
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }

    fn answered(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, StoreError> {
        let response = answer.map_err(|error| self.failed(error.to_string()))?;
        match response.status().as_u16() {
            200 => Ok(response),
            status => Err(self.refused(status, response)),
        }
    }

    fn refused(&self, status: u16, mut response: Response<Body>) -> StoreError {
        let text = response
            .body_mut()
            .with_config()
            .limit(64 << 10)
            .read_to_string()
            .unwrap_or_default();
        self.failed(match serde_json::from_str::<Refusal>(&text) {
            Ok(refusal) => refusal.message,
            Err(_) => format!(
                "HTTP status {status}; check that this is the address of Kubo's RPC and that it grants access"
            ),
        })
    }

    fn failed(&self, reason: String) -> StoreError {
        StoreError::Node {
            node: self.base.clone(),
            reason,
        }
    }

    fn explain(&self, cid: &FileCid, error: StoreError) -> StoreError {
        match error {
            StoreError::Node { reason, .. } if is_absence(&reason) => StoreError::NotFound {
                cid: *cid,
                place: format!("the Kubo node {}", self.base),
            },
            other => other,
        }
    }
}

/// Whether an error message means that the node does not have a block.
fn is_absence(reason: &str) -> bool {
    ["not found", "could not find", "notfound"]
        .iter()
        .any(|words| reason.to_lowercase().contains(words))
}

impl Source for Kubo {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        self.open_within(cid, MAX_FILE_SIZE)
    }

    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        let call = format!("dag/export?arg={cid}&progress=false&timeout={SEARCH}");
        let mut response = self.call(&call).map_err(|error| self.explain(cid, error))?;
        match spool(cid, response.body_mut().as_reader(), most) {
            Ok(content) => Ok(Content::checked(content)),
            Err(SpoolError::Car(error)) => {
                Err(self.failed(format!("{cid}: the response is not the file: {error}")))
            }
            Err(SpoolError::Body(error)) => Err(self.failed(format!("{cid}: {error}"))),
            Err(SpoolError::TooLong(most)) => Err(StoreError::TooLong { cid: *cid, most }),
            Err(SpoolError::Disk(source)) => Err(StoreError::spool(source)),
        }
    }
}

impl Store for Kubo {
    fn put_with(&self, produce: Produce<'_>) -> Result<FileCid, StoreError> {
        let (cid, mut car) = pack(produce)?;
        car.rewind().map_err(StoreError::spool)?;
        let mut form = form(&cid, car);
        let request = self
            .post("dag/import?pin-roots=true&stats=true")
            .header(
                "Content-Type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            // A node that rejects the request answers before the whole body is sent.
            .header("Expect", "100-continue")
            // A node may close the connection once it has read the end of the form.
            .header("Connection", "close");
        let mut response = self.answered(request.send(SendBody::from_reader(&mut form)))?;
        let answer = response.body_mut().read_to_string();
        let answer = answer.map_err(|error| self.failed(error.to_string()))?;
        let mut pinned = false;
        for line in answer.lines().filter(|line| !line.trim().is_empty()) {
            let imported: Imported = serde_json::from_str(line)
                .map_err(|error| self.failed(format!("malformed response to dag/import: {error}")))?;
            let Some(root) = imported.root else { continue };
            if root.cid.cid != cid.to_string() {
                return Err(self.failed(format!("it imported {} instead of {cid}", root.cid.cid)));
            }
            if !root.pin_error_msg.is_empty() {
                return Err(self.failed(format!("{cid} cannot be pinned: {}", root.pin_error_msg)));
            }
            pinned = true;
        }
        match pinned {
            true => Ok(cid),
            false => Err(self.failed(format!("it does not confirm that {cid} is pinned"))),
        }
    }

    fn has(&self, cid: &FileCid) -> Result<bool, StoreError> {
        let call = format!("block/stat?arg={cid}&offline=true");
        match self.call(&call) {
            Ok(_) => Ok(true),
            Err(error) => match self.explain(cid, error) {
                StoreError::NotFound { .. } => Ok(false),
                other => Err(other),
            },
        }
    }
}

/// The CAR as the only file of a form (RFC 7578), streamed.
fn form(cid: &FileCid, car: File) -> impl Read {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"path\"; filename=\"{cid}.car\"\r\n\
         Content-Type: application/vnd.ipld.car\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    Cursor::new(head)
        .chain(io::BufReader::with_capacity(1 << 16, car))
        .chain(Cursor::new(tail))
}

impl std::fmt::Debug for Kubo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubo")
            .field("node", &self.base)
            .finish_non_exhaustive()
    }
}
