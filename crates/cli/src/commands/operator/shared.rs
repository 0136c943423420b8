//! What the commands for operators share: addresses and settlements in words.

use assize_payout::{NothingToClaim, SettlementTimeline, Statement};
use assize_protocol::address::to_delegated;
use assize_protocol::{Address, PayoutAddress};
use assize_service::moment;

/// Why nothing can be claimed.
pub(super) fn nothing_to_claim(
    why: NothingToClaim,
    timeline: &SettlementTimeline,
    statement: &Statement,
) -> String {
    let operator = statement.operator;
    let newest = timeline.active.as_ref().map(|settlement| settlement.id);
    let mut text = match why {
        NothingToClaim::NoSettlement => {
            format!("nothing to claim for {operator}: no settlement has been posted yet")
        }
        NothingToClaim::NeverEarned => match newest {
            Some(id) => format!(
                "nothing to claim for {operator}: it earned nothing up to settlement {id}; check the address"
            ),
            None => format!("nothing to claim for {operator}: no settlement is active yet"),
        },
        NothingToClaim::InChallengeWindow => format!(
            "nothing to claim for {operator} yet: {} are still in the challenge window",
            statement.awaited()
        ),
        NothingToClaim::AllPaid => match statement.granted < statement.paid {
            true => format!(
                "nothing to claim for {operator}: it has been paid {}, and settlement {} grants no more than {}; an \
                 earlier one granted more",
                statement.paid,
                newest.map_or_else(|| "–".into(), |id| id.to_string()),
                statement.granted
            ),
            false => format!(
                "nothing to claim for {operator}: everything it earned is paid, {}",
                statement.paid
            ),
        },
    };
    if let Some(next) = next_activation(timeline) {
        text.push_str(&format!(". {next}"));
    } else if let Some(void) = voided(timeline) {
        text.push_str(&format!(". {void}"));
    }
    text
}

/// When the next settlement pays.
pub(super) fn next_activation(timeline: &SettlementTimeline) -> Option<String> {
    let next = timeline.pending.first()?;
    Some(format!(
        "Settlement {} becomes active at {}, unless it is voided",
        next.id,
        moment(next.active_at, timeline.now)
    ))
}

/// A note if the newest settlement was voided.
pub(super) fn voided(timeline: &SettlementTimeline) -> Option<String> {
    let void = timeline.voided.as_ref()?;
    Some(format!(
        "Settlement {} is void and never pays; a later settlement grants the same amounts again",
        void.id
    ))
}

/// An address as Filecoin writes it: f410, f0 for masked ids, f1, f2 or f3.
pub(super) fn in_filecoin(address: &PayoutAddress) -> String {
    match address {
        PayoutAddress::Native(native) => native.to_string(),
        PayoutAddress::Evm(evm) => match address.to_string().split_once(' ') {
            Some((id, _)) => id.to_owned(),
            None => to_delegated(*evm),
        },
    }
}

/// An address in both notations, where it has two.
pub(super) fn in_full(address: &PayoutAddress) -> String {
    match address {
        PayoutAddress::Native(native) => native.to_string(),
        PayoutAddress::Evm(evm) => format!("{evm} ({})", in_filecoin(address)),
    }
}

/// Where payments go, as text.
pub(super) fn destination(operator: Address, recipient: &PayoutAddress) -> String {
    match *recipient == PayoutAddress::Evm(operator) {
        true => "its own address".into(),
        false => format!("its payout address {recipient}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_in_filecoins_notation() {
        let shown = |text: &str| in_filecoin(&text.parse().unwrap());
        assert_eq!(shown("f01729"), "f01729");
        let f1 = "f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy";
        assert_eq!(shown(f1), f1);
        let f410 = "f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i";
        assert_eq!(shown("0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E"), f410);
        assert_eq!(
            in_full(&f410.parse().unwrap()),
            format!("0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E ({f410})")
        );
    }
}
