//! The coordinator takes no measurements from one station.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use assize_protocol::RoundNumber;
use eyre::{OptionExt, ensure};

use crate::up::environment::Environment;

/// The answer to a station's measurements.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// The longest head of a request.
const LONGEST_HEAD: usize = 65_536;

pub(in crate::up) struct LeftOut;

/// The station's report of each round is on the chain, and its measurements were paid.
pub(super) async fn outcome(environment: &Environment) -> eyre::Result<String> {
    let rounds = &environment.network.rounds;
    let newest = rounds.latest_round().await?.ok_or_eyre("no round was opened")?;
    let mut reports = 0;
    for number in (1..=newest.0).map(RoundNumber) {
        reports += rounds.own_reports(number).await?.len();
    }
    ensure!(reports > 0, "the station did not commit its own report");
    Ok(format!(
        "{reports} own reports on the chain, counted and paid like all others"
    ))
}

/// Passes everything on to a server but the measurements, which it refuses. Returns its URL.
pub(in crate::up) fn refusing_proxy(server: &str) -> eyre::Result<String> {
    let server: SocketAddr = server
        .strip_prefix("http://")
        .ok_or_eyre("the coordinator's URL does not start with http://")?
        .parse()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A broken connection is the station's to repeat.
            thread::spawn(move || drop(pass_on(client, server)));
        }
    });
    Ok(url)
}

fn pass_on(mut client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < LONGEST_HEAD {
        match client.read(&mut buffer)? {
            0 => break,
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    if request.starts_with(b"POST /measurements") {
        return client.write_all(REFUSAL);
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(&once(&request))?;
    let (mut to, mut from) = (upstream.try_clone()?, client.try_clone()?);
    let sending = thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut upstream, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)?;
    drop(sending.join());
    Ok(())
}

/// The request with `connection: close`, so that each connection carries one.
fn once(request: &[u8]) -> Vec<u8> {
    let line = request
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    [&request[..line], b"connection: close\r\n", &request[line..]].concat()
}
