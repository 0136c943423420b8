//! A test client that shows responses byte for byte.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A response as received.
#[derive(Debug)]
pub(super) struct Raw {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| {
            line.split_once(": ")
                .is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(|line| of(line))?;
        line.split_once(": ").map(|(_, value)| value)
    }
}

/// Opens a connection.
pub(super) fn connect(url: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Sends a request of these lines, and reads until the connection ends.
pub(super) fn ask_raw(url: &str, lines: &[&str]) -> Vec<u8> {
    let mut stream = connect(url).unwrap();
    let request = format!("{}\r\nHost: x\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(request.as_bytes()).unwrap();
    let mut all = Vec::new();
    // A reset connection has ended too.
    let _ = stream.read_to_end(&mut all);
    all
}

/// The same, parsed as HTTP.
pub(super) fn ask(url: &str, lines: &[&str]) -> Raw {
    let all = ask_raw(url, lines);
    let end = all
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut body = all[end..].to_vec();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        body = unchunk(&body);
    }
    Raw {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body,
    }
}

pub(super) fn get(url: &str, path: &str) -> Raw {
    ask(url, &[&format!("GET {path} HTTP/1.1")])
}

fn unchunk(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        let rest = &chunks[end + 2..];
        body.extend_from_slice(&rest[..size]);
        chunks = &rest[size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}
