//! The one form of JSON that DAG-JSON allows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The same JSON with the keys of every object in ascending order of their bytes, as DAG-JSON wants it. What is given has no
/// white space, and neither has the result.
pub(super) fn sort_keys(json: &str) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(json.len());
    write(json, &mut out)?;
    Ok(out)
}

fn write(json: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match json.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<Key<'_>, &RawValue> = serde_json::from_str(json)?;
            out.push(b'{');
            for (place, (Key(key), value)) in fields.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write(value.get(), out)?;
            }
            out.push(b'}');
        }
        // The longest list by far has no objects in it.
        Some(b'[') if json.contains('{') => {
            let entries: Vec<&RawValue> = serde_json::from_str(json)?;
            out.push(b'[');
            for (place, entry) in entries.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(entry.get(), out)?;
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(json.as_bytes()),
    }
    Ok(())
}

#[derive(PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    #[test]
    fn keys_ascend_at_every_level() {
        let sorted = sort_keys(r#"{"b":[{"d":"{","c":null}],"a":{"/":"bafy"},"é":1,"B":[2,1]}"#).unwrap();
        assert_eq!(
            String::from_utf8(sorted).unwrap(),
            r#"{"B":[2,1],"a":{"/":"bafy"},"b":[{"c":null,"d":"{"}],"é":1}"#
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u64>().prop_map(Value::from),
            "[a-c{}\\[\\]\",:\\\\é]{0,5}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec(("[a-c\"é]{0,3}", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost(value in values()) {
            let once = sort_keys(&value.to_string()).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Value>(&once).unwrap(), value);
            let text = String::from_utf8(once.clone()).unwrap();
            prop_assert_eq!(sort_keys(&text).unwrap(), once);
        }
    }

    #[test]
    fn white_space_within_text_stays() {
        assert_eq!(
            sort_keys(&json!({"a": " { "}).to_string()).unwrap(),
            br#"{"a":" { "}"#
        );
    }
}
