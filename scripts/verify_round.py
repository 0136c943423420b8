#!/usr/bin/env python3
"""Recomputes a round of Assize from a bundle: seed, committees, tasks, Merkle roots. Standard library only.

    assize bundle round 7 -o round.car
    python3 scripts/verify_round.py round.car [--round N] [--json]

It follows docs/protocol.md, whose sections it names, and is laxer about the form of files than the Rust. Exit codes: 0 MATCH, 1 something differs, 2 the
bundle cannot be read. Not checked here, but by `assize verify round --offline`: BLS signatures of the beacons, and the
measurements. That facts.json is what the contracts say, only the chain can tell.
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
        raise Differs(f"{what}: recomputed {ours}, but facts.json says {stated}")

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
            return number, at

def cid_text(cid):
    bits = int.from_bytes(cid, "big") << 2  # 36 bytes are 288 bits, 58 digits hold 290.
    return "b" + "".join("abcdefghijklmnopqrstuvwxyz234567"[bits >> shift & 31] for shift in range(285, -1, -5))

def blocks_of(car):  # Each with the hash that its CID says.
    length, at = varint(car, 0)
    header = re.fullmatch(rb"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00(.{36})\x67version\x01", car[at:at + length], re.S)
    need(header, "this is no bundle: it does not begin with the header of a CARv1 with one root")
    yield header[1], None
    at += length
    while at < len(car):
        start = at
        length, at = varint(car, at)
        need(36 <= length <= len(car) - at, f"offset {start}: a block is cut short")
        cid, data = car[at:at + 36], car[at + 36:at + length]
        need(cid[:4] in (b"\x01\x55\x12\x20", b"\x01\x70\x12\x20"), f"offset {start}: no CID of a file's block")
        need(H(data) == cid[4:], f"offset {start}: block {cid_text(cid)} does not have the hash that its CID says")
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
    manifest = json.loads(manifest)
    need(manifest["version"] == 1, f"manifest: version {manifest['version']} is not 1")
    files, names = {}, {}
    for entry in manifest["files"]:
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
    need(next(stream, None) is None, "the bundle goes on after its last file")
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
def lines_of(file, name, keys):
    need(not file or file.endswith(b"\n"), f"{name}: the last line has no newline")
    for number, line in enumerate(file.split(b"\n")[:-1], 1):
        entry = json.loads(line)
        need(isinstance(entry, dict) and sorted(entry) == sorted(keys), f"{name}, line {number}: keys are not {keys}")
        yield number - 1, entry

def address(text):
    need(re.fullmatch("0x[0-9a-fA-F]{40}", text), f"{text} is no address in 0x form")
    return bytes(12) + bytes.fromhex(text[2:])

def binary_cid(text):
    alphabets = {"b": "abcdefghijklmnopqrstuvwxyz234567", "z": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"}
    base, digits = ("z", text) if text.startswith("Qm") else (text[:1], text[1:])
    need(base in alphabets and set(digits) <= set(alphabets[base]), f"{text} is no CID that this script reads")
    number = 0
    for digit in digits:
        number = number * len(alphabets[base]) + alphabets[base].index(digit)
    number >>= len(digits) * 5 % 8 if base == "b" else 0  # Base 32 fills up its last digit.
    return be(number, (number.bit_length() + 7) // 8)  # A CID's first byte is not zero.

def roster_leaf(index, entry):
    need(re.fullmatch("0x[0-9a-fA-F]{32}", entry["subnet"]), f"{entry['subnet']} is no subnet tag")
    subnet = bytes.fromhex(entry["subnet"][2:]) + bytes(16)
    return [be(index, 32), address(entry["station"]), address(entry["operator"]), subnet]

def task_leaf(index, entry):
    cid = binary_cid(entry["cid"])
    need(re.fullmatch("f0[0-9]+", entry["provider"]), f"{entry['provider']} is no provider")
    provider = be(int(entry["provider"][2:]), 32)
    return [be(index, 32), be(96, 32), provider, be(len(cid), 32), cid + bytes(-len(cid) % 32)]

def merkle_root(leaves):
    """OpenZeppelin's StandardMerkleTree, built as a heap whose leaves come last, in descending order."""
    nodes = [b""] * (len(leaves) - 1) + sorted((keccak(keccak(b"".join(leaf))) for leaf in leaves), reverse=True)
    for parent in reversed(range(len(leaves) - 1)):
        nodes[parent] = keccak(b"".join(sorted(nodes[2 * parent + 1:2 * parent + 3])))
    return nodes[0] if leaves else bytes(32)

def check_list(files, name, stated, keys, leaf_of, identity):
    """Reads a roster or task list, and compares its count and root with what the round froze."""
    need(stated["cid"] in files, f"{name}: {stated['cid']} is not in the bundle")
    entries = list(lines_of(files[stated["cid"]], name, keys))
    need(len({identity(entry) for _, entry in entries}) == len(entries), f"{name}: an entry is there twice")
    compare(f"{name} count", len(entries), stated["count"])
    root = "0x" + merkle_root([leaf_of(index, entry) for index, entry in entries]).hex()
    compare(f"{name} root", root, stated["root"])
    return root

# ---- §2–§5 A round
def recompute(files, names, wanted):
    need("facts.json" in names and "beacons.json" in names, "the bundle has no facts.json or no beacons.json")
    facts, beacons = json.loads(names["facts.json"]), json.loads(names["beacons.json"])
    rounds = {fact["number"]: fact for fact in facts["rounds"]}
    number = min(rounds, default=None) if wanted is None else wanted
    need(number in rounds, f"round {number} is not in the bundle, which has {sorted(rounds)}")
    fact = rounds[number]
    need(fact["seed"] is not None, f"round {number} was never revealed: there is nothing to recompute")
    signatures = {beacon["round"]: bytes.fromhex(beacon["signature"]) for beacon in beacons}
    pair = [signatures.get(fact[key], b"") for key in ("beaconRound", "dedupeBeaconRound")]
    need([len(signature) for signature in pair] == [48, 48], f"beacons.json: a signature of round {number} is missing")
    randomness, dedupe = map(H, pair)
    contracts = facts["contracts"]
    seed = H(b"assize/seed/v1", be(contracts["chainId"], 32), address(contracts["rounds"])[12:], be(number, 8), randomness)
    compare("seed", "0x" + seed.hex(), fact["seed"])
    roster_root = check_list(files, "roster", fact["roster"], ["station", "operator", "subnet"], roster_leaf,
                             lambda entry: entry["station"].lower())
    task_root = check_list(files, "task list", fact["tasks"], ["cid", "provider", "clients", "allocators"], task_leaf,
                           lambda entry: (binary_cid(entry["cid"]), entry["provider"]))
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
    args = parser.parse_args()
    try:
        with open(args.bundle, "rb") as file:
            result = recompute(*read_bundle(file.read()), args.round)
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
