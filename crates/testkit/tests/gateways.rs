//! Our reader reads a file that we packed from npm's gateway-lib, an independent gateway.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::io::Read;

use assize_measurement::car;
use assize_protocol::FileCid;
use assize_store::{Gateways, Source};
use assize_testkit::filecoin::{GatewayLib, GatewayLibError};
use assize_testkit::services::or_skip;
use tempfile::TempDir;

/// A file and a gateway that serves it; `None` if it is not installed.
struct Served {
    content: Vec<u8>,
    cid: FileCid,
    gateway: GatewayLib,
    _directory: TempDir,
}

impl Served {
    fn start() -> Option<Self> {
        // Three blocks, of which two are equal, and their root.
        let content = vec![7; (2 << 20) + 5];
        let (cid, packed) = car::pack(&content);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file.car");
        std::fs::write(&file, packed).unwrap();
        let gateway = match GatewayLib::start(&file) {
            Err(error @ GatewayLibError::NotInstalled) => {
                or_skip(None::<()>, &error.to_string());
                return None;
            }
            started => started.unwrap(),
        };
        Some(Self {
            content,
            cid,
            gateway,
            _directory: directory,
        })
    }
}

#[test]
fn an_independent_gateway_serves_our_car() {
    let Some(served) = Served::start() else { return };
    let url = format!("{}/ipfs/{}?format=car", served.gateway.url(), served.cid);
    for accept in [
        "application/vnd.ipld.car",
        "application/vnd.ipld.car; version=1; order=dfs; dups=y",
    ] {
        let mut answer = ureq::get(&url).header("Accept", accept).call().unwrap();
        let body = answer
            .body_mut()
            .with_config()
            .limit(100 << 20)
            .read_to_vec()
            .unwrap();
        assert!(
            car::unpack(&served.cid, &body).unwrap() == served.content,
            "{accept}"
        );
    }
}

#[test]
fn our_client_reads_from_an_independent_gateway() {
    let Some(served) = Served::start() else { return };
    let mut read = Vec::new();
    let gateways = Gateways::new(&[served.gateway.url()]).unwrap();
    gateways
        .open(&served.cid)
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    assert!(read == served.content);
}
