//! JSON forms of other types.

/// A CID as a link of DAG-JSON: `{"/":"bafy…"}`.
pub(crate) mod link {
    use assize_protocol::FileCid;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Link {
        #[serde(rename = "/")]
        cid: FileCid,
    }

    pub(crate) fn serialize<S: Serializer>(cid: &FileCid, serializer: S) -> Result<S::Ok, S::Error> {
        Link { cid: *cid }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileCid, D::Error> {
        Ok(Link::deserialize(deserializer)?.cid)
    }
}

/// A frozen list whose CID is a link: `{"cid":{"/":"bafy…"},"count":…,"root":…}`.
pub(crate) mod list {
    use assize_facts::ListCommitment;
    use assize_protocol::{B256, FileCid};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct LinkedList {
        root: B256,
        count: u32,
        #[serde(with = "super::link")]
        cid: FileCid,
    }

    pub(crate) fn serialize<S: Serializer>(list: &ListCommitment, serializer: S) -> Result<S::Ok, S::Error> {
        let ListCommitment { root, count, cid } = *list;
        LinkedList { root, count, cid }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ListCommitment, D::Error> {
        let LinkedList { root, count, cid } = LinkedList::deserialize(deserializer)?;
        Ok(ListCommitment { root, count, cid })
    }
}

/// A map as a list of objects, ascending by key.
macro_rules! as_list {
    ($module:ident, $key:ty, $value:ty, $entry:ident { $key_name:ident, $(#[$attribute:meta])* $value_name:ident }) => {
        pub(crate) mod $module {
            use std::collections::BTreeMap;

            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            struct $entry {
                $key_name: $key,
                $(#[$attribute])*
                $value_name: $value,
            }

            pub(crate) fn serialize<S: Serializer>(
                map: &BTreeMap<$key, $value>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(map.iter().map(|(&$key_name, &$value_name)| $entry { $key_name, $value_name }))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<BTreeMap<$key, $value>, D::Error> {
                let entries = Vec::<$entry>::deserialize(deserializer)?;
                Ok(entries.into_iter().map(|entry| (entry.$key_name, entry.$value_name)).collect())
            }
        }
    };
}

as_list!(
    providers,
    assize_protocol::ProviderId,
    crate::SuccessCounts,
    Provider {
        id,
        #[serde(flatten)]
        counts
    }
);
as_list!(
    actors,
    assize_protocol::ActorId,
    crate::SuccessCounts,
    Actor {
        id,
        #[serde(flatten)]
        counts
    }
);
