#!/usr/bin/env node
// Measures what daemons with nothing to do cost: requests to their node per block, share of a core, and lines of log per hour.
//
//   node scripts/measure-idle.mjs [--binary target/debug/assize] [--seconds 600]
//
// A chain with blocks of 30 s, as Filecoin's, and a round of 20 minutes with one checker. The daemons poll every 5 s, the
// default on Filecoin. The measurement begins when the round is revealed and its measurements are in, and ends before it closes.

import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    binary: { type: 'string', default: 'target/debug/assize' },
    seconds: { type: 'string', default: '600' },
  },
})
const BINARY = path.resolve(options.binary)
const SECONDS = Number(options.seconds)
const BLOCK = 30
const POLL = '5s'
const ANVIL = 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil'
// The first accounts of anvil, whose keys are public.
const ACCOUNTS = [
  ['0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266', '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'],
  ['0x70997970C51812dc3A010C7d01b50e0d17dc79C8', '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'],
  ['0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'],
  ['0x90F79bf6EB2c4f870365E785982E1f101E93b906', '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'],
]
const directory = mkdtempSync(path.join(tmpdir(), 'assize-idle-'))
const file = (name) => path.join(directory, name)
const children = []
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))

/** A program with its log in a file; resolves with its first line of JSON. */
function start(name, program, args, env = {}) {
  const log = openSync(file(`${name}.log`), 'a')
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', log] })
  children.push(child)
  return new Promise((resolve, reject) => {
    let said = ''
    child.stdout.on('data', (part) => {
      said += part
      const line = said.split('\n').find((line) => line.startsWith('{'))
      if (line !== undefined && said.includes('\n')) resolve({ child, ready: JSON.parse(line) })
      if (said.includes('Listening on')) resolve({ child, url: `http://${said.match(/Listening on (\S+)/)[1]}` })
    })
    child.on('exit', (code) => reject(new Error(`${name} ended with ${code}: ${readFileSync(file(`${name}.log`))}`)))
  })
}

async function rpc(url, method, params = []) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return (await answer.json()).result
}

/** A proxy that counts the calls of each daemon, whose name is the path. */
function counting(upstream, counts) {
  const server = http.createServer(async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    const body = Buffer.concat(parts)
    const calls = JSON.parse(body)
    const name = request.url.slice(1)
    counts[name] = (counts[name] ?? 0) + (Array.isArray(calls) ? calls.length : 1)
    const answer = await fetch(upstream, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(Buffer.from(await answer.arrayBuffer()))
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
  })
}

/** Seconds of processor time of a process. */
function processor(child) {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const lines = (name) => readFileSync(file(`${name}.log`), 'utf8').split('\n').length - 1

const chain = await start('anvil', ANVIL, ['--port', '0', '--block-time', '1'])
const beacon = await start('beacon', BINARY, ['run', 'beacon', '--data', file('beacon')])
writeFileSync(file('drand.json'), JSON.stringify(beacon.ready.info))
const params = JSON.parse(readFileSync('docs/params/anvil.json'))
params.beacon = beacon.ready.beacon
params.evaluators = [ACCOUNTS[1][0]]
params.threshold = 1
params.publishers = [ACCOUNTS[2][0]]
params.parameters.minCommitteeSize = 1
params.parameters.quorum = 1
writeFileSync(file('params.json'), JSON.stringify(params))
const deployment = file('deployment.json')
await new Promise((resolve, reject) => {
  const deploy = spawn(
    BINARY,
    ['deploy', 'apply', '--params', file('params.json'), '--out', deployment, '--rpc-url', chain.url, '--yes'],
    { env: { ...process.env, ASSIZE_PRIVATE_KEY: ACCOUNTS[0][1] }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  deploy.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`deploy apply ended with ${code}`))))
})
await rpc(chain.url, 'evm_setIntervalMining', [BLOCK])

const counts = {}
const proxy = await counting(chain.url, counts)
const drand = ['--drand-info', file('drand.json'), '--relay', beacon.ready.url]
const daemon = (name, account, args) =>
  start(
    name,
    BINARY,
    ['run', name, '--rpc-url', `${proxy}/${name}`, '--deployment', deployment, '--data', file('data'), ...args],
    { ASSIZE_PRIVATE_KEY: ACCOUNTS[account][1] },
  )
const deal = JSON.parse(readFileSync('crates/testkit/fixtures/deals.ndjson', 'utf8').split('\n')[0])
const tasks = file('tasks.ndjson')
writeFileSync(tasks, `{"cid":"${deal.payloadCid}","provider":"${deal.minerId}","clients":[],"allocators":[]}\n`)
const coordinator = await daemon('coordinator', 0, [...drand, '--tasks', tasks, '--listen', '127.0.0.1:0', '--poll', POLL])
const daemons = {
  coordinator,
  publisher: await daemon('publisher', 2, ['--poll', POLL]),
  evaluator: await daemon('evaluator', 1, [...drand, '--post', '--poll', POLL]),
  payout: await daemon('payout', 3, ['--poll', POLL]),
}
const checker = spawn(
  BINARY,
  [
    ...['run', 'checker', '--rpc-url', `${proxy}/checker`, '--deployment', deployment, '--data', file('checker')],
    ...['--coordinator', coordinator.ready.url, '--operator', ACCOUNTS[3][0], '--log', 'text', ...drand],
  ],
  { stdio: ['ignore', 'ignore', openSync(file('checker.log'), 'a')] },
)
children.push(checker)
daemons.checker = { child: checker }

// The round is open, revealed and measured by then.
await sleep(240_000)
const before = Object.entries(daemons).map(([name, { child }]) => [name, child, counts[name] ?? 0, processor(child), lines(name)])
await sleep(SECONDS * 1_000)
console.log('daemon        requests a block   % of a core   lines of log an hour')
for (const [name, child, calls, time, logged] of before) {
  const blocks = SECONDS / BLOCK
  const requests = ((counts[name] ?? 0) - calls) / blocks
  const share = (100 * (processor(child) - time)) / SECONDS
  const hourly = ((lines(name) - logged) * 3_600) / SECONDS
  console.log(`${name.padEnd(12)} ${requests.toFixed(2).padStart(17)} ${share.toFixed(2).padStart(13)} ${hourly.toFixed(0).padStart(22)}`)
}
console.log(`logs: ${directory}`)
process.exit(0)
