//! Packs a file as `assize` packs batches, for tests of other programs: writes DIRECTORY/CID.car, prints the CID.
//!
//!     cargo run -p assize-testkit --example pack -- FILE DIRECTORY
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool of tests")]

use std::path::Path;

use assize_measurement::car;

fn main() {
    let [file, directory] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let (cid, packed) = car::pack(&std::fs::read(file).unwrap());
    std::fs::write(Path::new(&directory).join(format!("{cid}.car")), packed).unwrap();
    println!("{cid}");
}
