#!/usr/bin/env node
// solc for Foundry where no native build can be downloaded: the npm package `solc` behind solc's own command line.
// Foundry asks for `--version` and then pipes standard JSON through `--standard-json`.
import { createRequire } from 'node:module'
import { readFileSync, writeSync } from 'node:fs'

const solc = createRequire(import.meta.url)('solc')

if (process.argv.includes('--version')) {
  // solc-js reports 0.8.30+commit.73712a01.Emscripten.clang, which Foundry parses as solc's own line.
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`)
} else {
  let output = Buffer.from(solc.compile(readFileSync(0, 'utf8')))
  // A pipe may accept only a part: write until nothing is left.
  while (output.length > 0) {
    try {
      output = output.subarray(writeSync(1, output))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}
