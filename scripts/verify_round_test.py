#!/usr/bin/env python3
"""Tests verify_round.py with the valid and invalid files and bundles of docs/vectors/v2.

    python3 scripts/verify_round_test.py            tests
    python3 scripts/verify_round_test.py --judge    for each line `kind hex` of the input: `valid`, or what is wrong
"""

import contextlib, io, json, pathlib, sys, tempfile, unittest
from unittest import mock

sys.dont_write_bytecode = True
import verify_round as script
from verify_round import (
    CONTRACTS, NODE, RAW, H, actor, address_text, amount, array, canonical, cid_text, committed, constant, fields_of, file_cid,
    frozen, need, nullable, ordered, parameters_form, put, text, u32, u53, word_text,
)

ROOT = pathlib.Path(__file__).parent.parent
VECTORS = ROOT / "docs/vectors/v2"
# ---- §11.1 The settlement document, which the script does not need
def numbers(*forms):
    def write(value):
        need(type(value) is list and len(value) == len(forms), f"{value!r} is not a list of {len(forms)}")
        return "[" + ",".join(form(entry) for form, entry in zip(forms, value)) + "]"
    return write

def boolean(value):
    need(type(value) is bool, f"{value!r} is neither true nor false")
    return json.dumps(value)

def counted(value):
    """An object of any keys, ascending, with counts."""
    need(type(value) is dict, f"{value!r} is not an object")
    return "{" + ",".join(json.dumps(key, ensure_ascii=False) + ":" + u53(value[key]) for key in sorted(value)) + "}"

LINK = ordered(**{"/": file_cid})
tally = lambda names: fields_of(**dict.fromkeys(names.split(), u53))
LABELS = tally("NOT_IN_ROSTER BAD_SIGNATURE TASK_NOT_IN_ROUND TASK_WRONG_COMMITTEE DUPLICATE DUP_SUBNET OK")
VERDICTS = tally("COMMITTEE_TOO_SMALL MAJORITY_RESULT MINORITY_RESULT MAJORITY_NOT_FOUND")
RATES = array(fields_of(id=actor, total=u53, successful=u53, successfulHttp=u53, verdicts=VERDICTS), lambda rate: int(rate["id"][2:]))
REPORT = numbers(u53, u32, word_text, u32, u32, amount(128))
SETTLEMENT = fields_of(
    version=constant(3), contracts=CONTRACTS, parent=nullable(fields_of(settlement=u53, cid=LINK)), firstRound=u53, lastRound=u53,
    drops=u32,
    rounds=array(fields_of(
        round=u53, parameters=parameters_form(0, 65535), roster=frozen(LINK), tasks=frozen(LINK), beaconRound=u53, dedupeBeaconRound=u53,
        draw=nullable(fields_of(randomness=word_text, seed=word_text, dedupeRandomness=word_text)),
        droppedLists=array(text("roster|tasks"), lambda name: name), committees=u32, tasksPerCommittee=u32,
        commitments=array(fields_of(**committed(LINK), dropped=boolean, invalid=u32)),
        own=array(fields_of(station=u32, report=word_text, lines=u32, invalid=u32)), invalid=counted,
        labels=LABELS, verdicts=VERDICTS, decisions=counted, rewarded=u53, rewardEach=amount(128), distributed=amount(128),
        remainder=amount(128)), lambda fact: fact["round"]),
    rates=fields_of(providers=RATES, clients=RATES, allocators=RATES),
    allocations=array(fields_of(
        operator=address_text, cumulative=amount(128), running=amount(128), grown=amount(128), reports=u32, sheet=word_text),
        lambda paid: paid["operator"]),
    cumulativeTotal=amount(128), root=word_text, reports=array(REPORT))

def settlement(value):
    """The sheets follow each other in the order of the operators, and each of them ascends."""
    written, rest = SETTLEMENT(value), value["reports"]
    for paid in value["allocations"] if rest else []:
        array(REPORT, lambda report: report[:2])(rest[:paid["reports"]])
        rest = rest[paid["reports"]:]
    need(not rest, "some reports belong to no operator")
    return written

# ---- The tests
READERS = {
    "roster": script.read_roster, "tasks": script.read_tasks, "settlement": lambda data: canonical("settlement document", data, settlement),
    "manifest": script.read_manifest, "facts": script.read_facts, "beacons": script.read_beacons,
    "drand": script.read_drand,
}

def cases(name):
    return json.loads((VECTORS / f"{name}.json").read_bytes())["cases"]

def assembled(pieces, good=b""):
    """The bytes of a bundle: pieces of the valid one, or others, perhaps repeated."""
    return b"".join(
        bytes.fromhex(piece["hex"]) * piece.get("times", 1) if "hex" in piece else good[piece["at"]:piece["at"] + piece["length"]]
        for piece in pieces)

def blocks_of(content):
    """The blocks of a file, once each; built from the leaves up, level by level, unlike the script's."""
    level = [[(RAW, content[at:at + script.CHUNK])] for at in range(0, max(len(content), 1), script.CHUNK)]
    level = [(RAW + H(data), data, len(data), len(data), [(RAW + H(data), data)]) for [(_, data)] in level]
    while len(level) > 1:
        groups = [level[at:at + script.LINKS] for at in range(0, len(level), script.LINKS)]
        level = []
        for group in groups:
            number = lambda key, value: put(key << 3) + put(value)
            links = [script.field(2, script.field(1, cid) + script.field(2, b"") + number(3, total)) for cid, _, _, total, _ in group]
            size = sum(size for _, _, size, _, _ in group)
            sizes = [number(4, size) for _, _, size, _, _ in group]
            data = b"".join(links) + script.field(1, number(1, 2) + number(3, size) + b"".join(sizes))
            cid, total = NODE + H(data), len(data) + sum(total for _, _, _, total, _ in group)
            level.append((cid, data, size, total, [block for *_, blocks in group for block in blocks] + [(cid, data)]))
    return list(dict(level[0][-1]).items())

def pack(names):
    """The bundle of some files."""
    section = lambda cid, data: put(len(cid) + len(data)) + cid + data
    listed, sections = [], []
    for name, content in names.items():
        blocks = blocks_of(content)
        listed.append({"name": name, "cid": cid_text(blocks[-1][0]), "size": len(content)})
        sections += [section(*block) for block in blocks]
    manifest = json.dumps({"version": 1, "files": listed}, separators=(",", ":")).encode()
    root = RAW + H(manifest)
    header = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00" + root + b"\x67version\x01"
    return put(len(header)) + header + section(root, manifest) + b"".join(sections)

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

    def test_a_file_has_at_most_as_many_bytes_as_any_reader_reads(self):
        self.assertEqual(script.MAX_FILE, 268_435_456)
        file = cases("roster")[-1]["file"].encode()
        with mock.patch.object(script, "MAX_FILE", len(file)):
            script.read_roster(file)
        with mock.patch.object(script, "MAX_FILE", len(file) - 1):
            self.assertRaisesRegex(script.Unreadable, "roster: it has more than", script.read_roster, file)

    def test_lines_have_their_roots(self):
        for case in cases("lines"):
            file = case["file"].encode()
            self.assertEqual((len(script.lines_of(file)), script.lines_root(file)), (case["count"], case["root"]))

    def test_rewards_and_sheets_have_their_roots(self):
        word = lambda number: script.be(int(number), 32)
        raw = lambda text: bytes.fromhex(text[2:])
        def allocation(entry):
            rest = script.keccak(word(entry["running"]) + word(entry["grown"]) + word(entry["reports"]) + raw(entry["sheet"]))
            return script.leaf(script.address(entry["operator"]), word(entry["cumulative"]), rest)
        def report(entry):
            words = [word(entry[key]) for key in ("round", "station", "rank", "accepted", "running")]
            return script.leaf(*words[:2], raw(entry["tasks"]), *words[2:])
        for name, leaf in (("rewards", allocation), ("sheets", report)):
            for case in cases(name):
                leaves = [leaf(entry) for entry in case["entries"]]
                self.assertEqual(["0x" + leaf.hex() for leaf in leaves], case["leaves"])
                self.assertEqual("0x" + script.positional_root(leaves).hex(), case["root"])

    def test_the_timetable_is_that_of_the_vectors(self):
        for case in cases("timetable"):
            self.assertEqual({name: case["closesAt"] + steps * case["step"] for name, steps in script.STEPS.items()},
                             {name: case[name] for name in script.STEPS})

    def test_files_that_are_not_canonical_are_refused(self):
        for name in ("roster-invalid", "tasks-invalid", "documents-invalid"):
            for case in cases(name):
                read, good = READERS[case["kind"]], case["good"].encode()
                read(good)
                self.assertGreater(len(case["invalid"]), 30)
                for invalid in case["invalid"]:
                    with self.subTest(kind=case["kind"], reason=invalid["reason"]), self.assertRaises(script.Unreadable):
                        read(invalid_file(good, invalid))

class Cars(unittest.TestCase):
    """§6, §12.1."""

    def test_valid_bundles_are_read_and_all_others_are_refused(self):
        for case in cases("bundles"):
            car = assembled(case["car"])
            files, names = script.read_bundle(car)
            sizes = [{"name": name, "cid": cid, "size": len(names[name])} for name, cid in zip(names, files)]
            self.assertEqual(sizes, case["files"])
            self.assertEqual(pack(names), car)
            for invalid in case["invalid"]:
                with self.subTest(invalid["family"], reason=invalid["reason"]), self.assertRaises(script.Unreadable):
                    script.read_bundle(assembled(invalid["car"], car))

    def test_trees_are_those_of_another_implementation(self):
        fixture = json.loads((ROOT / "crates/measurement/tests/fixtures/unixfs.json").read_bytes())
        for case in fixture["files"]:
            content = bytes((7 * i + i // 256) % 251 for i in range(case["size"]))
            with self.subTest(size=case["size"]), mock.patch.multiple(script, CHUNK=case["chunkSize"], LINKS=case["maxLinks"]):
                blocks = blocks_of(content)
                self.assertEqual(cid_text(blocks[-1][0]), case["cid"])
                self.assertEqual(script.read_file(blocks[-1][0], len(content), iter(blocks)), content)

    def test_a_deep_tree_has_one_order(self):
        content = bytes(range(61))
        with mock.patch.multiple(script, CHUNK=4, LINKS=2):
            blocks = blocks_of(content)
            self.assertEqual(len(blocks), 31)
            root = blocks[-1][0]
            read = lambda blocks, size=61: script.read_file(root, size, iter(blocks))
            self.assertEqual(read(blocks), content)
            junk = (RAW + H(b"junk"), b"junk")
            for at in range(len(blocks)):
                for damaged in (
                    blocks[:at] + blocks[at + 1:], blocks[:at] + [junk] + blocks[at:], blocks[:at] + [blocks[0]] + blocks[at:],
                    blocks[:at] + blocks[at:at + 2][::-1] + blocks[at + 2:] if at < 30 else [],
                ):
                    with self.subTest(at=at), self.assertRaises(script.Unreadable):
                        read(damaged)
            for size in (0, 4, 60, 62, 64, 65, 1 << 40):
                with self.subTest(size=size), self.assertRaises(script.Unreadable):
                    read(blocks, size)

    def test_the_manifest_lists_at_most_65536_files(self):
        entry = lambda i: {"name": f"x/{i}", "cid": cid_text(RAW + H(b"%d" % i)), "size": 1}
        manifest = lambda count: json.dumps({"version": 1, "files": [entry(i) for i in range(count)]}, separators=(",", ":")).encode()
        self.assertEqual(len(script.read_manifest(manifest(65536))["files"]), 65536)
        with self.assertRaisesRegex(script.Unreadable, "more than 65536"):
            script.read_manifest(manifest(65537))

    def test_what_expands_beyond_the_limit_is_refused_first(self):
        names = {name: bytes([i]) * 3000 for i, name in enumerate("abc")}
        with mock.patch.object(script, "MOST", 8999), self.assertRaisesRegex(script.Unreadable, "9000 bytes"):
            script.read_bundle(pack(names))
        # A chunk that a node links a thousand times, where the manifest has a few bytes.
        chunk = bytes(1 << 20)
        node = 1000 * script.field(2, script.field(1, RAW + H(chunk)) + script.field(2, b"") + b"\x18" + put(len(chunk)))
        blocks = [(RAW + H(chunk), chunk), (NODE + H(node), node)]
        for size in (1, 1 << 20, (1 << 20) + 1, 999 << 20, (999 << 20) + 1):
            with self.subTest(size=size), self.assertRaises(script.Unreadable), mock.patch.object(script, "tree", self.fail):
                script.read_file(blocks[-1][0], size, iter(blocks))

    def test_lines_are_not_split_before_they_are_read(self):
        for read in (script.read_roster, script.read_tasks):
            with self.assertRaisesRegex(script.Unreadable, "line 1:"):
                read(b"\n" * (1 << 24))
        line = cases("roster")[1]["file"].encode()
        with self.assertRaisesRegex(script.Unreadable, "line 2: an entry is listed twice"):
            script.read_roster(line * 3)
        with self.assertRaisesRegex(script.Unreadable, "at most"):
            script.read_facts(bytes(script.MOST_JSON + 1))

class Rounds(unittest.TestCase):
    """§12, step 1. The bundle is the one that the browser test drops on the page."""

    def setUp(self):
        self.files, self.names = script.read_bundle((ROOT / "tests/verifier/round.car").read_bytes())
        quicknet = next(case["good"] for case in cases("documents-invalid") if case["kind"] == "drand")
        self.names.setdefault("drand.json", quicknet.encode())

    def changed(self, change):
        facts = json.loads(self.names["facts.json"])
        change(facts, facts["rounds"][0])
        return {**self.names, "facts.json": json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()}

    def recompute(self, change):
        return script.recompute(self.files, self.changed(change), None)["verdict"]

    def run_script(self, names, car=None):
        """The exit code, and what the script says."""
        said = io.StringIO()
        with tempfile.NamedTemporaryFile() as file, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            pathlib.Path(file.name).write_bytes(car or pack(names))
            with mock.patch.object(sys, "argv", ["verify_round.py", file.name]):
                return script.main(), said.getvalue()

    def test_exit_codes(self):
        same = lambda facts, fact: None
        def unrevealed(facts, fact):
            fact["seed"] = None
        def unrevealed_without_batches(facts, fact):
            fact.update(seed=None, commitments=[], own=[])
        def other_seed(facts, fact):
            fact["seed"] = "0x" + 64 * "0"
        def nobody(facts, fact):
            fact["parameters"]["maxCommitteeSize"] = 0
        for change, code, words in (
            (same, 0, "MATCH"), (unrevealed, 1, "nothing is committed to a round without a seed"), (other_seed, 1, "seed"),
            (unrevealed_without_batches, 2, "never revealed"), (nobody, 2, "from 1 to"),
        ):
            with self.subTest(change.__name__):
                found, said = self.run_script(self.changed(change))
                self.assertEqual(found, code, said)
                self.assertIn(words, said)
        self.assertEqual(self.run_script(self.names, pack(self.names) + b"\0")[0], 2)

    def test_too_little_memory_is_said(self):
        with mock.patch.object(script, "read_bundle", side_effect=MemoryError):
            code, said = self.run_script(self.names)
        self.assertEqual(code, 2)
        self.assertIn("not enough memory", said)
        with mock.patch.object(script, "MOST", 1000):
            self.assertEqual(self.run_script(self.names)[0], 2)

    def test_a_genuine_round_matches(self):
        self.assertEqual(self.recompute(lambda facts, fact: None), "MATCH")

    def test_a_round_that_was_frozen_after_its_beacon_does_not_match(self):
        def later(facts, fact):
            facts["now"] += 60
            fact["openedAt"] += 60
            for time in fact["times"]:
                fact["times"][time] += 60
        with self.assertRaisesRegex(script.Differs, "beaconRound"):
            self.recompute(later)

    def test_every_field_of_the_timetable_is_checked(self):
        for key in script.STEPS:
            for by in (1, -1) if key != "dedupeFrom" else (-1,):
                def shift(facts, fact):
                    fact["times"][key] += by
                with self.subTest(key=key), self.assertRaisesRegex(script.Differs, key):
                    self.recompute(shift)
        for key in ("beaconRound", "dedupeBeaconRound"):
            def early(facts, fact):
                fact[key] -= 30
            with self.subTest(key=key), self.assertRaisesRegex(script.Differs, key):
                self.recompute(early)

    def test_a_round_that_is_under_way_is_not_verified(self):
        def early(facts, fact):
            facts["now"] = fact["times"]["dedupeFrom"]
        with self.assertRaisesRegex(script.Unreadable, "is under way until"):
            self.recompute(early)

    def test_a_batch_is_its_lines(self):
        def other(key, value):
            def change(facts, fact):
                fact["commitments"][0][key] = value
            return change
        for change in (other("count", 1), other("root", "0x" + 64 * "0")):
            with self.assertRaisesRegex(script.Unreadable, "batch 0: its lines are not in the bundle"):
                self.recompute(change)
        # Wherever they come from.
        facts = json.loads(self.names["facts.json"])
        roster = facts["rounds"][0]["roster"]["cid"]
        self.assertEqual(self.recompute(other("cid", roster)), "MATCH")

    def test_what_was_dropped_need_not_be_there(self):
        number = json.loads(self.names["facts.json"])["rounds"][0]["number"]
        def without_batch(facts, fact):
            facts["drops"].append({"round": number, "kind": 3, "index": 0})
            fact["commitments"][0]["root"] = "0x" + 64 * "0"
        self.assertEqual(self.recompute(without_batch), "MATCH")
        def without_list(facts, fact):
            facts["drops"].append({"round": number, "kind": 1, "index": 0})
        with self.assertRaisesRegex(script.Unreadable, "one of its lists was dropped"):
            self.recompute(without_list)
        def without_report(facts, fact):
            fact["own"][0]["report"] = "0x" + 64 * "0"
        with self.assertRaisesRegex(script.Unreadable, "the report of station 5"):
            self.recompute(without_report)

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
