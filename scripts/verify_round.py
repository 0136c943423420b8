#!/usr/bin/env python3
"""Recomputes a round of Assize from a bundle: timetable, seed, committees, tasks, Merkle roots. Standard library only.

    assize bundle round 7 -o round.car
    python3 scripts/verify_round.py round.car [--round N] [--json]

It follows docs/protocol.md, whose sections it names. Exit codes: 0 MATCH, 1 something differs, 2 the bundle or a file in it is
not valid. Not checked here, but by `assize verify round --offline`: BLS signatures of the beacons, and what measurements say. That
facts.json is what the contracts say, only the chain can tell; and that the drand chain is theirs, unless it is quicknet.

Everything is held in memory. A bundle of more than 1 GiB, packed or unpacked, is refused (2), and so is a JSON text above 16 MiB.
"""

import argparse, hashlib, io, json, os, re, sys
MOST, MOST_JSON = 1 << 30, 1 << 24
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
CHUNK, LINKS = 1 << 20, 1024
RAW, NODE = b"\x01\x55\x12\x20", b"\x01\x70\x12\x20"  # How the CID of a block begins; its hash follows.
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
    """The canonical text of a CID of version 1."""
    number, digits = int.from_bytes(cid, "big") << -8 * len(cid) % 5, -(-8 * len(cid) // 5)
    return "b" + "".join(BASE32[number >> 5 * place & 31] for place in reversed(range(digits)))

def binary_cid(text):
    """The bytes of a CID in canonical text: version 0 in base58, version 1 in base32."""
    problem, number = f"{text} is not a CID in its one form", 0
    if text.startswith("Qm"):
        need(len(text) == 46 and set(text) <= set(BASE58), problem)
        for digit in text:
            number = number * 58 + BASE58.index(digit)
        need(number >> 256 == 0x1220, problem)
        return be(number, 34)
    need(re.fullmatch("b[a-z2-7]+", text), problem)
    # int() has other digits. The last one is filled up with zeros.
    number, bits = int(text[1:].translate(str.maketrans(BASE32, "0123456789abcdefghijklmnopqrstuv")), 32), 5 * (len(text) - 1)
    need(bits % 8 < 5 and number % (1 << bits % 8) == 0, problem)
    cid = be(number >> bits % 8, bits // 8)
    (version, at), numbers = varint(cid, 0), []
    for _ in range(3):
        number, at = varint(cid, at)
        numbers.append(number)
    need(version == 1 and len(cid) - at == numbers[2] <= 128, f"{text} is not a CID of version 1")
    return cid

# ---- §6.1 Canonical JSON: parse, write, compare
def number(bits, least=0):
    def write(value):
        need(type(value) is int and least <= value < 1 << bits, f"{value} is not a number from {least} to 2^{bits} - 1")
        return str(value)
    return write
u32, u53 = number(32), number(53)

def text(pattern, most=None):
    """A string of a form; with `most`, its number is at most that."""
    def write(value):
        found = type(value) is str and re.fullmatch(pattern, value)
        need(found and (most is None or int(found[1]) <= most), f"{value!r} has not the form {pattern}")
        return json.dumps(value, ensure_ascii=False)
    return write
def any_text(value):
    need(type(value) is str, f"{value!r} is not a string")
    return json.dumps(value, ensure_ascii=False)
address_text, word_text = text("0x[0-9a-f]{40}"), text("0x[0-9a-f]{64}")
amount = lambda bits: text("(0|[1-9][0-9]{0,77})", (1 << bits) - 1)
actor = text("f0(0|[1-9][0-9]{0,19})", MASK)
def payload(value):
    need(type(value) is str, f"{value!r} is not a CID")
    binary_cid(value)
    return f'"{value}"'
def file_cid(value):
    need(type(value) is str, f"{value!r} is not a CID")
    cid = binary_cid(value)
    need(len(cid) == 36 and cid[:4] in (RAW, NODE), f"{value} is not the CID of a file")
    return f'"{value}"'
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
    need(len(data) <= MOST_JSON, f"{name} has {len(data)} bytes: this script reads JSON of at most {MOST_JSON}")
    try:
        value = json.loads(data.decode())
        written = form(value).encode()
    except (Unreadable, ValueError, RecursionError) as fault:
        raise Unreadable(f"{name}: {fault}") from None
    if written != data:
        at = next((at for at, (ours, theirs) in enumerate(zip(written, data)) if ours != theirs), min(len(written), len(data)))
        raise Unreadable(f"{name} is not in canonical form: byte {at} has {data[at:at + 16]!r}, not {written[at:at + 16]!r}")
    return value

# ---- §12.1 Facts, beacons, manifest
CONTRACTS = fields_of(chainId=u53, rounds=address_text, rewards=address_text)
def most(limit, form):
    """A number that is at most the limit."""
    def write(value):
        written = form(value)
        need(value <= limit, f"{value} is more than {limit}")
        return written
    return write
parameters_form = lambda least, most_tasks: fields_of(
    roundDuration=u32, beaconDelay=u32, step=u32, minCommitteeSize=number(16, least), maxCommitteeSize=number(16, least),
    quorum=number(16, least), maxTasksPerCommittee=most(most_tasks, number(16, least)), targetMeasurements=number(32, least),
    budget=amount(128))
# §3.1: steps after closing.
STEPS = dict(closesAt=0, sealsUntil=3, ownSealsUntil=6, showFrom=11, publishUntil=21, commitsUntil=27, dedupeFrom=32, objectionsFrom=147)
frozen = lambda cid: fields_of(root=word_text, count=u32, cid=cid)
committed = lambda cid: dict(publisher=address_text, root=word_text, count=u32, cid=cid)
OWN = fields_of(station=u32, report=word_text)
ROSTER, TASKS, LINES = 0, 1, 3  # Kinds of files that can be dropped (§11.3).
FACTS = fields_of(
    contracts=CONTRACTS, drops=array(fields_of(round=u53, kind=most(3, u32), index=u32)), now=u53,
    rounds=array(fields_of(
        number=u53, roster=frozen(file_cid), tasks=frozen(file_cid), parameters=parameters_form(1, 256), openedAt=u53,
        times=fields_of(**dict.fromkeys(STEPS, u53)), beaconRound=u53, dedupeBeaconRound=u53, seed=nullable(word_text),
        commitments=array(fields_of(**committed(file_cid), committedAt=u53)), own=array(OWN)), lambda fact: fact["number"]),
    settlements=array(fields_of(
        id=u53, parent=nullable(u53), firstRound=u53, lastRound=u53, root=word_text, operators=u32, cumulativeTotal=amount(256),
        drops=u32, cid=file_cid, postedAt=u53, activeAt=u53, status=text("pending|active|void")), lambda fact: fact["id"]))
DRAND = fields_of(
    public_key=text("[0-9a-f]{192}"), period=u32, genesis_time=u53, hash=text("[0-9a-f]{64}"), groupHash=text("[0-9a-f]{64}"),
    schemeID=text("bls-unchained-g1-rfc9380"), metadata=fields_of(beaconID=any_text))
MAX_FILES = 1 << 16
MANIFEST = ordered(version=constant(1), files=array(ordered(
    name=text(r"[a-z0-9-][a-z0-9.-]*(/[a-z0-9-][a-z0-9.-]*)*"), cid=file_cid, size=u53)))

def read_manifest(data):
    manifest = canonical("manifest", data, MANIFEST)
    need(len(manifest["files"]) <= MAX_FILES, f"manifest: {len(manifest['files'])} files are more than {MAX_FILES}")
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

def read_drand(data):
    chain = canonical("drand.json", data, DRAND)
    name = chain["metadata"]["beaconID"]
    hashed = H(be(chain["period"], 4), be(chain["genesis_time"], 8), bytes.fromhex(chain["public_key"] + chain["groupHash"]),
               b"" if name == "default" else name.encode()).hex()
    need(chain["period"], "drand.json: the period is zero")
    need(hashed == chain["hash"], f"drand.json: the hash of this chain is {hashed}, not {chain['hash']}")
    return chain

read_facts = lambda data: canonical("facts.json", data, FACTS)

# ---- §6, §12.1 Bundles
def blocks_of(car):
    """The root in the header, then each block with its CID, whose hash is checked."""
    length, at = varint(car, 0)
    header = re.fullmatch(rb"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00(.{36})\x67version\x01", car[at:at + length], re.S)
    need(header and length == len(header[0]), "not a bundle: the header is not that of a CARv1 with one root")
    yield header[1], None
    at += length
    while at < len(car):
        start = at
        length, at = varint(car, at)
        need(36 <= length <= len(car) - at, f"offset {start}: a block is cut short")
        cid, data = car[at:at + 36], memoryview(car)[at + 36:at + length]
        need(cid[:4] in (RAW, NODE), f"offset {start}: no CID of a file's block")
        need(H(data) == cid[4:], f"offset {start}: block {cid_text(cid)} does not match the hash in its CID")
        yield cid, data
        at += length

def put(number):
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + put(number >> 7)
field = lambda key, data: bytes([key << 3 | 2]) + put(len(data)) + data

def tree(content, span, blocks):
    """Adds the blocks of a content, children first; returns its CID and the size of its tree. Its root could hold `span` bytes."""
    prefix, data, total = RAW, content, 0
    if span > CHUNK:
        parts = [content[at:at + span // LINKS] for at in range(0, len(content), span // LINKS)]
        children = [tree(part, span // LINKS, blocks) for part in parts]
        links = b"".join(field(2, field(1, cid) + field(2, b"") + b"\x18" + put(size)) for cid, size in children)
        sizes = b"".join(b"\x20" + put(len(part)) for part in parts)
        prefix, data = NODE, links + field(1, b"\x08\x02\x18" + put(len(content)) + sizes)
        total = sum(size for _, size in children)
    cid = prefix + H(data)
    blocks.setdefault(cid)  # A repeated block keeps its first place.
    return cid, total + len(data)

# A link in a node: its CID, no name, its size. What else a node has is checked by building it again.
LINK = re.compile(rb"\x12.\x0a\x24(.{36})\x12\x00\x18[\x80-\xff]*[\x00-\x7f]", re.S)

def read_file(root, size, stream):
    """The file whose blocks come next. Its content is read along the links, and must have exactly these blocks, in this order."""
    blocks, span, cids = {}, CHUNK, [root]
    while root not in blocks:
        cid, data = next(stream, (None, None))
        need(cid, "the bundle ends before its last block")
        need(cid not in blocks, f"block {cid_text(cid)} is repeated")
        blocks[cid] = data
    while span < size:
        span *= LINKS
    part = span
    while part > CHUNK:
        part //= LINKS
        cids = [link for cid in cids for link in LINK.findall(blocks[cid])]
        need(len(cids) == -(-size // part), f"its tree is not that of {size} bytes, its size in the manifest")
        missing = next((cid for cid in cids if cid not in blocks), None)
        need(not missing, f"block {missing and cid_text(missing)} is missing")
    length = sum(len(blocks[cid]) for cid in cids)
    need(length == size, f"its chunks have {length} bytes, not {size}, as the manifest says")
    content, own = b"".join(blocks[cid] for cid in cids), {}
    tree(memoryview(content), span, own)
    need(list(own) == list(blocks), "its blocks are not those that section 6 gives its content, in their order")
    return content

def read_bundle(car):
    """The files by CID, and by their names in the manifest."""
    stream, files, names = blocks_of(car), {}, {}
    root, _ = next(stream)
    cid, manifest = next(stream, (None, None))
    need(cid == root and cid[:4] == RAW, "manifest: the first block is not the raw block that the header names")
    entries = read_manifest(bytes(manifest))["files"]
    total = sum(entry["size"] for entry in entries)
    need(total <= MOST, f"its files have {total} bytes: this script reads at most {MOST}")
    for entry in entries:
        try:
            content = read_file(binary_cid(entry["cid"]), entry["size"], stream)
        except Unreadable as problem:
            raise Unreadable(f"{entry['name']}: {problem}") from None
        files[entry["cid"]] = names[entry["name"]] = content
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

MAX_FILE = 256 << 20  # bytes of a roster, a task list or a batch

def read_list(name, file, form, identity):
    need(len(file) <= MAX_FILE, f"{name}: it has more than {MAX_FILE} bytes")
    need(not file or file.endswith(b"\n"), f"{name}: the last line does not end with a line feed")
    entries = {}
    for line, content in enumerate(io.BytesIO(file), 1):
        entry = canonical(f"{name}, line {line}", content[:-1], form)
        need(identity(entry) not in entries, f"{name}, line {line}: an entry is listed twice")
        entries[identity(entry)] = entry
    return list(entries.values())

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

leaf = lambda *words: keccak(keccak(b"".join(words)))

def positional_root(leaves):
    """§8.2: the places up to the power of two hold zero."""
    nodes = leaves + [bytes(32)] * ((1 << max(len(leaves) - 1, 0).bit_length()) - len(leaves)) if leaves else [bytes(32)]
    while len(nodes) > 1:
        nodes = [keccak(nodes[i] + nodes[i + 1]) for i in range(0, len(nodes), 2)]
    return nodes[0]

def lines_of(file):
    """Lines are what line feeds end; a last one without a line feed is a line too."""
    return file.removesuffix(b"\n").split(b"\n") if file else []

def lines_root(file):
    return "0x" + positional_root([leaf(H(line)) for line in lines_of(file)]).hex()

def check_batch(files, names, what, stated):
    """A batch is the lines that have its root, wherever they come from; its CID only says where to look first."""
    is_it = lambda file: len(file) <= MAX_FILE and len(lines_of(file)) == stated["count"] and lines_root(file) == stated["root"]
    others = (file for name, file in names.items() if name.startswith("rounds/"))
    need(stated["cid"] in files and is_it(files[stated["cid"]]) or any(map(is_it, others)), f"{what}: its lines are not in the bundle")

def check_list(files, name, stated, read, leaf_of):
    """Reads a roster or task list, and compares its count and root with what the round froze."""
    need(stated["cid"] in files, f"{name}: {stated['cid']} is not in the bundle")
    entries = read(files[stated["cid"]])
    compare(f"{name} count", len(entries), stated["count"])
    root = "0x" + merkle_root([leaf_of(index, entry) for index, entry in enumerate(entries)]).hex()
    compare(f"{name} root", root, stated["root"])
    return root

# ---- §2–§5 A round
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"

def check_timetable(fact, now, genesis, period):
    """§12, step 1: nothing more can be committed, and the round was frozen before its beacons were published."""
    number, parameters, times = fact["number"], fact["parameters"], fact["times"]
    until = times["dedupeFrom"]
    need(now > until, f"round {number} is under way until Unix time {until}: make the bundle after that")
    closes_at = fact["openedAt"] + parameters["roundDuration"]
    for name, steps in STEPS.items():
        compare(name, closes_at + steps * parameters["step"], times[name])
    frozen = fact["openedAt"] + parameters["beaconDelay"]
    for key, moment in (("beaconRound", frozen), ("dedupeBeaconRound", times["dedupeFrom"])):
        published = genesis + (fact[key] - 1) * period
        if published <= moment:
            raise Differs(f"{key}: must be published after Unix time {moment}, but {fact[key]} was at {published}")
    for key in ("commitments", "own"):
        if fact["seed"] is None and fact[key]:
            raise Differs(f"{key}: nothing is committed to a round without a seed, but facts.json has {len(fact[key])}")

def recompute(files, names, wanted, trusted=QUICKNET):
    for name in ("facts.json", "beacons.json", "drand.json"):
        need(name in names, f"the bundle has no {name}")
    facts, beacons, drand = read_facts(names["facts.json"]), read_beacons(names["beacons.json"]), read_drand(names["drand.json"])
    need(drand["hash"] == trusted, f"the beacons are of drand chain {drand['hash']} ({drand['metadata']['beaconID']}), not of "
         f"{trusted}: if you trust that chain, and the network's contract verifies it, give --drand-hash {drand['hash']}")
    rounds = {fact["number"]: fact for fact in facts["rounds"]}
    number = min(rounds, default=None) if wanted is None else wanted
    need(number in rounds, f"round {number} is not in the bundle, which has {sorted(rounds)}")
    fact = rounds[number]
    check_timetable(fact, facts["now"], drand["genesis_time"], drand["period"])
    need(fact["seed"] is not None, f"round {number} was never revealed: there is nothing to recompute")
    signatures = {beacon["round"]: bytes.fromhex(beacon["signature"]) for beacon in beacons}
    pair = [signatures.get(fact[key]) for key in ("beaconRound", "dedupeBeaconRound")]
    need(all(pair), f"beacons.json: a signature of round {number} is missing")
    randomness, dedupe = map(H, pair)
    contracts = facts["contracts"]
    seed = H(b"assize/seed/v1", be(contracts["chainId"], 32), address(contracts["rounds"])[12:], be(number, 8), randomness)
    compare("seed", "0x" + seed.hex(), fact["seed"])
    dropped = {(drop["kind"], drop["index"]) for drop in facts["drops"] if drop["round"] == number}
    need(not dropped & {(ROSTER, 0), (TASKS, 0)}, f"round {number}: one of its lists was dropped: there is nothing to recompute")
    roster_root = check_list(files, "roster", fact["roster"], read_roster, roster_leaf)
    task_root = check_list(files, "task list", fact["tasks"], read_tasks, task_leaf)
    for index, batch in enumerate(fact["commitments"]):
        if (LINES, index) not in dropped:
            check_batch(files, names, f"batch {index}", batch)
    for own in fact["own"]:
        cid = cid_text(RAW + bytes.fromhex(own["report"][2:]))
        need(cid in files, f"the report of station {own['station']}: {cid} is not in the bundle")

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
    parser.add_argument("--drand-hash", default=QUICKNET, metavar="HASH", help="drand chain that you trust; quicknet if not given")
    args = parser.parse_args()
    try:
        with open(args.bundle, "rb") as file:
            need(os.fstat(file.fileno()).st_size <= MOST, f"this script reads at most {MOST} bytes")
            result = recompute(*read_bundle(file.read()), args.round, args.drand_hash.removeprefix("0x").lower())
    except Differs as difference:
        print(f"MISMATCH  {difference}")
        return 1
    except MemoryError:
        print(f"error: {args.bundle}: not enough memory", file=sys.stderr)
        return 2
    except (Unreadable, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as fault:
        what = "" if isinstance(fault, (Unreadable, OSError)) else f"not in the form of docs/protocol.md: {type(fault).__name__} "
        print(f"error: {args.bundle}: {what}{fault}", file=sys.stderr)
        return 2
    shown = ("round", "seed", "committees", "tasksPerCommittee", "rosterRoot", "taskRoot")
    print(json.dumps(result) if args.json else "\n".join(f"{key:<18} {result[key]}" for key in shown) + "\nMATCH")
    return 0

if __name__ == "__main__":
    sys.exit(main())
