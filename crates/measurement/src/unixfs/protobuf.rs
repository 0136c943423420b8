//! The two protobuf messages of a UnixFS file's nodes, in their canonical form (IPLD dag-pb specification; UnixFS
//! specification). Other encodings are rejected.

use assize_protocol::FileCid;

use crate::varint;

const LENGTH_DELIMITED: u64 = 2;
const VARINT: u64 = 0;
/// `Data.Type.File`.
const FILE: u64 = 2;

/// A link to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub cid: FileCid,
    /// Bytes of all blocks of the child's tree.
    pub total: u64,
}

/// An inner node of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub links: Vec<Link>,
    /// Bytes of content below.
    pub content: u64,
    /// The same of each link.
    pub sizes: Vec<u64>,
}

impl Node {
    /// `PBNode`: links (field 2) before data (field 1), as dag-pb requires.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut node = Vec::new();
        for link in &self.links {
            let mut message = Vec::new();
            put_bytes(&mut message, 1, &link.cid.to_bytes());
            put_bytes(&mut message, 2, b"");
            put_number(&mut message, 3, link.total);
            put_bytes(&mut node, 2, &message);
        }
        let mut data = Vec::new();
        put_number(&mut data, 1, FILE);
        put_number(&mut data, 3, self.content);
        for size in &self.sizes {
            put_number(&mut data, 4, *size);
        }
        put_bytes(&mut node, 1, &data);
        node
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut links = Vec::new();
        let mut data = None;
        let mut fields = Fields(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(link)) if data.is_none() => links.push(decode_link(link)?),
                (1, Value::Bytes(bytes)) if data.is_none() => data = Some(bytes),
                _ => return Err("it has an unknown dag-pb field, or one out of order"),
            }
        }
        let mut fields = Fields(data.ok_or("it has no data")?);
        let (mut kind, mut content, mut sizes) = (None, None, Vec::new());
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Number(number)) => kind = Some(number),
                (3, Value::Number(number)) => content = Some(number),
                (4, Value::Number(number)) => sizes.push(number),
                _ => return Err("its data has a field that is not allowed in a file node"),
            }
        }
        if kind != Some(FILE) {
            return Err("it is not of type file");
        }
        if sizes.len() != links.len() {
            return Err("link and size counts differ");
        }
        let node = Self {
            links,
            content: content.ok_or("it does not state its size")?,
            sizes,
        };
        match node.encode() == bytes {
            true => Ok(node),
            false => Err("it is not in canonical form"),
        }
    }
}

fn decode_link(bytes: &[u8]) -> Result<Link, &'static str> {
    let (mut cid, mut total) = (None, None);
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => {
                cid = Some(FileCid::from_bytes(bytes).map_err(|_| "a link is not to a raw or dag-pb block")?);
            }
            (2, Value::Bytes(b"")) => {}
            (3, Value::Number(number)) => total = Some(number),
            _ => return Err("a link has an unknown field"),
        }
    }
    Ok(Link {
        cid: cid.ok_or("a link has no CID")?,
        total: total.ok_or("a link has no size")?,
    })
}

fn put_number(to: &mut Vec<u8>, field: u64, number: u64) {
    varint::put(to, field << 3 | VARINT);
    varint::put(to, number);
}

fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint::put(to, field << 3 | LENGTH_DELIMITED);
    varint::put(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The remaining fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        const CUT: &str = "it is truncated in a field";
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = varint::take(&mut self.0).ok_or(CUT)?;
        let number = varint::take(&mut self.0).ok_or(CUT)?;
        let value = match key & 7 {
            VARINT => Value::Number(number),
            LENGTH_DELIMITED => {
                let length = usize::try_from(number).map_err(|_| CUT)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return Err("it has a field of the wrong wire type"),
        };
        Ok(Some((key >> 3, value)))
    }
}
