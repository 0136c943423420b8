//! A hundred thousand silent or half-open connections.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, and this one prints what it measures"
)]

use std::net::{Ipv4Addr, SocketAddr};

use assize_guard::{Audience, ConnectionLimits, Proxies, Server};
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

async fn connect(to: SocketAddr, n: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let [_, _, high, low] = u32::try_from(n % 2_000 + 257).unwrap().to_be_bytes();
    socket.bind(SocketAddr::from(([127, 0, high, low], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// Clients and server share one process: 300 MiB for both.
async fn flood(attempts: usize, sent: &[u8]) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(ConnectionLimits::default(), Audience::Anyone, Proxies::default());
    let serving = tokio::spawn({
        let server = server.clone();
        let router = Router::new().route("/", get(|| async { "ok" }));
        async move { server.serve(listener, router, std::future::pending()).await }
    });
    let mut open = std::collections::VecDeque::new();
    let (mut asked, mut max) = (0, 0);
    for n in 0..attempts {
        let mut stream = connect(address, n).await;
        let _ = stream.write_all(sent).await;
        open.push_back(stream);
        // The client's own files; the server has closed these connections long ago.
        if open.len() > 9_000 {
            open.pop_front();
        }
        if n % 1_000 == 999 {
            let mut client = connect(address, n + 7).await;
            client
                .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut response = String::new();
            client.read_to_string(&mut response).await.unwrap();
            assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            asked += 1;
            max = max.max(resident_mib());
        }
    }
    let snapshot = server.snapshot();
    eprintln!("{attempts} connections, {asked} clients served among them, at most {max} MiB; {snapshot:?}");
    assert!(max < 300, "{max} MiB");
    assert!(snapshot.open <= 8_192, "{snapshot:?}");
    assert_eq!((snapshot.refused_full, snapshot.refused_by_host), (0, 0));
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten seconds, and needs 20 000 open files"]
async fn a_hundred_thousand_silent_connections() {
    flood(100_000, b"").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten seconds, and needs 20 000 open files"]
async fn a_hundred_thousand_incomplete_heads() {
    flood(100_000, b"GET / HTTP/1.1\r\nx: ").await;
}
