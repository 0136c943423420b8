//! EIP-712: the message that a station signs.

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};

use crate::{Measurement, Millis};

/// The EIP-712 domain, which binds a signature to one network: chain id and address of its `Rounds` contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `Rounds` contract.
    pub rounds: Address,
}

impl Domain {
    /// EIP-712 digest of a message under this domain, in the version of measurements, heartbeats and receipts (docs/protocol.md
    /// §9.2). Seals have their own: [`Seal::digest`](crate::Seal::digest).
    #[must_use]
    pub fn digest(&self, message: &impl SolStruct) -> B256 {
        message.eip712_signing_hash(&self.of_version("1"))
    }

    pub(crate) fn of_version(&self, version: &'static str) -> Eip712Domain {
        eip712_domain! {
            name: "Assize",
            version: version,
            chain_id: self.chain_id,
            verifying_contract: self.rounds,
        }
    }
}

mod typed {
    alloy_sol_types::sol! {
        /// An absent string is empty, an absent number or time is -1.
        struct Measurement {
            uint64 round;
            uint32 task;
            address station;
            string cid;
            string minerId;
            string providerId;
            string providerAddress;
            string protocol;
            string sparkVersion;
            string zinniaVersion;
            bool timeout;
            int64 startAt;
            int64 firstByteAt;
            int64 endAt;
            int64 statusCode;
            int64 headStatusCode;
            int64 byteLength;
            bool carTooLarge;
            string carChecksum;
            string indexerResult;
            string attestation;
        }
    }
}

impl From<&Measurement> for typed::Measurement {
    fn from(m: &Measurement) -> Self {
        let string = |text: &Option<String>| text.clone().unwrap_or_default();
        let number = |number: Option<i64>| number.unwrap_or(-1);
        let time = |time: Option<Millis>| time.map_or(-1, |time| time.0);
        Self {
            round: m.round.0,
            task: m.task.0,
            station: m.station,
            cid: m.cid.as_str().to_owned(),
            minerId: m.miner_id.as_str().to_owned(),
            providerId: string(&m.provider_id),
            providerAddress: string(&m.provider_address),
            protocol: string(&m.protocol),
            sparkVersion: string(&m.spark_version),
            zinniaVersion: string(&m.zinnia_version),
            timeout: m.timeout,
            startAt: time(m.start_at),
            firstByteAt: time(m.first_byte_at),
            endAt: time(m.end_at),
            statusCode: number(m.status_code),
            headStatusCode: number(m.head_status_code),
            byteLength: number(m.byte_length),
            carTooLarge: m.car_too_large,
            carChecksum: string(&m.car_checksum),
            indexerResult: string(&m.indexer_result),
            attestation: string(&m.attestation),
        }
    }
}

impl Measurement {
    /// The EIP-712 digest that the station signs; it covers every field except the signature.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        Digester::new(domain).digest(self)
    }
}

/// Digests of many measurements under one domain, whose hash it computes once.
#[derive(Debug, Clone)]
pub(crate) struct Digester {
    domain_separator: B256,
}

impl Digester {
    pub(crate) fn new(domain: &Domain) -> Self {
        Self {
            domain_separator: domain.of_version("1").hash_struct(),
        }
    }

    pub(crate) fn digest(&self, measurement: &Measurement) -> B256 {
        let mut input = [0; 66];
        input[..2].copy_from_slice(&[0x19, 0x01]);
        input[2..34].copy_from_slice(self.domain_separator.as_slice());
        input[34..].copy_from_slice(
            typed::Measurement::from(measurement)
                .eip712_hash_struct()
                .as_slice(),
        );
        keccak256(input)
    }
}
