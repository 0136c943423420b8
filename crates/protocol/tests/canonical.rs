//! A list has one file: written files are read, and other bytes are another list or rejected.

use assize_protocol::{ActorId, Address, B128, PayloadCid, ProviderId, Roster, RosterEntry, Task, TaskList};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>()
        .prop_map(Address::from)
        .prop_filter("not zero", |address| !address.is_zero())
}

fn roster() -> impl Strategy<Value = Roster> {
    let entry = (address(), address(), any::<[u8; 16]>());
    vec(entry, 0..6).prop_filter_map("stations differ", |entries| {
        let entry = |(station, operator, subnet)| RosterEntry {
            station,
            operator,
            subnet: B128::new(subnet),
        };
        Roster::new(entries.into_iter().map(entry).collect()).ok()
    })
}

/// A CID of version 0, or one of version 1 with any codec and hash.
fn payload() -> impl Strategy<Value = PayloadCid> {
    let v0 = any::<[u8; 32]>().prop_map(|digest| [&[0x12, 0x20][..], &digest].concat());
    let v1 = (0..128_u8, 0..128_u8, vec(any::<u8>(), 0..=PayloadCid::MAX_DIGEST)).prop_map(
        |(codec, hash, digest)| {
            let length = digest.len() as u8;
            // Two bytes from 128 on.
            let length = match length {
                ..0x80 => std::vec![length],
                _ => std::vec![length, 1],
            };
            [&[1, codec, hash][..], &length, &digest].concat()
        },
    );
    prop_oneof![v0, v1].prop_filter_map("a CID", |bytes| PayloadCid::from_bytes(&bytes).ok())
}

fn actors() -> impl Strategy<Value = Vec<ActorId>> {
    let id = prop_oneof![0..20_u64, any::<u64>()];
    btree_set(id.prop_map(ActorId), 0..4).prop_map(|actors| actors.into_iter().rev().collect())
}

fn task_list() -> impl Strategy<Value = TaskList> {
    let task = (payload(), any::<u64>(), actors(), actors());
    vec(task, 0..6).prop_filter_map("tasks differ", |tasks| {
        let task = |(cid, provider, clients, allocators)| Task {
            cid,
            provider: ProviderId(provider),
            clients,
            allocators,
        };
        TaskList::new(tasks.into_iter().map(task).collect()).ok()
    })
}

/// A change of some bytes of a file.
fn mutation() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let text = select(
        &[
            "", " ", "\t", "\r", "\n", "\0", "0", "00", "A", "F", "x", "X", "\"", "\\", "\\u0030", "\\/",
            ",", ":", "{", "}", "[", "]", "null", "\u{feff}", "\u{e9}", "f0", "t0", "+", "-", ".0", "e0",
        ][..],
    );
    let bytes = prop_oneof![
        3 => text.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..3),
    ];
    (any::<Index>(), 0..3_usize, bytes)
}

fn mutate(file: &[u8], (at, remove, insert): &(Index, usize, Vec<u8>)) -> Vec<u8> {
    let at = at.index(file.len() + 1);
    let end = (at + remove).min(file.len());
    [&file[..at], insert, &file[end..]].concat()
}

proptest! {
    #[test]
    fn a_roster_has_one_file(roster in roster(), mutations in vec(mutation(), 1..60)) {
        let file = roster.to_ndjson();
        prop_assert_eq!(Roster::parse(&file), Ok(roster.clone()));
        for mutation in &mutations {
            let other = mutate(&file, mutation);
            if let Ok(read) = Roster::parse(&other) {
                prop_assert_eq!(read == roster, other == file);
                prop_assert_eq!(read.to_ndjson(), other);
            }
        }
    }

    #[test]
    fn a_task_list_has_one_file(tasks in task_list(), mutations in vec(mutation(), 1..60)) {
        let file = tasks.to_ndjson();
        prop_assert_eq!(TaskList::parse(&file), Ok(tasks.clone()));
        for mutation in &mutations {
            let other = mutate(&file, mutation);
            if let Ok(read) = TaskList::parse(&other) {
                prop_assert_eq!(read == tasks, other == file);
                prop_assert_eq!(read.to_ndjson(), other);
            }
        }
    }
}
