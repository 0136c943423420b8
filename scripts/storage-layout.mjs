#!/usr/bin/env node
// Writes each contract's storage layout, from `forge inspect`, to `contracts/storage/`: contracts/test/proofs/RewardsProofs.t.sol
// writes to these slots, and external readers of storage rely on them.
//   node scripts/storage-layout.mjs           write
//   node scripts/storage-layout.mjs --check   exit 1 if the committed files do not match the sources
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const CONTRACTS = ['Court', 'Rewards', 'Roles', 'Rounds']
const root = new URL('../', import.meta.url)
const cwd = fileURLToPath(root)
const target = new URL('contracts/storage/', root)

const forge = execFileSync('sh', ['-c', 'ls node_modules/@foundry-rs/forge-*/bin/forge | head -1'], { cwd }).toString().trim()

// Names in place of the numbers of syntax trees, which any edit changes.
function layoutOf (contract) {
  const { storage, types } = JSON.parse(execFileSync(forge, ['inspect', `contracts/src/${contract}.sol:${contract}`, 'storage-layout', '--json'],
    { cwd, env: { ...process.env, FOUNDRY_SOLC: fileURLToPath(new URL('scripts/solc.mjs', root)) }, stdio: ['ignore', 'pipe', 'inherit'] }))
  const line = ({ label, slot, offset, type }) => `slot ${slot} byte ${offset}: ${types[type].label} ${label} (${types[type].numberOfBytes})`
  const structs = Object.values(types).filter(({ members }) => members)
    .map(({ label, members }) => [label, members.map(line)]).sort(([a], [b]) => a < b ? -1 : 1)
  return JSON.stringify({ contract, storage: storage.map(line), structs: Object.fromEntries(structs) }, null, 2) + '\n'
}

const drifted = []
mkdirSync(target, { recursive: true })
for (const contract of CONTRACTS) {
  const file = new URL(`${contract}.json`, target)
  const current = layoutOf(contract)
  if (!process.argv.includes('--check')) writeFileSync(file, current)
  else if (readFileSync(file, 'utf8') !== current) drifted.push(contract)
}
if (drifted.length > 0) {
  console.error(`storage-layout: ${drifted.join(', ')} differs from contracts/storage; if that is intended, run \`make artifacts\` and commit`)
  process.exit(1)
}
console.log('storage-layout: contracts/storage is up to date')
