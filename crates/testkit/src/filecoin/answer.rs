//! Builds the responses of a provider.

use std::io;
use std::time::Duration;

use axum::body::Bytes;
use cid::Cid;

use super::Conduct;
use super::bomb::bomb;
use super::http::{self, Connection, Request};
use super::payload::{put_header, put_section, stray_block};
use super::provider::Shop;

const CAR: &str = "application/vnd.ipld.car";
const RAW: &str = "application/vnd.ipld.raw";
const PAGE: &str = "<!doctype html><title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>";

/// Whether the connection can serve another request.
pub(super) type KeepAlive = bool;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Car,
    Raw,
}

/// How the end of a body is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    Close,
}

/// A response with a body.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    framing: Framing,
    body: Bytes,
}

/// Answers a request.
pub(super) async fn answer(
    shop: &Shop,
    conduct: &Conduct,
    request: &Request,
    to: &mut Connection,
) -> io::Result<KeepAlive> {
    match conduct {
        Conduct::Dead => return Ok(false),
        Conduct::Silent => {
            to.wait_for_end().await?;
            return Ok(false);
        }
        Conduct::GarbageStatusLine => {
            to.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await?;
            return Ok(false);
        }
        Conduct::RedirectLoop => return redirect(&request.target, to).await,
        Conduct::Redirect(url) => return redirect(url, to).await,
        Conduct::Status(status) => return text(*status, "no\n").send(request, conduct, to).await,
        Conduct::Flaky(of_a_thousand) if shop.throw(*of_a_thousand) => {
            return text(503, "busy\n").send(request, conduct, to).await;
        }
        _ => {}
    }
    let answer = look_up(shop, conduct, request);
    answer.send(request, conduct, to).await
}

async fn redirect(to_where: &str, to: &mut Connection) -> io::Result<KeepAlive> {
    let headers = [("Location", to_where.to_owned()), ("Content-Length", "0".into())];
    to.send(&http::head(&http::status_line(302), &headers)).await?;
    Ok(true)
}

fn text(status: u16, body: &'static str) -> Answer {
    Answer {
        status,
        headers: vec![("Content-Type", "text/plain; charset=utf-8".into())],
        framing: Framing::Length,
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn look_up(shop: &Shop, conduct: &Conduct, request: &Request) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return text(405, "only GET and HEAD\n");
    }
    let Some(name) = request.path().strip_prefix("/ipfs/") else {
        return text(404, "only /ipfs/{cid} is served\n");
    };
    let Ok(cid) = name.parse::<Cid>() else {
        return text(400, "no CID\n");
    };
    let form = match form(request) {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    match (conduct, form) {
        (Conduct::RawOnly(status), Form::Car) => return text(*status, "no CARs here\n"),
        (Conduct::CarOnly, Form::Raw) => return text(406, "no raw blocks here\n"),
        _ => {}
    }
    let identity = cid.hash().code() == 0;
    let block = match identity {
        true => Some(Bytes::copy_from_slice(cid.hash().digest())),
        false => shop.block(cid.hash().digest()),
    };
    let Some(block) = block else {
        return text(404, "ipld: could not find node\n");
    };
    match form {
        Form::Raw => Answer {
            status: 200,
            headers: described(name, "bin", RAW.into()),
            framing: Framing::Length,
            body: spoilt(conduct, block),
        },
        Form::Car => {
            let whole = request.query("dag-scope").unwrap_or("all") != "block";
            let (body, order) = car(shop, conduct, &cid, block, whole);
            Answer {
                status: 200,
                headers: described(name, "car", format!("{CAR}; version=1; order={order}; dups=n")),
                framing: Framing::Chunks,
                body,
            }
        }
    }
}

/// The requested format: the query takes precedence over `Accept`; the default is a CAR.
fn form(request: &Request) -> Result<Form, Answer> {
    match request.query("format") {
        Some("car") => return Ok(Form::Car),
        Some("raw") => return Ok(Form::Raw),
        Some(_) => return Err(text(400, "format must be car or raw\n")),
        None => {}
    }
    let accept = request.header("accept");
    if accept.is_empty() {
        return Ok(Form::Car);
    }
    let media = accept
        .split(',')
        .map(|range| range.split(';').next().unwrap_or_default().trim());
    for media in media {
        match media {
            CAR | "application/*" | "*/*" => return Ok(Form::Car),
            RAW => return Ok(Form::Raw),
            _ => {}
        }
    }
    Err(text(
        406,
        "Accept must have application/vnd.ipld.car or application/vnd.ipld.raw\n",
    ))
}

fn described(name: &str, extension: &str, media: String) -> Vec<(&'static str, String)> {
    vec![
        ("Content-Type", media),
        (
            "Content-Disposition",
            format!("attachment; filename=\"{name}.{extension}\""),
        ),
        ("Cache-Control", "public, max-age=29030400, immutable".into()),
        ("Etag", format!("\"{name}.{extension}\"")),
        ("X-Content-Type-Options", "nosniff".into()),
        ("X-Ipfs-Path", format!("/ipfs/{name}")),
        ("Vary", "Accept, Accept-Encoding".into()),
    ]
}

/// A block as this provider sends it, intact or not.
fn spoilt(conduct: &Conduct, block: Bytes) -> Bytes {
    match conduct {
        Conduct::Lying => {
            let mut bytes = block.to_vec();
            match bytes.last_mut() {
                Some(last) => *last ^= 1,
                None => bytes.push(0),
            }
            bytes.into()
        }
        Conduct::Garbage => Bytes::from_static(PAGE.as_bytes()),
        Conduct::Truncated => block.slice(..block.len() / 2),
        _ => block,
    }
}

/// The CAR, and the order of its blocks.
fn car(shop: &Shop, conduct: &Conduct, cid: &Cid, block: Bytes, whole: bool) -> (Bytes, &'static str) {
    if matches!(conduct, Conduct::Garbage) {
        return (Bytes::from_static(PAGE.as_bytes()), "dfs");
    }
    let root = cid.to_bytes();
    let mut car = Vec::new();
    put_header(&mut car, &root);
    // The block of an identity CID is in the CID.
    if !matches!(conduct, Conduct::EmptyCar) && cid.hash().code() != 0 {
        let block = match conduct {
            Conduct::Lying => spoilt(conduct, block),
            _ => block,
        };
        put_section(&mut car, &[&root, &block]);
        if matches!(conduct, Conduct::Truncated) {
            car.truncate(car.len() - block.len().div_ceil(2));
        }
    }
    if matches!(conduct, Conduct::ExtraBlock) {
        let (cid, block) = stray_block(shop.seed());
        put_section(&mut car, &[&cid.to_bytes(), &block]);
    }
    if !whole {
        return (car.into(), "dfs");
    }
    for (cid, block) in shop.blocks_below(cid.hash().digest()) {
        put_section(&mut car, &[&cid.to_bytes(), &block]);
    }
    (car.into(), "unk")
}

impl Answer {
    async fn send(
        mut self,
        request: &Request,
        conduct: &Conduct,
        to: &mut Connection,
    ) -> io::Result<KeepAlive> {
        let good = self.status == 200;
        let mut line = http::status_line(self.status);
        let mut announced = self.body.len() as u64;
        match conduct {
            Conduct::Http10 => {
                line = line.replacen("HTTP/1.1", "HTTP/1.0", 1);
                self.framing = Framing::Close;
            }
            Conduct::BrokenOff if good => {
                self.framing = Framing::Length;
                self.body.truncate(self.body.len() / 2);
            }
            Conduct::GzipBomb(zeros) if good => {
                self.headers.push(("Content-Encoding", "gzip".into()));
                let (start, zeros) = (self.body.clone(), *zeros);
                let packed = tokio::task::spawn_blocking(move || bomb(&start, zeros)).await;
                self.body = packed.map_err(io::Error::other)?.into();
                self.framing = Framing::Chunks;
            }
            Conduct::Oversize(zeros) if good => {
                self.framing = Framing::Length;
                announced += zeros;
            }
            Conduct::Drip(_) if good => self.framing = Framing::Chunks,
            _ => {}
        }
        match self.framing {
            Framing::Length => self.headers.push(("Content-Length", announced.to_string())),
            Framing::Chunks => self.headers.push(("Transfer-Encoding", "chunked".into())),
            Framing::Close => self.headers.push(("Connection", "close".into())),
        }
        let head = http::head(&line, &self.headers);
        match conduct {
            Conduct::SlowHeaders(pause) => {
                for line in head.split_inclusive(|byte| *byte == b'\n') {
                    tokio::time::sleep(*pause).await;
                    to.send(line).await?;
                }
            }
            _ => to.send(&head).await?,
        }
        if request.method == "HEAD" {
            return Ok(self.framing != Framing::Close);
        }
        match conduct {
            Conduct::Slow(pause) => tokio::time::sleep(*pause).await,
            Conduct::Drip(pause) if good => return drip(&self.body, *pause, to).await,
            _ => {}
        }
        self.send_body(conduct, good, to).await
    }

    async fn send_body(self, conduct: &Conduct, good: bool, to: &mut Connection) -> io::Result<KeepAlive> {
        match self.framing {
            Framing::Chunks => {
                if !self.body.is_empty() {
                    to.send_chunk(&self.body).await?;
                }
                to.send_chunk(&[]).await?;
            }
            Framing::Length | Framing::Close => to.send(&self.body).await?,
        }
        match conduct {
            Conduct::BrokenOff if good => Ok(false),
            Conduct::Oversize(zeros) if good => {
                let nothing = vec![0; 1 << 16];
                let mut left = *zeros;
                while left > 0 {
                    let now = left.min(nothing.len() as u64);
                    to.send(&nothing[..now as usize]).await?;
                    left -= now;
                }
                Ok(true)
            }
            _ => Ok(self.framing != Framing::Close),
        }
    }
}

/// Sends a byte now and then: the body, then zeros, until the client disconnects.
async fn drip(body: &[u8], pause: Duration, to: &mut Connection) -> io::Result<KeepAlive> {
    for byte in body.iter().chain(std::iter::repeat(&0)) {
        to.send_chunk(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(false)
}
