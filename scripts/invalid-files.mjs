// Files that must be rejected, for docs/vectors/v2/*-invalid.json: valid ones, each changed in many ways. A lenient reader would
// accept each of them, or two readers would read different values.
import { binaryCid, readBeacons, readDrand, readFacts, readManifest, readRoster, readSettlement, readTasks } from './canonical.mjs'

const refuse = (condition, message) => {
  if (condition) throw new Error(message)
}
/** The text with the first `from` replaced, which must exist. */
const swap = (file, from, to) => {
  refuse(!file.includes(from), `${from} is not in the file`)
  return file.replace(from, () => to)
}
const upper = text => text.replace(/^0x/, '').toUpperCase()
const latin1 = text => Buffer.from(text, 'latin1')

/** The difference of two files: `remove` bytes from byte `at` on are replaced by `insert`. */
function splice(from, to) {
  const shorter = Math.min(from.length, to.length)
  let at = 0
  while (at < shorter && from[at] === to[at]) at++
  let same = 0
  while (same < shorter - at && from[from.length - 1 - same] === to[to.length - 1 - same]) same++
  const bytes = to.subarray(at, to.length - same)
  const text = bytes.toString('utf8')
  const insert = Buffer.from(text).equals(bytes) ? { insert: text } : { insertHex: bytes.toString('hex') }
  return { at, remove: from.length - same - at, ...insert }
}

/** The valid file with all invalid ones derived from it. */
function vector(kind, read, good, cases) {
  read(Buffer.from(good))
  const invalid = cases.map(([family, reason, bad]) => {
    const bytes = Buffer.isBuffer(bad) ? bad : Buffer.from(bad)
    refuse(bytes.equals(Buffer.from(good)), `${kind}, ${reason}: nothing was changed`)
    let accepted = true
    try {
      read(bytes)
    } catch {
      accepted = false
    }
    refuse(accepted, `${kind}, ${reason}: the reader takes it`)
    return { family, reason, ...splice(Buffer.from(good), bytes) }
  })
  return { kind, good, invalid }
}

/** Changes of any text file. `value` is a string in it, without quotes. */
const anyFile = (good, value) => [
  ['byte order mark', 'a byte order mark before the first byte', '\ufeff' + good],
  ['byte order mark', 'UTF-16 with its byte order mark', Buffer.concat([latin1('\xff\xfe'), Buffer.from(good, 'utf16le')])],
  ['white space', 'a space before the first byte', ' ' + good],
  ['white space', 'a space after the first brace or bracket', good.replace(/[{[]/, found => found + ' ')],
  ['white space', 'a space after the first colon', swap(good, '":', '": ')],
  ['white space', 'a space before the first colon', swap(good, '":', '" :')],
  ['white space', 'a space after the first comma', swap(good, ',', ', ')],
  ['white space', 'a tab before the first comma', swap(good, ',', '\t,')],
  ['white space', 'a line feed after the first comma', swap(good, ',', ',\n')],
  ['line ends', 'a carriage return after the first comma', swap(good, ',', ',\r')],
  ['line ends', 'a carriage return at the end', good + '\r'],
  ['trailing bytes', 'an empty line at the end', good + '\n\n'],
  ['trailing bytes', 'a space at the end', good + ' '],
  ['trailing bytes', 'a zero byte at the end', good + '\0'],
  ['trailing bytes', 'a letter at the end', good + 'x'],
  ['trailing bytes', 'a comment at the end', good + '// end'],
  ['trailing bytes', 'the file twice', good + good],
  ['truncation', 'the last byte is missing', good.slice(0, -1)],
  ['truncation', 'the second half is missing', good.slice(0, good.length / 2)],
  ['zero bytes', 'a zero byte in a string', swap(good, value, value.slice(0, -1) + '\0')],
  ['zero bytes', 'a zero byte between two values', swap(good, ',', ',\0')],
  ['invalid UTF-8', 'the byte FF in a string', latin1(swap(good, value, value.slice(0, -1) + '\xff'))],
  ['invalid UTF-8', 'a quote in two bytes where one is enough', latin1(swap(good, '"', '\xc0\xa2'))],
  ['invalid UTF-8', 'a surrogate in three bytes', latin1(swap(good, value, value.slice(0, -1) + '\xed\xa0\x80'))],
  ['non-ASCII', 'a full-width digit for a digit', good.replace(/[0-9]/, digit => String.fromCharCode(0xff10 + Number(digit)))],
  ['non-ASCII', 'typographic quotes', swap(good, '"', '\u201c')],
  ['non-ASCII', 'a soft hyphen in a string', swap(good, value, '\u00ad' + value)],
  ['non-ASCII', 'a no-break space after the first comma', swap(good, ',', ',\u00a0')],
  ['escapes', 'a character of a string as \\u', swap(good, value, escaped(value[0]) + value.slice(1))],
  ['escapes', 'the last character of a string as \\u', swap(good, value, value.slice(0, -1) + escaped(value.at(-1)))],
  ['escapes', 'a character of a string as \\u with a capital digit', swap(good, value, value + '\\u001F')],
  ['escapes', 'half a surrogate pair', swap(good, value, value.slice(0, -1) + '\\ud800')],
  ['escapes', 'an escape that JSON does not know', swap(good, value, `\\x${value}`)],
  ['quotes', 'single quotes', good.replace(/"([a-zA-Z]+)"/, "'$1'")],
  ['quotes', 'a key without quotes', good.replace(/"([a-zA-Z]+)":/, '$1:')],
]
const escaped = character => '\\u' + character.charCodeAt(0).toString(16).padStart(4, '0')

/** Changes of an object whose first key and value are given as text. */
const anyObject = (good, key, value, next) => [
  ['keys', 'a key twice, with the same value', swap(good, `"${key}":${value},`, `"${key}":${value},"${key}":${value},`)],
  ['keys', 'a key twice, with null first', swap(good, `"${key}":${value},`, `"${key}":null,"${key}":${value},`)],
  ['keys', 'a key that nobody knows', swap(good, `"${key}":${value},`, `"${key}":${value},"note":"x",`)],
  ['keys', 'a key that nobody knows, with null', swap(good, `"${key}":${value},`, `"aaa":null,"${key}":${value},`)],
  ['keys', 'an empty key', swap(good, `"${key}":${value},`, `"":0,"${key}":${value},`)],
  ['keys', 'the key __proto__', swap(good, `"${key}":${value},`, `"__proto__":null,"${key}":${value},`)],
  ['keys', 'a missing key', swap(good, `"${key}":${value},`, '')],
  ['keys', 'a key in capitals', swap(good, `"${key}":`, `"${key.toUpperCase()}":`)],
  ['keys', 'a key with a space', swap(good, `"${key}":`, `"${key} ":`)],
  ['key order', 'two keys exchanged', swap(good, `"${key}":${value},${next},`, `${next},"${key}":${value},`)],
  ['escapes', 'a character of a key as \\u', swap(good, `"${key}":`, `"${key.slice(0, -1)}${escaped(key.at(-1))}":`)],
  ['types', 'null for a value', swap(good, `"${key}":${value}`, `"${key}":null`)],
  ['types', 'true for a value', swap(good, `"${key}":${value}`, `"${key}":true`)],
  ['types', 'a list around a value', swap(good, `"${key}":${value}`, `"${key}":[${value}]`)],
  ['types', 'an object around a value', swap(good, `"${key}":${value}`, `"${key}":{"":${value}}`)],
  ['types', 'a deep list for a value', swap(good, `"${key}":${value}`, `"${key}":${'['.repeat(300)}${']'.repeat(300)}`)],
  ['commas', 'a comma after the last key', good.replace('}', ',}')],
  ['commas', 'two commas', swap(good, `${value},`, `${value},,`)],
]

/** An address `0x…` in quotes. `checksummed` is the same with the capitals of EIP-55. */
const anyAddress = (good, key, address, checksummed) => [
  ['capitals', `${key} with EIP-55 capitals`, swap(good, address, checksummed)],
  ['capitals', `${key} in capitals`, swap(good, address, '0x' + upper(address))],
  ['capitals', `${key} with 0X`, swap(good, address, address.replace('0x', '0X'))],
  ['capitals', `${key} with wrong EIP-55 capitals`, swap(good, address, '0x' + [...checksummed.slice(2)].map(flip).join(''))],
  ['hexadecimal', `${key} without 0x`, swap(good, address, address.slice(2))],
  ['hexadecimal', `${key} with 0x twice`, swap(good, address, '0x' + address)],
  ['hexadecimal', `${key} with a digit less`, swap(good, address, address.slice(0, -1))],
  ['hexadecimal', `${key} with a digit more`, swap(good, address, address + '0')],
  ['hexadecimal', `${key} without leading zeros`, swap(good, address, '0x' + address.slice(4))],
  ['hexadecimal', `${key} with a letter that is no digit`, swap(good, address, address.slice(0, -1) + 'g')],
  ['white space', `${key} with a space before it`, swap(good, address, ' ' + address)],
  ['white space', `${key} with a space after it`, swap(good, address, address + ' ')],
  ['types', `${key} is an empty string`, swap(good, address, '')],
]
const flip = letter => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase())

/** Changes of a number in a document. */
const anyNumber = (good, key, value) => {
  const to = text => swap(good, `"${key}":${value}`, `"${key}":${text}`)
  return [
    ['number forms', 'a number with a fraction of zero', to(`${value}.0`)],
    ['number forms', 'a number with an exponent of zero', to(`${value}e0`)],
    ['number forms', 'a number with a capital exponent', to(`${value}E+0`)],
    ['number forms', 'a number with an exponent', to(`${value}e1`)],
    ['number forms', 'a fraction', to(`${value}.5`)],
    ['number forms', 'minus zero', to('-0')],
    ['number forms', 'a negative number', to(`-${value}`)],
    ['number forms', 'a number with a plus sign', to(`+${value}`)],
    ['number forms', 'a number without its integer part', to('.5')],
    ['number forms', 'a number without its fraction', to(`${value}.`)],
    ['number forms', 'a number in hexadecimal', to('0x10')],
    ['number forms', 'a number with an underscore', to('1_0')],
    ['number forms', 'a number above 2^53 - 1', to('9007199254740992')],
    ['number forms', 'a number of 2^64', to('18446744073709551616')],
    ['number forms', 'a number of 400 digits', to('9'.repeat(400))],
    ['number forms', 'a number beyond every range', to('1e999')],
    ['number forms', 'no number', to('NaN')],
    ['number forms', 'infinity', to('Infinity')],
    ['leading zeros', 'a number with a leading zero', to(`0${value}`)],
    ['leading zeros', 'zero twice', to('00')],
    ['types', 'a number in quotes', to(`"${value}"`)],
    ['types', 'null for a number', to('null')],
    ['types', 'false for a number', to('false')],
  ]
}

/** An amount in quotes. */
const anyAmount = (good, key, value) => {
  const to = text => swap(good, `"${key}":"${value}"`, `"${key}":${text}`)
  return [
    ['amounts', `${key} with a leading zero`, to(`"0${value}"`)],
    ['amounts', `${key} with a plus sign`, to(`"+${value}"`)],
    ['amounts', `${key} with a minus sign`, to(`"-${value}"`)],
    ['amounts', `${key} with a fraction of zero`, to(`"${value}.0"`)],
    ['amounts', `${key} with an exponent`, to(`"${value}e0"`)],
    ['amounts', `${key} with a separator`, to(`"1_${value}"`)],
    ['amounts', `${key} with a space`, to(`" ${value}"`)],
    ['amounts', `${key} with a unit`, to(`"${value} FIL"`)],
    ['amounts', `${key} in hexadecimal`, to(`"0x${BigInt(value).toString(16)}"`)],
    ['amounts', `${key} without digits`, to('""')],
    ['amounts', `${key} as a number`, to('7')],
    ['amounts', `${key} of 2^256`, to(`"${2n ** 256n}"`)],
  ]
}

// ---- CIDs in other forms

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
function base58(bytes) {
  let number = BigInt('0x' + bytes.toString('hex'))
  let text = ''
  for (; number > 0n; number /= 58n) text = BASE58[Number(number % 58n)] + text
  return text
}
const base32 = bytes => {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return 'b' + bits.match(/.{1,5}/g).map(five => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five.padEnd(5, '0'), 2)]).join('')
}
/** The last digit of base 32 with an unused bit set. */
const loose = text => text.slice(0, -1) + 'abcdefghijklmnopqrstuvwxyz234567'['abcdefghijklmnopqrstuvwxyz234567'.indexOf(text.at(-1)) + 1]

/** A CIDv1 in base32, somewhere in quotes. */
const anyCid = (good, cid) => {
  const bytes = binaryCid(cid)
  const to = text => swap(good, cid, text)
  return [
    ['other multibase', 'a CID in base58', to('z' + base58(bytes))],
    ['other multibase', 'a CID in base16', to('f' + bytes.toString('hex'))],
    ['other multibase', 'a CID in base16 with capitals', to('F' + bytes.toString('hex').toUpperCase())],
    ['other multibase', 'a CID in base36', to('k' + BigInt('0x' + bytes.toString('hex')).toString(36))],
    ['other multibase', 'a CID in base64', to('m' + bytes.toString('base64').replace(/=/g, ''))],
    ['other multibase', 'a CID in base64url', to('u' + bytes.toString('base64url'))],
    ['other multibase', 'a CID in base32 with capitals', to(cid.toUpperCase())],
    ['other multibase', 'a CID in base32 with padding', to('c' + cid.slice(1) + '======')],
    ['capitals', 'a CID with one capital', to(cid.slice(0, -1) + cid.at(-1).toUpperCase())],
    ['CIDs', 'a CID without its multibase', to(cid.slice(1))],
    ['CIDs', 'a CID as a path', to(`/ipfs/${cid}`)],
    ['CIDs', 'a CID with a path', to(`${cid}/x`)],
    ['CIDs', 'a CID as a link', to(`ipfs://${cid}`)],
    ['CIDs', 'a CID with unused bits', to(loose(cid))],
    ['CIDs', 'a CID with a digit more', to(cid + 'a')],
    ['CIDs', 'a CID that is cut short', to(cid.slice(0, -2))],
    ['CIDs', 'a CID with a byte more', to(base32(Buffer.concat([bytes, Buffer.alloc(1)])))],
    ['CIDs', 'a CID of version 2', to(base32(Buffer.concat([Buffer.from([2]), bytes.subarray(1)])))],
    ['CIDs', 'a CID with a version longer than it need be', to(base32(Buffer.concat([Buffer.from([0x81, 0]), bytes.subarray(1)])))],
    ['CIDs', 'a CID with a length longer than it need be', to(base32(Buffer.concat([bytes.subarray(0, 3), Buffer.from([0xa0, 0]), bytes.subarray(4)])))],
    ['CIDs', 'a CID whose digest is shorter than its length', to(base32(Buffer.concat([bytes.subarray(0, 3), Buffer.from([0x21]), bytes.subarray(4)])))],
    ['CIDs', 'a CID with 129 bytes of digest', to(base32(Buffer.concat([Buffer.from([1, 0x55, 0, 0x81, 1]), Buffer.alloc(129)])))],
    ['CIDs', 'an empty string for a CID', to('')],
  ]
}
/** A CID that must be that of a file. */
const anyFileCid = (good, cid) => {
  const bytes = binaryCid(cid)
  const to = bytes => swap(good, cid, base32(Buffer.from(bytes)))
  return [
    ...anyCid(good, cid),
    ['CIDs', 'a CID of version 0', swap(good, cid, base58(bytes.subarray(2)))],
    ['CIDs', 'a CID of dag-cbor', to([1, 0x71, ...bytes.subarray(2)])],
    ['CIDs', 'a CID of another hash', to([1, 0x55, 0x16, ...bytes.subarray(3)])],
    ['CIDs', 'a CID of 31 bytes of digest', to([...bytes.subarray(0, 3), 31, ...bytes.subarray(4, 35)])],
  ]
}

/** An actor id, in quotes. */
const anyId = (good, key, id) => {
  const to = text => swap(good, `"${id}"`, `"${text}"`)
  const digits = id.slice(2)
  return [
    ['actor ids', `${key} of a test network`, to(`t0${digits}`)],
    ['actor ids', `${key} in capitals`, to(`F0${digits}`)],
    ['actor ids', `${key} without f0`, to(digits)],
    ['actor ids', `${key} without digits`, to('f0')],
    ['actor ids', `${key} as an f1 address`, to('f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy')],
    ['actor ids', `${key} as an f410 address`, to('f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i')],
    ['actor ids', `${key} as a masked address`, to('0xff000000000000000000000000000000000003e8')],
    ['actor ids', `${key} with a plus sign`, to(`f0+${digits}`)],
    ['actor ids', `${key} with a space`, to(`f0 ${digits}`)],
    ['actor ids', `${key} with a space after it`, to(`${id} `)],
    ['actor ids', `${key} of 2^64`, to('f018446744073709551616')],
    ['leading zeros', `${key} with a leading zero`, to(`f00${digits}`)],
    ['leading zeros', `${key} with two zeros for none`, to('f000')],
  ]
}

/** Changes of lines. */
const anyLines = good => {
  const lines = good.split('\n').slice(0, -1)
  const lineEnd = end => lines.map(line => line + end).join('')
  return [
    ['line ends', 'carriage return and line feed', lineEnd('\r\n')],
    ['line ends', 'carriage returns alone', lineEnd('\r')],
    ['line ends', 'a carriage return in one line', lines.join('\n') + '\r\n'],
    ['line ends', 'line feed and carriage return', lineEnd('\n\r')],
    ['line ends', 'the line separator U+2028', lineEnd('\u2028')],
    ['line ends', 'vertical tabs', lineEnd('\v')],
    ['line ends', 'no line ends', lineEnd('')],
    ['line ends', 'commas for line ends', lines.join(',\n') + '\n'],
    ['empty lines', 'an empty line first', '\n' + good],
    ['empty lines', 'an empty line in the middle', swap(good, '\n', '\n\n')],
    ['empty lines', 'an empty line at the end', good + '\n'],
    ['empty lines', 'a line of one space', swap(good, '\n', '\n \n')],
    ['empty lines', 'nothing but a line feed', '\n'],
    ['last line', 'no line feed after the last line', good.slice(0, -1)],
    ['last line', 'a space after the last line', good.slice(0, -1) + ' \n'],
    ['byte order mark', 'a byte order mark before the second line', swap(good, '\n', '\n\ufeff')],
    ['types', 'a list of the entries', `[${lines.join(',')}]\n`],
    ['types', 'an entry as a list of its values', `${JSON.stringify(Object.values(JSON.parse(lines[0])))}\n`],
    ['types', 'an entry in a list', `[${lines[0]}]\n`],
    ['types', 'an entry as a string', `${JSON.stringify(lines[0])}\n`],
    ['types', 'null for an entry', 'null\n'],
    ['types', 'a number for an entry', '1\n'],
    ['types', 'an empty object for an entry', '{}\n'],
    ['trailing bytes', 'two entries on a line', swap(good, '\n', '')],
    ['duplicates', 'an entry twice', good + lines[0] + '\n'],
  ]
}

export function invalidRosters(good, checksummed) {
  const [first, second] = good.split('\n').map(line => line && JSON.parse(line))
  const { station, operator, subnet } = first
  return vector('roster', readRoster, good, [
    ...anyFile(good, station),
    ...anyLines(good),
    ...anyObject(good, 'station', `"${station}"`, `"operator":"${operator}"`),
    ...anyAddress(good, 'station', station, checksummed(station)),
    ...anyAddress(good, 'operator', operator, checksummed(operator)),
    ['f410', 'an operator in the f410 form', swap(good, operator, 'f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i')],
    ['f410', 'an operator in the t410 form', swap(good, operator, 't410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i')],
    ['f410', 'a station in the f410 form', swap(good, station, 'f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i')],
    ['f410', 'an operator as an id', swap(good, operator, 'f01234')],
    ['zero address', 'the zero address as a station', swap(good, station, '0x' + '0'.repeat(40))],
    ['zero address', 'the zero address as an operator', swap(good, operator, '0x' + '0'.repeat(40))],
    ['capitals', 'a subnet in capitals', swap(good, subnet, '0x' + upper(subnet))],
    ['capitals', 'a subnet with 0X', swap(good, subnet, subnet.replace('0x', '0X'))],
    ['hexadecimal', 'a subnet without 0x', swap(good, subnet, subnet.slice(2))],
    ['hexadecimal', 'a subnet with a digit less', swap(good, subnet, subnet.slice(0, -1))],
    ['hexadecimal', 'a subnet with two digits more', swap(good, subnet, subnet + '00')],
    ['hexadecimal', 'a subnet as an IP network', swap(good, subnet, '192.0.2.0/24')],
    ['duplicates', 'a station twice, with another operator', swap(good, second.station, station)],
    ['duplicates', 'a station twice, once in capitals', swap(good, second.station, '0x' + upper(station))],
    ['key order', 'the last key first', swap(good, `{"station":"${station}","operator":"${operator}","subnet":"${subnet}"}`, `{"subnet":"${subnet}","station":"${station}","operator":"${operator}"}`)],
  ])
}

export function invalidTasks(good) {
  const entries = good.split('\n').slice(0, -1).map(line => JSON.parse(line))
  const { cid, provider } = entries[0]
  const { clients, allocators } = entries.find(entry => entry.clients.length === 2)
  const v0 = entries.find(entry => entry.cid.startsWith('Qm')).cid
  const list = clients.map(client => `"${client}"`).join(',')
  return vector('tasks', readTasks, good, [
    ...anyFile(good, provider),
    ...anyLines(good),
    ...anyObject(good, 'cid', `"${cid}"`, `"provider":"${provider}"`),
    ...anyCid(good, cid),
    ...anyId(good, 'a provider', provider),
    ...anyId(good, 'a client', clients[0]),
    ...anyId(good, 'an allocator', allocators[0]),
    ['other multibase', 'a CID of version 0 with its multibase', swap(good, v0, 'z' + v0)],
    ['other multibase', 'a CID of version 0 in base32', swap(good, v0, base32(binaryCid(v0)))],
    ['other multibase', 'a CID of version 0 in base16', swap(good, v0, 'f' + binaryCid(v0).toString('hex'))],
    ['capitals', 'a CID of version 0 in lower case', swap(good, v0, v0.toLowerCase())],
    ['CIDs', 'a CID of version 0 with a digit less', swap(good, v0, v0.slice(0, -1))],
    ['CIDs', 'a CID of version 0 with a digit more', swap(good, v0, v0 + '1')],
    ['CIDs', 'a CID of version 0 with a leading 1', swap(good, v0, '1' + v0)],
    ['CIDs', 'a CID that is null', swap(good, `"${cid}"`, 'null')],
    ['CIDs', 'a CID as a DAG-JSON link', swap(good, `"${cid}"`, `{"/":"${cid}"}`)],
    ['types', 'null for clients', swap(good, '"clients":[]', '"clients":null')],
    ['types', 'a string for clients', swap(good, '"clients":[]', '"clients":"f05"')],
    ['types', 'an object for clients', swap(good, '"clients":[]', '"clients":{}')],
    ['types', 'a number for a client', swap(good, '"clients":[]', '"clients":[5]')],
    ['types', 'null for a client', swap(good, '"clients":[]', '"clients":[null]')],
    ['types', 'an empty string for a client', swap(good, '"clients":[]', '"clients":[""]')],
    ['types', 'a number for a provider', swap(good, `"${provider}"`, provider.slice(2))],
    ['white space', 'a space in an empty list', swap(good, '"clients":[]', '"clients":[ ]')],
    ['white space', 'a space between two clients', swap(good, list, list.replace(',', ', '))],
    ['commas', 'a comma after the last client', swap(good, list, list + ',')],
    ['duplicates', 'a client twice', swap(good, list, `"${clients[0]}","${clients[0]}"`)],
    ['duplicates', 'an allocator twice', swap(good, `"${allocators[0]}"`, `"${allocators[0]}","${allocators[0]}"`)],
    ['duplicates', 'a payload of a provider twice, with other clients', good + swap(good.split('\n')[0], '"clients":[]', '"clients":["f05"]') + '\n'],
  ])
}

/** Each is a valid file; `checksummed` gives an address the capitals of EIP-55. */
export function invalidDocuments({ settlement, manifest, facts, beacons, drand }, checksummed) {
  const quoted = value => `"${value}"`
  const posted = JSON.parse(settlement)
  const { rounds: [round], contracts, allocations: [paid, other], rates, reports } = posted
  const report = reports.find(([, station]) => station === 0)
  const link = cid => `{"/":"${cid['/']}"}`
  const roster = round.roster.cid['/']
  const entry = value => JSON.stringify(value)
  const known = JSON.parse(facts)
  const [drawn, second] = known.rounds
  const [one, two] = JSON.parse(beacons)
  const { files: [file, next] } = JSON.parse(manifest)
  const chain = JSON.parse(drand)
  return [
    vector('settlement', readSettlement, settlement, [
      ...anyFile(settlement, round.draw.seed),
      ...anyObject(settlement, 'allocations', entry(posted.allocations), `"contracts":${entry(contracts)}`),
      ...anyNumber(settlement, 'beaconRound', round.beaconRound),
      ...anyAmount(settlement, 'cumulativeTotal', posted.cumulativeTotal),
      ...anyAddress(settlement, 'the Rounds contract', contracts.rounds, checksummed(contracts.rounds)),
      ...anyFileCid(settlement, roster),
      ...anyId(settlement, 'a provider', rates.providers[0].id),
      ['capitals', 'a root in capitals', swap(settlement, posted.root, '0x' + upper(posted.root))],
      ['capitals', 'an operator with EIP-55 capitals', swap(settlement, paid.operator, checksummed(paid.operator))],
      ['escapes', 'an escaped slash in the key of a link', swap(settlement, '{"/":', '{"\\/":')],
      ['escapes', 'a letter outside ASCII as \\u', swap(settlement, 'é', '\\u00e9')],
      ['escapes', 'a tab as \\u0009', swap(settlement, '\\t', '\\u0009')],
      ['escapes', 'a quote as \\u0022', swap(settlement, '\\"', '\\u0022')],
      ['escapes', 'a control character with a capital digit', swap(settlement, '\\u001f', '\\u001F')],
      ['escapes', 'a control character as it is', swap(settlement, '\\u001f', '\x1f')],
      ['escapes', 'a letter beyond the first plane as two \\u', swap(settlement, '𝄞', '\\ud834\\udd1e')],
      ['links', 'a CID without its link', swap(settlement, link(round.roster.cid), quoted(roster))],
      ['links', 'a link in a link', swap(settlement, link(round.roster.cid), `{"/":${link(round.roster.cid)}}`)],
      ['links', 'a link with another key', swap(settlement, link(round.roster.cid), `{"/":"${roster}","x":0}`)],
      ['links', 'a link of bytes', swap(settlement, link(round.roster.cid), '{"/":{"bytes":"AVUSIA"}}')],
      ['order', 'allocations descending', swap(settlement, `${entry(paid)},${entry(other)}`, `${entry(other)},${entry(paid)}`)],
      ['order', 'the task list before the roster', swap(settlement, '["roster"]', '["tasks","roster"]')],
      ['order', 'providers by their text', swap(settlement, `${entry(rates.providers[0])},${entry(rates.providers[1])}`, `${entry(rates.providers[1])},${entry(rates.providers[0])}`)],
      ['order', 'decisions not ascending', swap(settlement, '"OK":1', '"AAA":1')],
      ['duplicates', 'an allocation twice', swap(settlement, entry(paid), `${entry(paid)},${entry(paid)}`)],
      ['duplicates', 'a client twice', swap(settlement, `"clients":[${entry(rates.clients[0])}`, `"clients":[${entry(rates.clients[0])},${entry(rates.clients[0])}`)],
      ['duplicates', 'a decision twice', swap(settlement, '"OK":1', '"OK":1,"OK":1')],
      ['keys', 'an unknown key in a round', swap(settlement, '"committees":', '"comment":"","committees":')],
      ['keys', 'an unknown key in an allocation', swap(settlement, '"cumulative":"', '"a":0,"cumulative":"')],
      ['keys', 'a label without its count', swap(settlement, '"DUPLICATE":0,', '')],
      ['number forms', 'a count of 2^32', swap(settlement, '"count":2', '"count":4294967296')],
      ['number forms', 'a quorum of 2^16', swap(settlement, '"quorum":1', '"quorum":65536')],
      ['number forms', 'a rank with a fraction', swap(settlement, entry(report), entry(report).replace(',0,2,', ',0.0,2,'))],
      ['number forms', 'a number of drops of 2^32', swap(settlement, '"drops":2', '"drops":4294967296')],
      ['capitals', 'tasks with 0X', swap(settlement, report[2], report[2].replace('0x', '0X'))],
      ['hexadecimal', 'tasks without leading zeros', swap(settlement, report[2], '0x1')],
      ['types', 'tasks as a number', swap(settlement, quoted(report[2]), '1')],
      ['types', 'a report of five values', swap(settlement, entry(report), entry(report.slice(0, 5)))],
      ['types', 'a report of seven values', swap(settlement, entry(report), entry([...report, 0]))],
      ['types', 'a report as an object', swap(settlement, entry(report), '{"round":1,"station":0}')],
      ['types', 'dropped as a number', swap(settlement, '"dropped":true', '"dropped":1')],
      ['types', 'dropped lists as an object', swap(settlement, '["roster"]', '{"roster":true,"tasks":false}')],
      ['types', 'a dropped list that no round has', swap(settlement, '["roster"]', '["seals"]')],
      ['duplicates', 'a dropped list twice', swap(settlement, '["roster"]', '["roster","roster"]')],
      ['duplicates', 'a report twice', swap(settlement, entry(report), `${entry(report)},${entry(report)}`)],
      ['version', 'version 2', swap(settlement, '"version":3', '"version":2')],
      ['version', 'version 4', swap(settlement, '"version":3', '"version":4')],
      ['last line', 'a line feed at the end', settlement + '\n'],
    ]),
    vector('facts', readFacts, facts, [
      ...anyFile(facts, drawn.seed),
      ...anyObject(facts, 'number', String(drawn.number), `"openedAt":${drawn.openedAt}`),
      ...anyNumber(facts, 'openedAt', drawn.openedAt),
      ...anyAmount(facts, 'cumulativeTotal', known.settlements[0].cumulativeTotal),
      ...anyAddress(facts, 'the Rewards contract', known.contracts.rewards, checksummed(known.contracts.rewards)),
      ...anyFileCid(facts, drawn.roster.cid),
      ['capitals', 'a seed in capitals', swap(facts, drawn.seed, '0x' + upper(drawn.seed))],
      ['capitals', 'a status in capitals', swap(facts, '"pending"', '"Pending"')],
      ['hexadecimal', 'a seed without 0x', swap(facts, drawn.seed, drawn.seed.slice(2))],
      ['order', 'rounds descending', swap(facts, `${entry(drawn)},${entry(second)}`, `${entry(second)},${entry(drawn)}`)],
      ['duplicates', 'a round twice', swap(facts, entry(drawn), `${entry(drawn)},${entry(drawn)}`)],
      ['duplicates', 'a settlement twice', swap(facts, entry(known.settlements[0]), `${entry(known.settlements[0])},${entry(known.settlements[0])}`)],
      ['links', 'a CID as a DAG-JSON link', swap(facts, quoted(drawn.roster.cid), `{"/":"${drawn.roster.cid}"}`)],
      ['keys', 'an unknown key in a list', swap(facts, '"count":2,', '"count":2,"note":1,')],
      ['keys', 'an unknown key in a commitment', swap(facts, '"committedAt":', '"comment":0,"committedAt":')],
      ['keys', 'an unknown key in a timetable', swap(facts, '"dedupeFrom":', '"deadline":0,"dedupeFrom":')],
      ['keys', 'a timetable without a time', swap(facts, `"dedupeFrom":${drawn.times.dedupeFrom},`, '')],
      ['keys', 'an unknown key in an own report', swap(facts, entry(drawn.own[0]), `${entry(drawn.own[0]).slice(0, -1)},"x":0}`)],
      ['keys', 'an unknown key in a drop', swap(facts, entry(known.drops[0]), `${entry(known.drops[0]).slice(0, -1)},"x":0}`)],
      ['types', 'a kind of file by its name', swap(facts, '"kind":3', '"kind":"lines"')],
      ['bounds', 'a kind of file that there is not', swap(facts, '"kind":3', '"kind":4')],
      ['bounds', 'maxTasksPerCommittee of 257', swap(facts, '"maxTasksPerCommittee":100', '"maxTasksPerCommittee":257')],
      ['number forms', 'a number of operators of 2^32', swap(facts, '"operators":2', '"operators":4294967296')],
      ['keys', 'an unknown key in a settlement', swap(facts, '"postedAt":', '"posted":true,"postedAt":')],
      ['keys', 'a round without its seed', swap(facts, `"seed":"${drawn.seed}",`, '')],
      ...['minCommitteeSize', 'maxCommitteeSize', 'quorum', 'maxTasksPerCommittee', 'targetMeasurements'].map(key =>
        ['bounds', `${key} of zero`, swap(facts, `"${key}":${drawn.parameters[key]}`, `"${key}":0`)]),
      ['number forms', 'a maxCommitteeSize of 2^16', swap(facts, '"maxCommitteeSize":100', '"maxCommitteeSize":65536')],
      ['types', 'a status that nobody knows', swap(facts, '"pending"', '"vetoed"')],
      ['types', 'a seed that is empty', swap(facts, drawn.seed, '')],
      ['last line', 'a line feed at the end', facts + '\n'],
      ['white space', 'indented', JSON.stringify(known, null, 2)],
    ]),
    vector('beacons', readBeacons, beacons, [
      ...anyFile(beacons, one.signature),
      ...anyObject(beacons, 'randomness', quoted(one.randomness), `"round":${one.round}`),
      ...anyNumber(beacons, 'round', one.round),
      ['capitals', 'a signature in capitals', swap(beacons, one.signature, upper(one.signature))],
      ['capitals', 'a randomness in capitals', swap(beacons, one.randomness, upper(one.randomness))],
      ['hexadecimal', 'a signature with 0x', swap(beacons, one.signature, '0x' + one.signature)],
      ['hexadecimal', 'a randomness with 0x', swap(beacons, one.randomness, '0x' + one.randomness)],
      ['hexadecimal', 'a signature with a byte less', swap(beacons, one.signature, one.signature.slice(2))],
      ['hexadecimal', 'a signature with a digit more', swap(beacons, one.signature, one.signature + '0')],
      ['hexadecimal', 'a signature of 96 bytes', swap(beacons, one.signature, one.signature + one.signature)],
      ['randomness', 'the randomness of another beacon', swap(beacons, one.randomness, two.randomness)],
      ['keys', 'an empty previous_signature', swap(beacons, `"${one.randomness}",`, `"${one.randomness}","previous_signature":"",`)],
      ['keys', 'a previous_signature', swap(beacons, `"${one.randomness}",`, `"${one.randomness}","previous_signature":"00",`)],
      ['keys', 'a previous_signature of null', swap(beacons, `"${one.randomness}",`, `"${one.randomness}","previous_signature":null,`)],
      ['order', 'beacons descending', `[${entry(two)},${entry(one)}]`],
      ['duplicates', 'a beacon twice', `[${entry(one)},${entry(one)}]`],
      ['types', 'an object by round', `{"${one.round}":${entry(one)}}`],
      ['types', 'one beacon without a list', entry(one)],
      ['last line', 'a line feed at the end', beacons + '\n'],
      ['white space', 'indented', JSON.stringify([one, two], null, 2)],
    ]),
    vector('drand', readDrand, drand, [
      ...anyFile(drand, chain.hash),
      ...anyObject(drand, 'groupHash', quoted(chain.groupHash), `"hash":"${chain.hash}"`),
      ...anyNumber(drand, 'genesis_time', chain.genesis_time),
      ['capitals', 'a key in capitals', swap(drand, chain.public_key, upper(chain.public_key))],
      ['capitals', 'a hash in capitals', swap(drand, chain.hash, upper(chain.hash))],
      ['hexadecimal', 'a hash with 0x', swap(drand, chain.hash, '0x' + chain.hash)],
      ['hexadecimal', 'a key with 0x', swap(drand, chain.public_key, '0x' + chain.public_key)],
      ['hexadecimal', 'a key with a byte less', swap(drand, chain.public_key, chain.public_key.slice(2))],
      ['hash', 'the hash of another chain', swap(drand, chain.hash, '8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce')],
      ['hash', 'another genesis time', swap(drand, String(chain.genesis_time), String(chain.genesis_time + 1))],
      ['hash', 'another period', swap(drand, '"period":3', '"period":4')],
      ['hash', 'another id', swap(drand, '"quicknet"', '"quicknet-t"')],
      ['hash', 'another group hash', swap(drand, chain.groupHash, chain.hash)],
      ['number forms', 'a period of zero', swap(drand, '"period":3', '"period":0')],
      ['number forms', 'a period of 2^32', swap(drand, '"period":3', '"period":4294967296')],
      ['types', 'another scheme', swap(drand, 'bls-unchained-g1-rfc9380', 'pedersen-bls-chained')],
      ['types', 'a scheme that nobody knows', swap(drand, 'bls-unchained-g1-rfc9380', 'bls')],
      ['keys', "the key of drand's second interface", swap(drand, '"hash"', '"chain_hash"')],
      ['keys', 'no id', swap(drand, '"metadata":{"beaconID":"quicknet"},', '')],
      ['keys', "the id of drand's second interface", swap(drand, '{"genesis_time"', '{"beacon_id":"quicknet","genesis_time"')],
      ['keys', 'an unknown key beside the id', swap(drand, '"beaconID":"quicknet"', '"beaconID":"quicknet","x":0')],
      ['last line', 'a line feed at the end', drand + '\n'],
    ]),
    vector('manifest', readManifest, manifest, [
      ...anyFile(manifest, file.name),
      ...anyObject(manifest, 'name', quoted(file.name), `"cid":"${file.cid}"`),
      ...anyNumber(manifest, 'size', file.size),
      ...anyFileCid(manifest, file.cid),
      ['version', 'version 0', swap(manifest, '"version":1', '"version":0')],
      ['version', 'version 2', swap(manifest, '"version":1', '"version":2')],
      ['key order', 'files before version', `{"files":${entry([file, next])},"version":1}`],
      ['names', 'a name with a capital', swap(manifest, file.name, file.name.toUpperCase())],
      ['names', 'a name that is absolute', swap(manifest, file.name, '/' + file.name)],
      ['names', 'a name that climbs', swap(manifest, file.name, '../' + file.name)],
      ['names', 'a hidden name', swap(manifest, file.name, '.' + file.name)],
      ['names', 'a name with an empty part', swap(manifest, file.name, 'a//' + file.name)],
      ['names', 'an empty name', swap(manifest, file.name, '')],
      ['names', 'a name with a backslash', swap(manifest, file.name, 'a\\\\' + file.name)],
      ['duplicates', 'a name twice', swap(manifest, next.name, file.name)],
      ['duplicates', 'a file twice', swap(manifest, entry(file), `${entry(file)},${entry(file)}`)],
      ['last line', 'a line feed at the end', manifest + '\n'],
    ]),
  ]
}
