//! What all listeners have in common: HEAD, other methods, unknown paths, pages of other origins, spelling of paths.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use assize_testkit::fixtures;
use assize_testkit::world::{World, WorldPlan};
use common::processes::Running;
use common::site::Site;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

/// A listener: its address, something that it serves, and whether web pages may read it.
struct Listener {
    url: String,
    path: &'static str,
    is_public: bool,
}

fn ask(method: &Method, url: &str) -> (Response<Body>, String) {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let request = Request::builder().method(method).uri(url).body(()).unwrap();
    let mut response = agent.run(request).unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    (response, body)
}

fn check(Listener { url, path, is_public }: &Listener) {
    let header = |response: &Response<Body>, name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let there = format!("{url}{path}");
    let (got, body) = ask(&Method::GET, &there);
    assert_eq!(got.status(), 200, "{there}: {body}");
    assert!(!body.is_empty(), "{there}");
    for tidy in [format!("{there}/"), format!("{url}/{path}")] {
        assert_eq!(ask(&Method::GET, &tidy).0.status(), 200, "{tidy}");
    }
    let (head, body) = ask(&Method::HEAD, &there);
    assert_eq!((head.status().as_u16(), body.as_str()), (200, ""), "{there}");
    assert_eq!(
        header(&head, "content-type"),
        header(&got, "content-type"),
        "{there}"
    );
    for response in [&got, &head] {
        let shared = header(response, "access-control-allow-origin");
        assert_eq!(shared.as_deref() == Some("*"), *is_public, "{there}");
        assert_eq!(
            header(response, "x-content-type-options").as_deref(),
            Some("nosniff")
        );
        assert!(header(response, "cache-control").is_some(), "{there}");
    }
    let (preflight, _) = ask(&Method::OPTIONS, &there);
    let allowed = header(&preflight, "access-control-allow-methods");
    assert_eq!(allowed.is_some(), *is_public, "{there}");

    for (method, path, status) in [
        (Method::GET, "/no/such/path", 404),
        (Method::POST, *path, 405),
        (Method::DELETE, *path, 405),
    ] {
        let (response, body) = ask(&method, &format!("{url}{path}"));
        assert_eq!(response.status(), status, "{method} {url}{path}: {body}");
        assert!(!body.is_empty(), "{method} {url}{path}");
        assert!(
            header(&response, "content-type").is_some(),
            "{method} {url}{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_listeners_have_the_same_manners() {
    let site = Site::new(World::start_with(WorldPlan::default()).await.unwrap());
    std::fs::write(site.path("tasks.ndjson"), fixtures::tasks().unwrap().to_ndjson()).unwrap();
    std::fs::create_dir(site.path("store")).unwrap();
    let any = "127.0.0.1:0";
    let start = |account, name: &str, arguments: &[&str]| {
        let arguments = [&["run", name, "--data", name][..], arguments].concat();
        Running::start(&mut site.command(account, &arguments))
    };
    let drand = ["--drand-info", "drand.json"];
    let started = [
        start(None, "beacon", &["--listen", any]),
        start(
            Some(0),
            "coordinator",
            &[
                &drand[..],
                &["--tasks", "tasks.ndjson", "--listen", any, "--metrics", any],
            ]
            .concat(),
        ),
        start(Some(World::PUBLISHER), "publisher", &["--metrics", any]),
        start(
            Some(0),
            "evaluator",
            &[&drand[..], &["--listen", any, "--metrics", any]].concat(),
        ),
        start(Some(5), "payout", &["--metrics", any]),
        start(None, "gateway", &["--listen", any]),
    ];
    let mut listeners = Vec::new();
    for (name, (_, ready)) in [
        "beacon",
        "coordinator",
        "publisher",
        "evaluator",
        "payout",
        "gateway",
    ]
    .into_iter()
    .zip(&started)
    {
        if let Some(url) = ready["url"].as_str() {
            let path = match name {
                "beacon" => "/info",
                "evaluator" => "/plan",
                _ => "/healthz",
            };
            listeners.push(Listener {
                url: url.into(),
                path,
                is_public: true,
            });
        }
        if let Some(url) = ready["metrics"].as_str() {
            for path in ["/healthz", "/metrics"] {
                listeners.push(Listener {
                    url: url.into(),
                    path,
                    is_public: false,
                });
            }
        }
    }
    assert_eq!(listeners.len(), 12);
    tokio::task::spawn_blocking(move || listeners.iter().for_each(check))
        .await
        .unwrap();
}
