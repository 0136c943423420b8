#!/usr/bin/env python3
"""Tests verify_round.py with the valid and invalid files of docs/vectors/v1.

    python3 scripts/verify_round_test.py            tests
    python3 scripts/verify_round_test.py --judge    for each line `kind hex` of the input: `valid`, or what is wrong
"""

import json, pathlib, sys, unittest

sys.dont_write_bytecode = True
import verify_round as script
from verify_round import (
    CONTRACTS, PARAMETERS, actor, address_text, amount, array, canonical, constant, fields_of, file_cid, frozen, need, nullable,
    ordered, u32, u53, word_text,
)

VECTORS = pathlib.Path(__file__).parent.parent / "docs/vectors/v1"
# ---- §11.1 The settlement document, which the script does not need
def numbers(*forms):
    def write(value):
        need(type(value) is list and len(value) == len(forms), f"{value!r} is not a list of {len(forms)}")
        return "[" + ",".join(form(entry) for form, entry in zip(forms, value)) + "]"
    return write

def counted(value):
    """An object of any keys, ascending, with counts."""
    need(type(value) is dict, f"{value!r} is not an object")
    return "{" + ",".join(json.dumps(key, ensure_ascii=False) + ":" + u53(value[key]) for key in sorted(value)) + "}"

LINK = ordered(**{"/": file_cid})
tally = lambda names: fields_of(**dict.fromkeys(names.split(), u53))
LABELS = tally("NOT_IN_ROSTER BAD_SIGNATURE TASK_NOT_IN_ROUND TASK_WRONG_COMMITTEE DUPLICATE DUP_SUBNET OK")
VERDICTS = tally("COMMITTEE_TOO_SMALL MAJORITY_RESULT MINORITY_RESULT MAJORITY_NOT_FOUND")
RATES = array(fields_of(id=actor, total=u53, successful=u53, successfulHttp=u53, verdicts=VERDICTS), lambda rate: int(rate["id"][2:]))
SETTLEMENT = fields_of(
    version=constant(2), contracts=CONTRACTS, parent=nullable(fields_of(settlement=u53, cid=LINK)), firstRound=u53, lastRound=u53,
    rounds=array(fields_of(
        round=u53, parameters=PARAMETERS, roster=frozen(LINK), tasks=frozen(LINK), beaconRound=u53, dedupeBeaconRound=u53,
        draw=nullable(fields_of(randomness=word_text, seed=word_text, dedupeRandomness=word_text)), committees=u32,
        tasksPerCommittee=u32, commitments=array(fields_of(cid=LINK, declared=u32, lines=u53, invalid=u53)), invalid=counted,
        labels=LABELS, verdicts=VERDICTS, decisions=counted, rewarded=u53, rewardEach=amount(128), distributed=amount(128),
        remainder=amount(128)), lambda fact: fact["round"]),
    rates=fields_of(providers=RATES, clients=RATES, allocators=RATES),
    allocations=array(fields_of(operator=address_text, cumulative=amount(128)), lambda paid: paid["operator"]),
    cumulativeTotal=amount(128), root=word_text, accepted=array(numbers(u53, u32, u32, u32), lambda entry: entry), acceptedRoot=word_text)

# ---- The tests
READERS = {
    "roster": script.read_roster, "tasks": script.read_tasks, "settlement": lambda data: canonical("settlement document", data, SETTLEMENT),
    "manifest": script.read_manifest, "facts": script.read_facts, "beacons": script.read_beacons,
}

def cases(name):
    return json.loads((VECTORS / f"{name}.json").read_bytes())["cases"]

def invalid_file(good, case):
    insert = case["insert"].encode() if "insert" in case else bytes.fromhex(case["insertHex"])
    return good[:case["at"]] + insert + good[case["at"] + case["remove"]:]

class Files(unittest.TestCase):
    def test_valid_lists_are_read_and_have_their_roots(self):
        for name, leaf_of in (("roster", script.roster_leaf), ("tasks", script.task_leaf)):
            for case in cases(name):
                entries = READERS[name](case["file"].encode())
                root = script.merkle_root([leaf_of(index, entry) for index, entry in enumerate(entries)])
                self.assertEqual("0x" + root.hex(), case["root"])

    def test_files_that_are_not_canonical_are_refused(self):
        for name in ("roster-invalid", "tasks-invalid", "documents-invalid"):
            for case in cases(name):
                read, good = READERS[case["kind"]], case["good"].encode()
                read(good)
                self.assertGreater(len(case["invalid"]), 30)
                for invalid in case["invalid"]:
                    with self.subTest(kind=case["kind"], reason=invalid["reason"]), self.assertRaises(script.Unreadable):
                        read(invalid_file(good, invalid))

class Rounds(unittest.TestCase):
    """§12, step 1. The bundle is the one that the browser test drops on the page."""

    def recompute(self, change):
        bundle = pathlib.Path(__file__).parent.parent / "tests/verifier/round.car"
        files, names = script.read_bundle(bundle.read_bytes())
        facts = json.loads(names["facts.json"])
        change(facts, facts["rounds"][0])
        names["facts.json"] = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        return script.recompute(files, names, None)["verdict"]

    def test_a_genuine_round_matches(self):
        self.assertEqual(self.recompute(lambda facts, fact: None), "MATCH")

    def test_a_round_that_was_frozen_after_its_beacon_does_not_match(self):
        def later(facts, fact):
            facts["now"] += 60
            for time in ("openedAt", "closesAt", "commitsUntil"):
                fact[time] += 60
        with self.assertRaisesRegex(script.Differs, "beaconRound"):
            self.recompute(later)

    def test_every_field_of_the_timetable_is_checked(self):
        for key, by in (("closesAt", 1), ("commitsUntil", -1), ("beaconRound", -30), ("dedupeBeaconRound", -1)):
            def shift(facts, fact):
                fact[key] += by
            with self.subTest(key=key), self.assertRaisesRegex(script.Differs, key):
                self.recompute(shift)

    def test_a_round_that_still_takes_batches_is_not_verified(self):
        def early(facts, fact):
            facts["now"] = fact["commitsUntil"]
        with self.assertRaisesRegex(script.Unreadable, "takes batches until"):
            self.recompute(early)

def judge():
    for line in sys.stdin:
        kind, _, data = line.rstrip("\n").partition(" ")
        try:
            READERS[kind](bytes.fromhex(data))
            print("valid")
        except script.Unreadable as problem:
            print("invalid:", ascii(str(problem)))

if __name__ == "__main__":
    judge() if sys.argv[1:] == ["--judge"] else unittest.main()
