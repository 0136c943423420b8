// The strict readers accept every valid file of docs/vectors/v2, and reject invalid ones: node --test scripts/canonical.test.mjs
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readBeacons, readDrand, readFacts, readManifest, readRoster, readSettlement, readTasks } from './canonical.mjs'

const readers = {
  roster: readRoster, tasks: readTasks, settlement: readSettlement, facts: readFacts, beacons: readBeacons, drand: readDrand, manifest: readManifest,
}
const cases = name => JSON.parse(readFileSync(new URL(`../docs/vectors/v2/${name}.json`, import.meta.url))).cases

/** The bytes of an invalid file. */
function damage(good, { at, remove, insert, insertHex }) {
  const inserted = insert === undefined ? Buffer.from(insertHex, 'hex') : Buffer.from(insert)
  return Buffer.concat([good.subarray(0, at), inserted, good.subarray(at + remove)])
}

for (const name of ['roster', 'tasks']) {
  test(`valid files: ${name}`, () => {
    for (const { file } of cases(name)) readers[name](Buffer.from(file))
  })
}

test('a list has at most 256 MiB', () => {
  assert.throws(() => readRoster(Buffer.alloc(256 * 1024 * 1024 + 1)), /more than 268435456 bytes/)
})

for (const { kind, good, invalid } of ['roster', 'tasks', 'documents'].flatMap(name => cases(`${name}-invalid`))) {
  test(`invalid files: ${kind}`, () => {
    readers[kind](Buffer.from(good))
    for (const file of invalid) assert.throws(() => readers[kind](damage(Buffer.from(good), file)), Error, file.reason)
  })
  test(`one byte changed: ${kind}`, () => {
    // An accepted file has other content: the same content has no other bytes.
    const content = JSON.stringify(readers[kind](Buffer.from(good)))
    const step = Math.max(1, Math.floor(good.length / 300))
    for (let at = 0; at < good.length; at += step) {
      for (const byte of [0x00, 0x20, 0x41, good.charCodeAt(at) ^ 0x20]) {
        const other = damage(Buffer.from(good), { at, remove: 1, insertHex: Buffer.from([byte]).toString('hex') })
        if (other.equals(Buffer.from(good))) continue
        try {
          assert.notEqual(JSON.stringify(readers[kind](other)), content, `byte ${at}`)
        } catch (problem) {
          if (problem instanceof assert.AssertionError) throw problem
        }
      }
    }
  })
}
