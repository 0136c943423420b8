//! Parses files into rows, on all threads.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use assize_evaluate::columns::{Id, Strings, Vote};
use assize_measurement::RetrievalResult;
use memchr::memchr;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use thiserror::Error;

use crate::vote::{intern, vote};
use crate::{
    Chunk, ChunkKind, Chunks, Fault, Field, HeadStatus, Parser, Round, Row, Rules, SparkInvalidity,
    is_station_id, parse_list, participant, too_long,
};

/// Maximum number of rejected rows that are reported; all are counted.
const KEPT: usize = 1_000;

/// A valid row as numbers. 64 bytes each, for millions of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Milliseconds since the Unix epoch.
    pub finished_at: i64,
    pub vote: Vote,
    pub participant: Id,
    pub station: Id,
    pub subnet: Id,
    /// Index in the round's list; [`NO_TASK`] if it is not listed.
    pub task: u32,
    /// Position among all rows, valid or not.
    pub position: u32,
    pub success: Success,
}

const _: () = assert!(size_of::<Record>() == 64);

pub(crate) const NO_TASK: u32 = u32::MAX;

/// The properties that success rates depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Success {
    pub ok: bool,
    pub http: bool,
    /// The HEAD request was answered with a status from 200 to 299.
    pub head: bool,
    /// The indexer itself failed.
    pub indexer_down: bool,
}

/// The measurements of a round.
pub struct Measurements {
    /// Valid rows, in the files' order.
    pub(crate) rows: Vec<Record>,
    pub(crate) strings: Strings,
    pub(crate) rules: Rules,
    total: u64,
    first_rejected: Vec<Rejected>,
    rejected: BTreeMap<&'static str, u64>,
}

/// A rejected row with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// File number, from 0.
    pub file: usize,
    /// Line number, from 1; in the legacy format, its position in the list.
    pub number: u64,
    /// The invalid field, or `line` for the whole.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// Files that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file cannot be read.
    #[error("cannot read file {}", .file + 1)]
    File {
        /// File number, from 0.
        file: usize,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// More rows than can be numbered.
    #[error("more than 2^32 rows; evaluate one round at a time")]
    TooMany,
}

impl Measurements {
    /// Reads files on all threads of the current pool.
    ///
    /// # Errors
    /// [`ReadError`]; malformed rows are not errors, but reported in [`Self::rejected`].
    pub fn read<I, R>(
        round: &Round,
        rules: Rules,
        parser: Parser,
        chunks: Chunks<I, R>,
    ) -> Result<Self, ReadError>
    where
        I: Iterator<Item = io::Result<R>> + Send,
        R: Read + Send,
    {
        let tasks = round.task_indexes();
        let source = Mutex::new(Source {
            chunks,
            taken: 0,
            failure: None,
        });
        let readers = rayon::broadcast(|_| {
            let mut reader = Reader::new(&tasks, rules, parser);
            let mut buffer = Vec::new();
            while let Some((sequence, chunk)) = take(&source, &mut buffer) {
                reader.read(sequence, chunk, &buffer);
            }
            reader
        });
        let source = source.into_inner().unwrap_or_else(PoisonError::into_inner);
        match source.failure {
            Some((file, error)) => Err(ReadError::File { file, error }),
            None => merge(readers, rules),
        }
    }

    /// Number of all rows, valid or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Number of valid rows.
    #[must_use]
    pub fn valid(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Number of rejected rows, by the invalid field.
    #[must_use]
    pub fn rejected(&self) -> &BTreeMap<&'static str, u64> {
        &self.rejected
    }

    /// The first rejected rows, at most a thousand.
    #[must_use]
    pub fn first_rejected(&self) -> &[Rejected] {
        &self.first_rejected
    }
}

struct Source<I, R> {
    chunks: Chunks<I, R>,
    taken: usize,
    failure: Option<(usize, io::Error)>,
}

/// The next chunk with its number; the lock's holder reads, and parses outside of it.
fn take<I, R>(source: &Mutex<Source<I, R>>, buffer: &mut Vec<u8>) -> Option<(usize, Chunk)>
where
    I: Iterator<Item = io::Result<R>>,
    R: Read,
{
    let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
    if source.failure.is_some() {
        return None;
    }
    match source.chunks.next_into(buffer) {
        Ok(chunk) => {
            source.taken += 1;
            Some((source.taken, chunk?))
        }
        Err(failure) => {
            source.failure = Some(failure);
            None
        }
    }
}

/// The state of one thread: its own texts and its parsed chunks.
struct Reader<'a> {
    tasks: &'a HashMap<(&'a str, &'a str), u32>,
    rules: Rules,
    parser: Parser,
    strings: Strings,
    /// By text.
    known: Vec<Known>,
    /// By CID and provider.
    known_tasks: FxHashMap<(u32, u32), u32>,
    ok: Id,
    pieces: Vec<Piece>,
    kept: usize,
}

/// Cached properties of a text.
#[derive(Clone, Copy, Default)]
struct Known {
    participant: Option<Option<Id>>,
    is_station: Option<bool>,
}

/// A parsed chunk.
struct Piece {
    sequence: usize,
    file: usize,
    /// Positions count from the beginning of the chunk.
    rows: Vec<Record>,
    rejected: Vec<(u64, Fault)>,
    /// All rows that were rejected, those not kept included.
    counts: BTreeMap<&'static str, u64>,
    /// Number of all rows.
    total: u32,
    lines: u64,
}

impl<'a> Reader<'a> {
    fn new(tasks: &'a HashMap<(&'a str, &'a str), u32>, rules: Rules, parser: Parser) -> Self {
        let mut strings = Strings::new();
        Self {
            tasks,
            rules,
            parser,
            ok: strings.intern("OK"),
            strings,
            known: Vec::new(),
            known_tasks: FxHashMap::default(),
            pieces: Vec::new(),
            kept: 0,
        }
    }

    fn read(&mut self, sequence: usize, chunk: Chunk, bytes: &[u8]) {
        let mut piece = Piece {
            sequence,
            file: chunk.file,
            rows: Vec::with_capacity(bytes.len() / 512),
            rejected: Vec::new(),
            counts: BTreeMap::new(),
            total: 0,
            lines: 0,
        };
        match chunk.kind {
            ChunkKind::Lines => {
                for line in lines(bytes) {
                    piece.lines += 1;
                    let line = line.trim_ascii();
                    if !line.is_empty() {
                        self.add(&mut piece, self.parser.parse(line));
                    }
                }
            }
            ChunkKind::TooLong { bytes } => {
                piece.lines = 1;
                self.add(&mut piece, Err(too_long(bytes)));
            }
            ChunkKind::List => match parse_list(bytes) {
                Ok(rows) => {
                    for row in rows {
                        piece.lines += 1;
                        self.add(&mut piece, row);
                    }
                }
                Err(fault) => {
                    piece.lines = 1;
                    self.add(&mut piece, Err(fault));
                }
            },
        }
        self.pieces.push(piece);
    }

    fn add(&mut self, piece: &mut Piece, row: Result<Row<'_>, Fault>) {
        let row = row.and_then(|row| {
            let invalid = |invalidity: SparkInvalidity| (invalidity.field(), invalidity.to_string());
            self.take(&row, piece.total).map_err(invalid)
        });
        piece.total += 1;
        match row {
            Ok(row) => piece.rows.push(row),
            Err(fault) => {
                *piece.counts.entry(fault.0).or_default() += 1;
                // Threads take chunks in order, so the first of all are among the first of each.
                if self.kept < KEPT {
                    self.kept += 1;
                    piece.rejected.push((piece.lines, fault));
                }
            }
        }
    }

    /// The row as numbers, if it is valid.
    fn take(&mut self, row: &Row<'_>, position: u32) -> Result<Record, SparkInvalidity> {
        let participant = intern(&mut self.strings, &row.participant_address);
        let participant = self
            .participant(participant)
            .ok_or(SparkInvalidity::ParticipantAddress)?;
        let station = intern(&mut self.strings, &row.station_id);
        if row.station_id.value().is_some() && !self.is_station(station) {
            return Err(SparkInvalidity::StationId);
        }
        row.check_claim(self.rules)?;
        let result = row.retrieval_result();
        let code = match result {
            RetrievalResult::Ok => self.ok,
            _ => self.strings.intern(&result.to_string()),
        };
        Ok(Record {
            finished_at: row.finished_at.millis.unwrap_or_default(),
            vote: vote(row, code, &mut self.strings),
            participant,
            station,
            subnet: intern(&mut self.strings, &row.inet_group),
            task: self.task(&row.cid, &row.miner_id),
            position,
            success: Success {
                ok: result.is_ok(),
                http: row.protocol().as_deref() == Some("http"),
                head: matches!(row.head_status_code, HeadStatus::Number(status) if (200.0..300.0).contains(&status)),
                indexer_down: matches!(&result, RetrievalResult::Ipni(said) if is_server_error(said)),
            },
        })
    }

    fn known(&mut self, id: Id) -> &mut Known {
        if self.known.len() <= id.index() {
            self.known.resize(self.strings.count(), Known::default());
        }
        &mut self.known[id.index()]
    }

    /// The canonical address of a participant.
    fn participant(&mut self, id: Id) -> Option<Id> {
        if let Some(known) = self.known(id).participant {
            return known;
        }
        let address = participant(self.strings.get(id)).map(std::borrow::Cow::into_owned);
        let booked = address.map(|address| self.strings.intern(&address));
        self.known(id).participant = Some(booked);
        booked
    }

    fn is_station(&mut self, id: Id) -> bool {
        if let Some(known) = self.known(id).is_station {
            return known;
        }
        let is_station = is_station_id(self.strings.get(id));
        self.known(id).is_station = Some(is_station);
        is_station
    }

    fn task<T: AsRef<str>>(&mut self, cid: &Field<T>, miner_id: &Field<T>) -> u32 {
        let (Some(cid), Some(miner_id)) = (cid.value(), miner_id.value()) else {
            return NO_TASK;
        };
        let (cid, miner_id) = (
            self.strings.intern(cid.as_ref()),
            self.strings.intern(miner_id.as_ref()),
        );
        *self.known_tasks.entry((cid.0, miner_id.0)).or_insert_with(|| {
            let task = (self.strings.get(cid), self.strings.get(miner_id));
            self.tasks.get(&task).copied().unwrap_or(NO_TASK)
        })
    }
}

/// Lines with their newlines; the last may lack one.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// Whether the indexer's result is `ERROR_5xx`.
fn is_server_error(said: &str) -> bool {
    said.strip_prefix("ERROR_5")
        .is_some_and(|rest| rest.len() == 2 && rest.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Merges the threads' results, in the files' order.
fn merge(readers: Vec<Reader<'_>>, rules: Rules) -> Result<Measurements, ReadError> {
    let mut strings = Strings::new();
    let mut pieces = Vec::new();
    for (number, reader) in readers.into_iter().enumerate() {
        let mut own = reader.pieces;
        if number == 0 {
            strings = reader.strings;
        } else {
            let ids = strings.absorb(&reader.strings);
            own.par_iter_mut()
                .flat_map(|piece| &mut piece.rows)
                .for_each(|row| {
                    row.vote = row.vote.renumbered(&ids);
                    row.participant = ids[row.participant.index()];
                    row.station = ids[row.station.index()];
                    row.subnet = ids[row.subnet.index()];
                });
        }
        pieces.extend(own);
    }
    pieces.sort_unstable_by_key(|piece| piece.sequence);

    let mut measurements = Measurements {
        rows: Vec::with_capacity(pieces.iter().map(|piece| piece.rows.len()).sum()),
        strings,
        rules,
        total: 0,
        first_rejected: Vec::new(),
        rejected: BTreeMap::new(),
    };
    let (mut file, mut lines) = (0, 0);
    for piece in pieces {
        if piece.file != file {
            (file, lines) = (piece.file, 0);
        }
        let before = u32::try_from(measurements.total).map_err(|_| ReadError::TooMany)?;
        for mut row in piece.rows {
            row.position = before.checked_add(row.position).ok_or(ReadError::TooMany)?;
            measurements.rows.push(row);
        }
        for (number, (field, reason)) in piece.rejected {
            let number = lines + number;
            measurements.first_rejected.push(Rejected {
                file,
                number,
                field,
                reason,
            });
        }
        for (field, count) in piece.counts {
            *measurements.rejected.entry(field).or_default() += count;
        }
        measurements.total += u64::from(piece.total);
        lines += piece.lines;
    }
    measurements.first_rejected.truncate(KEPT);
    Ok(measurements)
}
