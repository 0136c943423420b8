// Strict readers of shared files, from the text of docs/protocol.md (§6.1, §7, §11.1, §12.1), without any code of this
// repository. Each takes the bytes of a file, and throws if they are malformed or not canonical.
// Like the text, they apply one rule: parse, write the value, compare the bytes.
import { createHash } from 'node:crypto'

const need = (holds, problem) => {
  if (!holds) throw new Error(problem)
}
const bytewise = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))

// ---- Values: each takes a parsed value, and returns its canonical text

const number = (most, least = 0) => value => {
  need(Number.isSafeInteger(value) && value >= least && value <= most, `${value} is not a number from ${least} to ${most}`)
  return String(value)
}
const u16 = least => number(2 ** 16 - 1, least)
const u32 = number(2 ** 32 - 1)
const u53 = number(Number.MAX_SAFE_INTEGER)

const string = value => {
  need(typeof value === 'string' && value.isWellFormed(), `${value} is not a string`)
  return JSON.stringify(value)
}
const pattern = (what, regex) => value => {
  need(typeof value === 'string' && regex.test(value), `${value} is not ${what}`)
  return `"${value}"`
}
const hex = (what, digits, prefix = '0x') => pattern(what, new RegExp(`^${prefix}[0-9a-f]{${digits}}$`))
const anyAddress = hex('an address', 40)
const word = hex('32 bytes', 64)
const decimal = bits => value => {
  need(typeof value === 'string' && /^(0|[1-9][0-9]{0,77})$/.test(value), `${value} is not an amount`)
  need(BigInt(value) < 1n << BigInt(bits), `${value} is too large`)
  return `"${value}"`
}
const id = value => {
  need(typeof value === 'string' && /^f0(0|[1-9][0-9]{0,19})$/.test(value), `${value} is not an actor id`)
  need(BigInt(value.slice(2)) < 1n << 64n, `${value} is too large`)
  return `"${value}"`
}
const oneOf = (...texts) => pattern(`one of ${texts}`, new RegExp(`^(${texts.join('|')})$`))
const constant = number => value => {
  need(value === number, `${value} is not ${number}`)
  return String(number)
}
const nullable = shape => value => (value === null ? 'null' : shape(value))

/** A list; with `key`, strictly ascending by the result of `key`: a BigInt, a string or a list of numbers. */
const list = (shape, key) => value => {
  need(Array.isArray(value), `${value} is not a list`)
  const keys = key ? value.map(key) : []
  for (let i = 1; i < keys.length; i++) need(ascends(keys[i - 1], keys[i]), `${value[i]} is out of order`)
  return `[${value.map(shape).join(',')}]`
}
function ascends(a, b) {
  if (!Array.isArray(a)) return a < b
  const place = a.findIndex((entry, i) => entry !== b[i])
  return place >= 0 && a[place] < b[place]
}
const tuple = (...shapes) => value => {
  need(Array.isArray(value) && value.length === shapes.length, `${value} is not ${shapes.length} values`)
  return `[${shapes.map((shape, i) => shape(value[i])).join(',')}]`
}

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value)
/** An object with exactly these keys, written in the order given. */
const ordered = shapes => value => {
  need(isObject(value), `${value} is not an object`)
  const keys = Object.keys(shapes)
  need(Object.keys(value).length === keys.length && keys.every(key => Object.hasOwn(value, key)), `keys are not ${keys}`)
  return `{${keys.map(key => `"${key}":${shapes[key](value[key])}`).join(',')}}`
}
/** An object with exactly these keys, written ascending. */
const object = shapes => ordered(Object.fromEntries(Object.keys(shapes).sort(bytewise).map(key => [key, shapes[key]])))
/** An object with keys of any text, written ascending. */
const map = shape => value => {
  need(isObject(value), `${value} is not an object`)
  const keys = Object.keys(value).sort(bytewise)
  return `{${keys.map(key => `${string(key)}:${shape(value[key])}`).join(',')}}`
}

// ---- §6 CIDs

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The bytes of a text in an alphabet of 32 or 58 digits; encoded again to check that it is canonical. */
function decode32(text) {
  const bits = [...text].map(digit => BASE32.indexOf(digit).toString(2).padStart(5, '0')).join('')
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => parseInt(byte, 2)))
  const rest = bits.slice(8 * bytes.length)
  need(rest.length < 5 && !rest.includes('1'), `b${text} is not written as its bytes are`)
  return bytes
}
function decode58(text) {
  const number = [...text].reduce((sum, digit) => sum * 58n + BigInt(BASE58.indexOf(digit)), 0n)
  const digits = number.toString(16)
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
}
/** Reads a minimal varint of 64 bits: the number and the rest. */
function varint(bytes) {
  const length = bytes.findIndex(byte => byte < 0x80) + 1
  need(length > 0 && length <= 10 && (length === 1 || bytes[length - 1] !== 0), 'a number of the CID is malformed')
  const number = bytes.subarray(0, length).reduce((sum, byte, i) => sum | (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n)
  need(number < 1n << 64n, 'a number of the CID is too large')
  return [number, bytes.subarray(length)]
}

/** A payload's CID from its canonical text: version 0 in base58, version 1 in lower-case base32. */
export function binaryCid(text) {
  if (/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/.test(text)) {
    const bytes = decode58(text)
    need(bytes.length === 34 && bytes[0] === 0x12 && bytes[1] === 0x20, `${text} is not a CID of version 0`)
    return bytes
  }
  need(typeof text === 'string' && /^b[a-z2-7]+$/.test(text), `${text} is not a CID in its one form`)
  const bytes = decode32(text.slice(1))
  const [version, afterVersion] = varint(bytes)
  const [, afterCodec] = varint(afterVersion)
  const [, afterCode] = varint(afterCodec)
  const [length, digest] = varint(afterCode)
  need(version === 1n && BigInt(digest.length) === length && length <= 128n, `${text} is not a CID of version 1`)
  return bytes
}
const payload = value => {
  need(typeof value === 'string', `${value} is not a CID`)
  binaryCid(value)
  return `"${value}"`
}
/** CIDv1, raw or dag-pb, of a SHA-256. */
const fileCid = value => {
  const text = payload(value)
  const kind = binaryCid(value).subarray(0, 4).toString('hex')
  need(['01551220', '01701220'].includes(kind) && binaryCid(value).length === 36, `${value} is not the CID of a file`)
  return text
}

// ---- §7 Rosters and task lists

const address = value => {
  need(!/^0x0*$/.test(value), 'the zero address belongs to nobody')
  return anyAddress(value)
}
const unique = shape => value => {
  const text = list(shape)(value)
  need(new Set(value).size === value.length, `${text} lists one twice`)
  return text
}
const rosterLine = ordered({ station: address, operator: address, subnet: hex('a subnet tag', 32) })
const taskLine = ordered({ cid: payload, provider: id, clients: unique(id), allocators: unique(id) })

const text = bytes => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)

/** Bytes of a roster or a task list. */
export const MAX_LIST = 2 ** 28

function readLines(bytes, write, identity) {
  need(bytes.length <= MAX_LIST, `it has more than ${MAX_LIST} bytes`)
  const file = text(bytes)
  const lines = file.split('\n')
  need(lines.pop() === '', 'the last line does not end with a line feed')
  const entries = lines.map(line => JSON.parse(line))
  entries.forEach((entry, i) => need(write(entry) === lines[i], `line ${i + 1} is not in canonical form`))
  need(new Set(entries.map(identity)).size === entries.length, 'an entry is listed twice')
  return entries
}

export const readRoster = bytes => readLines(bytes, rosterLine, entry => entry.station)
export const readTasks = bytes => readLines(bytes, taskLine, entry => `${entry.cid} ${entry.provider}`)

// ---- §11.1, §12.1 Documents

const link = ordered({ '/': fileCid })
const contracts = object({ chainId: u53, rounds: anyAddress, rewards: anyAddress })
const parameters = (least, mostTasks) => object({
  roundDuration: u32, beaconDelay: u32, step: u32, minCommitteeSize: u16(least), maxCommitteeSize: u16(least),
  quorum: u16(least), maxTasksPerCommittee: number(mostTasks, least), targetMeasurements: number(2 ** 32 - 1, least), budget: decimal(128),
})
const counts = (...names) => object(Object.fromEntries(names.map(name => [name, u53])))
const labels = counts('NOT_IN_ROSTER', 'BAD_SIGNATURE', 'TASK_NOT_IN_ROUND', 'TASK_WRONG_COMMITTEE', 'DUPLICATE', 'DUP_SUBNET', 'OK')
const verdicts = counts('COMMITTEE_TOO_SMALL', 'MAJORITY_RESULT', 'MINORITY_RESULT', 'MAJORITY_NOT_FOUND')
const rates = list(
  object({ id, total: u53, successful: u53, successfulHttp: u53, verdicts }), entry => BigInt(String(entry?.id).replace(/^f0/, '')))
const frozen = cid => object({ root: word, count: u32, cid })

const boolean = value => {
  need(typeof value === 'boolean', `${value} is neither true nor false`)
  return String(value)
}
const published = cid => ({ publisher: anyAddress, root: word, count: u32, cid })
const report = tuple(u53, u32, word, u32, u32, decimal(128))

const settlementShape = object({
  version: constant(3),
  contracts,
  parent: nullable(object({ settlement: u53, cid: link })),
  firstRound: u53,
  lastRound: u53,
  drops: u32,
  rounds: list(object({
    round: u53, parameters: parameters(0, 2 ** 16 - 1), roster: frozen(link), tasks: frozen(link), beaconRound: u53, dedupeBeaconRound: u53,
    draw: nullable(object({ randomness: word, seed: word, dedupeRandomness: word })),
    droppedLists: list(oneOf('roster', 'tasks'), name => name),
    committees: u32, tasksPerCommittee: u32,
    commitments: list(object({ ...published(link), dropped: boolean, invalid: u32 })),
    own: list(object({ station: u32, report: word, lines: u32, invalid: u32 })),
    invalid: map(u53), labels, verdicts, decisions: map(u53),
    rewarded: u53, rewardEach: decimal(128), distributed: decimal(128), remainder: decimal(128),
  }), round => round?.round),
  rates: object({ providers: rates, clients: rates, allocators: rates }),
  allocations: list(object({
    operator: anyAddress, cumulative: decimal(128), running: decimal(128), grown: decimal(128), reports: u32, sheet: word,
  }), entry => entry?.operator),
  cumulativeTotal: decimal(128),
  root: word,
  reports: list(report),
})

/** The sheets follow each other in the order of the operators, and each of them ascends. */
const settlement = value => {
  const written = settlementShape(value)
  let rest = value.reports
  for (const { reports } of rest.length ? value.allocations : []) {
    list(report, ([round, station]) => [round, station])(rest.slice(0, reports))
    rest = rest.slice(reports)
  }
  need(rest.length === 0, 'some reports belong to no operator')
  return written
}

const facts = object({
  contracts,
  drops: list(object({ round: u53, kind: number(3), index: u32 })),
  now: u53,
  rounds: list(object({
    number: u53, roster: frozen(fileCid), tasks: frozen(fileCid), parameters: parameters(1, 256), openedAt: u53,
    times: object({
      closesAt: u53, sealsUntil: u53, ownSealsUntil: u53, showFrom: u53, publishUntil: u53, commitsUntil: u53, dedupeFrom: u53,
      objectionsFrom: u53,
    }),
    beaconRound: u53, dedupeBeaconRound: u53, seed: nullable(word),
    commitments: list(object({ ...published(fileCid), committedAt: u53 })),
    own: list(object({ station: u32, report: word })),
  }), round => round?.number),
  settlements: list(object({
    id: u53, parent: nullable(u53), firstRound: u53, lastRound: u53, root: word, operators: u32, cumulativeTotal: decimal(256),
    drops: u32, cid: fileCid, postedAt: u53, activeAt: u53, status: oneOf('pending', 'active', 'void'),
  }), settlement => settlement?.id),
})

const beacon = object({ round: u53, randomness: hex('32 bytes', 64, ''), signature: hex('48 bytes', 96, '') })
const beacons = value => {
  const written = list(beacon, entry => entry?.round)(value)
  for (const { randomness, signature } of value) {
    const hash = createHash('sha256').update(Buffer.from(signature, 'hex')).digest('hex')
    need(randomness === hash, `randomness ${randomness} is not the hash of its signature`)
  }
  return written
}

/** A drand chain, of the one scheme that contracts verify. Its hash, as drand computes it, covers all but the scheme. */
const drand = value => {
  const written = object({
    public_key: hex('a key of 96 bytes', 192, ''), period: u32, genesis_time: u53, hash: hex('32 bytes', 64, ''),
    groupHash: hex('32 bytes', 64, ''), schemeID: oneOf('bls-unchained-g1-rfc9380'), metadata: object({ beaconID: string }),
  })(value)
  const times = Buffer.alloc(12)
  times.writeUInt32BE(value.period)
  times.writeBigUInt64BE(BigInt(value.genesis_time), 4)
  const id = value.metadata.beaconID === 'default' ? '' : value.metadata.beaconID
  const hashed = Buffer.concat([times, Buffer.from(value.public_key + value.groupHash, 'hex'), Buffer.from(id)])
  const hash = createHash('sha256').update(hashed).digest('hex')
  need(value.period > 0 && value.hash === hash, `hash ${value.hash} is not that of the chain, ${hash}`)
  return written
}

const MAX_FILES = 65536
const NAME = /^[a-z0-9-][a-z0-9.-]*(\/[a-z0-9-][a-z0-9.-]*)*$/
const manifest = value => {
  const written = ordered({
    version: constant(1),
    files: list(ordered({ name: pattern('a name', NAME), cid: fileCid, size: u53 })),
  })(value)
  need(value.files.length <= MAX_FILES, `${value.files.length} files are more than ${MAX_FILES}`)
  for (const key of ['name', 'cid']) need(new Set(value.files.map(file => file[key])).size === value.files.length, `a ${key} is listed twice`)
  return written
}

const reader = write => bytes => {
  const file = text(bytes)
  const value = JSON.parse(file)
  need(write(value) === file, 'the file is not in canonical form')
  return value
}

export const readSettlement = reader(settlement)
export const readFacts = reader(facts)
export const readBeacons = reader(beacons)
export const readDrand = reader(drand)
export const readManifest = reader(manifest)
