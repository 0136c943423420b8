//! Bundles that were tampered with.

use proptest::prelude::*;

use super::*;

fn sample() -> Bundle {
    Bundle::new([
        ("facts.json".into(), br#"{"rounds":[]}"#.to_vec()),
        ("beacons.json".into(), b"[]".to_vec()),
        ("rounds/1/roster.ndjson".into(), Vec::new()),
        // Two chunks and a node; the two chunks of the next one are equal.
        (
            "rounds/1/batches/0.ndjson".into(),
            (0..1_100_000_u32).map(|n| (n % 251) as u8).collect(),
        ),
        ("rounds/1/batches/1.ndjson".into(), vec![7; 2 << 20]),
    ])
    .unwrap()
}

#[test]
fn packed_files_are_unpacked() {
    let bundle = sample();
    let (root, packed) = bundle.to_car();
    let read = Bundle::from_car(&packed).unwrap();
    assert_eq!((&read, read.root()), (&bundle, root));
    assert_eq!(read.file("beacons.json").unwrap().content, b"[]");
    let cid = read.file("rounds/1/roster.ndjson").unwrap().cid;
    assert_eq!(read.by_cid(&cid).unwrap().name, "rounds/1/roster.ndjson");
    assert_eq!(
        read.file("absent.json"),
        Err(BundleError::NoFile {
            name: "absent.json".into()
        })
    );
}

#[test]
fn equal_files_are_stored_once() {
    let twice = Bundle::new([("a".into(), b"x".to_vec()), ("b".into(), b"x".to_vec())]).unwrap();
    assert_eq!(twice.files().len(), 1);
    assert_eq!(Bundle::from_car(&twice.to_car().1).unwrap(), twice);
}

#[test]
fn names_are_plain_and_unique() {
    let fault = |names: &[&str]| {
        let files = (0..).zip(names).map(|(n, name)| ((*name).to_owned(), vec![n]));
        Bundle::new(files).unwrap_err()
    };
    for name in [
        "",
        "/etc/passwd",
        "../x",
        "a//b",
        "a/",
        "A",
        "a b",
        ".hidden",
        "a/.b",
    ] {
        assert!(matches!(fault(&[name]), BundleError::Name { .. }), "{name:?}");
    }
    assert!(fault(&["a", "a"]).to_string().contains("twice"));
}

#[test]
fn a_bundle_has_at_most_65536_files() {
    let files =
        |count: u32| Bundle::new((0..count).map(|n| (format!("x/{n}"), n.to_le_bytes().to_vec()))).map(drop);
    assert_eq!(files(65_536), Ok(()));
    assert_eq!(files(65_537), Err(BundleError::TooManyFiles { count: 65_537 }));
}

/// The bundle with a block more, its hash right, before the section at `place`.
fn with_block(bundle: &Bundle, place: usize) -> Vec<u8> {
    let (root, packed) = bundle.to_car();
    let mut longer = Vec::new();
    car::put_header(&mut longer, &root);
    let sections: Vec<_> = Sections::open(&packed).unwrap().map(Result::unwrap).collect();
    for index in 0..=sections.len() {
        if index == place {
            car::put_block(&mut longer, &unixfs::block_cid(Codec::Raw, b"more"), b"more");
        }
        if let Some(Section { cid, data, .. }) = sections.get(index) {
            car::put_block(&mut longer, cid, data);
        }
    }
    longer
}

#[test]
fn excess_is_rejected() {
    let bundle = sample();
    let fault = |place| {
        Bundle::from_car(&with_block(&bundle, place))
            .unwrap_err()
            .to_string()
    };
    assert!(fault(0).contains("manifest"), "{}", fault(0));
    assert!(fault(1).starts_with("facts.json is damaged"), "{}", fault(1));
    assert!(
        fault(4).starts_with("rounds/1/batches/0.ndjson is damaged"),
        "{}",
        fault(4)
    );
    assert_eq!(
        Bundle::from_car(&with_block(&bundle, 9)),
        Err(BundleError::Trailing)
    );
}

#[test]
fn other_files_and_later_versions_are_rejected() {
    for bytes in [&b""[..], b"{}", b"\x0a\xa1\x67version\x02", &[0xff; 40]] {
        assert_eq!(Bundle::from_car(bytes), Err(BundleError::Header));
    }
    let packed = |manifest: &[u8]| {
        let root = unixfs::block_cid(Codec::Raw, manifest);
        let mut packed = Vec::new();
        car::put_header(&mut packed, &root);
        car::put_block(&mut packed, &root, manifest);
        Bundle::from_car(&packed)
    };
    assert_eq!(
        packed(br#"{"version":2,"more":true}"#),
        Err(BundleError::Version { version: 2 })
    );
    assert!(packed(br#"{"version":1,"files":[]}"#).is_ok());
    for manifest in [
        &b"{}"[..],
        br#"{"version":1}"#,
        br#"{"version":1, "files":[]}"#,
        b"\xff",
    ] {
        assert!(
            matches!(packed(manifest), Err(BundleError::Manifest { .. })),
            "{manifest:?}"
        );
    }
}

/// The file whose section has the byte at an offset; the manifest where there is none.
fn owner(packed: &[u8], bundle: &Bundle, at: usize) -> String {
    let mut files = bundle.files().iter();
    let mut current = None;
    let mut owner = "manifest".to_owned();
    for section in Sections::open(packed).unwrap().map(Result::unwrap) {
        if section.offset > at {
            break;
        }
        owner = current.map_or("manifest".into(), |file: &File| file.name.clone());
        if current.is_none_or(|file| file.cid == section.cid) {
            current = files.next();
        }
    }
    owner
}

/// A changed byte is a fault of the file that it belongs to.
fn is_found(at: usize, change: u8) {
    let bundle = sample();
    let (_, mut packed) = bundle.to_car();
    let owner = owner(&packed, &bundle, at);
    packed[at] ^= change;
    let error = Bundle::from_car(&packed).unwrap_err();
    let message = error.to_string();
    assert!(
        error == BundleError::Header || message.contains(&owner),
        "byte {at} of {owner}: {message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_changed_byte_is_found_in_its_file(at: prop::sample::Index, change in 1u8..) {
        let (_, packed) = sample().to_car();
        is_found(at.index(packed.len()), change);
    }

    #[test]
    fn small_bytes_are_found_too(at in 0..1_200_usize, change in 1u8..) {
        is_found(at, change);
    }

    #[test]
    fn every_truncation_is_detected(at: prop::sample::Index) {
        let (_, packed) = sample().to_car();
        prop_assert!(Bundle::from_car(&packed[..at.index(packed.len())]).is_err());
    }

    #[test]
    fn nonsense_does_not_panic(bytes: Vec<u8>, kept in 0..400_usize) {
        let (_, packed) = sample().to_car();
        prop_assert!(Bundle::from_car(&[&packed[..kept], &bytes].concat()).is_err());
    }
}
