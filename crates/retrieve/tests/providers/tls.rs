//! Providers over TLS, with HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use assize_retrieve::{CertificateDer, Config};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::*;

/// The version of a request, and its headers in order.
type Seen = Arc<Mutex<Vec<(Version, Vec<String>)>>>;

/// A gateway with a certificate for `localhost` from the authority of fixtures/tls, with the given ALPN protocols.
async fn gateway(protocols: &[&[u8]]) -> (u16, Seen) {
    let certificate = include_bytes!("../fixtures/tls/server.der").to_vec().into();
    let key = PrivateKeyDer::try_from(include_bytes!("../fixtures/tls/server.key.der").to_vec()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let log = seen.clone();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let (acceptor, log) = (acceptor.clone(), log.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate disconnects.
                let Ok(tls) = acceptor.accept(tcp).await else {
                    return;
                };
                let http_2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(move |request: Request<Incoming>| {
                    let names = request.headers().keys().map(|name| name.to_string()).collect();
                    log.lock().unwrap().push((request.version(), names));
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(good_car())))) }
                });
                let io = TokioIo::new(tls);
                let _ = match http_2 {
                    true => {
                        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                            .serve_connection(io, service)
                            .await
                    }
                    false => {
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(io, service)
                            .await
                    }
                };
            });
        }
    });
    (port, seen)
}

fn trusting(config: &mut Config) {
    config.extra_roots = vec![CertificateDer::from(
        include_bytes!("../fixtures/tls/ca.der").to_vec(),
    )];
}

#[tokio::test]
async fn https_uses_the_newest_http_version_of_both() {
    let cid = raw_cid(BLOCK);
    for (protocols, version) in [
        (&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2),
        (&[b"http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let (port, seen) = gateway(protocols).await;
        for multiaddr in [
            format!("/dns4/localhost/tcp/{port}/https"),
            format!("/ip4/127.0.0.1/tcp/{port}/https"),
        ] {
            let got = retrieve_at(&cid, &[multiaddr], trusting).await;
            assert_eq!(
                (result(&got), got.head_status_code),
                ("OK".into(), Some(200)),
                "{got:#?}"
            );
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|(seen, _)| *seen == version), "{seen:?}");
        let mut names = vec!["host", "user-agent", "accept", "x-request-id", "accept-encoding"];
        if version == Version::HTTP_2 {
            // HTTP/2 has `:authority` instead.
            names.remove(0);
        }
        assert_eq!(seen[0].1, names);
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_rejected() {
    let (port, seen) = gateway(&[]).await;
    let got = retrieve_at(
        &raw_cid(BLOCK),
        &[format!("/dns/localhost/tcp/{port}/https")],
        |_| {},
    )
    .await;
    assert_eq!(
        (result(&got), got.status_code, got.head_status_code),
        ("UNKNOWN_FETCH_ERROR".into(), Some(600), Some(600))
    );
    assert!(has_step(&got, "TLS with localhost failed"), "{:#?}", got.steps);
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn tls_http_is_https_if_enabled() {
    let (port, _) = gateway(&[]).await;
    let address = [format!("/dns/localhost/tcp/{port}/tls/http")];
    let got = retrieve_at(&raw_cid(BLOCK), &address, trusting).await;
    assert_eq!(
        (result(&got), got.status_code),
        ("UNSUPPORTED_MULTIADDR_FORMAT".into(), Some(703))
    );
    assert_eq!(got.head_status_code, None);
    let got = retrieve_at(&raw_cid(BLOCK), &address, |config| {
        trusting(config);
        config.tls_http = true;
    })
    .await;
    assert_eq!(result(&got), "OK");
}
