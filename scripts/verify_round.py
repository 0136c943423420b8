#!/usr/bin/env python3
"""Recomputes a round of Assize from a bundle: seed, committees, tasks, Merkle roots. Standard library only.

    assize bundle round 7 -o round.car
    python3 scripts/verify_round.py round.car [--round N] [--json]

It follows docs/protocol.md, whose sections it names. Exit codes: 0 MATCH, 1 something differs, 2 the bundle or a file in it is
not valid. Not checked here, but by `assize verify round --offline`: BLS signatures of the beacons, and the measurements. That
facts.json is what the contracts say, only the chain can tell.
"""

import argparse, hashlib, json, re, sys
MASK = (1 << 64) - 1
H = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
be = lambda number, length: number.to_bytes(length, "big")

class Unreadable(Exception): "The bundle is not one, or is damaged."
class Differs(Exception): "Something recomputed is not what the facts say."
def need(holds, problem):
    if not holds:
        raise Unreadable(problem)
def compare(what, ours, stated):
    if ours != stated:
        raise Differs(f"{what}: recomputed {ours}, but facts.json has {stated}")

# ---- Keccak-256 (FIPS 202's permutation, with the padding that Ethereum uses)
def keccak_constants():
    lfsr, rounds = 1, [0] * 24
    for bit in range(24 * 7):
        rounds[bit // 7] |= (lfsr & 1) << ((1 << bit % 7) - 1)
        lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
    rotations, (x, y) = {(0, 0): 0}, (1, 0)
    for t in range(24):
        rotations[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    # Where each lane of the state (index x + 5y) goes in steps rho and pi, and by how much it turns.
    return rounds, [(x + 5 * y, y + 5 * ((2 * x + 3 * y) % 5), turn) for (x, y), turn in rotations.items()]

ROUND_CONSTANTS, MOVES = keccak_constants()
def keccak(data):
    state, rate = [0] * 25, 136
    padded = bytearray(data + b"\x01" + bytes(-(len(data) + 1) % rate))
    padded[-1] |= 0x80
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane:start + 8 * lane + 8], "little")
        for constant in ROUND_CONSTANTS:
            c = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
            d = [c[x - 1] ^ ((c[x - 4] << 1 | c[x - 4] >> 63) & MASK) for x in range(5)]
            b, turned = [0] * 25, [lane ^ d[i % 5] for i, lane in enumerate(state)]
            for source, target, turn in MOVES:
                b[target] = (turned[source] << turn | turned[source] >> (64 - turn)) & MASK
            state = [b[i] ^ (~b[i - i % 5 + (i + 1) % 5] & b[i - i % 5 + (i + 2) % 5]) for i in range(25)]
            state[0] ^= constant
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])

# ---- §6 Files: CIDs, CARs, UnixFS
def varint(data, at):
    number, shift = 0, 0
    while True:
        need(at < len(data) and shift < 64, f"offset {at}: a length is cut short")
        number, at, shift = number | (data[at] & 0x7F) << shift, at + 1, shift + 7
        if data[at - 1] < 0x80:
            need(data[at - 1] or shift == 7, f"offset {at}: a number is longer than it need be")
            need(number <= MASK, f"offset {at}: a number exceeds 64 bits")
            return number, at

BASE32, BASE58 = "abcdefghijklmnopqrstuvwxyz234567", "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
def cid_text(cid):
    """The canonical text of a CID: version 0 in base58, version 1 in base32."""
    number = int.from_bytes(cid, "big")
    if cid[:2] == b"\x12\x20":
        digits = []
        while number:
            number, digit = divmod(number, 58)
            digits.append(BASE58[digit])
        return "".join(reversed(digits))
    number, digits = number << -8 * len(cid) % 5, -(-8 * len(cid) // 5)
    return "b" + "".join(BASE32[number >> 5 * place & 31] for place in reversed(range(digits)))

def binary_cid(text):
    alphabet, digits = (BASE58, text) if text.startswith("Qm") else (BASE32, text[1:])
    need(text[:1] in ("Q", "b") and digits and set(digits) <= set(alphabet), f"{text} is not a CID in its one form")
    number = 0
    for digit in digits:
        number = number * len(alphabet) + alphabet.index(digit)
    number >>= len(digits) * 5 % 8 if text[0] == "b" else 0  # Base 32 fills up its last digit.
    cid = be(number, (number.bit_length() + 7) // 8)  # A CID's first byte is not zero.
    need(cid_text(cid) == text, f"{text} is not a CID in its one form")
    if cid[:2] == b"\x12\x20":
        need(len(cid) == 34, f"{text} is not a CID of version 0")
        return cid
    (version, at), numbers = varint(cid, 0), []
    for _ in range(3):
        number, at = varint(cid, at)
        numbers.append(number)
    need(version == 1 and len(cid) - at == numbers[2] <= 128, f"{text} is not a CID of version 1")
    return cid

# ---- §6.1 Canonical JSON: parse, write, compare
def number(most):
    def write(value):
        need(type(value) is int and 0 <= value <= most, f"{value} is not a number from 0 to {most}")
        return str(value)
    return write
u16, u32, u53 = (number((1 << bits) - 1) for bits in (16, 32, 53))

def text(pattern, most=None):
    """A string of a form; with `most`, its number is at most that."""
    def write(value):
        found = type(value) is str and re.fullmatch(pattern, value)
        need(found and (most is None or int(found[1]) <= most), f"{value!r} has not the form {pattern}")
        return json.dumps(value, ensure_ascii=False)
    return write
address_text, word_text = text("0x[0-9a-f]{40}"), text("0x[0-9a-f]{64}")
amount = lambda bits: text("(0|[1-9][0-9]{0,77})", (1 << bits) - 1)
actor = text("f0(0|[1-9][0-9]{0,19})", MASK)
def payload(value):
    need(type(value) is str, f"{value!r} is not a CID")
    binary_cid(value)
    return f'"{value}"'
def file_cid(value):
    written = payload(value)
    cid = binary_cid(value)
    need(len(cid) == 36 and cid[:4] in (b"\x01\x55\x12\x20", b"\x01\x70\x12\x20"), f"{value} is not the CID of a file")
    return written
def constant(number):
    def write(value):
        need(type(value) is int and value == number, f"{value} is not {number}")
        return str(number)
    return write
nullable = lambda form: lambda value: "null" if value is None else form(value)

def array(form, key=None):
    """A list; with `key`, ascending by it."""
    def write(value):
        need(type(value) is list, f"{value!r} is not a list")
        written = [form(entry) for entry in value]
        keys = [key(entry) for entry in value] if key else []
        need(all(a < b for a, b in zip(keys, keys[1:])), "a list is out of order")
        return "[" + ",".join(written) + "]"
    return write
def ordered(**forms):
    """An object of these keys, in this order."""
    def write(value):
        need(type(value) is dict and value.keys() == forms.keys(), f"keys are not {list(forms)}")
        return "{" + ",".join(f'"{key}":{form(value[key])}' for key, form in forms.items()) + "}"
    return write
fields_of = lambda **forms: ordered(**dict(sorted(forms.items())))
def canonical(name, data, form):
    """The value in a file, whose bytes must be canonical."""
    try:
        value = json.loads(data.decode())
        written = form(value).encode()
    except (Unreadable, ValueError, RecursionError) as fault:
        raise Unreadable(f"{name}: {fault}") from None
    at = next((at for at, (ours, theirs) in enumerate(zip(written, data)) if ours != theirs), min(len(written), len(data)))
    need(written == data, f"{name} is not in canonical form: byte {at} has {data[at:at + 16]!r}, not {written[at:at + 16]!r}")
    return value

# ---- §12.1 Facts, beacons, manifest
CONTRACTS = fields_of(chainId=u53, rounds=address_text, rewards=address_text)
PARAMETERS = fields_of(
    roundDuration=u32, beaconDelay=u32, commitGrace=u32, minCommitteeSize=u16, maxCommitteeSize=u16, quorum=u16,
    maxTasksPerCommittee=u16, targetMeasurements=u32, budget=amount(128))
frozen = lambda cid: fields_of(root=word_text, count=u32, cid=cid)
FACTS = fields_of(
    contracts=CONTRACTS, now=u53,
    rounds=array(fields_of(
        number=u53, roster=frozen(file_cid), tasks=frozen(file_cid), parameters=PARAMETERS, openedAt=u53, closesAt=u53,
        commitsUntil=u53, beaconRound=u53, dedupeBeaconRound=u53, seed=nullable(word_text),
        commitments=array(fields_of(cid=file_cid, count=u32, committedAt=u53))), lambda fact: fact["number"]),
    settlements=array(fields_of(
        id=u53, parent=nullable(u53), firstRound=u53, lastRound=u53, root=word_text, cumulativeTotal=amount(256),
        acceptedRoot=word_text, cid=file_cid, postedAt=u53, activeAt=u53, status=text("pending|active|void")), lambda fact: fact["id"]))
MANIFEST = ordered(version=constant(1), files=array(ordered(
    name=text(r"[a-z0-9-][a-z0-9.-]*(/[a-z0-9-][a-z0-9.-]*)*"), cid=file_cid, size=u53)))

def read_manifest(data):
    manifest = canonical("manifest", data, MANIFEST)
    for key in ("name", "cid"):
        need(len({file[key] for file in manifest["files"]}) == len(manifest["files"]), f"manifest: a {key} is listed twice")
    return manifest

def read_beacons(data):
    beacons = canonical("beacons.json", data, array(
        fields_of(round=u53, randomness=text("[0-9a-f]{64}"), signature=text("[0-9a-f]{96}")), lambda beacon: beacon["round"]))
    for beacon in beacons:
        hashed = H(bytes.fromhex(beacon["signature"])).hex()
        need(hashed == beacon["randomness"], f"beacons.json: the randomness of {beacon['round']} is not {hashed}")
    return beacons

read_facts = lambda data: canonical("facts.json", data, FACTS)

def blocks_of(car):  # Each with the hash that its CID says.
    length, at = varint(car, 0)
    header = re.fullmatch(rb"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00(.{36})\x67version\x01", car[at:at + length], re.S)
    need(header, "not a bundle: the header is not that of a CARv1 with one root")
    yield header[1], None
    at += length
    while at < len(car):
        start = at
        length, at = varint(car, at)
        need(36 <= length <= len(car) - at, f"offset {start}: a block is cut short")
        cid, data = car[at:at + 36], car[at + 36:at + length]
        need(cid[:4] in (b"\x01\x55\x12\x20", b"\x01\x70\x12\x20"), f"offset {start}: no CID of a file's block")
        need(H(data) == cid[4:], f"offset {start}: block {cid_text(cid)} does not match the hash in its CID")
        yield cid, data
        at += length

def fields(message):  # Of protobuf: numbers and byte strings.
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        value, at = varint(message, at)
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        yield key >> 3, value

def content(cid, blocks):  # Of a UnixFS file: its leaves in order.
    need(cid in blocks, f"block {cid_text(cid)} is missing")
    if cid[1] == 0x55:
        return blocks[cid]
    links = [dict(fields(link)).get(1) for number, link in fields(blocks[cid]) if number == 2]
    return b"".join(content(link, blocks) for link in links)

def read_bundle(car):
    """§12.1: the files by CID, and their names in the manifest."""
    stream = blocks_of(car)
    root, _ = next(stream)
    cid, manifest = next(stream, (None, None))
    need(cid == root, "manifest: the first block is not the root that the header names")
    files, names = {}, {}
    for entry in read_manifest(manifest)["files"]:
        name, blocks = entry["name"], {}
        try:
            while entry["cid"] not in map(cid_text, blocks):
                cid, data = next(stream, (None, None))
                need(cid, "the bundle ends before its last block")
                blocks[cid] = data
            files[entry["cid"]] = names[name] = content(cid, blocks)
        except Unreadable as problem:
            raise Unreadable(f"{name}: {problem}") from None
        need(len(names[name]) == entry["size"], f"{name}: its size is not {entry['size']} bytes, as the manifest says")
    need(next(stream, None) is None, "the bundle has trailing bytes after its last file")
    return files, names

# ---- §4 The shuffle
def shuffle(count, seed):
    """shuffled(p) of every p. A round swaps pairs (i, pivot − i); on the list, the last round comes first."""
    entries = list(range(count))
    for number in reversed(range(90 if count else 0)):
        pivot = int.from_bytes(H(seed, be(number, 1))[:8], "little") % count
        sources = {}
        # Each pair once, by its higher position: up to the pivot, and from there to the end.
        for low, high in ((0, pivot), (pivot + 1, count - 1)):
            while low < high:
                if high // 256 not in sources:
                    sources[high // 256] = H(seed, be(number, 1), (high // 256).to_bytes(4, "little"))
                if sources[high // 256][high % 256 // 8] >> high % 8 & 1:
                    entries[low], entries[high] = entries[high], entries[low]
                low, high = low + 1, high - 1
    return entries

# ---- §7, §8 Lists and trees
def address(text):
    return bytes(12) + bytes.fromhex(text[2:])

def own_address(value):
    written = address_text(value)
    need(int(value, 16), "the zero address belongs to nobody")
    return written

def distinct(form):
    def write(value):
        written = array(form)(value)
        need(len(set(value)) == len(value), f"{written} lists one twice")
        return written
    return write

ROSTER_LINE = ordered(station=own_address, operator=own_address, subnet=text("0x[0-9a-f]{32}"))
TASK_LINE = ordered(cid=payload, provider=actor, clients=distinct(actor), allocators=distinct(actor))

def read_list(name, file, form, identity):
    need(not file or file.endswith(b"\n"), f"{name}: the last line does not end with a line feed")
    lines = enumerate(file.split(b"\n")[:-1], 1)
    entries = [canonical(f"{name}, line {line}", content, form) for line, content in lines]
    need(len({identity(entry) for entry in entries}) == len(entries), f"{name}: an entry is listed twice")
    return entries

read_roster = lambda file: read_list("roster", file, ROSTER_LINE, lambda entry: entry["station"])
read_tasks = lambda file: read_list("task list", file, TASK_LINE, lambda entry: (entry["cid"], entry["provider"]))

def roster_leaf(index, entry):
    return [be(index, 32), address(entry["station"]), address(entry["operator"]), bytes.fromhex(entry["subnet"][2:]) + bytes(16)]

def task_leaf(index, entry):
    cid, provider = binary_cid(entry["cid"]), be(int(entry["provider"][2:]), 32)
    return [be(index, 32), be(96, 32), provider, be(len(cid), 32), cid + bytes(-len(cid) % 32)]

def merkle_root(leaves):
    """OpenZeppelin's StandardMerkleTree, built as a heap whose leaves come last, in descending order."""
    nodes = [b""] * (len(leaves) - 1) + sorted((keccak(keccak(b"".join(leaf))) for leaf in leaves), reverse=True)
    for parent in reversed(range(len(leaves) - 1)):
        nodes[parent] = keccak(b"".join(sorted(nodes[2 * parent + 1:2 * parent + 3])))
    return nodes[0] if leaves else bytes(32)

def check_list(files, name, stated, read, leaf_of):
    """Reads a roster or task list, and compares its count and root with what the round froze."""
    need(stated["cid"] in files, f"{name}: {stated['cid']} is not in the bundle")
    entries = read(files[stated["cid"]])
    compare(f"{name} count", len(entries), stated["count"])
    root = "0x" + merkle_root([leaf_of(index, entry) for index, entry in enumerate(entries)]).hex()
    compare(f"{name} root", root, stated["root"])
    return root

# ---- §2–§5 A round
QUICKNET = 1692803367, 3  # Unix time of beacon round 1, and seconds between rounds.

def check_timetable(fact, now, genesis, period):
    """§12, step 1: the round was frozen before its beacons were published, and no more batches are accepted."""
    number, parameters = fact["number"], fact["parameters"]
    closes_at = fact["openedAt"] + parameters["roundDuration"]
    compare("closesAt", closes_at, fact["closesAt"])
    compare("commitsUntil", closes_at + parameters["commitGrace"], fact["commitsUntil"])
    frozen = fact["openedAt"] + parameters["beaconDelay"]
    for key, moment in (("beaconRound", frozen), ("dedupeBeaconRound", closes_at)):
        published = genesis + (fact[key] - 1) * period
        if published <= moment:
            raise Differs(f"{key}: must be published after Unix time {moment}, but {fact[key]} was at {published}")
    until = fact["commitsUntil"]
    need(now > until, f"round {number} takes batches until Unix time {until}: make the bundle after that")

def recompute(files, names, wanted, drand=QUICKNET):
    need("facts.json" in names and "beacons.json" in names, "the bundle has no facts.json or no beacons.json")
    facts, beacons = read_facts(names["facts.json"]), read_beacons(names["beacons.json"])
    rounds = {fact["number"]: fact for fact in facts["rounds"]}
    number = min(rounds, default=None) if wanted is None else wanted
    need(number in rounds, f"round {number} is not in the bundle, which has {sorted(rounds)}")
    fact = rounds[number]
    need(fact["seed"] is not None, f"round {number} was never revealed: there is nothing to recompute")
    check_timetable(fact, facts["now"], *drand)
    signatures = {beacon["round"]: bytes.fromhex(beacon["signature"]) for beacon in beacons}
    pair = [signatures.get(fact[key]) for key in ("beaconRound", "dedupeBeaconRound")]
    need(all(pair), f"beacons.json: a signature of round {number} is missing")
    randomness, dedupe = map(H, pair)
    contracts = facts["contracts"]
    seed = H(b"assize/seed/v1", be(contracts["chainId"], 32), address(contracts["rounds"])[12:], be(number, 8), randomness)
    compare("seed", "0x" + seed.hex(), fact["seed"])
    roster_root = check_list(files, "roster", fact["roster"], read_roster, roster_leaf)
    task_root = check_list(files, "task list", fact["tasks"], read_tasks, task_leaf)
    for index, batch in enumerate(fact["commitments"]):
        need(batch["cid"] in files, f"batch {index}: {batch['cid']} is not in the bundle")

    parameters, stations, tasks = fact["parameters"], fact["roster"]["count"], fact["tasks"]["count"]
    C = -(-stations // parameters["maxCommitteeSize"]) if tasks else 0
    wanted = max(parameters["targetMeasurements"] // max(stations, 1), 1)
    T = min(wanted, parameters["maxTasksPerCommittee"], max(1, tasks // C)) if C else 0
    roster_seed, task_seed = H(b"assize/roster/v1", seed), H(b"assize/tasks/v1", seed)
    seated, listed = shuffle(stations, roster_seed), shuffle(tasks, task_seed)
    return {
        "round": number, "seed": "0x" + seed.hex(), "rosterSeed": "0x" + roster_seed.hex(), "taskSeed": "0x" + task_seed.hex(),
        "dedupeSeed": "0x" + H(b"assize/dedupe/v1", dedupe).hex(), "committees": C, "tasksPerCommittee": T,
        "members": [seated[stations * c // C:stations * (c + 1) // C] for c in range(C)],
        "tasks": [[listed[(c * T + k) % tasks] for k in range(T)] for c in range(C)],
        "rosterRoot": roster_root, "taskRoot": task_root, "verdict": "MATCH",
    }

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--round", type=int, help="the first of the bundle if not given")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--genesis", type=int, default=QUICKNET[0], help="of a devnet's drand chain; quicknet's if not given")
    parser.add_argument("--period", type=int, default=QUICKNET[1], help="of a devnet's drand chain; quicknet's if not given")
    args = parser.parse_args()
    try:
        with open(args.bundle, "rb") as file:
            result = recompute(*read_bundle(file.read()), args.round, (args.genesis, args.period))
    except Differs as difference:
        print(f"MISMATCH  {difference}")
        return 1
    except (Unreadable, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as fault:
        what = "" if isinstance(fault, (Unreadable, OSError)) else f"not in the form of docs/protocol.md: {type(fault).__name__} "
        print(f"error: {args.bundle}: {what}{fault}", file=sys.stderr)
        return 2
    shown = ("round", "seed", "committees", "tasksPerCommittee", "rosterRoot", "taskRoot")
    print(json.dumps(result) if args.json else "\n".join(f"{key:<18} {result[key]}" for key in shown) + "\nMATCH")
    return 0

if __name__ == "__main__":
    sys.exit(main())
