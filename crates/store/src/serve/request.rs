//! Parses a client's request. Query parameters take precedence over `Accept` (Trustless Gateway specification, §2).

use std::ops::Range;

use assize_protocol::FileCid;
use thiserror::Error;

const CAR: &str = "application/vnd.ipld.car";
const RAW: &str = "application/vnd.ipld.raw";

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// Not the CID of a file.
    #[error(
        "`{0}` is not the CID of a file here: those have SHA-256, and are raw (bafkrei…) or dag-pb (bafybei…, Qm…), without a \
         path"
    )]
    Cid(String),
    /// The format is not verifiable by the client.
    #[error("request {CAR} or {RAW}, by ?format=car, ?format=raw or the Accept header{why}")]
    Form {
        /// The requested format.
        why: String,
    },
    /// An invalid parameter.
    #[error("{name}={value}: {rule}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// The allowed values.
        rule: &'static str,
    },
}

/// A parsed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub form: Form,
}

/// The format of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A single block.
    Raw,
    /// Blocks in a CARv1.
    Car { scope: Scope, duplicates: Duplicates },
}

/// The blocks of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The root only.
    Block,
    /// The blocks needed for a range of the file's content.
    Entity(Bytes),
    /// All blocks.
    All,
}

/// A range of a file's content, both ends included. Negative ends count from the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes {
    from: i64,
    /// `None` is the end of the file.
    to: Option<i64>,
}

impl Bytes {
    const ALL: Self = Self { from: 0, to: None };
}

/// Whether a repeated block is sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    Yes,
    No,
}

/// Parameters of a CAR, from the query or a media type.
#[derive(Debug, Clone, Default)]
struct CarOptions {
    version: Option<String>,
    order: Option<String>,
    dups: Option<String>,
}

impl Wanted {
    pub(super) fn parse(query: &str, accept: &str) -> Result<Self, Refusal> {
        let query = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            // An empty value is none, as for other gateways.
            pairs
                .find(|(key, value)| *key == name && !value.is_empty())
                .map(|(_, value)| unescape(value))
        };
        let (media, mut options) = match query("format").as_deref() {
            Some("car") => (CAR, CarOptions::default()),
            Some("raw") => (RAW, CarOptions::default()),
            Some(other) => {
                let why = format!("; format={other} is not supported");
                return Err(Refusal::Form { why });
            }
            None => best(accept).ok_or_else(|| Refusal::Form {
                why: match accept {
                    "" => String::new(),
                    accept => format!(", not {accept}"),
                },
            })?,
        };
        if media == RAW {
            return Ok(Self { form: Form::Raw });
        }
        // The query takes precedence over the header (IPIP-523).
        options.version = query("car-version").or(options.version);
        options.order = query("car-order").or(options.order);
        options.dups = query("car-dups").or(options.dups);
        let refuse = |name, value: &str, rule| {
            Err(Refusal::Parameter {
                name,
                value: value.to_owned(),
                rule,
            })
        };
        match options.version.as_deref() {
            None | Some("1") => {}
            Some(other) => return refuse("car-version", other, "only version 1 is supported"),
        }
        match options.order.as_deref() {
            None | Some("dfs" | "unk") => {}
            Some(other) => return refuse("car-order", other, "dfs or unk"),
        }
        let duplicates = match options.dups.as_deref() {
            None | Some("n") => Duplicates::No,
            Some("y") => Duplicates::Yes,
            Some(other) => return refuse("car-dups", other, "y or n"),
        };
        let bytes = query("entity-bytes");
        let range = bytes
            .as_deref()
            .map(parse_bytes)
            .transpose()?
            .unwrap_or(Bytes::ALL);
        let scope = match query("dag-scope").as_deref() {
            Some("block") => Scope::Block,
            Some("entity") => Scope::Entity(range),
            Some("all") => Scope::All,
            // IPIP-402: entity-bytes implies dag-scope=entity.
            None if bytes.is_some() => Scope::Entity(range),
            None => Scope::All,
            Some(other) => return refuse("dag-scope", other, "block, entity or all"),
        };
        Ok(Self {
            form: Form::Car { scope, duplicates },
        })
    }

    pub(super) fn scope(&self) -> Scope {
        match self.form {
            Form::Raw => Scope::Block,
            Form::Car { scope, .. } => scope,
        }
    }

    pub(super) fn duplicates(&self) -> Duplicates {
        match self.form {
            Form::Raw => Duplicates::No,
            Form::Car { duplicates, .. } => duplicates,
        }
    }

    /// The requested range of a file of `size` bytes.
    pub(super) fn range(&self, size: u64) -> Range<u64> {
        let Scope::Entity(Bytes { from, to }) = self.scope() else {
            return 0..u64::MAX;
        };
        let place = |at: i64| match at {
            0.. => at.unsigned_abs(),
            _ => size.saturating_sub(at.unsigned_abs()),
        };
        let end = to.map_or(u64::MAX, |to| place(to).saturating_add(1));
        place(from)..end
    }

    pub(super) fn content_type(&self) -> String {
        match self.form {
            Form::Raw => RAW.into(),
            Form::Car { duplicates, .. } => {
                let dups = match duplicates {
                    Duplicates::Yes => "y",
                    Duplicates::No => "n",
                };
                format!("{CAR}; version=1; order=dfs; dups={dups}")
            }
        }
    }

    /// One tag per response: the request determines the blocks and their order.
    pub(super) fn etag(&self, cid: &FileCid) -> String {
        match self.form {
            Form::Raw => format!("\"{cid}.raw\""),
            Form::Car { scope, duplicates } => {
                let scope = match scope {
                    Scope::Block => "block".into(),
                    Scope::All | Scope::Entity(Bytes::ALL) => "all".into(),
                    Scope::Entity(Bytes { from, to }) => {
                        let to = to.map_or_else(|| "*".into(), |to| to.to_string());
                        format!("{from}:{to}")
                    }
                };
                let dups = match duplicates {
                    Duplicates::Yes => "dups",
                    Duplicates::No => "nodups",
                };
                format!("\"{cid}.car.dfs.{dups}.{scope}\"")
            }
        }
    }
}

/// The preferred format among ours, with its parameters.
fn best(accept: &str) -> Option<(&'static str, CarOptions)> {
    let mut best: Option<(u32, &'static str, CarOptions)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = match parts.next().map(str::to_ascii_lowercase).as_deref() {
            Some(CAR) => CAR,
            Some(RAW) => RAW,
            _ => continue,
        };
        let mut options = CarOptions::default();
        let mut quality = 1_000;
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => {
                    quality = value
                        .parse::<f64>()
                        .map_or(0, |q| (q.clamp(0.0, 1.0) * 1_000.0) as u32)
                }
                "version" => options.version = Some(value),
                "order" => options.order = Some(value),
                "dups" => options.dups = Some(value),
                _ => {}
            }
        }
        if quality > 0 && best.as_ref().is_none_or(|(before, ..)| quality > *before) {
            best = Some((quality, media, options));
        }
    }
    best.map(|(_, media, options)| (media, options))
}

/// Parses `from:to`, IPIP-402.
fn parse_bytes(text: &str) -> Result<Bytes, Refusal> {
    let parsed = || {
        let (from, to) = text.split_once(':')?;
        let from: i64 = from.parse().ok()?;
        let to: Option<i64> = match to {
            "*" => None,
            to => Some(to.parse().ok()?),
        };
        // Ends with the same sign can be compared before the size is known.
        let reversed = to.is_some_and(|to| (from < 0) == (to < 0) && to < from);
        (!reversed).then_some(Bytes { from, to })
    };
    parsed().ok_or_else(|| Refusal::Parameter {
        name: "entity-bytes",
        value: text.to_owned(),
        rule: "from:to, integers in ascending order, or * for the end",
    })
}

/// `%3A` is a colon.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let escaped = tail.get(..2).filter(|_| *first == b'%');
        match escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn car(scope: Scope, duplicates: Duplicates) -> Wanted {
        Wanted {
            form: Form::Car { scope, duplicates },
        }
    }

    #[test]
    fn forms_are_asked_for_in_many_ways() {
        let raw = Wanted { form: Form::Raw };
        let all = car(Scope::All, Duplicates::No);
        for (query, accept, wanted) in [
            ("format=raw", "", raw),
            ("format=car", "", all),
            ("", "application/vnd.ipld.raw", raw),
            ("", "application/vnd.ipld.car", all),
            ("", "Application/VND.ipld.car;version=1;order=dfs;dups=n", all),
            (
                "",
                "application/vnd.ipld.car; dups=y",
                car(Scope::All, Duplicates::Yes),
            ),
            ("car-dups=n", "application/vnd.ipld.car; dups=y", all),
            (
                "",
                "text/html, application/vnd.ipld.car;q=0.5, application/vnd.ipld.raw;q=0.9",
                raw,
            ),
            (
                "",
                "application/vnd.ipld.raw;q=0, application/vnd.ipld.car;q=0.1, */*",
                all,
            ),
            // The query takes precedence over the header.
            ("format=car", "application/vnd.ipld.raw", all),
            (
                "format=car&dag-scope=block",
                "",
                car(Scope::Block, Duplicates::No),
            ),
            (
                "format=car&dag-scope=entity",
                "",
                car(Scope::Entity(Bytes::ALL), Duplicates::No),
            ),
            (
                "format=car&entity-bytes=10%3A-5",
                "",
                car(
                    Scope::Entity(Bytes {
                        from: 10,
                        to: Some(-5),
                    }),
                    Duplicates::No,
                ),
            ),
        ] {
            assert_eq!(Wanted::parse(query, accept), Ok(wanted), "{query} {accept}");
        }
    }

    #[test]
    fn unverifiable_and_malformed_requests_are_rejected() {
        for (query, accept, words) in [
            ("", "", "?format=car"),
            ("", "*/*", "not */*"),
            ("", "text/html", "not text/html"),
            ("format=json", "", "format=json"),
            ("format=car&car-version=2", "", "only version 1"),
            ("", "application/vnd.ipld.car;version=2", "only version 1"),
            ("format=car&car-order=bfs", "", "dfs or unk"),
            ("format=car&car-dups=maybe", "", "y or n"),
            ("format=car&dag-scope=some", "", "block, entity or all"),
            ("format=car&entity-bytes=5", "", "from:to"),
            ("format=car&entity-bytes=5:1", "", "ascending order"),
            ("format=car&entity-bytes=-1:-5", "", "ascending order"),
        ] {
            let refusal = Wanted::parse(query, accept).unwrap_err().to_string();
            assert!(refusal.contains(words), "{query} {accept}: {refusal}");
        }
    }

    #[test]
    fn ranges_count_from_both_ends() {
        let range = |text: &str| {
            Wanted::parse(&format!("format=car&entity-bytes={text}"), "")
                .unwrap()
                .range(100)
        };
        assert_eq!(range("0:*"), 0..u64::MAX);
        assert_eq!(range("10:19"), 10..20);
        assert_eq!(range("-10:*"), 90..u64::MAX);
        assert_eq!(range("-10:-1"), 90..100);
        assert_eq!(range("-1000:4"), 0..5);
    }
}
