// A trustless gateway that is not ours, over the blocks of one CAR: npm @web3-storage/gateway-lib.
//
//   node tests/gateways/gateway-lib.mjs FILE.car [PORT]
//
// It prints `up http://127.0.0.1:PORT` when it listens. Its quirks are those of gateways out there: 400 for `dups=n`, 500
// for a block that it does not have.
import fs from 'node:fs'
import http from 'node:http'
import { Readable } from 'node:stream'
import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { blake2b256 } from '@multiformats/blake2/blake2b'
import { handleBlock, handleCar, handleUnixfs } from '@web3-storage/gateway-lib/handlers'
import {
  composeMiddleware, withContext, withCorsHeaders, withErrorHandler, withParsedIpfsUrl
} from '@web3-storage/gateway-lib/middleware'
import { Dagula } from 'dagula'
import * as raw from 'multiformats/codecs/raw'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'

const [file, port = '0'] = process.argv.slice(2)
if (!file) {
  console.error('usage: gateway-lib.mjs FILE.car [PORT]')
  process.exit(2)
}

const byHash = new Map()
for await (const block of (await CarReader.fromBytes(fs.readFileSync(file))).blocks()) {
  byHash.set(block.cid.multihash.bytes.join(), block.bytes)
}
const bytesOf = cid => byHash.get(cid.multihash.bytes.join())
const blockstore = {
  async get (cid) {
    const bytes = bytesOf(cid)
    return bytes && { cid, bytes }
  },
  async stat (cid) {
    const bytes = bytesOf(cid)
    return bytes && { size: bytes.length }
  },
  async stream (cid) {
    const bytes = bytesOf(cid)
    return bytes && new Blob([bytes]).stream()
  }
}

const by = (...all) => Object.fromEntries(all.map(one => [one.code, one]))
const dagula = new Dagula(blockstore, { decoders: by(dagCbor, dagPb, raw), hashers: by(sha256, blake2b256, identity) })
const withDagula = handle => (request, env, context) =>
  handle(request, env, { ...context, blocks: dagula, dag: dagula, unixfs: dagula })

const byFormat = (request, env, context) => {
  const format = context.searchParams.get('format')
  const accept = request.headers.get('accept') ?? ''
  const wants = name => format === name || (!format && accept.includes(`vnd.ipld.${name}`))
  if (wants('raw')) return handleBlock(request, env, context)
  if (wants('car')) return handleCar(request, env, context)
  return handleUnixfs(request, env, context)
}
const handle = composeMiddleware(withContext, withCorsHeaders, withErrorHandler, withParsedIpfsUrl, withDagula)(byFormat)

const server = http.createServer(async (request, response) => {
  const url = `http://${request.headers.host}${request.url}`
  const { method, headers } = request
  const answer = await handle(new Request(url, { method, headers }), {}, { waitUntil () {} })
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  if (answer.body) Readable.fromWeb(answer.body).on('error', () => response.destroy()).pipe(response)
  else response.end()
})
server.listen(Number(port), '127.0.0.1', () => console.log(`up http://127.0.0.1:${server.address().port}`))
