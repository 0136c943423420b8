//! The part of HTTP/1 that a misbehaving provider needs: requests as raw bytes, responses as raw bytes.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Maximum size of a request head.
const MAX_HEAD: usize = 64 << 10;

/// A request without a body.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Request line and headers as received, with the empty line that ends them.
    pub head: Vec<u8>,
    pub method: String,
    /// Path and query.
    pub target: String,
}

impl Request {
    fn parse(head: Vec<u8>) -> Option<Self> {
        let text = std::str::from_utf8(&head).ok()?;
        let mut words = text.lines().next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { method, target, head })
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a query parameter, undecoded.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All values of a header, joined by commas.
    pub(super) fn header(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.head);
        let values: Vec<_> = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect();
        values.join(", ")
    }
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Bytes received after the last request.
    ahead: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Partial responses must be sent without delay.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    /// The next request; `None` if the client has disconnected or does not speak HTTP.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            let end = self.ahead.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.ahead.split_off(end + 4);
                let head = std::mem::replace(&mut self.ahead, rest);
                return Ok(Request::parse(head));
            }
            if self.ahead.len() > MAX_HEAD || self.stream.read_buf(&mut self.ahead).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a chunk of a body without a length.
    pub(super) async fn send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(&chunk).await
    }

    /// Waits until the client disconnects.
    pub(super) async fn wait_for_end(&mut self) -> io::Result<()> {
        let mut sink = [0; 1024];
        while self.stream.read(&mut sink).await? > 0 {}
        Ok(())
    }
}

/// The head of a response.
pub(super) fn head(status_line: &str, headers: &[(&str, String)]) -> Vec<u8> {
    let mut head = format!("{status_line}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The status line of HTTP/1.1.
pub(super) fn status_line(status: u16) -> String {
    let reason = axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown");
    format!("HTTP/1.1 {status} {reason}")
}
