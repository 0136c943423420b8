#!/usr/bin/env node
// Writes each contract's ABI and creation bytecode from Foundry's `out/` to `crates/chain/abi/`, so that `cargo build` needs no
// Solidity compiler.
//   node scripts/export-abi.mjs           write
//   node scripts/export-abi.mjs --check   exit 1 if the committed files do not match the sources
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const CONTRACTS = ['Roles', 'Court', 'Rounds', 'Rewards', 'DrandBeacon', 'FilecoinBeacon']

const root = new URL('../', import.meta.url)
const target = new URL('crates/chain/abi/', root)
const remedy = 'run `make artifacts` and commit crates/chain/abi'

function artifactOf (contractName) {
  const source = new URL(`out/${contractName}.sol/${contractName}.json`, root)
  let built
  try {
    built = JSON.parse(readFileSync(source, 'utf8'))
  } catch (error) {
    fail(`${fileURLToPath(source)}: ${error.message}; run \`forge build\` first`)
  }
  if (!built.bytecode) fail(`${fileURLToPath(source)} has no bytecode: a build failed half-way; run \`forge build --force\``)
  const { abi, bytecode: { object, linkReferences } } = built
  if (Object.keys(linkReferences ?? {}).length > 0) fail(`${contractName}: bytecode has unlinked libraries`)
  return JSON.stringify({ contractName, abi, bytecode: { object } }, null, 2) + '\n'
}

// The names of differing items, so that nobody has to compare kilobytes of hex.
function drift (contractName, committed, current) {
  if (committed === undefined) return [`${contractName}: file is missing`]
  if (committed === current) return []
  let old
  try {
    old = JSON.parse(committed)
  } catch (error) {
    return [`${contractName}: committed file is not JSON (${error.message})`]
  }
  const now = JSON.parse(current)
  const entries = abi => new Map((abi ?? []).map(entry => [JSON.stringify(entry), entry]))
  const [before, after] = [entries(old.abi), entries(now.abi)]
  const label = ({ type, name }) => `${type} ${name ?? ''}`.trim()
  const lines = []
  for (const [key, entry] of before) if (!after.has(key)) lines.push(`${contractName}: committed ${label(entry)} is not in the sources`)
  for (const [key, entry] of after) if (!before.has(key)) lines.push(`${contractName}: ${label(entry)} is not committed`)
  if (old.bytecode?.object !== now.bytecode.object) lines.push(`${contractName}: bytecode differs`)
  return lines.length > 0 ? lines : [`${contractName}: formatting differs`]
}

function read (file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function fail (message) {
  console.error(`export-abi: ${message}`)
  process.exit(1)
}

const check = process.argv.includes('--check')
const drifted = []
mkdirSync(target, { recursive: true })
for (const contractName of CONTRACTS) {
  const file = new URL(`${contractName}.json`, target)
  const current = artifactOf(contractName)
  if (check) drifted.push(...drift(contractName, read(file), current))
  else writeFileSync(file, current)
}
if (drifted.length > 0) fail(`the committed artifacts do not match contracts/src:\n  ${drifted.join('\n  ')}\n${remedy}`)
console.log(check ? 'export-abi: artifacts are up to date' : `export-abi: wrote ${CONTRACTS.length} files to crates/chain/abi`)
