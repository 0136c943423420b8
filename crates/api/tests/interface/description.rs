//! How the service describes itself.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_service_describes_itself() {
    let scene = Scene::new().await;
    let place = sqlite();
    scene.open_round().await;
    let served = scene.serve(&place.location).await;
    let network: NetworkDocument = served.get("/network").await.json();
    assert_eq!(
        (network.chain_id, network.rounds),
        (scene.domain().chain_id, scene.domain().rounds)
    );
    assert_eq!(network.rewards, scene.world.rewards.address());
    assert_eq!(network.ingest, ingest_key().address());
    assert_eq!(network.drand_chain, scene.world.drand_chain().hash());

    let asked = served
        .ask(
            "GET",
            "/inspect-request",
            &[("x-forwarded-for", "192.0.2.1")],
            Vec::new(),
        )
        .await;
    let seen: InspectDocument = asked.json();
    assert_eq!((&*seen.address, seen.trusted_header), ("127.0.0.1", None));
    assert!(
        seen.headers
            .contains(&("x-forwarded-for".into(), "192.0.2.1".into()))
    );

    for path in ["/healthz", "/readyz"] {
        let answer = served.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, "ok\n"), "{path}");
    }
    served.get("/nothing").await.problem(ProblemKind::NotFound);
    for (method, path, allow) in [
        ("POST", "/rounds/1", "GET,HEAD"),
        ("GET", "/measurements", "POST"),
        ("DELETE", "/network", "GET,HEAD"),
    ] {
        let answer = served.ask(method, path, &[], Vec::new()).await;
        answer.problem(ProblemKind::MethodNotAllowed);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }

    let figures = served.get("/metrics").await;
    let text = figures.text();
    for line in [
        "assize_api_round 1.0",
        "assize_api_requests_total{method=\"GET\",route=\"/network\",status=\"200\"} 1",
        "assize_api_refusals_total{kind=\"method-not-allowed\"} 3",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }

    served.end().await;
}

#[cfg(not(feature = "openapi"))]
#[tokio::test(flavor = "multi_thread")]
async fn without_the_feature_openapi_the_error_names_it() {
    let scene = Scene::new().await;
    let served = scene.serve(&sqlite().location).await;
    let problem = served.get("/openapi.json").await.problem(ProblemKind::NotFound);
    assert!(problem.detail.contains("feature `openapi`"), "{}", problem.detail);
    served.end().await;
}

#[cfg(feature = "openapi")]
#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_has_each_route_and_no_other_methods() {
    let scene = Scene::new().await;
    let served = scene.serve(&sqlite().location).await;
    let document: serde_json::Value = served.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/heartbeats",
        "/measurements",
        "/rounds/{round}/stations/{station}",
        "/inspect-request",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert_eq!(
        document["openapi"].as_str().map(|version| &version[..4]),
        Some("3.1.")
    );
    for (path, methods) in paths {
        let concrete = path.replace(['{', '}'], "");
        let answer = served.ask("TRACE", &concrete, &[], Vec::new()).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").unwrap().to_lowercase();
        let mut allowed: Vec<_> = allowed.split(',').filter(|method| *method != "head").collect();
        let mut documented: Vec<_> = methods.as_object().unwrap().keys().map(String::as_str).collect();
        allowed.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, allowed, "{path}");
    }
    served.end().await;
}
