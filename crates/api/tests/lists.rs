//! Lists that clients do not read.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::time::Duration;

use assize_store::Store;
use assize_wire::ProblemKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::common::server::{Scene, Served};
use crate::common::sqlite;

/// A client that requests the task list of round 1 and reads the beginning of the response.
async fn ask_for_tasks(served: &Served, from: [u8; 4]) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let address = served.url.strip_prefix("http://").unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let request = b"GET /rounds/1/tasks HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.unwrap();
    (stream, String::from_utf8_lossy(&beginning).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_lists_occupy_only_their_share() {
    let scene = Scene::new().await;
    let place = sqlite();
    let (roster, mut tasks) = scene.lists();
    // More than fits into the sockets' buffers.
    tasks.cid = scene.store.put(&vec![b'x'; 32 << 20]).unwrap();
    scene.world.open_lists(&roster, &tasks).await.unwrap();
    scene.clock.set(scene.world.anvil.timestamp().unwrap());
    let served = scene.serve(&place.location).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        let (stream, beginning) = ask_for_tasks(&served, [127, 0, 0, 1]).await;
        assert_eq!(beginning, "HTTP/1.1 200");
        silent.push(stream);
    }
    let problem = served
        .get("/rounds/1/tasks")
        .await
        .problem(ProblemKind::TooManyRequests);
    assert!(problem.retry_after.is_some());
    assert_eq!(
        served
            .ask("HEAD", "/rounds/1/tasks", &[], Vec::new())
            .await
            .status,
        200
    );
    let (other, beginning) = ask_for_tasks(&served, [127, 0, 1, 1]).await;
    assert_eq!(beginning, "HTTP/1.1 200");
    drop(silent);
    let freed = async {
        while ask_for_tasks(&served, [127, 0, 0, 1]).await.1 != "HTTP/1.1 200" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), freed)
        .await
        .unwrap();
    drop(other);
    served.end().await;
}
