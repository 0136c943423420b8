// Writes the CIDs that npm's @ipld/unixfs (the library under ipfs-car) gives for deterministic files.
//
//   mkdir /tmp/oracle && cd /tmp/oracle && npm install @ipld/unixfs@3 multiformats && cp …/scripts/unixfs-vectors.mjs .
//   node unixfs-vectors.mjs > …/crates/measurement/tests/fixtures/unixfs.json
//
// Byte i of a file is (7 i + floor(i / 256)) mod 251.
import * as UnixFS from '@ipld/unixfs'
import { withMaxChunkSize } from '@ipld/unixfs/file/chunker/fixed'
import { withWidth } from '@ipld/unixfs/file/layout/balanced'
import * as RawLeaf from 'multiformats/codecs/raw'

const content = size => Uint8Array.from({ length: size }, (_, i) => (7 * i + Math.floor(i / 256)) % 251)

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
const cases = [
  [0, MIB, 1024], [1, MIB, 1024], [MIB, MIB, 1024], [MIB + 1, MIB, 1024], [5 * MIB, MIB, 1024],
  // Trees of two, three and four levels, full and not.
  [1000, 256, 4], [1024, 256, 4], [1025, 256, 4], [5000, 256, 4], [4096, 16, 4], [4097, 16, 4], [9999, 10, 10]
]
const files = []
for (const [size, chunkSize, maxLinks] of cases) {
  files.push({ size, chunkSize, maxLinks, cid: await cidOf(content(size), chunkSize, maxLinks) })
}
console.log(JSON.stringify({ origin: 'npm @ipld/unixfs; scripts/unixfs-vectors.mjs', files }, null, 1))
