//! Parses the addresses in `Forwarded` (RFC 7239) and `X-Forwarded-For`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A hop, in the order of the header. `None` if it does not state its address (`unknown`, an obfuscated name, no
/// `for`).
pub(crate) type Hop = Option<IpAddr>;

/// The hops of one `Forwarded` line; `None` if it is malformed.
///
/// Parsed from the left, because only then is it known what is quoted. A client that opens a quote before the proxy's
/// entry spoils the line, and gains nothing.
pub(crate) fn forwarded(line: &str) -> Option<Vec<Hop>> {
    let mut rest = Rest(line);
    let mut hops = Vec::new();
    loop {
        rest.skip_space();
        // Empty elements of a list are skipped (RFC 9110 §5.6.1.2).
        if !rest.0.is_empty() && !rest.0.starts_with(',') {
            hops.push(element(&mut rest)?);
        }
        if rest.0.is_empty() {
            return Some(hops);
        }
        rest.eat(',')?;
    }
}

/// Parses `for=192.0.2.1;proto=http;by="[2001:db8::1]:80"`, with the permitted whitespace.
fn element(rest: &mut Rest<'_>) -> Option<Hop> {
    let mut seen: Vec<String> = Vec::new();
    let mut hop = None;
    loop {
        let name = rest.token()?.to_ascii_lowercase();
        rest.eat('=')?;
        let value = if rest.0.starts_with('"') {
            rest.quoted()?
        } else {
            rest.token()?.to_owned()
        };
        if seen.contains(&name) {
            return None;
        }
        if name == "for" {
            hop = node(&value)?;
        }
        seen.push(name);
        rest.skip_space();
        if !rest.0.starts_with(';') {
            return Some(hop);
        }
        rest.eat(';')?;
        rest.skip_space();
        // A trailing semicolon.
        if rest.0.is_empty() || rest.0.starts_with(',') {
            return Some(hop);
        }
    }
}

/// A node of RFC 7239 §6; the outer `None` if it is malformed.
fn node(text: &str) -> Option<Hop> {
    if let Some(address) = with_port(text) {
        return Some(Some(address));
    }
    let (name, port) = text
        .split_once(':')
        .map_or((text, None), |(name, port)| (name, Some(port)));
    (is_name(name) && port.is_none_or(is_port)).then_some(None)
}

fn is_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("unknown") || is_obfuscated(name)
}

fn is_obfuscated(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() > 1 && name.starts_with('_') && name.bytes().all(allowed)
}

fn is_port(port: &str) -> bool {
    let number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    number || is_obfuscated(port)
}

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn with_port(text: &str) -> Option<IpAddr> {
    let (address, port): (IpAddr, &str) = if let Some(inner) = text.strip_prefix('[') {
        let (address, port) = inner.split_once(']')?;
        (address.parse::<Ipv6Addr>().ok()?.into(), port)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        (text[..end].parse::<Ipv4Addr>().ok()?.into(), &text[end..])
    };
    let port_is_one = match port.strip_prefix(':') {
        Some(port) => is_port(port),
        None => port.is_empty(),
    };
    port_is_one.then_some(address)
}

/// The hops of one `X-Forwarded-For` line. No standard defines its syntax: addresses with or without ports and brackets
/// are accepted, and anything else is a hop without an address.
pub(crate) fn x_forwarded_for(line: &str) -> Vec<Hop> {
    let hops = line.split(',').map(|hop| hop.trim_matches([' ', '\t']));
    hops.filter(|hop| !hop.is_empty())
        .map(|hop| {
            hop.parse::<Ipv6Addr>()
                .ok()
                .map(IpAddr::from)
                .or_else(|| with_port(hop))
        })
        .collect()
}

/// The unparsed rest of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    /// RFC 9110 §5.6.2; not empty.
    fn token(&mut self) -> Option<&'a str> {
        let in_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !in_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// RFC 9110 §5.6.4, without its quotes and escapes.
    fn quoted(&mut self) -> Option<String> {
        self.eat('"')?;
        let mut text = String::new();
        let mut characters = self.0.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(text);
                }
                '\\' => text.push(characters.next()?.1),
                _ => text.push(character),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> Hop {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_examples_of_rfc_7239_are_read() {
        for (line, hops) in [
            (r#"for="_gazonk""#, vec![None]),
            (r#"For="[2001:db8:cafe::17]:4711""#, vec![ip("2001:db8:cafe::17")]),
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                vec![ip("192.0.2.60")],
            ),
            (
                "for=192.0.2.43, for=198.51.100.17",
                vec![ip("192.0.2.43"), ip("198.51.100.17")],
            ),
            ("for=_hidden, for=_SEVKISEK", vec![None, None]),
            (
                r#"for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown"#,
                vec![ip("192.0.2.43"), ip("2001:db8:cafe::17"), None],
            ),
            (r#"for="192.0.2.43:47011""#, vec![ip("192.0.2.43")]),
        ] {
            assert_eq!(forwarded(line), Some(hops), "{line}");
        }
    }

    #[test]
    fn accepted_and_rejected_syntax() {
        for (line, hops) in [
            ("", Some(vec![])),
            (" , ,for=192.0.2.1 ;  proto=https;, ", Some(vec![ip("192.0.2.1")])),
            ("proto=https", Some(vec![None])),
            (
                r#"for="192.0.2.\1:_port";secret="a,b;for=9.9.9.9""#,
                Some(vec![ip("192.0.2.1")]),
            ),
            (r#"for="unknown:80""#, Some(vec![None])),
            ("for=192.0.2.1;for=192.0.2.2", None),
            ("for=192.0.2.1;FOR=192.0.2.2", None),
            ("for=[2001:db8::1]", None),
            ("for=2001:db8::1", None),
            (r#"for="2001:db8::1""#, None),
            (r#"for="[192.0.2.1]""#, None),
            (r#"for="192.0.2.1:123456""#, None),
            (r#"for="192.0.2.1:""#, None),
            ("for=01.2.3.4", None),
            ("for=256.1.1.1", None),
            ("for=host.example", None),
            ("for=_", None),
            ("for", None),
            ("for=", None),
            ("for = 192.0.2.1", None),
            (r#"for="192.0.2.1"x"#, None),
            // Attempts of a client to swallow the proxy's entry.
            (r#"for="9.9.9.9, for=192.0.2.1"#, None),
            (r#"for=9.9.9.9;x=", for="[2001:db8::1]""#, None),
            (r#"for="9.9.9.9\"#, None),
            ("for=192.0.2.1 for=192.0.2.2", None),
        ] {
            assert_eq!(forwarded(line), hops, "{line}");
        }
    }

    #[test]
    fn x_forwarded_for_is_parsed_as_found_in_the_wild() {
        let line = "192.0.2.1,2001:db8::1 ,\t[2001:db8::2]:443, 192.0.2.2:80,, unknown, 01.2.3.4";
        let hops = [
            ip("192.0.2.1"),
            ip("2001:db8::1"),
            ip("2001:db8::2"),
            ip("192.0.2.2"),
            None,
            None,
        ];
        assert_eq!(x_forwarded_for(line), hops);
    }

    proptest! {
        #[test]
        fn no_line_is_a_panic(line in r#"(for|by|[ \t,;=":\\\[\]_a-z0-9.é]){0,40}"#) {
            forwarded(&line);
            x_forwarded_for(&line);
        }

        #[test]
        fn written_lines_parse_back(addresses in prop::collection::vec(any::<IpAddr>(), 0..5)) {
            let write = |address: &IpAddr| match address {
                IpAddr::V4(address) => format!("for={address}"),
                IpAddr::V6(address) => format!("for=\"[{address}]:1\""),
            };
            let line: Vec<_> = addresses.iter().map(write).collect();
            let hops: Vec<_> = addresses.iter().copied().map(Some).collect();
            prop_assert_eq!(forwarded(&line.join(", ")), Some(hops));
        }
    }
}
