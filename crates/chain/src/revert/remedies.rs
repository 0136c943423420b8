//! What to do about the errors of the contracts.

/// Each error and its remedy, in the order of the contracts.
pub(super) const REMEDIES: &[(&str, &str)] = &[
    // Roles, and who may do what.
    ("NotOwner", "use the owner's key"),
    ("OwnableUnauthorizedAccount", "use the owner's key"),
    ("NotGuardian", "use the guardian's key"),
    ("NotOwnerOrGuardian", "use the owner's or the guardian's key"),
    ("NotCoordinator", "use the coordinator's key"),
    ("NotTreasury", "use the treasury's key"),
    ("NotCourt", "only the Court may do this: show it the proof"),
    (
        "NotPublisher",
        "use the key of a publisher that was admitted when the round was opened and is not suspended, or let the owner announce \
         this one with setPublisher, for rounds one challenge window later",
    ),
    (
        "NotEvaluator",
        "use keys and signatures of the evaluators in force only",
    ),
    ("NotEnoughSignatures", "collect signatures of more evaluators"),
    (
        "SignersNotAscending",
        "pass each evaluator's signature once, in ascending order of addresses",
    ),
    (
        "BadSignature",
        "the signature with this place, from 0, is not 65 bytes r, s, v of a key: collect it again",
    ),
    (
        "EvaluatorsNotAscending",
        "list each evaluator once, in ascending order of addresses",
    ),
    ("BadThreshold", "use 1 to the number of evaluators"),
    ("TooManyEvaluators", "use at most max evaluators"),
    (
        "WindowTooShort",
        "the window is in seconds: use at least min, which was fixed at the deployment",
    ),
    ("WindowTooLong", "the window is in seconds: use at most max"),
    (
        "NothingChanged",
        "it is so already; if you expected a change, look whether the address or value is the one that you mean",
    ),
    ("ZeroAddress", "use an address that somebody has"),
    // Rounds.
    ("NoSuchRound", "open the round first, or use a lower number"),
    ("PreviousRoundOpen", "wait until the previous round has closed"),
    ("TooEarlyForAnyone", "wait, or let the coordinator open the round"),
    (
        "NoUsableLists",
        "the coordinator must open the round: no earlier one has a batch",
    ),
    ("EmptyRootWithEntries", "a list with entries needs its root"),
    ("RootWithoutEntries", "an empty list has the root zero"),
    ("AlreadyRevealed", "nothing to do: the seed is known"),
    ("NotRevealed", "reveal the round's beacon first"),
    ("WindowOver", "it is too late for this in this round"),
    ("NotOver", "wait until the round is over"),
    ("AlreadyCommitted", "nothing to do: the file is on chain"),
    (
        "TooManyFiles",
        "a publisher may commit no more files to this round: put more lines into each",
    ),
    (
        "BatchCount",
        "a file has 1 to max lines: split it, or leave out what is empty",
    ),
    ("NoSuchFile", "the round has no such file: compare kind and index"),
    (
        "NotInRoster",
        "give the station's entry and its proof in the roster of this round",
    ),
    (
        "WrongOperator",
        "sign the operator that the roster of this round has",
    ),
    (
        "NoSuchTasks",
        "sign at least one task, and none beyond the tasks of a committee",
    ),
    ("NotSigned", "sign the seal with the station's key"),
    ("OwnAlready", "nothing to do: the station's own is on chain"),
    ("WrongReport", "give the report whose SHA-256 was signed"),
    (
        "ReportLength",
        "the report has no bytes or too many: use 1 to max",
    ),
    (
        "ParameterOutOfBounds",
        "choose a value from min to max; durations are in seconds",
    ),
    (
        "BadRange",
        "name the rounds from the lower number to the higher, from 1",
    ),
    ("OutOfRange", "count from 0, below count"),
    ("SeatOutsideCommittee", "compare seat and committee"),
    (
        "NoCommittees",
        "a round without stations or tasks has no committees",
    ),
    (
        "InvalidCid",
        "use a CIDv1 in binary with SHA-256, raw or dag-pb: 36 bytes",
    ),
    // Settlements.
    (
        "WrongNumber",
        "settle again: another settlement was posted meanwhile",
    ),
    ("WrongParent", "settle again on top of the newest settlement"),
    (
        "StaleDrops",
        "evaluate again without the files that were dropped meanwhile",
    ),
    (
        "RangeDoesNotContinue",
        "settle again on top of the newest settlement",
    ),
    ("TooManyRounds", "settle fewer rounds at a time"),
    (
        "OverBudget",
        "recompute the settlement: it pays more than the rounds' budgets allow",
    ),
    (
        "TotalDecreases",
        "recompute the settlement: it takes back what was promised before",
    ),
    ("Underfunded", "deposit FIL first"),
    (
        "EmptyTree",
        "recompute the settlement: root, operators and total are zero together or not at all",
    ),
    (
        "NotTheParentsTree",
        "recompute the settlement: nobody earned anything, so its tree must be the parent's",
    ),
    ("NotActive", "wait until the challenge window is over"),
    ("NotPending", "only a pending settlement can be voided"),
    (
        "NoSuchSettlement",
        "no settlement has this number: they count from 1 to settlementCount",
    ),
    (
        "TooEarlyToObject",
        "wait: publishers and other evaluators may still have the file",
    ),
    (
        "AlreadySettled",
        "too late: a settlement already covers the file's round",
    ),
    // Claims and the pool.
    (
        "InvalidProof",
        "the proof is for another settlement, place, operator or amount",
    ),
    (
        "InvalidRange",
        "the proof is for another settlement, or for other places or amounts",
    ),
    (
        "NothingToClaim",
        "the operator has been paid everything that this settlement grants",
    ),
    (
        "OverTotal",
        "the settlement grants its operators more than its signed total: nobody can be paid beyond that",
    ),
    (
        "NoFilecoinPrecompiles",
        "this chain cannot pay f0, f1, f2 and f3 addresses because it lacks Filecoin's precompiles: use a 0x or f410 address",
    ),
    (
        "BadRecipient",
        "use a 0x address that is not a masked id, or an f0, f1, f2, f3 or f410 address",
    ),
    (
        "PaymentFailed",
        "the recipient rejects payments: let the operator set another payout address",
    ),
    ("TooLittleGas", "send fewer claims in one transaction"),
    ("ZeroAmount", "there is nothing to send"),
    ("EndTooSoon", "choose an end at or after the earliest"),
    (
        "Ended",
        "the programme has ended: claims remain possible, deposits and settlements do not",
    ),
    (
        "NotEnded",
        "wait until the programme has ended; no end is announced if `endsAt` is 0",
    ),
    (
        "NotAbandoned",
        "wait until nothing that grants anything was posted for 90 days",
    ),
    (
        "TooEarlyToDrop",
        "wait: until then the guardian may keep the file",
    ),
    (
        "NotObjectedTo",
        "too few evaluators of the present set object to the file, or the guardian keeps it",
    ),
    (
        "IsKept",
        "the guardian can read the file: ask the guardian for it",
    ),
    // The Court.
    (
        "AddsNothing",
        "nothing to challenge: the settlement has its parent's tree",
    ),
    (
        "NotInTree",
        "the leaf is not in this place of the settlement's tree: compare leaf, place and proof",
    ),
    (
        "WrongNeighbour",
        "show the leaves between which the operator would be",
    ),
    ("NotFraud", "what is shown breaks no rule"),
    (
        "WrongRoot",
        "the chain has another settlement of this number now: read it again",
    ),
    ("OutsideTree", "places count from 0, below operators"),
    ("DemandedBefore", "nothing to do: the place was demanded before"),
    (
        "TooLate",
        "a settlement must become active at `latest` or later for a demand to be answered in time: challenge it with a proof, or let the \
         guardian veto it",
    ),
    ("BondTooSmall", "send at least the bond that is needed, as value"),
    (
        "NoDemand",
        "nothing to do: there is no open demand for this place",
    ),
    ("NotDue", "wait: the place may still be shown"),
    ("NothingOwed", "nothing to withdraw"),
];

/// The remedy of an error, if there is one.
pub(super) fn remedy(error: &str) -> Option<&'static str> {
    let known = REMEDIES.iter().find(|(name, _)| *name == error);
    known.map(|(_, remedy)| *remedy)
}
