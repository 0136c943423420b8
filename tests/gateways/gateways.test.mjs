// Gateways and clients that are not ours, with ours: Helia reads from `assize run gateway`, and from gateway-lib what we packed.
//
//     make test-gateways
//
// That our own clients read from gateway-lib is tested in crates/testkit/tests; npm ipfs-car, in crates/measurement/tests.
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))
const here = name => fileURLToPath(new URL(name, import.meta.url))
const MIB = 1 << 20
// One raw block; a tree with a chunk that comes twice.
const FILES = { small: Buffer.from('a batch of measurements\n'), large: Buffer.alloc(3 * MIB + 7, 7) }
FILES.large.fill('another chunk', MIB, 2 * MIB)

let directory, assize
const processes = []
/** Names to CIDs, of the files in the store. */
const cids = {}

/** Starts a program and waits for its first line. */
const start = async (program, args) => {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  processes.push(child)
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${program} ${args[0]} ended with ${code}`)))
  })
}

/** The files as read by Helia. */
const helia = async (gateway, cid) => {
  const options = { encoding: 'buffer', maxBuffer: 64 * MIB }
  const { stdout } = await promisify(execFile)(process.execPath, [here('helia.mjs'), gateway, cid], options)
  return stdout
}

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex')

before(async () => {
  assert.ok(existsSync(here('node_modules/@helia/http')), 'npm ci --prefix tests/gateways --ignore-scripts')
  const options = { cwd: root, maxBuffer: 1 << 26 }
  const metadata = execFileSync('cargo', ['metadata', '--format-version', '1', '--no-deps', '--offline'], options)
  const target = JSON.parse(metadata).target_directory
  assize = join(target, 'debug/assize')
  const pack = join(target, 'debug/examples/pack')
  for (const file of [assize, pack]) {
    assert.ok(existsSync(file), `${file} is not there: cargo build -p assize-cli && cargo build -p assize-testkit --example pack`)
  }
  directory = mkdtempSync(join(tmpdir(), 'gateways-'))
  for (const [name, content] of Object.entries(FILES)) {
    const file = join(directory, name)
    writeFileSync(file, content)
    // Into a store, where the CAR is named by the file's CID.
    cids[name] = execFileSync(pack, [file, directory], { encoding: 'utf8' }).trim()
  }
})

after(() => {
  for (const child of processes) child.kill()
  if (directory) rmSync(directory, { recursive: true, force: true })
})

test('Helia reads from assize run gateway what we packed', async () => {
  const { url, files } = JSON.parse(await start(assize, ['run', 'gateway', '--store', directory, '--listen', '127.0.0.1:0']))
  assert.equal(files, 2)
  for (const [name, content] of Object.entries(FILES)) {
    assert.equal(sha256(await helia(url, cids[name])), sha256(content), name)
  }
})

test('Helia reads from gateway-lib what we packed', async () => {
  for (const [name, content] of Object.entries(FILES)) {
    const line = await start(process.execPath, [here('gateway-lib.mjs'), join(directory, `${cids[name]}.car`)])
    assert.equal(sha256(await helia(line.replace('up ', ''), cids[name])), sha256(content), name)
  }
})

test('Helia does not take what is not the file', async () => {
  let block = FILES.small
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/vnd.ipld.raw')
    response.end(block)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  assert.equal(sha256(await helia(url, cids.small)), sha256(FILES.small))
  block = Buffer.from(FILES.small)
  block[0] ^= 1
  await assert.rejects(helia(url, cids.small))
  server.close()
})

test('assize run gateway and gateway-lib give the same blocks, byte for byte', async () => {
  const ours = JSON.parse(await start(assize, ['run', 'gateway', '--store', directory, '--listen', '127.0.0.1:0'])).url
  const line = await start(process.execPath, [here('gateway-lib.mjs'), join(directory, `${cids.large}.car`)])
  const theirs = line.replace('up ', '')
  const get = async (gateway, query) => {
    const answer = await fetch(`${gateway}/ipfs/${cids.large}?${query}`)
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) }
  }
  for (const query of ['format=raw', 'format=car&dag-scope=block']) {
    const [our, their] = [await get(ours, query), await get(theirs, query)]
    assert.deepEqual([our.status, their.status], [200, 200], query)
    assert.equal(sha256(our.body), sha256(their.body), query)
  }
})
