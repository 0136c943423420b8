// Writes the CIDs and CARs of npm ipfs-car for deterministic files: the reference for crates/measurement.
//
//   mkdir /tmp/oracle && cd /tmp/oracle && npm install ipfs-car@3.1.0 && cp …/scripts/unixfs-vectors.mjs .
//   node unixfs-vectors.mjs > …/crates/measurement/tests/fixtures/unixfs.json
//
// Byte i of a file is (7 i + floor(i / 256)) mod 251. Files with the profile's own limits (1 MiB, 1024 links: ipfs-car's
// default) are packed by ipfs-car's command, and the digest of the CAR is recorded. The others, small files with deep
// trees, are built by @ipld/unixfs, the library that ipfs-car uses.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as UnixFS from '@ipld/unixfs'
import { withMaxChunkSize } from '@ipld/unixfs/file/chunker/fixed'
import { withWidth } from '@ipld/unixfs/file/layout/balanced'
import * as RawLeaf from 'multiformats/codecs/raw'

const content = size => Uint8Array.from({ length: size }, (_, i) => (7 * i + Math.floor(i / 256)) % 251)

function pack (bytes) {
  const folder = mkdtempSync(join(tmpdir(), 'unixfs-vectors-'))
  const [file, car] = [join(folder, 'content'), join(folder, 'content.car')]
  writeFileSync(file, bytes)
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
  const cid = execFileSync('npx', ['ipfs-car', 'pack', '--no-wrap', file, '--output', car], options).trim()
  const carSha256 = createHash('sha256').update(readFileSync(car)).digest('hex')
  rmSync(folder, { recursive: true })
  return { cid, carSha256 }
}

async function cidOf (bytes, chunkSize, maxLinks) {
  const settings = UnixFS.configure({
    fileChunkEncoder: RawLeaf,
    smallFileEncoder: RawLeaf,
    chunker: withMaxChunkSize(chunkSize),
    fileLayout: withWidth(maxLinks)
  })
  const { readable, writable } = new TransformStream({}, UnixFS.withCapacity(1048576 * 32))
  const drained = (async () => { for await (const _ of readable); })()
  const writer = UnixFS.createWriter({ writable, settings })
  const file = UnixFS.createFileWriter(writer)
  await file.write(bytes)
  const { cid } = await file.close()
  await writer.close()
  await drained
  return cid.toString()
}

const MIB = 1 << 20
const files = []
for (const size of [0, 1, MIB, MIB + 1, 5 * MIB, 5 * MIB + 12345]) {
  files.push({ size, chunkSize: MIB, maxLinks: 1024, ...pack(content(size)) })
}
// Trees of two, three and four levels, full and not.
const small = [
  [1000, 256, 4], [1024, 256, 4], [1025, 256, 4], [5000, 256, 4], [4096, 16, 4], [4097, 16, 4], [9999, 10, 10],
  [1 << 12, 2, 2], [(1 << 12) + 1, 2, 2]
]
for (const [size, chunkSize, maxLinks] of small) {
  files.push({ size, chunkSize, maxLinks, cid: await cidOf(content(size), chunkSize, maxLinks) })
}
console.log(JSON.stringify({ origin: 'npm ipfs-car 3.1.0; scripts/unixfs-vectors.mjs', files }, null, 1))
