// Computes docs/vectors/v2 from the text of docs/protocol.md, without any code of this repository:
//
//     node scripts/vectors.mjs            writes the files
//     node scripts/vectors.mjs --check    compares them, and fails if one differs
//
// `@noble/curves` and `@noble/hashes` come with `@openzeppelin/merkle-tree`.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { bls12_381 as bls } from '@noble/curves/bls12-381'
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { bundles } from './bundles.mjs'
import { readRoster, readTasks } from './canonical.mjs'
import { invalidDocuments, invalidRosters, invalidTasks } from './invalid-files.mjs'
import { allocationLeaf, lineLeaf, restOf, rootOf, sheetLeaf, treeVector } from './positional-tree.mjs'

const DIRECTORY = new URL('../docs/vectors/v2/', import.meta.url)

// ---- Bytes

const ascii = text => Buffer.from(text)
const unhex = text => Buffer.from(text.replace(/^0x/, ''), 'hex')
const hex = bytes => '0x' + Buffer.from(bytes).toString('hex')
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()
const keccak = (...parts) => Buffer.from(keccak_256(Buffer.concat(parts)))
/** Big-endian in the given number of bytes; negative numbers in two's complement. */
const be = (number, length) =>
  unhex(BigInt.asUintN(8 * length, BigInt(number)).toString(16).padStart(2 * length, '0'))
const le32 = number => be(number, 4).reverse()

// ---- §2 The beacon

const GENESIS = 1692803367
const PERIOD = 3
const QUICKNET_KEY =
  '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a'
const DST = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'

const roundAfter = t => (t < GENESIS ? 1 : Math.floor((t - GENESIS) / PERIOD) + 2)

function beaconVector(round, signature) {
  if (!bls.verifyShortSignature(signature, sha256(be(round, 8)), QUICKNET_KEY, { DST })) throw new Error('not genuine')
  const y = bls.G1.ProjectivePoint.fromHex(signature).toAffine().y
  return { round, signature: '0x' + signature, y: hex(be(y, 48)), randomness: hex(sha256(unhex(signature))) }
}

// ---- §3 Seeds

const roundSeed = ({ chainId, rounds, round, randomness }) =>
  sha256(ascii('assize/seed/v1'), be(chainId, 32), unhex(rounds), be(round, 8), unhex(randomness))
const rosterSeed = seed => sha256(ascii('assize/roster/v1'), seed)
const taskSeed = seed => sha256(ascii('assize/tasks/v1'), seed)
const dedupeSeed = randomness => sha256(ascii('assize/dedupe/v1'), randomness)

// ---- §3.1 The timetable

const STEPS = { closesAt: 0, sealsUntil: 3, ownSealsUntil: 6, showFrom: 11, publishUntil: 21, commitsUntil: 27, dedupeFrom: 32, objectionsFrom: 147 }
const timesOf = (closesAt, step) =>
  Object.fromEntries(Object.entries(STEPS).map(([name, steps]) => [name, closesAt + steps * step]))

// ---- §4 The shuffle

function shuffled(index, count, seed) {
  for (let round = 0; round < 90; round++) {
    const pivot = Number(sha256(seed, be(round, 1)).readBigUInt64LE() % BigInt(count))
    const flip = (pivot + count - index) % count
    const position = Math.max(index, flip)
    const source = sha256(seed, be(round, 1), le32(Math.floor(position / 256)))
    const bit = (source[(position % 256) >> 3] >> (position % 8)) & 1
    index = bit ? flip : index
  }
  return index
}

const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)

// ---- §5 Committees and tasks

/** Everything that a seed determines; for huge rounds only one committee and one number of each kind. */
function assignmentVector(seed, stations, tasks, parameters = {}) {
  const { maxCommitteeSize, targetMeasurements, maxTasksPerCommittee } = parameters =
    { maxCommitteeSize: 100, targetMeasurements: 250000, maxTasksPerCommittee: 100, ...parameters }
  const C = tasks === 0 ? 0 : Math.ceil(stations / maxCommitteeSize)
  const wanted = Math.min(Math.max(Math.floor(targetMeasurements / stations), 1), maxTasksPerCommittee)
  const T = C === 0 ? 0 : Math.min(wanted, Math.max(1, Math.floor(tasks / C)))
  // Products stay below 2^53.
  const start = c => Math.floor((stations * c) / C)
  const [forStations, forTasks] = [rosterSeed(seed), taskSeed(seed)]
  const members = c => range(start(c), start(c + 1)).map(p => shuffled(p, stations, forStations))
  const drawn = c => range(0, T).map(k => shuffled((c * T + k) % tasks, tasks, forTasks))
  const shown = C <= 10 ? range(0, C) : [Math.floor(C / 3)]
  const committees = shown.map(c => ({ committee: c, seats: [start(c), start(c + 1)], members: members(c), tasks: drawn(c) }))
  const seated = committees.flatMap(({ committee, seats, members }) =>
    members.map((station, place) => ({ station, committee, seat: seats[0] + place })))
  return {
    seed: hex(seed), rosterSeed: hex(forStations), taskSeed: hex(forTasks), stations, tasks, ...parameters,
    committeeCount: C, tasksPerCommittee: T, committees, station: seated[Math.floor(seated.length / 2)] ?? null,
  }
}

// ---- §6 Files and trees

/** CIDv1, raw, sha2-256: of a file of at most one chunk. */
const rawCid = content => Buffer.concat([unhex('01551220'), sha256(content)])

function base32(bytes) {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return 'b' + bits.match(/.{1,5}/g).map(five => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five.padEnd(5, '0'), 2)]).join('')
}

function sortedTree(types, values) {
  if (values.length === 0) return { root: hex(be(0, 32)), leaves: [], proofs: [] }
  const tree = StandardMerkleTree.of(values, types)
  return { root: tree.root, leaves: values.map(value => tree.leafHash(value)), proofs: values.map((_, i) => tree.getProof(i)) }
}

const ndjson = lines => lines.map(line => JSON.stringify(line) + '\n').join('')

function fileVector(read, lines, types, values) {
  const file = ndjson(lines)
  read(ascii(file))
  const cid = rawCid(ascii(file))
  return { file, cid: base32(cid), binaryCid: hex(cid), ...sortedTree(types, values) }
}

// ---- §9, §11 EIP-712

function eip712(domain, type, fields) {
  const separator = keccak(
    keccak(ascii('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)')),
    keccak(ascii(domain.name)), keccak(ascii(domain.version)), be(domain.chainId, 32), Buffer.alloc(12), unhex(domain.contract),
  )
  const types = type.slice(type.indexOf('(') + 1, -1).split(',').map(field => field.split(' ')[0])
  const words = types.map((type, i) => {
    const value = fields[i]
    if (type === 'string') return keccak(ascii(value ?? ''))
    if (type === 'bytes') return keccak(unhex(value))
    if (type === 'address' || type === 'bytes32') return Buffer.concat([Buffer.alloc(32), unhex(value)]).subarray(-32)
    if (type === 'bool') return be(value ? 1 : 0, 32)
    return be(value ?? -1, 32)
  })
  return keccak(unhex('1901'), separator, keccak(keccak(ascii(type)), ...words))
}

function sign(digest, key) {
  const signature = secp256k1.sign(digest, key)
  return hex(Buffer.concat([signature.toCompactRawBytes(), be(27 + signature.recovery, 1)]))
}

const addressOf = key => hex(keccak(Buffer.from(secp256k1.getPublicKey(key, false)).subarray(1)).subarray(12))

const MEASUREMENT_TYPE =
  'Measurement(uint64 round,uint32 task,address station,string cid,string minerId,string providerId,string providerAddress,string protocol,string sparkVersion,string zinniaVersion,bool timeout,int64 startAt,int64 firstByteAt,int64 endAt,int64 statusCode,int64 headStatusCode,int64 byteLength,bool carTooLarge,string carChecksum,string indexerResult,string attestation)'
const SEAL_TYPE = 'Seal(uint64 round,uint32 station,address operator,uint256 tasks,bytes32 report)'
const SETTLEMENT_TYPE =
  'Settlement(uint64 number,uint64 parent,uint64 firstRound,uint64 lastRound,bytes32 root,uint32 operators,uint256 cumulativeTotal,uint32 drops,bytes cid,uint64 evaluatorSet)'
/** The values of a type's fields, in the order of the type. */
const valuesOf = (type, fields) => type.slice(type.indexOf('(') + 1, -1).split(',').map(field => fields[field.split(' ')[1]])

const CAMEL = key => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase())

function measurementVector({ chainId, rounds }, key, fields) {
  const line = { ...fields, station: addressOf(key) }
  const times = ['start_at', 'first_byte_at', 'end_at']
  const plain = Object.fromEntries(
    Object.entries(line).map(([name, value]) => [CAMEL(name), times.includes(name) && value ? Date.parse(value) : value]),
  )
  const domain = { name: 'Assize', version: '1', chainId, contract: rounds }
  const digest = eip712(domain, MEASUREMENT_TYPE, valuesOf(MEASUREMENT_TYPE, plain))
  return { chainId, rounds, stationKey: hex(key), digest: hex(digest), line: JSON.stringify({ ...line, signature: sign(digest, key) }) }
}

function sealVector({ chainId, rounds }, key, fields) {
  const digest = eip712({ name: 'Assize', version: '2', chainId, contract: rounds }, SEAL_TYPE, valuesOf(SEAL_TYPE, fields))
  return { chainId, rounds, ...fields, digest: hex(digest), stationKey: hex(key), signature: sign(digest, key) }
}

function settlementVector(chainId, rewards, fields, key) {
  const domain = { name: 'Assize Rewards', version: '2', chainId, contract: rewards }
  const digest = eip712(domain, SETTLEMENT_TYPE, valuesOf(SETTLEMENT_TYPE, fields))
  return { chainId, rewards, ...fields, digest: hex(digest), evaluatorKey: hex(key), evaluator: addressOf(key), signature: sign(digest, key) }
}

// ---- The vectors

const beacons = [
  beaconVector(1, 'b55e7cb2d5c613ee0b2e28d6750aabbb78c39dcc96bd9d38c2c2e12198df95571de8e8e402a0cc48871c7089a2b3af4b'),
  beaconVector(1000, 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39'),
  beaconVector(17133822, 'b47e2af1eb8868ff7f41126df002df901bedb52990fc3380b7cfb7ef01865797fc924873105ac786c922b4d9cf4bbd23'),
]
const ROUNDS = '0x00000000000000000000000000000000000a5512'
const REWARDS = '0x00000000000000000000000000000000000a5513'
const stationKey = be(0x51a7, 32)
const station = addressOf(stationKey)

function seedVector(chainId, round, { randomness }, task) {
  const seed = roundSeed({ chainId, rounds: ROUNDS, round, randomness })
  const dedupe = dedupeSeed(unhex(randomness))
  return {
    chainId, rounds: ROUNDS, round, randomness, seed: hex(seed), rosterSeed: hex(rosterSeed(seed)), taskSeed: hex(taskSeed(seed)),
    dedupeSeed: hex(dedupe), station, task, rank: hex(sha256(dedupe, unhex(station), be(task, 4))),
  }
}

const seeds = [
  seedVector(314, 7, beacons[1], 2),
  seedVector(314159, 1, beacons[0], 0),
  seedVector(31337, 2 ** 40 + 1, beacons[2], 4294967295),
]
const SEED = unhex(seeds[0].seed)

const counts = [0, 1, 2, 3, 10, 20, 100, 255, 256, 257, 513]
const shuffles = counts.map((count, i) => {
  const seed = sha256(ascii(`shuffle ${i}`))
  return { seed: hex(seed), count, mapping: range(0, count).map(index => shuffled(index, count, seed)) }
})
const places = [[16777215, 16777214], [16777217, 16777216], [22000000, 21999999], [4294967295, 0], [4294967295, 4294967294]]
const singles = places.map(([count, place]) =>
  ({ seed: seeds[0].rosterSeed, count, place, entry: shuffled(place, count, unhex(seeds[0].rosterSeed)) }))

const assignments = [
  [0, 10], [10, 0], [1, 1], [39, 100], [40, 100], [101, 300], [205, 1000], [1000, 150], [300, 2000], [1000000, 22000000],
].map(([stations, tasks]) => assignmentVector(SEED, stations, tasks))
assignments.push(assignmentVector(SEED, 50, 7, { maxCommitteeSize: 8, targetMeasurements: 200, maxTasksPerCommittee: 3 }))

const address = (kind, i) => hex(sha256(ascii(`${kind} ${i}`)).subarray(0, 20))
const rosterOf = count => range(0, count).map(i => ({
  station: i === 1 ? station : address('station', i),
  operator: address('operator', i),
  subnet: hex(sha256(ascii(`subnet ${i}`)).subarray(0, 16)),
}))
const rosterVector = count => fileVector(readRoster, rosterOf(count), ['uint256', 'address', 'address', 'bytes16'],
  rosterOf(count).map((entry, i) => [i, entry.station, entry.operator, entry.subnet]))
const payload = i => rawCid(ascii(`payload ${i}`))
const tasksOf = count => range(0, count).map(i => ({
  cid: base32(payload(i)), provider: `f0${1000 + i}`, clients: i ? [`f0${2000 + i}`, `f0${3000 + i}`] : [], allocators: [`f0${4000 + i}`],
}))
const taskVector = count =>
  fileVector(readTasks, tasksOf(count), ['uint256', 'bytes', 'uint64'], range(0, count).map(i => [i, hex(payload(i)), 1000 + i]))

// Payloads with long digests: the identity of a directory and of 128 bytes, and a SHA-512.
const longPayloads = [
  Buffer.concat([Buffer.from([1, 0x70, 0, 112]), sha256(ascii('a directory')), Buffer.alloc(80, 0x0a)]),
  Buffer.concat([Buffer.from([1, 0x55, 0, 0x80, 1]), Buffer.alloc(128, 0xab)]),
  Buffer.concat([Buffer.from([1, 0x55, 0x13, 64]), createHash('sha512').update('payload').digest()]),
]
const longTaskVector = fileVector(
  readTasks, longPayloads.map((cid, i) => ({ cid: base32(cid), provider: `f0${1000 + i}`, clients: [], allocators: [] })),
  ['uint256', 'bytes', 'uint64'], longPayloads.map((cid, i) => [i, hex(cid), 1000 + i]))

const bits = (...tasks) => '0x' + tasks.reduce((word, k) => word | (1n << BigInt(k)), 0n).toString(16).padStart(64, '0')
const sheetRows = [
  [7, 1, bits(0, 1), 0, 3, '304414003044140030'],
  [7, 2, bits(99), 2, 3, '456621004566210045'],
  [8, 0, bits(0, 255), 0, 2, '913242009132420090'],
  [2 ** 40, 4294967294, bits(5), 4294967294, 4294967295, '913242009132420091'],
  [2 ** 40 + 1, 0, bits(...range(0, 256)), 0, 256, '79228162514264337593543950335'],
].map(([round, station, tasks, rank, accepted, running]) => ({ round, station, tasks, rank, accepted, running }))
const sheetVector = count => {
  const entries = sheetRows.slice(0, count)
  return { entries, ...treeVector(entries.map(sheetLeaf)) }
}

/** Allocations ascending by operator, with their running sums. */
function ascending(allocations) {
  let running = 0n
  return [...allocations].sort((a, b) => (a.operator < b.operator ? -1 : 1))
    .map(allocation => ({ ...allocation, running: String(running += BigInt(allocation.cumulative)) }))
}
const amounts = ['152207001522070015', '304414003044140030', '1', '39614081257132168796771975168', '7', '10', '100', '1000']
const rewardEntries = count => ascending(amounts.slice(0, count).map((cumulative, i) => {
  const reports = [1, 2, 0, 5, 3][i % 5]
  const grown = reports ? String(BigInt(cumulative) / BigInt(i + 1)) : '0'
  return { operator: address('operator', i), cumulative, grown, reports, sheet: sheetVector(reports).root }
}))
const rewardVector = count => {
  const entries = rewardEntries(count)
  return { entries, rests: entries.map(restOf), ...treeVector(entries.map(allocationLeaf)) }
}

/** Lines are what line feeds end; a last one without a line feed is a line too. */
const linesOf = file => file.split('\n').slice(0, file === '' || file.endsWith('\n') ? -1 : undefined)
const lineVector = file => {
  const leaves = linesOf(file).map(line => lineLeaf(hex(sha256(ascii(line)))))
  return { file, count: leaves.length, root: rootOf(leaves), leaves }
}

const tasks = tasksOf(3)
const retrieved = {
  round: 7, task: 2, station: null, cid: tasks[2].cid, miner_id: tasks[2].provider,
  provider_id: '12D3KooWPRkvS7dGUHvXmxGkCPa7LcUUjbjzqb3cCcBFUdsvFrTs', provider_address: '/dns/sp.example/tcp/443/https',
  protocol: 'http', spark_version: '1.20.0', zinnia_version: null, timeout: false,
  start_at: '2026-11-20T10:00:00.000Z', first_byte_at: '2026-11-20T10:00:00.250Z', end_at: '2026-11-20T10:00:01.125Z',
  status_code: 200, head_status_code: 200, byte_length: 1048576, car_too_large: false,
  car_checksum: hex(sha256(ascii('car'))).replace('0x', '1220'), indexer_result: 'OK', attestation: null,
}
// A report without results: every field that may be null is null.
const nothing = Object.fromEntries(Object.entries(retrieved).map(([name, value]) =>
  [name, ['round', 'task', 'station', 'cid', 'miner_id'].includes(name) ? value : typeof value === 'boolean' ? false : null]))
const measurements = [retrieved, { ...nothing, indexer_result: 'NO_VALID_ADVERTISEMENT' }, { ...retrieved, timeout: true, end_at: null }]
  .map(fields => measurementVector({ chainId: 314, rounds: ROUNDS }, stationKey, fields))

const reportFile = measurements.map(({ line }) => line + '\n').join('')
const lineFiles = ['', '\n', 'a', 'a\n', 'a\nb', 'a\nb\n', 'a\n\n b \r\n', '\ufeffé\n'.repeat(5), reportFile, reportFile.slice(0, -1)]

const seals = [
  { round: 7, station: 1, operator: address('operator', 1), tasks: bits(2), report: hex(sha256(ascii(reportFile))) },
  { round: 2 ** 40, station: 4294967295, operator: address('operator', 0), tasks: bits(...range(0, 256)), report: hex(sha256()) },
].map(fields => sealVector({ chainId: 314, rounds: ROUNDS }, stationKey, fields))

const settlement = (number, parent, firstRound, lastRound, operators, drops) => {
  const [cumulativeTotal, root] = [rewardEntries(operators).at(-1)?.running ?? '0', rewardVector(operators).root]
  return settlementVector(314, REWARDS, {
    number, parent, firstRound, lastRound, root, operators, cumulativeTotal, drops, cid: rosterVector(3).binaryCid, evaluatorSet: parent + 1,
  }, be(0xe7a1, 32))
}

// ---- Files that must be rejected

/** The capitals of EIP-55. */
const checksummed = address => {
  const hash = keccak(ascii(address.slice(2))).toString('hex')
  return '0x' + [...address.slice(2)].map((digit, i) => (hash[i] >= '8' ? digit.toUpperCase() : digit)).join('')
}

// The first CID is in version 1, the second in version 0; one entry has no clients.
const base58 = bytes => {
  let [number, text] = [BigInt(hex(bytes)), '']
  for (; number > 0n; number /= 58n) text = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'[Number(number % 58n)] + text
  return text
}
const mixedTasks = tasksOf(3).map((task, i) => (i === 2 ? { ...task, cid: base58(payload(i).subarray(2)) } : task))

/** The same with the keys of every object ascending. */
const sorted = value => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(ascii(a), ascii(b)))
  return Object.fromEntries(keys.map(key => [key, sorted(value[key])]))
}
const canonical = value => JSON.stringify(sorted(value))

/** What a relay answers at /info. */
const QUICKNET = {
  public_key: '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451'
    + '0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  period: 3,
  genesis_time: GENESIS,
  hash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  groupHash: 'f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e',
  schemeID: 'bls-unchained-g1-rfc9380',
  metadata: { beaconID: 'quicknet' },
}

function documents() {
  const contracts = { chainId: 314, rounds: address('rounds', 0), rewards: address('rewards', 0) }
  const randomness = beacons[1].randomness
  const seed = hex(roundSeed({ chainId: 314, rounds: contracts.rounds, round: 1, randomness }))
  const parameters = {
    roundDuration: 1200, beaconDelay: 150, step: 60, minCommitteeSize: 1, maxCommitteeSize: 100, quorum: 1,
    maxTasksPerCommittee: 100, targetMeasurements: 4, budget: '1000000007',
  }
  const [rosterFile, tasksFile] = [ndjson(rosterOf(2)), ndjson(mixedTasks)]
  const frozen = (file, root, count) => ({ root, count, cid: base32(rawCid(ascii(file))) })
  const roster = frozen(rosterFile, rosterVector(2).root, 2)
  const tasks = frozen(tasksFile, sortedTree(['uint256', 'bytes', 'uint64'], range(0, 3).map(i => [i, i === 2 ? hex(payload(i).subarray(2)) : hex(payload(i)), 1000 + i])).root, 3)
  const batch = (file, count) =>
    ({ publisher: address('publisher', 0), root: lineVector(file).root, count, cid: base32(rawCid(ascii(file))) })
  const committed = { 1: [batch('a batch', 5), batch('a batch that nobody has', 7)], 2: [], 3: [batch('a batch', 5)] }
  const own = { 1: [{ station: 1, report: hex(sha256(ascii(reportFile))) }], 2: [], 3: [{ station: 0, report: hex(sha256()) }] }
  const drops = [{ round: 1, kind: 3, index: 1 }, { round: 3, kind: 0, index: 0 }]
  const isDropped = (round, kind, index) => drops.some(drop => drop.round === round && drop.kind === kind && drop.index === index)
  const linked = list => ({ ...list, cid: { '/': list.cid } })
  const tally = (names, counts) => Object.fromEntries(names.map(name => [name, counts[name] ?? 0]))
  const labels = counts => tally(['NOT_IN_ROSTER', 'BAD_SIGNATURE', 'TASK_NOT_IN_ROUND', 'TASK_WRONG_COMMITTEE', 'DUPLICATE', 'DUP_SUBNET', 'OK'], counts)
  const verdicts = counts => tally(['COMMITTEE_TOO_SMALL', 'MAJORITY_RESULT', 'MINORITY_RESULT', 'MAJORITY_NOT_FOUND'], counts)
  const fixed = (round, invalid, lines) => ({
    round, parameters, roster: linked(roster), tasks: linked(tasks), beaconRound: 1000 * round, dedupeBeaconRound: 1000 * round + 400,
    droppedLists: ['roster', 'tasks'].filter((_, kind) => isDropped(round, kind, 0)),
    commitments: committed[round].map((one, i) => ({ ...linked(one), dropped: isDropped(round, 3, i), invalid: invalid[i] })),
    own: own[round].map((one, i) => ({ ...one, lines: lines[i], invalid: 0 })),
  })
  const nothingDrawn = {
    draw: null, committees: 0, tasksPerCommittee: 0, invalid: {}, labels: labels({}), verdicts: verdicts({}), decisions: {},
    rewarded: 0, rewardEach: '0', distributed: '0', remainder: '1000000007',
  }
  const reports = rosterOf(2).map((_, station) =>
    ({ round: 1, station, tasks: bits(0), rank: station, accepted: 2, running: '500000003' }))
  const allocations = ascending(rosterOf(2).map(({ operator }, i) =>
    ({ operator, cumulative: '500000003', grown: '500000003', reports: 1, sheet: rootOf([sheetLeaf(reports[i])]) })))
  const sheetOf = ({ operator }) => reports.filter(({ station }) => rosterOf(2)[station].operator === operator)
  const rate = (id, total, counts) => ({ id, total, successful: total, successfulHttp: 0, verdicts: verdicts(counts) })
  const settlement = {
    version: 3, contracts, parent: null, firstRound: 1, lastRound: 3, drops: drops.length,
    rounds: [
      {
        ...fixed(1, [1, 0], [3]), draw: { randomness, seed, dedupeRandomness: beacons[2].randomness }, committees: 1, tasksPerCommittee: 2,
        invalid: { indexer_result: 1 },
        labels: labels({ OK: 3, DUPLICATE: 4 }), verdicts: verdicts({ MAJORITY_RESULT: 2, MAJORITY_NOT_FOUND: 1 }),
        decisions: { OK: 1, 'IPNI_é𝄞\t"\u001f': 1 }, rewarded: 2, rewardEach: '500000003', distributed: '1000000006', remainder: '1',
      },
      { ...fixed(2, [], []), ...nothingDrawn },
      { ...fixed(3, [0], [0]), ...nothingDrawn },
    ],
    // Ascending by number, not by text.
    rates: {
      providers: [rate('f0999', 2, { MAJORITY_RESULT: 2 }), rate('f01001', 1, { MAJORITY_NOT_FOUND: 1 })],
      clients: [rate('f02001', 1, { MAJORITY_NOT_FOUND: 1 })],
      allocators: [],
    },
    allocations, cumulativeTotal: '1000000006', root: rootOf(allocations.map(allocationLeaf)),
    reports: allocations.flatMap(sheetOf)
      .map(({ round, station, tasks, rank, accepted, running }) => [round, station, tasks, rank, accepted, running]),
  }
  const document = canonical(settlement)
  const opened = round => ({
    number: round, roster, tasks, parameters, openedAt: 1692806300 + 3000 * round, times: timesOf(1692807500 + 3000 * round, 60),
    beaconRound: 1000 * round, dedupeBeaconRound: 1000 * round + 400, seed: round === 2 ? null : seed,
    commitments: committed[round].map(one => ({ ...one, committedAt: 1692810600 })), own: own[round],
  })
  const facts = canonical({
    contracts, drops, now: 1692900000, rounds: [1, 2, 3].map(opened),
    settlements: [{
      id: 1, parent: null, firstRound: 1, lastRound: 3, root: settlement.root, operators: 2, cumulativeTotal: settlement.cumulativeTotal,
      drops: drops.length, cid: base32(rawCid(ascii(document))), postedAt: 1692890000, activeAt: 1692990000, status: 'pending',
    }],
  })
  const bare = ({ round, randomness, signature }) => ({ round, randomness: randomness.slice(2), signature: signature.slice(2) })
  const genuine = canonical([beacons[1], beacons[2]].map(bare))
  const file = (name, content) => ({ name, cid: base32(rawCid(ascii(content))), size: ascii(content).length })
  const manifest = JSON.stringify({ version: 1, files: [file('facts.json', '{}'), file('rounds/1/roster.ndjson', rosterFile)] })
  return { settlement: document, manifest, facts, beacons: genuine, drand: canonical(QUICKNET) }
}

const vectors = {
  'roster-invalid': ['6.1, 7', [invalidRosters(ndjson(rosterOf(3)), checksummed)]],
  'tasks-invalid': ['6.1, 7', [invalidTasks(ndjson(mixedTasks))]],
  'documents-invalid': ['6.1, 11.1, 12.1', invalidDocuments(documents(), checksummed)],
  bundles: ['6, 12.1', bundles()],
  timetable: ['3.1', [[1692807500, 60], [0, 1], [2 ** 40, 3600], [1800000000, 4294967295]]
    .map(([closesAt, step]) => ({ step, ...timesOf(closesAt, step) }))],
  schedule: ['2', [0, GENESIS - 1, GENESIS, GENESIS + 2, GENESIS + 3, 1721639730].map(time => ({ time, roundAfter: roundAfter(time) }))],
  beacons: ['2', beacons],
  seeds: ['3, 10.1', seeds],
  shuffle: ['4', shuffles],
  'single-shuffle': ['4', singles],
  assignment: ['5', assignments],
  roster: ['7, 8.1', [0, 1, 2, 3, 7].map(rosterVector)],
  tasks: ['7, 8.1', [...[0, 1, 2, 3, 7].map(taskVector), longTaskVector]],
  measurement: ['9', measurements],
  rewards: ['8.2, 11', [0, 1, 2, 3, 5, 8].map(rewardVector)],
  sheets: ['8.2', range(0, sheetRows.length + 1).map(sheetVector)],
  lines: ['8.2, 9.1', lineFiles.map(lineVector)],
  seal: ['9.6', seals],
  settlement: ['11', [settlement(1, 0, 1, 8, 3, 0), settlement(4, 1, 9, 520, 5, 2), settlement(1, 0, 1, 1, 0, 4294967295)]],
}

/** One line per case, and per invalid file. */
function onLines({ invalid, ...entry }) {
  if (!invalid) return JSON.stringify(entry)
  const lines = invalid.map(file => '      ' + JSON.stringify(file)).join(',\n')
  return `${JSON.stringify(entry).slice(0, -1)},"invalid":[\n${lines}\n    ]}`
}

let differ = false
mkdirSync(DIRECTORY, { recursive: true })
for (const [name, [section, cases]] of Object.entries(vectors)) {
  const lines = cases.map(entry => '    ' + onLines(entry)).join(',\n')
  const json = `{\n  "version": 2,\n  "section": "${section}",\n  "cases": [\n${lines}\n  ]\n}\n`
  const file = new URL(`${name}.json`, DIRECTORY)
  if (!process.argv.includes('--check')) {
    writeFileSync(file, json)
  } else if (readFileSync(file, 'utf8') !== json) {
    console.error(`docs/vectors/v2/${name}.json differs from docs/protocol.md: run node scripts/vectors.mjs`)
    differ = true
  }
}
process.exitCode = differ ? 1 : 0
