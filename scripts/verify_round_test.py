#!/usr/bin/env python3
"""Holds verify_round.py to the files of docs/vectors/v1 that must be taken, and to those that must be refused.

    python3 scripts/verify_round_test.py            tests
    python3 scripts/verify_round_test.py --judge    for each line `kind hex` of the input: `valid`, or what is wrong
"""

import json, pathlib, sys, unittest

sys.dont_write_bytecode = True
import verify_round as script

VECTORS = pathlib.Path(__file__).parent.parent / "docs/vectors/v1"
READERS = {
    "roster": script.read_roster, "tasks": script.read_tasks, "settlement": script.read_settlement,
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
