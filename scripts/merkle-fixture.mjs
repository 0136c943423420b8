#!/usr/bin/env node
// Writes contracts/test/fixtures/merkle.json: trees built by npm @openzeppelin/merkle-tree, the reference for the tests' own
// sorted tree.
import { writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'

const SIZES = [1, 2, 3, 7, 33]
const target = new URL('../contracts/test/fixtures/merkle.json', import.meta.url)

const hash = text => createHash('sha256').update(text).digest('hex')
const operatorOf = index => `0x${hash(`operator ${index}`).slice(0, 40)}`
const attoFilOf = index => BigInt(`0x${hash(`attoFIL ${index}`).slice(0, 16)}`)

// Numbers as 32-byte words, because JSON numbers lose precision.
const cases = SIZES.map(size => {
  const leaves = Array.from({ length: size }, (_, index) => [operatorOf(index), attoFilOf(index)])
  const tree = StandardMerkleTree.of(leaves, ['address', 'uint256'])
  const entries = leaves.map(([operator, cumulative], index) => ({
    operator,
    cumulative: `0x${cumulative.toString(16).padStart(64, '0')}`,
    proof: tree.getProof(index)
  }))
  return { entries, root: tree.root }
})

writeFileSync(target, `{"cases":[\n${cases.map(item => JSON.stringify(item)).join(',\n')}\n]}\n`)
console.log(`${fileURLToPath(target)}: ${cases.length} trees`)
