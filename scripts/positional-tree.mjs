// Positional Merkle trees, from the text of docs/protocol.md §8.2: all places up to the power of two, level by level.
import { keccak_256 } from '@noble/hashes/sha3'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'

const NOTHING = '0x' + '00'.repeat(32)
const unhex = text => Buffer.from(text.slice(2), 'hex')
const keccak = bytes => '0x' + Buffer.from(keccak_256(bytes)).toString('hex')
const parent = (left, right) => keccak(Buffer.concat([unhex(left), unhex(right)]))

/** keccak(keccak(abi.encode(fields))): the same in both kinds of tree. */
export const leafHash = (types, value) => StandardMerkleTree.of([value], types).leafHash(value)

/** From the leaves up to the root; a tree without leaves has no levels. */
function levelsOf(leaves) {
  if (leaves.length === 0) return []
  const depth = Math.ceil(Math.log2(leaves.length))
  const levels = [[...leaves, ...Array(2 ** depth - leaves.length).fill(NOTHING)]]
  while (levels.at(-1).length > 1) {
    const below = levels.at(-1)
    levels.push(below.filter((_, i) => i % 2 === 0).map((left, i) => parent(left, below[2 * i + 1])))
  }
  return levels
}

export const rootOf = leaves => levelsOf(leaves).at(-1)?.[0] ?? NOTHING

/** The sibling of leaf `index` on each level, from the leaf's upwards. */
export function proofOf(leaves, index) {
  return levelsOf(leaves).slice(0, -1).map((nodes, level) => nodes[Math.floor(index / 2 ** level) ^ 1])
}

/** What does not follow from `length` leaves from `start` on: on each level the left neighbour, then the right one. */
export function rangeProofOf(leaves, start, length) {
  const siblings = []
  let [first, last] = [start, start + length - 1]
  for (const nodes of levelsOf(leaves).slice(0, -1)) {
    if (first % 2 === 1) siblings.push(nodes[first - 1])
    if (last % 2 === 0) siblings.push(nodes[last + 1])
    ;[first, last] = [Math.floor(first / 2), Math.floor(last / 2)]
  }
  return siblings
}

/** Root, leaves, the proof of each, and that of each range. */
export function treeVector(leaves) {
  const places = leaves.map((_, i) => i)
  return {
    root: rootOf(leaves),
    leaves,
    proofs: places.map(i => proofOf(leaves, i)),
    ranges: places.flatMap(start => places.slice(start)
      .map(last => ({ start, length: last - start + 1, siblings: rangeProofOf(leaves, start, last - start + 1) }))),
  }
}

// ---- The leaves

const word = number => BigInt(number).toString(16).padStart(64, '0')

/** keccak(abi.encode(uint96 running, uint96 grown, uint32 reports, bytes32 sheet)) */
export const restOf = ({ running, grown, reports, sheet }) =>
  keccak(Buffer.from(word(running) + word(grown) + word(reports) + sheet.slice(2), 'hex'))
export const allocationLeaf = allocation =>
  leafHash(['address', 'uint256', 'bytes32'], [allocation.operator, allocation.cumulative, restOf(allocation)])
export const sheetLeaf = ({ round, station, tasks, rank, accepted, running }) =>
  leafHash(['uint64', 'uint32', 'uint256', 'uint32', 'uint32', 'uint96'], [round, station, tasks, rank, accepted, running])
export const lineLeaf = digest => leafHash(['bytes32'], [digest])
