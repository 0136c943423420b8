// Writes the vectors of sorted trees (docs/protocol.md §8.1) of crates/protocol, built by npm @openzeppelin/merkle-tree. Run from the root of the
// repository after `npm ci`: node scripts/merkle-vectors.mjs
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'

const FILE = 'crates/protocol/tests/fixtures/merkle.json'
const SIZES = [1, 2, 3, 7, 100]

/** The same bytes for the same label, so that the file changes only when the trees do. */
const bytes = (label, length) => '0x' + createHash('sha512').update(label).digest('hex').slice(0, 2 * length)
const station = i => bytes(`station ${i}`, 20)
const operator = i => bytes(`operator ${i}`, 20)
/** CIDv1 raw, CIDv1 dag-pb, CIDv0, CIDv1 with an identity hash, and one longer than an ABI word. */
const cid = i => [
  '0x01551220' + bytes(`cid ${i}`, 32).slice(2),
  '0x01701220' + bytes(`cid ${i}`, 32).slice(2),
  '0x1220' + bytes(`cid ${i}`, 32).slice(2),
  '0x01550004' + bytes(`cid ${i}`, 4).slice(2),
  '0x01551340' + bytes(`cid ${i}`, 64).slice(2),
][i % 5]

const kinds = {
  roster: {
    types: ['uint256', 'address', 'address', 'bytes16'],
    value: i => [String(i), station(i), operator(i % 3), bytes(`subnet ${i % 5}`, 16)],
  },
  task: {
    types: ['uint256', 'bytes', 'uint64'],
    value: i => [String(i), cid(i), String(i === 1 ? 2n ** 64n - 1n : 1000n + BigInt(i))],
  },
}

const trees = []
for (const [kind, { types, value }] of Object.entries(kinds)) {
  for (const size of SIZES) {
    const tree = StandardMerkleTree.of(Array.from({ length: size }, (_, i) => value(i)), types)
    const entries = [...tree.entries()]
    // All values, and leaves and proofs of the first, the second, a middle and the last one.
    const proven = new Set([0, 1, size >> 1, size - 1].filter(i => i < size))
    trees.push({
      kind,
      root: tree.root,
      leaves: entries.map(([i, value]) => ({
        value,
        ...(proven.has(i) ? { leaf: tree.leafHash(value), proof: tree.getProof(i) } : {}),
      })),
    })
  }
}

const line = ({ kind, root, leaves }) =>
  `{"kind":"${kind}","root":"${root}","leaves":[\n${leaves.map(leaf => JSON.stringify(leaf)).join(',\n')}\n]}`
writeFileSync(FILE, `[\n${trees.map(line).join(',\n')}\n]\n`)
