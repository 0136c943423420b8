// Bundles for docs/vectors/v2/bundles.json, made from docs/protocol.md §6 and §12.1: valid ones, and many invalid ones derived
// from each. Every block of an invalid one has the hash in its CID, and every CID above it is made again, unless the reason says
// otherwise: only the rule that it breaks can tell.
import { createHash } from 'node:crypto'

const CHUNK = 1 << 20
const [RAW, DAG_PB] = [0x55, 0x70]
const sha256 = bytes => createHash('sha256').update(bytes).digest()
const bytes = (...parts) => Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part))))
const sum = numbers => numbers.reduce((a, b) => a + b, 0)

function varint(number) {
  const groups = []
  for (; number > 127; number = Math.floor(number / 128)) groups.push((number % 128) + 128)
  return bytes(groups, number)
}
/** The same number in one byte more than it needs. */
const long = number => {
  const short = varint(number)
  return bytes(short.subarray(0, -1), short.at(-1) + 128, 0)
}

function base32(data) {
  const bits = [...data].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return 'b' + bits.match(/.{1,5}/g).map(five => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five.padEnd(5, '0'), 2)]).join('')
}

// ---- UnixFS. A block knows the bytes of the file below it (`size`) and those of its tree (`total`).

const block = (codec, data, size = data.length, total = data.length) =>
  ({ cid: bytes(1, codec, 0x12, 0x20, sha256(data)), data, size, total })
const leaf = data => block(RAW, data)
const nested = (field, data) => bytes((field << 3) | 2, varint(data.length), data)
const numeric = (field, number) => bytes(field << 3, varint(number))

/** A node of a file. `change` replaces parts of it. */
function node(children, change = {}) {
  const size = sum(children.map(child => child.size))
  const {
    link = ({ cid, total }) => bytes(nested(1, cid), nested(2, ''), numeric(3, total)),
    type = numeric(1, 2), inline = '', fileSize = numeric(3, size), after = '',
    blockSizes = bytes(...children.map(child => numeric(4, child.size))),
    order = (links, data) => bytes(links, data),
  } = change
  const links = bytes(...children.map((child, i) => nested(2, link(child, i))))
  const data = order(links, nested(1, bytes(type, inline, fileSize, blockSizes, after)))
  return block(DAG_PB, data, size, data.length + sum(children.map(child => child.total)))
}

function chunks(content, size = CHUNK) {
  const found = []
  for (let at = 0; at < content.length; at += size) found.push(leaf(content.subarray(at, at + size)))
  return found.length ? found : [leaf(content)]
}

/** The blocks of a file of at most 1024 chunks, in their order. */
function file(content) {
  const leaves = chunks(content)
  return leaves.length === 1 ? leaves : once([...leaves, node(leaves)])
}
const once = blocks => blocks.filter((one, i) => blocks.findIndex(other => other.cid.equals(one.cid)) === i)

// ---- CARs and bundles

const section = ({ cid, data }) => bytes(varint(cid.length + data.length), cid, data)
const headerOf = (root, { map = 0xa2, list = 0x81, zero = 0, version = 1, roots = [root] } = {}) => bytes(
  map, 0x65, 'roots', list, ...roots.map(cid => bytes(0xd8, 0x2a, 0x58, 0x25, zero, cid)), 0x67, 'version', version)
const framed = header => bytes(varint(header.length), header)

const manifestOf = files => leaf(Buffer.from(JSON.stringify({
  version: 1,
  files: files.map(({ name, blocks, cid = base32(blocks.at(-1).cid), size = blocks.at(-1).size }) => ({ name, cid, size })),
})))

/** The bytes of a CAR: the header, the manifest, the blocks. */
const car = (root, blocks, header = framed(headerOf(root.cid))) => bytes(header, ...blocks.map(section))
function bundle(files, { manifest = manifestOf(files), blocks = files.flatMap(file => file.blocks), header } = {}) {
  return car(manifest, [manifest, ...blocks], header)
}

// ---- The vectors

/** Bytes as pieces: those of the valid bundle from `at` on, or others, long runs of one byte counted. */
function pieces(data, good = Buffer.alloc(0)) {
  const starts = new Map()
  const key = (from, at) => from.toString('latin1', at, at + 16)
  for (let at = good.length - 16; at >= 0; at--) if (good[at] !== good[at + 15]) starts.set(key(good, at), at)
  const same = (at, start) => {
    let length = 0
    while (at + length < data.length && data[at + length] === good[start + length]) length++
    return length
  }
  const run = at => {
    let end = at + 1
    while (data[end] === data[at]) end++
    return end - at
  }
  const found = []
  let others = 0
  const put = (at, end, piece) => {
    if (at > others) found.push({ hex: data.toString('hex', others, at) })
    if (piece) found.push(piece)
    others = end
  }
  for (let at = 0; at < data.length;) {
    const start = starts.get(key(data, at))
    const copied = start === undefined ? 0 : same(at, start)
    const times = run(at)
    if (copied >= 24) put(at, at + copied, { at: start, length: copied })
    else if (times >= 64) put(at, at + times, { hex: data.toString('hex', at, at + 1), times })
    at = Math.max(at + 1, others)
  }
  put(data.length, data.length)
  return found
}

const seen = new Set()
const isNew = data => seen.size !== seen.add(sha256(data).toString('hex')).size

function vector(files, invalid) {
  const good = bundle(files)
  if (!isNew(good)) throw new Error('a valid bundle occurs twice')
  const manifest = manifestOf(files)
  return {
    root: base32(manifest.cid),
    files: JSON.parse(manifest.data).files,
    car: pieces(good),
    invalid: invalid.map(([family, reason, bad]) => {
      if (!isNew(bad)) throw new Error(`${reason}: these bytes occurred before`)
      return { family, reason, car: pieces(bad, good) }
    }),
  }
}

/** Small files, and what can be wrong with the CAR around any files. */
function small() {
  const named = (name, content) => ({ name, blocks: file(Buffer.from(content)) })
  const [one, two, empty] = [named('facts.json', '{}'), named('beacons.json', '[]'), named('rounds/1/roster.ndjson', '')]
  const files = [one, two, empty]
  const good = bundle(files)
  const manifest = manifestOf(files)
  const text = manifest.data.toString()
  const blocks = files.flatMap(file => file.blocks)
  const [a, b, c] = blocks
  const more = leaf(Buffer.from('more'))
  const header = (change, root = manifest.cid) => bundle(files, { header: framed(headerOf(root, change)) })
  const rewritten = (from, to) => bundle(files, { manifest: leaf(Buffer.from(text.replace(from, to))) })
  const stated = change => bundle([{ ...one, ...change }, two, empty])
  const arranged = blocks => bundle(files, { blocks })
  const tail = (...parts) => bytes(good, ...parts)
  /** The bundle with other bytes for the section of its first file. */
  const replaced = bad => bytes(car(manifest, [manifest]), bad, section(b), section(c))
  const length = a.cid.length + a.data.length
  const otherCid = cid => replaced(bytes(varint(cid.length + a.data.length), cid, a.data))
  const u64 = number => {
    const data = Buffer.alloc(8)
    data.writeBigUInt64LE(BigInt(number))
    return data
  }
  const pragma = bytes(0x0a, 0xa1, 0x67, 'version', 2)
  const dagPb = block(DAG_PB, manifest.data)
  const above = node([manifest])
  return vector(files, [
    ['header', 'CARv2', bytes(pragma, Buffer.alloc(16), u64(51), u64(good.length), u64(0), good)],
    ['header', 'version 2', header({ version: 2 })],
    ['header', 'two roots: the manifest and a file', header({ list: 0x82, roots: [manifest.cid, a.cid] })],
    ['header', 'two roots: the manifest twice', header({ list: 0x82, roots: [manifest.cid, manifest.cid] })],
    ['header', 'no root', header({ list: 0x80, roots: [] })],
    ['header', 'a root that is not in the CAR', header({}, more.cid)],
    ['header', 'a file for the root', header({}, a.cid)],
    ['header', 'a root with another byte before its CID', header({ zero: 1 })],
    ['header', 'a list whose length has a byte of its own', header({ list: [0x98, 1] })],
    ['header', 'a map of indefinite length', header({ map: 0xbf, version: [1, 0xff] })],
    ['header', 'a third key', header({ map: 0xa3, version: bytes(1, 0x61, 'x', 0) })],
    ['header', 'a version in two bytes', header({ version: [0x18, 1] })],
    ['header', 'version before roots', bundle(files, {
      header: framed(bytes(0xa2, 0x67, 'version', 1, headerOf(manifest.cid).subarray(1, -9))),
    })],
    ['header', 'a byte after the map', header({ version: [1, 0] })],
    ['header', 'no header', good.subarray(framed(headerOf(manifest.cid)).length)],
    ['header', 'the header twice', bytes(framed(headerOf(manifest.cid)), good)],
    ['header', 'a length that is too short', bytes(good[0] - 1, good.subarray(1))],
    ['header', 'a length that is too long', bytes(good[0] + 1, good.subarray(1))],
    ['header', 'nothing at all', Buffer.alloc(0)],
    ['varints', 'the length of the header longer than it need be', bytes(long(good[0]), good.subarray(1))],
    ['varints', 'the length of a block longer than it need be', replaced(bytes(long(length), a.cid, a.data))],
    ['varints', 'the length of the last block longer than it need be', bytes(good.subarray(0, -37), long(36), c.cid)],
    ['varints', 'a length above 64 bits', replaced(bytes(length + 128, Array(8).fill(128), 2, a.cid, a.data))],
    ['varints', 'a length of eleven bytes', replaced(bytes(length + 128, Array(9).fill(128), 1, a.cid, a.data))],
    ['varints', 'a length without an end', tail(Array(12).fill(128))],
    ['manifest', 'not first', car(manifest, [a, manifest, b, c])],
    ['manifest', 'last', car(manifest, [a, b, c, manifest])],
    ['manifest', 'missing', car(manifest, [a, b, c])],
    ['manifest', 'twice', car(manifest, [manifest, manifest, a, b, c])],
    ['manifest', 'with the codec dag-pb', car(dagPb, [dagPb, a, b, c])],
    ['manifest', 'in a file with a node, the node first', car(above, [above, manifest, a, b, c])],
    ['manifest', 'in a file with a node, the node last', car(above, [manifest, above, a, b, c])],
    ['manifest', 'a space in it', rewritten(',', ', ')],
    ['manifest', 'a line feed at its end', rewritten(/$/, '\n')],
    ['manifest', 'files before version', rewritten(/^\{"version":1,(.*)\}$/, '{$1,"version":1}')],
    ['manifest', 'a name twice', bundle([one, { ...two, name: one.name }, empty])],
    ['manifest', 'the same content under two names', bundle([one, { ...one, name: 'more.json' }, two, empty])],
    ['manifest', 'the same content under two names, its block once', bundle(
      [one, { ...one, name: 'more.json' }, two, empty], { blocks })],
    ['manifest', 'a file that is not listed', bundle([one, two], { blocks })],
    ['manifest', 'no files listed', bundle([], { blocks })],
    ['manifest', 'a file that is not there', bundle([...files, { name: 'more', blocks: [more] }], { blocks })],
    ['manifest', 'files in another order than their blocks', bundle([two, one, empty], { blocks })],
    ['sizes', 'a size that is one less', stated({ size: 1 })],
    ['sizes', 'a size that is one more', stated({ size: 3 })],
    ['sizes', 'a size of zero', stated({ size: 0 })],
    ['sizes', 'the size of a chunk', stated({ size: CHUNK })],
    ['sizes', 'a size above a chunk', stated({ size: CHUNK + 1 })],
    ['sizes', 'a size of 4 GiB', stated({ size: 2 ** 32 })],
    ['sizes', 'a size of 2^53 - 1', stated({ size: 2 ** 53 - 1 })],
    ['sizes', 'an empty file that has a byte', bundle([one, two, { ...empty, size: 1 }])],
    ['blocks', 'two files exchanged', arranged([b, a, c])],
    ['blocks', 'a missing block', arranged([a, c])],
    ['blocks', 'the first block is missing', arranged([b, c])],
    ['blocks', 'the last block is missing', arranged([a, b])],
    ['blocks', 'no blocks but the manifest', arranged([])],
    ['blocks', 'an additional block before the first file', arranged([more, a, b, c])],
    ['blocks', 'an additional block before another file', arranged([a, more, b, c])],
    ['blocks', 'an additional block after the last file', arranged([a, b, c, more])],
    ['blocks', 'a repeated block of a file', arranged([a, a, b, c])],
    ['blocks', 'a repeated block of another file', arranged([a, b, a, c])],
    ['blocks', 'a repeated block at the end', arranged([a, b, c, c])],
    ['blocks', 'a repeated additional block', arranged([more, more, a, b, c])],
    ['hashes', 'a byte of a block changed', replaced(section({ ...a, data: Buffer.from('[}') }))],
    ['hashes', 'a byte of the manifest changed', car(manifest, [{ ...manifest, data: Buffer.from(text.replace('facts', 'facty')) }, a, b, c])],
    ['hashes', 'the block of another file', replaced(section({ ...a, data: b.data }))],
    ['hashes', 'a CID that the manifest has, too, and that is not the hash', (() => {
      const cid = bytes(a.cid.subarray(0, -1), a.cid.at(-1) ^ 1)
      return bundle([{ name: one.name, blocks: [{ ...a, cid }] }, two, empty])
    })()],
    ['CIDs', 'a CID of version 0', otherCid(a.cid.subarray(2))],
    ['CIDs', 'a CID of dag-pb', otherCid(bytes(1, DAG_PB, a.cid.subarray(2)))],
    ['CIDs', 'a CID of dag-cbor', otherCid(bytes(1, 0x71, a.cid.subarray(2)))],
    ['CIDs', 'an identity CID', otherCid(bytes(1, RAW, 0, 2, a.data))],
    ['CIDs', 'a CID of SHA-512', otherCid(bytes(1, RAW, 0x13, 0x40, createHash('sha512').update(a.data).digest()))],
    ['CIDs', 'a CID with a version longer than it need be', otherCid(bytes(long(1), a.cid.subarray(1)))],
    ['CIDs', 'a CID with 31 bytes of hash', otherCid(bytes(a.cid.subarray(0, 3), 31, a.cid.subarray(4, 35)))],
    ['trailing bytes', 'a zero byte', tail(0)],
    ['trailing bytes', 'a megabyte of zeros', tail(Buffer.alloc(CHUNK))],
    ['trailing bytes', 'a line feed', tail('\n')],
    ['trailing bytes', 'a section shorter than a CID', tail(3, 1, RAW, 0x12)],
    ['trailing bytes', 'the bundle twice', tail(good)],
    ['truncation', 'the last byte is missing', good.subarray(0, -1)],
    ['truncation', 'the length of the last block is there alone', good.subarray(0, -36)],
    ['truncation', 'the header alone', framed(headerOf(manifest.cid))],
    ['truncation', 'the second half is missing', good.subarray(0, good.length >> 1)],
    ['truncation', 'a section without a CID', replaced(bytes(2, a.data))],
    ['truncation', 'an empty section', replaced(bytes(0, section(a)))],
  ])
}

/** A file of three chunks, and other trees of the same content. */
function trees() {
  const content = bytes(Buffer.alloc(CHUNK, 1), Buffer.alloc(CHUNK, 2), Buffer.alloc(5, 3))
  const name = 'rounds/1/batches/0.ndjson'
  const [x, y, z] = chunks(content)
  const of = (...blocks) => bundle([{ name, blocks }])
  const good = [x, y, z, node([x, y, z])]
  const files = [{ name, blocks: good }]
  const arranged = (...blocks) => bundle(files, { blocks })
  const root = good.at(-1)
  const stated = size => bundle([{ name, blocks: good, size }])
  const changed = change => of(x, y, z, node([x, y, z], change))
  const split = size => of(...once(chunks(content, size)), node(chunks(content, size)))
  const links = change => changed({ link: (child, i) => change(child, i) })
  const [cid, empty, total] = [child => nested(1, child.cid), nested(2, ''), child => numeric(3, child.total)]
  const sized = sizes => changed({ blockSizes: bytes(...sizes.map(size => numeric(4, size))) })
  const unixfs = (type, data) => block(DAG_PB, nested(1, bytes(numeric(1, type), nested(2, data), numeric(3, data.length))), data.length)
  const bare = data => block(DAG_PB, nested(1, bytes(numeric(1, 2), nested(2, data))), data.length)
  const [short, full] = [content.subarray(2 * CHUNK), content.subarray(0, 2 * CHUNK)]
  const left = node([x, y])
  const right = node([z])
  const nothing = leaf(Buffer.alloc(0))
  const more = leaf(Buffer.from('more'))
  const wholes = chunks(content, 4 * CHUNK)
  return vector(files, [
    ['chunks', 'chunks of 256 KiB', split(CHUNK / 4)],
    ['chunks', 'chunks of 2 MiB', split(2 * CHUNK)],
    ['chunks', 'chunks of 1 MiB without a byte', split(CHUNK - 1)],
    ['chunks', 'one raw block', of(...wholes)],
    ['chunks', 'one raw block under a node', of(...wholes, node(wholes))],
    ['chunks', 'the short chunk first', (() => {
      const parts = [leaf(content.subarray(0, 5)), ...chunks(content.subarray(5))]
      return of(...parts, node(parts))
    })()],
    ['chunks', 'an empty chunk at the end', of(x, y, z, nothing, node([x, y, z, nothing]))],
    ['chunks', 'an empty chunk at the start', of(nothing, x, y, z, node([nothing, x, y, z]))],
    ['chunks', 'the last chunk in two', (() => {
      const parts = [x, y, leaf(short.subarray(0, 2)), leaf(short.subarray(2))]
      return of(...parts, node(parts))
    })()],
    ['tree', 'a node above the root', of(...good, node([root]))],
    ['tree', 'two links a node', of(x, y, left, z, right, node([left, right]))],
    ['tree', 'the last chunk beside a node', of(x, y, left, z, node([left, z]))],
    ['tree', 'the first chunk beside a node', of(x, y, z, node([y, z]), node([x, node([y, z])]))],
    ['tree', 'a node above a file of one chunk', of(z, right)],
    ['tree', 'a node above a file of one full chunk', of(x, node([x]))],
    ['tree', 'a node above the empty file', of(nothing, node([nothing]))],
    ['tree', 'a node without links for the empty file', of(node([]))],
    ['tree', 'a root without links', (() => {
      const root = node([], { fileSize: numeric(3, content.length) })
      return of({ ...root, size: content.length })
    })()],
    ['order', 'the node first', bundle(files, { blocks: [root, x, y, z] })],
    ['order', 'chunks reversed', arranged(z, y, x, root)],
    ['order', 'two chunks exchanged', arranged(y, x, z, root)],
    ['order', 'the last chunk after the node', arranged(x, y, root, z)],
    ['repeated', 'a chunk', arranged(x, x, y, z, root)],
    ['repeated', 'a chunk, later', arranged(x, y, x, z, root)],
    ['repeated', 'the node', arranged(x, y, z, root, root)],
    ['missing', 'the first chunk', arranged(y, z, root)],
    ['missing', 'the last chunk', arranged(x, y, root)],
    ['missing', 'all chunks', arranged(root)],
    ['missing', 'the node', arranged(x, y, z)],
    ['additional', 'a block before the chunks', arranged(more, x, y, z, root)],
    ['additional', 'a block before the node', arranged(x, y, z, more, root)],
    ['additional', 'an empty block', arranged(x, y, z, nothing, root)],
    ['additional', 'a node of two of the chunks', arranged(x, y, z, left, root)],
    ['sizes', 'the size of the tree in the manifest', stated(root.total)],
    ['sizes', 'a byte less in the manifest', stated(content.length - 1)],
    ['sizes', 'a byte more in the manifest', stated(content.length + 1)],
    ['sizes', 'a chunk less in the manifest', stated(2 * CHUNK)],
    ['sizes', 'a chunk more in the manifest', stated(3 * CHUNK + 1)],
    ['sizes', 'two levels in the manifest', stated(1024 * CHUNK + 1)],
    ['inline data', 'the short chunk in the node', of(x, y, node([x, y], {
      inline: nested(2, short), fileSize: numeric(3, content.length),
    }))],
    ['inline data', 'empty data in the node', changed({ inline: nested(2, '') })],
    ['inline data', 'a byte in the node, beside the chunks', changed({ inline: nested(2, 'x') })],
    ['inline data', 'a file of one chunk in a node', of(unixfs(2, short))],
    ['inline data', 'a file of one chunk in a node, without its size', of(bare(short))],
    ['inline data', 'the empty file in a node', of(unixfs(2, ''))],
    ['inline data', 'chunks in nodes of type file', (() => {
      const parts = [x, y, z].map(({ data }) => unixfs(2, data))
      return of(...parts, node(parts))
    })()],
    ['inline data', 'chunks in nodes of type raw', (() => {
      const parts = [x, y, z].map(({ data }) => unixfs(0, data))
      return of(...parts, node(parts))
    })()],
    ['inline data', 'chunks as raw blocks with CIDs of dag-pb', (() => {
      const parts = [x, y, z].map(({ data }) => block(DAG_PB, data))
      return of(...parts, node(parts))
    })()],
    ['Tsize', 'one too many', links((child, i) => bytes(cid(child), empty, numeric(3, child.total + (i === 0))))],
    ['Tsize', 'one too few in the last link', links((child, i) => bytes(cid(child), empty, numeric(3, child.total - (i === 2))))],
    ['Tsize', 'zero', links(child => bytes(cid(child), empty, numeric(3, 0)))],
    ['Tsize', 'none', links(child => bytes(cid(child), empty))],
    ['Tsize', 'twice', links(child => bytes(cid(child), empty, total(child), total(child)))],
    ['Tsize', 'longer than it need be', links(child => bytes(cid(child), empty, 0x18, long(child.total)))],
    ['Tsize', 'with the bytes of the CID', links(child => bytes(cid(child), empty, numeric(3, child.total + 36)))],
    ['links', 'with a name', links((child, i) => bytes(cid(child), nested(2, String(i)), total(child)))],
    ['links', 'without a name', links(child => bytes(cid(child), total(child)))],
    ['links', 'with the name last', links(child => bytes(cid(child), total(child), empty))],
    ['links', 'with the size first', links(child => bytes(total(child), cid(child), empty))],
    ['links', 'with a fourth field', links(child => bytes(cid(child), empty, total(child), numeric(4, 0)))],
    ['links', 'without a CID', links(child => bytes(empty, total(child)))],
    ['links', 'with a CID of 35 bytes', links(child => bytes(nested(1, child.cid.subarray(0, -1)), empty, total(child)))],
    ['links', 'of dag-cbor', links(child => bytes(nested(1, bytes(1, 0x71, child.cid.subarray(2))), empty, total(child)))],
    ['blocksizes', 'none', sized([])],
    ['blocksizes', 'one too few', sized([CHUNK, CHUNK])],
    ['blocksizes', 'one too many', sized([CHUNK, CHUNK, 5, 0])],
    ['blocksizes', 'exchanged', sized([5, CHUNK, CHUNK])],
    ['blocksizes', 'one of them too large', sized([CHUNK + 1, CHUNK, 5])],
    ['blocksizes', 'with the same sum', sized([CHUNK + 1, CHUNK - 1, 5])],
    ['blocksizes', 'packed', changed({ blockSizes: nested(4, bytes(varint(CHUNK), varint(CHUNK), varint(5))) })],
    ['blocksizes', 'longer than they need be', changed({ blockSizes: bytes(...[CHUNK, CHUNK, 5].map(size => bytes(0x20, long(size)))) })],
    ['filesize', 'none', changed({ fileSize: '' })],
    ['filesize', 'zero', changed({ fileSize: numeric(3, 0) })],
    ['filesize', 'one too large', changed({ fileSize: numeric(3, content.length + 1) })],
    ['filesize', 'that of the tree', changed({ fileSize: numeric(3, root.total) })],
    ['filesize', 'after the blocksizes', changed({ fileSize: '', after: numeric(3, content.length) })],
    ['filesize', 'twice', changed({ fileSize: bytes(numeric(3, content.length), numeric(3, content.length)) })],
    ['filesize', 'longer than it need be', changed({ fileSize: bytes(0x18, long(content.length)) })],
    ['node', 'of type raw', changed({ type: numeric(1, 0) })],
    ['node', 'of type directory', changed({ type: numeric(1, 1) })],
    ['node', 'without a type', changed({ type: '' })],
    ['node', 'with a mode', changed({ after: numeric(7, 0o644) })],
    ['node', 'with a time', changed({ after: nested(8, numeric(1, 1)) })],
    ['node', 'with a hash type', changed({ after: numeric(5, 0x22) })],
    ['node', 'without data', changed({ order: links => links })],
    ['node', 'with data before links', changed({ order: (links, data) => bytes(data, links) })],
    ['node', 'with data twice', changed({ order: (links, data) => bytes(links, data, data) })],
    ['node', 'with an unknown field', changed({ order: (links, data) => bytes(links, data, numeric(3, 0)) })],
    ['node', 'with a byte at the end', changed({ order: (links, data) => bytes(links, data, 0) })],
    ['node', 'cut short', changed({ order: (links, data) => bytes(links, data.subarray(0, -1)) })],
    ['node', 'with the length of its data longer than it need be', changed({
      order: (links, data) => bytes(links, 0x0a, long(data.length - 2), data.subarray(2)),
    })],
    ['node', 'as a raw block', of(x, y, z, block(RAW, root.data, content.length))],
    ['node', 'as a raw block, with its own size', of(x, y, z, block(RAW, root.data))],
  ])
}

/** Files with equal chunks: a file has each once, but two files each have their own. */
function equalChunks() {
  const twos = Buffer.alloc(CHUNK, 2)
  const [x, y] = [leaf(twos), leaf(Buffer.from('end\n'))]
  const first = node([x, x, x, y])
  const second = node([x, y])
  const named = (name, ...blocks) => ({ name, blocks })
  const files = [named('a', x, y, first), named('b', x, y, second), named('c', x)]
  const arranged = (...blocks) => bundle(files, { blocks })
  return vector(files, [
    ['repeated', 'a chunk as often as the file has it', arranged(x, x, x, y, first, x, y, second, x)],
    ['repeated', 'a chunk as often as the file has it, the last one later', arranged(x, x, y, x, first, x, y, second, x)],
    ['order', 'a repeated chunk where the file has it last', arranged(y, x, first, x, y, second, x)],
    ['missing', 'the chunks that another file had', arranged(x, y, first, second, x)],
    ['missing', 'a chunk that another file had', arranged(x, y, first, y, second, x)],
    ['missing', 'the file that is a chunk of another', arranged(x, y, first, x, y, second)],
    ['order', 'two files exchanged', arranged(x, y, second, x, y, first, x)],
    ['order', 'the blocks of two files mixed', arranged(x, y, x, first, y, second, x)],
    ['Tsize', 'repeated chunks counted once', (() => {
      const unique = { ...node([x, first]), total: first.data.length + x.total + y.total }
      const links = node([x, x, x, y], { link: ({ cid }) => bytes(nested(1, cid), nested(2, ''), numeric(3, unique.total)) })
      return bundle([named('a', x, y, links), files[1], files[2]])
    })()],
    ['filesize', 'repeated chunks counted once', (() => {
      const root = node([x, x, x, y], { fileSize: numeric(3, x.size + y.size) })
      return bundle([named('a', x, y, root), files[1], files[2]])
    })()],
    ['links', 'a repeated chunk linked once', (() => {
      const root = node([x, y], { fileSize: numeric(3, first.size) })
      return bundle([named('a', x, y, { ...root, size: first.size }), files[1], files[2]])
    })()],
  ])
}

export function bundles() {
  const alone = text => bundle([], { manifest: leaf(Buffer.from(text)) })
  const exact = { name: 'a', blocks: file(Buffer.alloc(CHUNK, 7)) }
  return [
    vector([], [
      ['manifest', 'a space in the list of files', alone('{"version":1,"files":[ ]}')],
      ['manifest', 'version 2', alone('{"version":2,"files":[]}')],
      ['manifest', 'a third key', alone('{"version":1,"files":[],"note":""}')],
      ['manifest', 'no JSON', alone('')],
    ]),
    small(),
    vector([exact], [
      ['chunks', 'two halves', (() => {
        const halves = chunks(Buffer.alloc(CHUNK, 7), CHUNK / 2)
        return bundle([{ name: 'a', blocks: [...once(halves), node(halves)] }])
      })()],
      ['tree', 'a node above the chunk', bundle([{ name: 'a', blocks: [...exact.blocks, node(exact.blocks)] }])],
    ]),
    trees(),
    equalChunks(),
  ]
}
