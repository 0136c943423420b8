//! Providers that offer only Graphsync, with and without a Lassie daemon.

use std::time::Duration;

use crate::support::*;
use assize_retrieve::{Config, IndexerResult, Lassie, Retrieval, RetrieveError, Secret, Transport, Url};

const ADDRESS: &str = "/ip4/1.2.3.4/tcp/24001";

async fn retrieve_by(
    lassie: Option<Url>,
    change: impl FnOnce(&mut Config),
) -> Result<Retrieval, RetrieveError> {
    let cid = raw_cid(BLOCK);
    let found = find_response(&cid, &[record(PEER, &graphsync_metadata(), &[ADDRESS.into()])]);
    let (chain, index) = (
        chain().await,
        Server::always(ok("application/json", found.as_bytes())).await,
    );
    let mut config = config(&chain, &[&index]);
    config.lassie = lassie.map(|url| Lassie {
        url,
        token: Some(Secret("open sesame".into())),
    });
    // The operator chooses Lassie's host, so it may be anywhere.
    config.allow_private = false;
    change(&mut config);
    let got = ask(config, &cid).await?;
    check(&got);
    assert_eq!(got.indexer_result, IndexerResult::HttpNotAdvertised);
    assert_eq!(got.protocol, Some(Transport::Graphsync));
    assert_eq!(got.address, Some(format!("{ADDRESS}/p2p/{PEER}")));
    assert_eq!(got.head_status_code, None);
    Ok(got)
}

#[tokio::test]
async fn without_lassie_nothing_is_fetched() {
    let got = retrieve_by(None, |_| {}).await.unwrap();
    assert!(!got.fetched());
    assert_eq!(
        (got.status_code, got.end_at, result(&got)),
        (None, None, "UNKNOWN_ERROR".into())
    );
    assert!(has_step(&got, "needs a Lassie daemon"));
}

#[tokio::test]
async fn lassie_gets_its_token_and_is_not_trusted() {
    let lassie = Server::always(car_answer(&good_car())).await;
    let got = retrieve_by(Some(lassie.url()), |_| {}).await.unwrap();
    assert_eq!(
        (result(&got), got.car_checksum),
        ("OK".into(), checksum(&good_car()))
    );
    let request = &lassie.requests()[0];
    assert_eq!(lassie.requests().len(), 1, "no HEAD");
    assert_eq!(request.header("Authorization"), Some("Bearer open sesame"));
    assert_eq!(request.header("Accept"), Some("application/vnd.ipld.car"));
    let url = lassie.url().join(request.target()).unwrap();
    assert_eq!(url.path(), format!("/ipfs/{}", raw_cid(BLOCK)));
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let provider = format!("{ADDRESS}/p2p/{PEER}");
    let expected = [
        ("dag-scope", "block"),
        ("protocols", "graphsync"),
        ("providers", &*provider),
    ];
    assert_eq!(
        query,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );

    let lassie = Server::always(car_answer(&car_header(&raw_cid(BLOCK)))).await;
    let got = retrieve_by(Some(lassie.url()), |_| {}).await.unwrap();
    assert_eq!(result(&got), "CONTENT_VERIFICATION_FAILED");
}

#[tokio::test]
async fn lassies_report_on_the_provider_counts_for_the_provider() {
    for (status, code) in [
        ("404 Not Found", "LASSIE_404"),
        ("502 Bad Gateway", "LASSIE_502"),
        ("504 Late", "LASSIE_504"),
    ] {
        let lassie = Server::always(answer(status, "", b"no candidates")).await;
        let got = retrieve_by(Some(lassie.url()), |_| {}).await.unwrap();
        assert_eq!(result(&got), code);
    }
    let lassie = Server::always(vec![Act::Silence]).await;
    let got = retrieve_by(Some(lassie.url()), |config| {
        config.limits.idle = Duration::from_millis(300)
    })
    .await
    .unwrap();
    assert_eq!(result(&got), "TIMEOUT");
    // Lassie closes the connection when a retrieval fails in transfer.
    let lassie = Server::always(vec![Act::Send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\x3a".to_vec(),
    )])
    .await;
    let got = retrieve_by(Some(lassie.url()), |_| {}).await.unwrap();
    assert_eq!(result(&got), "UNKNOWN_FETCH_ERROR");
}

#[tokio::test]
async fn lassies_own_failure_is_an_error() {
    for (status, retryable) in [
        ("401 Unauthorized", false),
        ("403 Forbidden", false),
        ("429 Busy", true),
        ("503 Busy", true),
    ] {
        let lassie = Server::always(answer(status, "", b"")).await;
        let error = retrieve_by(Some(lassie.url()), |_| {}).await.unwrap_err();
        assert!(matches!(error, RetrieveError::Lassie { .. }));
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(!error.to_string().contains("sesame"));
    }
    let error = retrieve_by(Some("http://lassie.invalid".parse().unwrap()), |_| {})
        .await
        .unwrap_err();
    assert!(
        error.is_retryable() && error.to_string().contains("http://lassie.invalid"),
        "{error}"
    );
}
