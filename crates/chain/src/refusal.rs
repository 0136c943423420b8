//! JSON-RPC error objects, in the words of geth, anvil, Lotus, Forest and the proxies in front of them. Nodes agree on few
//! codes, so most of what an error means is read from its message.

use alloy_primitives::{Bytes, hex};
use serde::Deserialize;
use serde_json::Value;

/// Parity's code of a failed execution.
const PARITY_EXECUTION: i64 = -32_015;

/// A JSON-RPC error object; some proxies send a mere text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Value")]
pub(crate) struct Refusal {
    /// 3 and Parity's -32015 are reverts; -32005, -32007, -32029 and 429 are rate limits.
    pub(crate) code: i64,
    /// The node's message.
    pub(crate) message: String,
    /// Additional data of the node; for a revert, its data.
    data: Option<Value>,
}

impl From<Value> for Refusal {
    /// Of whatever was sent: its code may be a number as text, and its message anything.
    fn from(error: Value) -> Self {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let Value::Object(mut fields) = error else {
            return Self {
                message: text(&error),
                ..Self::default()
            };
        };
        let code = fields.get("code").unwrap_or(&Value::Null);
        let message = fields.get("message").map(&text).unwrap_or_default();
        Self {
            code: code
                .as_i64()
                .or_else(|| code.as_f64().map(|code| code as i64))
                .or_else(|| code.as_str()?.parse().ok())
                .unwrap_or_default(),
            message: match (message.is_empty(), code) {
                // A name in place of a number.
                (true, Value::String(code)) => code.clone(),
                _ => message,
            },
            data: fields.remove("data").filter(|data| !data.is_null()),
        }
    }
}

/// A contract's revert as a node reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportedRevert {
    /// What the contract returned; empty if the node does not say.
    pub(crate) data: Bytes,
    /// The node's own words for the reason; empty if it has none.
    pub(crate) words: String,
}

impl Refusal {
    /// Message and data.
    pub(crate) fn text(&self) -> String {
        match &self.data {
            Some(data) => format!("{} {data}", self.message),
            None => self.message.clone(),
        }
    }

    /// Whether the node or its proxy limits the rate of requests.
    pub(crate) fn is_rate_limit(&self) -> bool {
        let message = self.message.to_lowercase();
        matches!(self.code, -32_005 | -32_029 | 429)
            // Others use this code for errors of their own.
            || (self.code == -32_007 && message.contains("request"))
            || message.contains("rate limit")
            || message.contains("request limit")
            || message.contains("too many requests")
            || message.contains("too_many")
    }

    /// The revert; `None` if the error is not one. Geth, anvil, Lotus and Forest answer with code 3 and the data; older
    /// ones have other codes, and the data, or Solidity's text alone, within the message: `message execution failed
    /// (exit=[33], revert reason=[…], vm error=[0x…])`.
    pub(crate) fn revert(&self) -> Option<ReportedRevert> {
        let message = self.message.as_str();
        // Parity and OpenEthereum: `VM execution error.` with the data `Reverted 0x…`, or the VM's own reason, such as
        // `Out of gas`.
        let parity = self
            .data
            .as_ref()
            .and_then(Value::as_str)
            .filter(|_| self.code == PARITY_EXECUTION);
        if let Some(said) = parity {
            let returned = said.strip_prefix("Reverted").map(str::trim);
            return Some(ReportedRevert {
                data: returned.and_then(|data| data.parse().ok()).unwrap_or_default(),
                words: returned.map_or(said, |_| "").to_owned(),
            });
        }
        let is_execution = self.code == 3 || message.contains("revert") || message.contains("vm error=[");
        // An exit code of the Filecoin VM itself, before any contract ran.
        if !is_execution || message.contains("SysErrInsufficientFunds") {
            return None;
        }
        let data = self.data.as_ref().and_then(returned_in);
        Some(ReportedRevert {
            data: data.or_else(|| returned_in_text(message)).unwrap_or_default(),
            words: words_of(message).to_owned(),
        })
    }
}

/// Whether a node's message says that the sender cannot pay, or does not exist yet for want of a first payment.
pub(crate) fn is_about_funds(message: &str) -> bool {
    const WORDS: &[&str] = &[
        "insufficient funds",
        "insufficient balance",
        "insufficientfunds",
        "not enough funds",
        "balance less than needed",
        "not have enough funds",
        "not have sufficient balance",
        "actor not found",
    ];
    let message = message.to_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

/// Bytes that a contract returned, in whatever objects a node wraps them.
fn returned_in(value: &Value) -> Option<Bytes> {
    match value {
        Value::String(text) => {
            let whole = text.parse().ok().filter(|data: &Bytes| !data.is_empty());
            whole.or_else(|| returned_in_text(text))
        }
        Value::Object(fields) => fields.values().find_map(returned_in),
        _ => None,
    }
}

/// Bytes that a contract returned, within a text: a selector and words of 32 bytes. Addresses and hashes are no such bytes.
fn returned_in_text(text: &str) -> Option<Bytes> {
    text.split("0x").skip(1).find_map(|rest| {
        let digits = rest.find(|symbol: char| !symbol.is_ascii_hexdigit());
        let digits = &rest[..digits.unwrap_or(rest.len())];
        let is_returned = digits.len() % 64 == 8;
        is_returned
            .then(|| hex::decode(digits).ok())
            .flatten()
            .map(Bytes::from)
    })
}

/// The part of a message that names the reason.
fn words_of(message: &str) -> &str {
    let reason = match message.rsplit_once("vm error=[") {
        Some((_, error)) => {
            let error = error.rsplit_once(']').map_or(error, |(error, _)| error);
            // Solidity's text is in `Error(…)`.
            let text = error
                .strip_prefix("Error(")
                .and_then(|text| text.strip_suffix(')'));
            text.unwrap_or(error)
        }
        None => {
            let heads = [
                "VM Exception while processing transaction:",
                "execution reverted",
                "revert",
                ":",
            ];
            heads.iter().fold(message, |rest, head| {
                let rest = rest.trim_start();
                rest.strip_prefix(head).unwrap_or(rest)
            })
        }
    };
    match reason.trim() {
        // An exit code other than a contract's own (33) is the reason.
        "none" if message.contains("exit=[33]") => "",
        "none" => message,
        reason => reason,
    }
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::{Revert as RevertString, SolError};
    use serde_json::json;

    use super::*;

    fn refusal(error: Value) -> Refusal {
        serde_json::from_value(error).unwrap()
    }

    #[test]
    fn an_error_is_an_object_or_a_text() {
        assert_eq!(refusal(json!("slow down")).text(), "slow down");
        assert_eq!(refusal(json!({"message": "no"})).text(), "no");
        for code in [json!("-32005"), json!(-32005.0), json!("TOO_MANY")] {
            let refusal = refusal(json!({"code": code, "message": null}));
            assert!(refusal.is_rate_limit() || refusal.text() == "TOO_MANY", "{code}");
        }
        assert_eq!(
            refusal(json!({"code": 1, "message": "no", "data": 7})).text(),
            "no 7"
        );
    }

    #[test]
    fn reverts_are_found_where_nodes_put_them() {
        let custom = "0xbb4e0af7";
        let text = Bytes::from(RevertString::from("hi").abi_encode()).to_string();
        let text = text.as_str();
        let backtrace = "00: f0169791 (method 3844450837) -- contract reverted at 75 (33)\n (RetCode=33)";
        let cases = [
            // Geth and anvil.
            (
                json!({"code": 3, "message": "execution reverted", "data": custom}),
                custom,
                "",
            ),
            (
                json!({"code": 3, "message": "execution reverted: hi", "data": text}),
                text,
                "hi",
            ),
            (json!({"code": -32000, "message": "execution reverted"}), "0x", ""),
            // Ganache and Hardhat.
            (
                json!({"code": -32000, "message": "VM Exception while processing transaction: revert hi",
                       "data": {"hash": {"error": "revert", "return": text}}}),
                text,
                "hi",
            ),
            // Lotus and Forest, newer and older.
            (
                json!({"code": 3, "data": custom,
                       "message": format!("message execution failed (exit=[33], vm error=[{custom}])")}),
                custom,
                custom,
            ),
            (
                json!({"code": 1, "message": format!(
                    "failed to estimate gas: message execution failed (exit=[33], revert reason=[{backtrace}], vm error=[{custom}])")}),
                custom,
                custom,
            ),
            (
                json!({"code": 11, "data": "0x", "message": format!(
                    "message execution failed (exit=[33], revert reason=[{backtrace}], vm error=[Error(too (much) money)])")}),
                "0x",
                "too (much) money",
            ),
            (
                json!({"code": 1, "message": "message execution failed (exit=[33], vm error=[none])"}),
                "0x",
                "",
            ),
            (
                json!({"code": 1, "message": "message execution failed (exit=[7], vm error=[out of gas])"}),
                "0x",
                "out of gas",
            ),
            // Parity and OpenEthereum.
            (
                json!({"code": -32015, "message": "VM execution error.", "data": format!("Reverted {text}")}),
                text,
                "",
            ),
            (
                json!({"code": -32015, "message": "VM execution error.", "data": "Reverted 0x"}),
                "0x",
                "",
            ),
            (
                json!({"code": -32015, "message": "VM execution error.", "data": "Bad instruction fe"}),
                "0x",
                "Bad instruction fe",
            ),
            // Data at the end of the message, and addresses that are none.
            (
                json!({"code": -32000, "message":
                    format!("call to 0x1111111111111111111111111111111111111111 reverted with {custom}")}),
                custom,
                "call to 0x1111111111111111111111111111111111111111 reverted with 0xbb4e0af7",
            ),
        ];
        for (error, data, words) in cases {
            let revert = refusal(error.clone()).revert().unwrap();
            assert_eq!(revert.data, data.parse::<Bytes>().unwrap(), "{error}");
            assert_eq!(revert.words, words, "{error}");
        }
        for message in [
            "actor not found",
            "method not found",
            "requested epoch was a null round (7)",
            "message execution failed (exit=[SysErrInsufficientFunds(5)], vm error=[none])",
        ] {
            assert_eq!(
                refusal(json!({"code": 1, "message": message})).revert(),
                None,
                "{message}"
            );
        }
    }

    #[test]
    fn rate_limits_are_known_by_code_or_words() {
        for error in [
            json!({"code": -32005, "message": "limit exceeded"}),
            json!({"code": 429, "message": "no"}),
            json!({"code": -32000, "message": "Too Many Requests, see plans"}),
            json!("daily rate limit reached"),
            json!({"code": -32007, "message": "15/second request limit reached - reduce calls per second"}),
        ] {
            assert!(refusal(error.clone()).is_rate_limit(), "{error}");
        }
        for error in [
            json!({"code": -32000, "message": "gas limit exceeded"}),
            json!({"code": -32007, "message": "slot was skipped"}),
        ] {
            assert!(!refusal(error.clone()).is_rate_limit(), "{error}");
        }
    }

    #[test]
    fn a_sender_that_cannot_pay_is_recognized() {
        for message in [
            "Insufficient funds for gas * price + value",
            "mpool push: not enough funds: 0 < 5000000000",
            "Actor balance less than needed: 10 < 20",
            "message failed: SysErrInsufficientFunds (RetCode=5)",
            "resolve address f410fabc: actor not found",
        ] {
            assert!(is_about_funds(message), "{message}");
        }
        assert!(!is_about_funds("nonce too low"));
    }
}
