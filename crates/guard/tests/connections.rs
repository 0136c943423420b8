//! Limits on connections and bodies, over real sockets.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use assize_guard::{Audience, Bodies, BodyLimits, ConnectionLimits, Proxies, Server, limit_body};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct World {
    address: SocketAddr,
    server: Server,
    bodies: Bodies,
    /// Releases requests to `/held`.
    go: Arc<Notify>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Limits that no test reaches unintentionally.
fn patient() -> (ConnectionLimits, BodyLimits) {
    let hour = Duration::from_secs(3_600);
    let connections = ConnectionLimits {
        head_timeout: hour,
        write_timeout: hour,
        drain: hour,
        ..ConnectionLimits::default()
    };
    let bodies = BodyLimits {
        grace: hour,
        ..BodyLimits::default()
    };
    (connections, bodies)
}

async fn start(limits: (ConnectionLimits, BodyLimits)) -> World {
    behind(limits, Proxies::default()).await
}

async fn behind((connections, bodies): (ConnectionLimits, BodyLimits), proxies: Proxies) -> World {
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let bodies = Bodies::new(bodies);
    let router = Router::new()
        .route("/", get(|| async { "ok" }))
        .route(
            "/who",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
        .route(
            "/length",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        // A reader that ignores the error of an aborted body.
        .route(
            "/careless",
            post(|body: Result<Bytes, _>| async move { format!("{}", body.is_ok()) }),
        )
        .route("/held", get(move || async move { held.notified().await }))
        .route("/never", get(pending::<()>))
        .route("/big", get(|| async { Body::from(vec![b'x'; 64 << 20]) }))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(bodies.clone(), limit_body));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(connections, Audience::Anyone, proxies);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener, router, async { _ = stopped.await }).await }
    });
    World {
        address,
        server,
        bodies,
        go,
        stop,
        serving,
    }
}

impl World {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// From another address.
    async fn connect_from(&self, n: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 1, n], 0))).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends `request` and returns everything until the connection is closed.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        // It may be rejected before everything is written.
        let _ = stream.write_all(request.as_bytes()).await;
        rest(&mut stream).await
    }

    async fn is_served(&self) -> bool {
        self.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200")
    }

    /// Waits for a condition that depends on other tasks.
    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(
            waited.is_ok(),
            "{:?} {:?}",
            self.server.snapshot(),
            self.bodies.snapshot()
        );
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        let mut buffer = [0; 65_536];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..count]);
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .is_ok();
    assert!(closed, "not closed after {}", String::from_utf8_lossy(&bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a request over an open connection and checks the response body.
async fn get_over(stream: &mut TcpStream, path: &str, body: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
        let count = stream.read_buf(&mut answer).await.unwrap();
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&answer));
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

fn assert_rejection(answer: &str, status: u16, detail: &str) {
    let start = format!("HTTP/1.1 {status} ");
    for part in [
        start.as_str(),
        "content-type: text/plain",
        "connection: close",
        detail,
    ] {
        assert!(answer.contains(part), "no `{part}` in {answer}");
    }
}

#[tokio::test]
async fn requests_over_one_connection_are_served_and_know_their_peer() {
    let world = start(patient()).await;
    let mut stream = world.connect().await;
    get_over(&mut stream, "/", "ok").await;
    let own = stream.local_addr().unwrap().to_string();
    get_over(&mut stream, "/who", &own).await;
    drop(stream);
    world.until(|world| world.server.snapshot().open == 0).await;
    assert_eq!(world.server.snapshot().accepted, 1);
}

#[tokio::test]
async fn expect_continue_is_answered_and_the_body_read() {
    let world = start(patient()).await;
    let mut stream = world.connect().await;
    let head = "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"12345").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n5"),
        "{answer}"
    );
    world.until(|world| world.bodies.snapshot().held == 0).await;
}

#[tokio::test]
async fn slow_heads_and_silent_connections_are_closed() {
    let (mut connections, bodies) = patient();
    connections.head_timeout = Duration::from_millis(200);
    let world = start((connections, bodies)).await;
    let mut silent = world.connect().await;
    let (mut reading, mut writing) = world.connect().await.into_split();
    let dripping = tokio::spawn(async move {
        writing
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx: ")
            .await
            .unwrap();
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reading.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
    assert_eq!(rest(&mut silent).await, "");
    dripping.await.unwrap();
    world.until(|world| world.server.snapshot().open == 0).await;
    assert_eq!(world.server.snapshot().timed_out, 2);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_requests() {
    let (mut connections, bodies) = patient();
    connections.head_timeout = Duration::from_millis(500);
    let world = start((connections, bodies)).await;
    let mut stream = world.connect().await;
    get_over(&mut stream, "/", "ok").await;
    assert_eq!(rest(&mut stream).await, "");
    world.until(|world| world.server.snapshot().open == 0).await;
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let (connections, mut bodies) = patient();
    bodies.grace = Duration::from_millis(200);
    bodies.min_rate = 1_000_000;
    let world = start((connections, bodies)).await;
    for path in ["/length", "/careless"] {
        let answer = world
            .ask(&format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n0123456789"
            ))
            .await;
        assert_rejection(&answer, 408, "only 10 bytes arrived within 0.2 s");
    }
    world.until(|world| world.server.snapshot().open == 0).await;
    assert_eq!(
        (world.bodies.snapshot().too_slow, world.bodies.snapshot().held),
        (2, 0)
    );
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_rejected_at_once() {
    let world = start(patient()).await;
    let head = "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1073741824\r\n\r\n";
    assert_rejection(&world.ask(head).await, 413, "exceeds the limit of 1048576 bytes");
    // A client that sends everything before it reads gets the response too.
    assert_rejection(
        &world.ask(&format!("{head}{}", "x".repeat(500_000))).await,
        413,
        "send smaller requests",
    );
    world.until(|world| world.server.snapshot().open == 0).await;
    assert_eq!(
        (world.bodies.snapshot().too_large, world.bodies.snapshot().held),
        (2, 0)
    );
}

#[tokio::test]
async fn an_endless_body_is_stopped_at_the_limit() {
    let world = start(patient()).await;
    for path in ["/length", "/careless"] {
        let (mut reading, mut writing) = world.connect().await.into_split();
        let sending = tokio::spawn(async move {
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
            writing.write_all(head.as_bytes()).await.unwrap();
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(4_096));
            let mut sent = 0_u64;
            while writing.write_all(chunk.as_bytes()).await.is_ok() {
                sent += 4_096;
            }
            sent
        });
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains("send smaller requests") {
            assert!(reading.read_buf(&mut answer).await.unwrap() > 0);
        }
        assert_rejection(
            &String::from_utf8(answer).unwrap(),
            413,
            "exceeds the limit of 1048576 bytes",
        );
        // The limit, the data read before closing, and the system's buffers.
        assert!(sending.await.unwrap() < 64 << 20);
    }
    world.until(|world| world.bodies.snapshot().held == 0).await;
}

#[tokio::test]
async fn a_body_exactly_at_the_limit_is_read() {
    let world = start(patient()).await;
    let body = "x".repeat(1 << 20);
    let head = "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1048576\r\n\r\n";
    let answer = world.ask(&format!("{head}{body}")).await;
    assert!(answer.ends_with("\r\n\r\n1048576"), "{answer}");
}

#[tokio::test]
async fn all_bodies_together_are_limited() {
    let (connections, mut bodies) = patient();
    bodies.max_together = 1_000;
    let world = start((connections, bodies)).await;
    let mut first = world.connect().await;
    let head = "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n";
    first
        .write_all(format!("{head}{}", "x".repeat(900)).as_bytes())
        .await
        .unwrap();
    world.until(|world| world.bodies.snapshot().held == 900).await;
    let second = format!(
        "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 500\r\n\r\n{}",
        "x".repeat(500)
    );
    let answer = world.ask(&second).await;
    assert_rejection(&answer, 503, "too many request bodies");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    drop(first);
    world.until(|world| world.bodies.snapshot().held == 0).await;
    assert!(world.ask(&second).await.ends_with("\r\n\r\n500"));
}

#[tokio::test]
async fn bodies_are_limited_per_host_and_subnet() {
    let (connections, mut bodies) = patient();
    bodies.max = 500;
    // A host's share is one body, a subnet's two.
    bodies.max_together = 8_000;
    let world = start((connections, bodies)).await;
    let part = format!(
        "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n{}",
        "x".repeat(450)
    );
    let mut stalling = Vec::new();
    for (host, held) in [(1, 450), (2, 900)] {
        let mut stream = world.connect_from(host).await;
        stream.write_all(part.as_bytes()).await.unwrap();
        world.until(|world| world.bodies.snapshot().held == held).await;
        stalling.push(stream);
    }
    // Without shares, these would use up the whole limit.
    for n in 0..20 {
        let mut stream = world.connect_from(1 + n % 3).await;
        stream.write_all(part.as_bytes()).await.unwrap();
        assert_rejection(&rest(&mut stream).await, 503, "this address or its subnet");
    }
    let whole = format!(
        "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 500\r\n\r\n{}",
        "x".repeat(500)
    );
    assert!(world.ask(&whole).await.ends_with("\r\n\r\n500"));
    let mut behind = world.connect_from(3).await;
    drop(stalling);
    world.until(|world| world.bodies.snapshot().held == 0).await;
    let again = whole.as_bytes();
    behind.write_all(again).await.unwrap();
    assert!(rest(&mut behind).await.ends_with("\r\n\r\n500"));
    assert_eq!(world.bodies.snapshot().too_many, 20);
}

#[tokio::test]
async fn malformed_requests_get_400_and_are_closed() {
    let world = start(patient()).await;
    let malformed = [
        "GARBAGE\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n",
        "GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        "GET / of mine HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nbad name: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: \u{0}\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: abc\r\n\r\n",
        "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
    ];
    for request in malformed {
        let answer = world.ask(request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
        assert!(answer.contains("connection: close"), "{request:?}: {answer}");
    }
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(500));
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    for request in [many, long] {
        let answer = world.ask(&request).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    // HTTP/2 is not supported.
    let answer = world.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!answer.contains(" 200 "), "{answer}");
    world.until(|world| world.server.snapshot().open == 0).await;
    assert!(
        world.server.snapshot().malformed >= 13,
        "{:?}",
        world.server.snapshot()
    );
    assert!(world.is_served().await);
}

#[tokio::test]
async fn connections_are_limited_per_address() {
    let (mut connections, bodies) = patient();
    connections.per_host = 3;
    let world = start((connections, bodies)).await;
    let mut own = Vec::new();
    for _ in 0..3 {
        let mut stream = world.connect().await;
        get_over(&mut stream, "/", "ok").await;
        own.push(stream);
    }
    let mut refused = world.connect().await;
    assert_rejection(
        &rest(&mut refused).await,
        503,
        "too many connections from this address",
    );
    get_over(&mut world.connect_from(2).await, "/", "ok").await;
    // A closed connection makes room.
    own.pop();
    world.until(|world| world.server.snapshot().open == 2).await;
    assert!(world.is_served().await);
    assert_eq!(world.server.snapshot().refused_by_host, 1);
}

#[tokio::test]
async fn a_proxy_may_have_any_number() {
    let (mut connections, bodies) = patient();
    connections.per_host = 1;
    let world = behind((connections, bodies), Proxies::parse(["127.0.0.0/24"]).unwrap()).await;
    let mut own = Vec::new();
    for _ in 0..10 {
        let mut stream = world.connect().await;
        get_over(&mut stream, "/", "ok").await;
        own.push(stream);
    }
    assert_eq!(world.server.snapshot().open, 10);
}

#[tokio::test]
async fn a_new_connection_is_rejected_when_all_are_busy() {
    let (mut connections, bodies) = patient();
    connections.total = 4;
    let world = start((connections, bodies)).await;
    let mut working = Vec::new();
    for n in 0..4 {
        let mut stream = world.connect_from(n + 1).await;
        stream
            .write_all(b"GET /held HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        world
            .until(|world| world.server.snapshot().open - world.server.snapshot().idle == usize::from(n) + 1)
            .await;
        working.push(stream);
    }
    let mut refused = world.connect().await;
    assert_rejection(&rest(&mut refused).await, 503, "all connections are in use");
    world.go.notify_waiters();
    for mut stream in working {
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    assert!(world.is_served().await);
    assert_eq!(
        (
            world.server.snapshot().refused_full,
            world.server.snapshot().displaced
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn silent_connections_displace_each_other() {
    let (mut connections, bodies) = patient();
    connections.total = 100;
    connections.per_host = 100;
    let world = start((connections, bodies)).await;
    // One busy, one idle after a request.
    let mut working = world.connect_from(1).await;
    working
        .write_all(b"GET /held HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut kept = world.connect_from(1).await;
    get_over(&mut kept, "/", "ok").await;
    world.until(|world| world.server.snapshot().idle == 1).await;
    let mut silent = Vec::new();
    for n in 0..600_usize {
        silent.push(world.connect_from(u8::try_from(2 + n % 20).unwrap()).await);
        if n % 100 == 99 {
            assert!(world.is_served().await);
            get_over(&mut kept, "/", "ok").await;
        }
    }
    world.go.notify_waiters();
    assert!(rest(&mut working).await.starts_with("HTTP/1.1 200"));
    let snapshot = world.server.snapshot();
    assert!(snapshot.open <= 100 && snapshot.displaced >= 500, "{snapshot:?}");
    assert_eq!((snapshot.refused_full, snapshot.refused_by_host), (0, 0));
    // The first was displaced.
    assert_eq!(rest(&mut silent[0]).await, "");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let (mut connections, bodies) = patient();
    connections.write_timeout = Duration::from_millis(200);
    let world = start((connections, bodies)).await;
    let mut stream = world.connect().await;
    stream
        .write_all(b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    world.until(|world| world.server.snapshot().accepted == 1).await;
    world.until(|world| world.server.snapshot().open == 0).await;
    assert!(rest(&mut stream).await.len() < 64 << 20);
}

#[tokio::test]
async fn a_client_that_reads_gets_the_whole_response() {
    let world = start(patient()).await;
    let answer = world
        .ask("GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.len() > 64 << 20);
}

#[tokio::test]
async fn shutdown_completes_pending_requests() {
    let world = start(patient()).await;
    let mut silent = world.connect().await;
    let mut idle = world.connect().await;
    get_over(&mut idle, "/", "ok").await;
    let mut working = world.connect().await;
    working
        .write_all(b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    world
        .until(|world| world.server.snapshot().open == 3 && world.server.snapshot().idle == 2)
        .await;
    world.stop.send(()).unwrap();
    assert_eq!(
        (rest(&mut silent).await, rest(&mut idle).await),
        (String::new(), String::new())
    );
    assert!(TcpStream::connect(world.address).await.is_err());
    assert!(!world.serving.is_finished());
    world.go.notify_waiters();
    assert!(rest(&mut working).await.starts_with("HTTP/1.1 200"));
    world.serving.await.unwrap();
    assert_eq!(world.server.snapshot().open, 0);
}

#[tokio::test]
async fn shutdown_does_not_wait_forever() {
    let (mut connections, bodies) = patient();
    connections.drain = Duration::from_millis(100);
    let world = start((connections, bodies)).await;
    let mut working = world.connect().await;
    working
        .write_all(b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    world
        .until(|world| world.server.snapshot().open == 1 && world.server.snapshot().idle == 0)
        .await;
    world.stop.send(()).unwrap();
    world.serving.await.unwrap();
    assert_eq!(rest(&mut working).await, "");
}
