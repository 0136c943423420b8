//! The api's answers to several measurements in one request.

use serde::{Deserialize, Serialize};

use crate::{Problem, Receipt};

/// The answer to one of several measurements: `POST /measurements` with NDJSON answers each line with one line, in the
/// same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Answer {
    /// Accepted, with a receipt.
    Receipt(Receipt),
    /// Rejected.
    Problem(Problem),
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};
    use assize_measurement::Domain;
    use secp256k1::SecretKey;

    use super::*;
    use crate::ProblemKind;

    #[test]
    fn receipts_and_problems_are_distinguished() {
        let domain = Domain {
            chain_id: 314,
            rounds: Address::repeat_byte(0xaa),
        };
        let key = SecretKey::from_secret_bytes([7; 32]).unwrap();
        let answers = [
            Answer::Receipt(Receipt::new(&key, &domain, B256::repeat_byte(1), 1_760_000_000)),
            Answer::Problem(Problem::new(ProblemKind::RoundOver, "too late")),
        ];
        for answer in answers {
            let line = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), answer, "{line}");
        }
    }
}
