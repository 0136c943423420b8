//! The measurement: schema, result codes, validity, signing, NDJSON batches, UnixFS and CAR.
