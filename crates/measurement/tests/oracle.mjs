// UnixFS files by the ecosystem's own libraries, for tests/ecosystem.rs:
//
//   node oracle.mjs build FILE CHUNK LINKS CAR   writes the CAR of a file by @ipld/unixfs and @ipld/car; prints its CID
//   node oracle.mjs read CAR FILE                writes the file of a CAR by ipfs-unixfs-exporter
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CarReader, CarWriter } from '@ipld/car'
import * as UnixFS from '@ipld/unixfs'
import { withMaxChunkSize } from '@ipld/unixfs/file/chunker/fixed'
import { withWidth } from '@ipld/unixfs/file/layout/balanced'
import { exporter } from 'ipfs-unixfs-exporter'
import * as RawLeaf from 'multiformats/codecs/raw'

async function build (file, chunkSize, maxLinks, car) {
  const settings = UnixFS.configure({
    fileChunkEncoder: RawLeaf,
    smallFileEncoder: RawLeaf,
    chunker: withMaxChunkSize(Number(chunkSize)),
    fileLayout: withWidth(Number(maxLinks))
  })
  const { readable, writable } = new TransformStream({}, UnixFS.withCapacity(1048576 * 32))
  const blocks = []
  const collected = (async () => { for await (const block of readable) blocks.push(block) })()
  const writer = UnixFS.createWriter({ writable, settings })
  const content = UnixFS.createFileWriter(writer)
  for await (const piece of createReadStream(file)) await content.write(piece)
  const { cid } = await content.close()
  await writer.close()
  await collected
  const { writer: out, out: bytes } = CarWriter.create([cid])
  const written = pipeline(Readable.from(bytes), createWriteStream(car))
  for (const block of blocks) await out.put(block)
  await out.close()
  await written
  console.log(cid.toString())
}

async function read (car, file) {
  const reader = await CarReader.fromBytes(await readFile(car))
  const [root] = await reader.getRoots()
  const blocks = { get: async cid => (await reader.get(cid)).bytes }
  const entry = await exporter(root, blocks)
  const pieces = []
  for await (const piece of entry.content()) pieces.push(piece)
  await writeFile(file, Buffer.concat(pieces))
}

const [command, ...args] = process.argv.slice(2)
await ({ build, read })[command](...args)
