// Computes the worked vectors of docs/protocol.md, from its text alone and without any code of this repository, and
// writes them into it. Run from the root of the repository after `npm ci`: node scripts/protocol-vectors.mjs
// (`@noble/curves` and `@noble/hashes` come with `@openzeppelin/merkle-tree`.)
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { bls12_381 as bls } from '@noble/curves/bls12-381'
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'

const DOCUMENT = 'docs/protocol.md'

// ---- Bytes

const ascii = text => Buffer.from(text)
const unhex = text => Buffer.from(text.replace(/^0x/, ''), 'hex')
const hex = bytes => '0x' + Buffer.from(bytes).toString('hex')
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()
const keccak = (...parts) => Buffer.from(keccak_256(Buffer.concat(parts)))
/** Big-endian, in so many bytes; negative numbers in two's complement. */
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

function assignmentVector(seed, stations, tasks) {
  const parameters = { maxCommitteeSize: 100, targetMeasurements: 250000, maxTasksPerCommittee: 100 }
  const C = Math.ceil(stations / parameters.maxCommitteeSize)
  const wanted = Math.min(Math.max(Math.floor(parameters.targetMeasurements / stations), 1), parameters.maxTasksPerCommittee)
  const T = Math.min(wanted, Math.max(1, Math.floor(tasks / C)))
  const start = c => Math.floor((stations * c) / C)
  const seats = range(0, C).map(c => [start(c), start(c + 1)])
  const member = p => shuffled(p, stations, rosterSeed(seed))
  const task = (c, k) => shuffled((c * T + k) % tasks, tasks, taskSeed(seed))
  const seatOfStation7 = range(0, stations).find(p => member(p) === 7)
  return {
    seed: hex(seed), stations, tasks, ...parameters,
    committees: C, tasksPerCommittee: T, seats,
    firstMembers: seats.map(([first]) => range(first, first + 5).map(member)),
    firstTasks: range(0, C).map(c => range(0, 5).map(k => task(c, k))),
    station: 7, seat: seatOfStation7,
    committee: seats.findIndex(([first, end]) => first <= seatOfStation7 && seatOfStation7 < end),
  }
}

// ---- §6 Files and trees

/** CIDv1, raw, sha2-256: of a file of at most one chunk. */
const rawCid = content => Buffer.concat([unhex('01551220'), sha256(content)])

function base32(bytes) {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return 'b' + bits.match(/.{1,5}/g).map(five => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five.padEnd(5, '0'), 2)]).join('')
}

function treeVector(types, values, proven) {
  const tree = StandardMerkleTree.of(values, types)
  return { root: tree.root, leaf: tree.leafHash(values[proven]), proof: tree.getProof(proven) }
}

function fileVector(lines, types, values) {
  const file = lines.map(line => JSON.stringify(line) + '\n').join('')
  const cid = rawCid(ascii(file))
  return { file, cid: base32(cid), binaryCid: hex(cid), ...treeVector(types, values, 1) }
}

// ---- §7 EIP-712

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
const SETTLEMENT_TYPE =
  'Settlement(uint64 parent,uint64 firstRound,uint64 lastRound,bytes32 root,uint256 cumulativeTotal,bytes32 acceptedRoot,bytes cid,uint64 evaluatorSet)'

const CAMEL = key => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase())

function measurementVector({ chainId, rounds }, key, fields) {
  const line = { ...fields, station: addressOf(key) }
  const times = ['start_at', 'first_byte_at', 'end_at']
  const plain = Object.fromEntries(
    Object.entries(line).map(([name, value]) => [CAMEL(name), times.includes(name) && value ? Date.parse(value) : value]),
  )
  const names = MEASUREMENT_TYPE.slice(MEASUREMENT_TYPE.indexOf('(') + 1, -1).split(',').map(field => field.split(' ')[1])
  const domain = { name: 'Assize', version: '1', chainId, contract: rounds }
  const digest = eip712(domain, MEASUREMENT_TYPE, names.map(name => plain[name]))
  return { chainId, rounds, stationKey: hex(key), digest: hex(digest), line: JSON.stringify({ ...line, signature: sign(digest, key) }) }
}

function settlementVector(chainId, rewards, fields, key) {
  const { parent, firstRound, lastRound, root, cumulativeTotal, acceptedRoot, cid, evaluatorSet } = fields
  const domain = { name: 'Assize Rewards', version: '1', chainId, contract: rewards }
  const values = [parent, firstRound, lastRound, root, cumulativeTotal, acceptedRoot, cid, evaluatorSet]
  const digest = eip712(domain, SETTLEMENT_TYPE, values)
  return { chainId, rewards, ...fields, digest: hex(digest), evaluatorKey: hex(key), evaluator: addressOf(key), signature: sign(digest, key) }
}

// ---- The vectors

const beacon = beaconVector(1000, 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39')
const deployment = { chainId: 314, rounds: '0x00000000000000000000000000000000000a5512' }
const rewardsContract = '0x00000000000000000000000000000000000a5513'
const round = 7
const seed = roundSeed({ ...deployment, round, randomness: beacon.randomness })
const dedupe = dedupeSeed(unhex(beacon.randomness))
const stationKey = be(0x51a7, 32)
const station = addressOf(stationKey)

const address = (kind, i) => hex(sha256(ascii(`${kind} ${i}`)).subarray(0, 20))
const roster = range(0, 3).map(i => ({
  station: i === 1 ? station : address('station', i),
  operator: address('operator', i),
  subnet: hex(sha256(ascii(`subnet ${i}`)).subarray(0, 16)),
}))
const payload = i => rawCid(ascii(`payload ${i}`))
const tasks = range(0, 3).map(i => ({
  cid: base32(payload(i)), provider: `f0${1000 + i}`, clients: i ? [`f0${2000 + i}`, `f0${3000 + i}`] : [], allocators: [`f0${4000 + i}`],
}))

const rosterVector = fileVector(roster, ['uint256', 'address', 'address', 'bytes16'],
  roster.map((entry, i) => [i, entry.station, entry.operator, entry.subnet]))
const taskVector = fileVector(tasks, ['uint256', 'bytes', 'uint64'], tasks.map((_, i) => [i, hex(payload(i)), 1000 + i]))
const amounts = ['152207001522070015', '304414003044140030', '1']
const rewards = {
  leaves: amounts.map((cumulative, i) => [roster[i].operator, cumulative]),
  ...treeVector(['address', 'uint256'], amounts.map((cumulative, i) => [roster[i].operator, cumulative]), 1),
}
const acceptedLeaves = [[7, 1, 0, 0], [7, 1, 0, 1], [8, 2, 0, 0]]
const accepted = { leaves: acceptedLeaves, ...treeVector(['uint64', 'uint256', 'uint256', 'uint256'], acceptedLeaves, 1) }

const vectors = {
  schedule: [0, GENESIS - 1, GENESIS, GENESIS + 2, GENESIS + 3, 1721639730].map(t => [t, roundAfter(t)]),
  beacon,
  seeds: {
    ...deployment, round, randomness: beacon.randomness, seed: hex(seed),
    rosterSeed: hex(rosterSeed(seed)), taskSeed: hex(taskSeed(seed)), dedupeSeed: hex(dedupe),
    station, task: 2, rank: hex(sha256(dedupe, unhex(station), be(2, 4))),
  },
  shuffle: { seed: hex(rosterSeed(seed)), count: 20, mapping: range(0, 20).map(i => shuffled(i, 20, rosterSeed(seed))) },
  assignment: assignmentVector(seed, 205, 1000),
  roster: rosterVector,
  tasks: taskVector,
  measurement: measurementVector(deployment, stationKey, {
    round, task: 2, station: null, cid: tasks[2].cid, miner_id: tasks[2].provider,
    provider_id: '12D3KooWPRkvS7dGUHvXmxGkCPa7LcUUjbjzqb3cCcBFUdsvFrTs', provider_address: '/dns/sp.example/tcp/443/https',
    protocol: 'http', spark_version: '1.20.0', zinnia_version: null, timeout: false,
    start_at: '2026-11-20T10:00:00.000Z', first_byte_at: '2026-11-20T10:00:00.250Z', end_at: '2026-11-20T10:00:01.125Z',
    status_code: 200, head_status_code: 200, byte_length: 1048576, car_too_large: false,
    car_checksum: hex(sha256(ascii('car'))).replace('0x', '1220'), indexer_result: 'OK', attestation: null,
  }),
  rewards,
  accepted,
  settlement: settlementVector(deployment.chainId, rewardsContract, {
    parent: 0, firstRound: 1, lastRound: 8, root: rewards.root, cumulativeTotal: '456621004566210046',
    acceptedRoot: accepted.root, cid: rosterVector.binaryCid, evaluatorSet: 1,
  }, be(0xe7a1, 32)),
}

// One property to a line, arrays and small objects in one line each.
const entry = ([name, value], indent) => {
  const nested = value !== null && typeof value === 'object' && !Array.isArray(value)
  return `${indent}${JSON.stringify(name)}: ${nested ? object(value, indent) : JSON.stringify(value)}`
}
const object = (value, indent) => `{\n${Object.entries(value).map(pair => entry(pair, indent + '  ')).join(',\n')}\n${indent}}`

const text = readFileSync(DOCUMENT, 'utf8')
const block = /```json vectors\n[\s\S]*?\n```/
if (!block.test(text)) throw new Error(`${DOCUMENT} has no block of vectors to replace`)
writeFileSync(DOCUMENT, text.replace(block, () => '```json vectors\n' + object(vectors, '') + '\n```'))
