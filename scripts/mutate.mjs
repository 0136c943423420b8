#!/usr/bin/env node
// Mutation test of the contracts that hold money and rounds: changes one thing at a time and checks that a test fails.
// Works in a copy of the project under the system's temporary directory.
//   node scripts/mutate.mjs                all; exit 1 if a mutant survives that contracts/test/survivors.json does not explain
//   node scripts/mutate.mjs Pool Roles     these files only
//   node scripts/mutate.mjs --list         the mutants, without running them
//   node scripts/mutate.mjs --again        only those that survived last time
//   node scripts/mutate.mjs --resume       only those that have not been tried
// slither-mutate makes the same kinds of mutants, but recompiles all tests for each, which takes half a minute. Here
// tests are linked dynamically, and only the mutant is compiled, in this process, and put where they expect it.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const REWARDS = { contract: 'Rewards', tests: 'contracts/test/{Rewards,Filecoin,Attacks}*.t.sol' }
const ROLES = { contract: 'Roles', tests: 'contracts/test/Roles*.t.sol' }
const COURT = { contract: 'Court', tests: 'contracts/test/{Court,RewardsPost,RewardsConstructor}*.t.sol' }
const ROUNDS = { contract: 'Rounds', tests: 'contracts/test/{Rounds,OwnInclusion,RewardsObjections,Vectors}*.t.sol' }
const TARGETS = {
  'contracts/src/Roles.sol': ROLES,
  'contracts/src/Court.sol': COURT,
  'contracts/src/Rewards.sol': REWARDS,
  'contracts/src/rewards/Objections.sol': REWARDS,
  'contracts/src/rewards/Pool.sol': REWARDS,
  'contracts/src/rewards/Recipients.sol': REWARDS,
  'contracts/src/libraries/PositionalTree.sol': REWARDS,
  'contracts/src/libraries/Fvm.sol': REWARDS,
  'contracts/src/Rounds.sol': ROUNDS,
  'contracts/src/rounds/Commitments.sol': ROUNDS,
  'contracts/src/rounds/OwnInclusion.sol': ROUNDS,
  'contracts/src/rounds/Settings.sol': ROUNDS,
  'contracts/src/libraries/Timetable.sol': ROUNDS
}
// Slow, and unrelated.
const LEFT_OUT = ['Differential', 'Gas', 'GasCourt', 'GasOwnInclusion', 'CourtThieves', 'RewardsHalting', 'RewardsInvariants', 'RewardsThieves']
const TIMEOUT = 120_000

const solc = createRequire(import.meta.url)('solc')
const root = fileURLToPath(new URL('../', import.meta.url))
const forge = execFileSync('sh', ['-c', 'ls node_modules/@foundry-rs/forge-*/bin/forge | head -1'], { cwd: root }).toString().trim()
const report = join(root, 'target/mutation.json')
const explained = new Set(JSON.parse(readFileSync(join(root, 'contracts/test/survivors.json'), 'utf8')).map(({ mutant }) => mutant))

/* MUTANTS */

const SWAPS = [
  [/>=/g, '>'], [/<=(?!=)/g, '<'], [/(?<![=>-])>(?![=>])/g, '>='], [/(?<!<)<(?![=<])/g, '<='],
  [/(?<!<)<(?![=<])/g, '>'], [/(?<![=>-])>(?![=>])/g, '<'],
  [/==/g, '!='], [/!=/g, '=='], [/&&/g, '||'], [/\|\|/g, '&&'], [/!(?=[\w(])/g, ''],
  [/(?<= )\+(?= )/g, '-'], [/(?<= )-(?= )/g, '+'], [/(?<= )\*(?= )/g, '/'], [/(?<= )\/(?= )/g, '*'],
  [/\+=/g, '-='], [/-=/g, '+='], [/\+=/g, '='], [/-=/g, '='], [/\+\+/g, '--'],
  [/\btrue\b/g, 'false'], [/\bfalse\b/g, 'true'],
  [/ (?:onlyOwner|nonReentrant)\b/g, ''],
  [/\bmsg\.sender\b/g, 'tx.origin'],
  // In assembly.
  [/\band\(/g, 'or('], [/\bgt\(/g, 'lt('], [/\biszero\(/g, '('],
  [/\b(if|while) \(/g, '$1 (true || '], [/\b(if|while) \(/g, '$1 (false && '],
  [/ \? ([^:;]+?) : ([^;,)]+)/g, ' ? $2 : $1'],
  [/\b([\w.()]+) - ([\w.()]+)/g, '$2 - $1']
]

function mutantsOf (source) {
  const code = source.replace(/\/\/.*|\/\*[^]*?\*\/|"(?:[^"\\]|\\.)*"/g, text => text.replace(/[^\n]/g, ' '))
  const mutants = new Map()
  const add = (start, end, text) => {
    const changed = source.slice(0, start) + text + source.slice(end)
    if (changed === source || mutants.has(changed)) return
    const line = source.slice(0, start).split('\n').length
    const show = part => part.trim().replace(/\s+/g, ' ')
    const from = source.lastIndexOf('\n', start) + 1
    const until = source.indexOf('\n', end)
    mutants.set(changed, {
      line, what: `${show(source.slice(from, until))} → ${show(source.slice(from, start) + text + source.slice(end, until)) || 'nothing'}`
    })
  }
  const body = code.indexOf('{', code.search(/^(abstract contract|contract|library) /m))
  for (const [pattern, replacement] of SWAPS) {
    for (const match of code.matchAll(pattern)) {
      if (match.index < body) continue
      const text = match[0].replace(new RegExp(pattern.source), replacement)
      // Lookarounds do not match within an isolated part.
      add(match.index, match.index + match[0].length, text === match[0] ? replacement : text)
    }
  }
  // Numbers plus one, except in types and versions.
  for (const match of code.matchAll(/(?<![\w.#])(0x[\da-fA-F]+|\d[\d_]*)(?![\w.])/g)) {
    if (match.index < body) continue
    const number = match[0]
    const more = number.startsWith('0x')
      ? number.slice(0, -1) + ((parseInt(number.at(-1), 16) + 1) % 16).toString(16)
      : String(Number(number.replaceAll('_', '')) + 1)
    add(match.index, match.index + number.length, more)
  }
  // Statements removed.
  for (const match of code.matchAll(/(?<=[;{}]\s*)(?!return\b|struct\b|enum\b|error\b|using\b|import\b)[\w(+-][^;{}]*(?:\{[\w: ,.[\]()]*\}[^;{}]*)*;/g)) {
    if (match.index < body || isDeclaration(match[0])) continue
    add(match.index, match.index + match[0].length, '')
  }
  // First two arguments of events, errors and pairs: swapped.
  for (const match of code.matchAll(/\b[A-Z]\w+\(([\w.]+(?:\(\))?), ([\w.]+(?:\([\w.]*\))?)(?=[,)])/g)) {
    if (match.index < body || source.slice(match.index - 9, match.index).includes('function')) continue
    add(match.index, match.index + match[0].length, match[0].replace(/\(([^,]+), ([^]+)$/, '($2, $1'))
  }
  return [...mutants].map(([text, mutant]) => ({ text, ...mutant }))
}

// A variable that other code needs: without it nothing compiles.
function isDeclaration (statement) {
  return /^(mapping|address|u?int\d*|bytes\d*|bool|string|event|constructor|function|modifier)\b(?!\s*\()/.test(statement) ||
    /^[A-Z]\w*(\.\w+)?(\[\])? (\w+ )*\w+( =|;)/.test(statement) || /^\((u?int|bytes|bool|address)\d* \w/.test(statement)
}

/* RUNS */

function copyProject () {
  const copy = mkdtempSync(join(tmpdir(), 'assize-mutants-'))
  for (const path of ['contracts', 'foundry.toml', 'scripts/solc.mjs', 'docs/vectors']) cpSync(join(root, path), join(copy, path), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  // Forge requests the tests' syntax trees each time; the first answer is cached.
  writeFileSync(join(copy, 'scripts/memory.mjs'), `#!/usr/bin/env node
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const asked = process.argv.includes('--version') ? 'version' : readFileSync(0)
const answer = new URL('../' + createHash('sha256').update(asked).digest('hex'), import.meta.url)
if (!existsSync(answer)) {
  writeFileSync(answer, spawnSync('node', [new URL('solc.mjs', import.meta.url).pathname, ...process.argv.slice(2)], { input: asked, maxBuffer: 1 << 30 }).stdout)
}
writeFileSync(1, readFileSync(answer))
`, { mode: 0o755 })
  // Unoptimised code compiles four times as fast, but is larger and uses more gas.
  const config = join(copy, 'foundry.toml')
  writeFileSync(config, readFileSync(config, 'utf8').replace('optimizer = true', 'optimizer = false\ncode_size_limit = 100_000'))
  rmSync(join(copy, 'contracts/test/proofs'), { recursive: true, force: true })
  for (const name of LEFT_OUT) rmSync(join(copy, `contracts/test/${name}.t.sol`), { force: true })
  return copy
}

// The bytecode of a contract with one of its files replaced; undefined if it does not compile.
function compile (contract, file, text) {
  const source = `contracts/src/${contract}.sol`
  const read = path => path === file ? text : readFileSync(join(root, path), 'utf8')
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: { [source]: { content: read(source) } },
    settings: {
      evmVersion: 'prague',
      remappings: ['@openzeppelin/contracts/=node_modules/@openzeppelin/contracts/'],
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { [source]: { [contract]: ['evm.bytecode.object', 'evm.deployedBytecode.object'] } }
    }
  }), { import: path => ({ contents: read(path) }) }))
  if (output.errors?.some(({ severity }) => severity === 'error')) return
  return output.contracts[source][contract].evm
}

function test (copy, { contract, tests }, evm) {
  const path = join(copy, `out/${contract}.sol/${contract}.json`)
  const original = evm && readFileSync(path)
  if (evm) {
    const artifact = JSON.parse(original)
    for (const part of ['bytecode', 'deployedBytecode']) artifact[part].object = `0x${evm[part].object}`
    writeFileSync(path, JSON.stringify(artifact))
  }
  const { status, stdout, error } = spawnSync(join(root, forge),
    ['test', '--dynamic-test-linking', '--fail-fast', '--fuzz-runs', '8', '--match-path', tests],
    { cwd: copy, env: { ...process.env, FOUNDRY_SOLC: join(copy, 'scripts/memory.mjs') }, timeout: TIMEOUT, killSignal: 'SIGKILL', maxBuffer: 1 << 28 })
  // Tests of another contract use this one too.
  if (evm) writeFileSync(path, original)
  if (evm && !error && !`${stdout}`.includes('compilation skipped')) throw new Error(`forge compiled something:\n${stdout}`)
  return !error && status === 0 ? 'survived' : 'killed'
}

const args = process.argv.slice(2)
const wanted = args.filter(arg => !arg.startsWith('--'))
const files = Object.keys(TARGETS).filter(file => wanted.length === 0 || wanted.includes(basename(file, '.sol')))
const nameOf = ({ file, what }) => `${basename(file)}: ${what}`
const seen = new Map()
const all = files.flatMap(file => mutantsOf(readFileSync(join(root, file), 'utf8')).map(mutant => ({ file, ...mutant })))
for (const mutant of all) {
  // A line that occurs twice.
  const count = (seen.get(nameOf(mutant)) ?? 0) + 1
  seen.set(nameOf(mutant), count)
  if (count > 1) mutant.what += ` (${count})`
}
if (args.includes('--list')) {
  for (const { file, line, what } of all) console.log(`${basename(file)}:${line}: ${what}`)
  process.exit(0)
}
const known = (() => { try { return JSON.parse(readFileSync(report, 'utf8')) } catch { return {} } })()
const results = args.includes('--again') || args.includes('--resume') ? known : Object.fromEntries(Object.entries(known).filter(([file]) => !files.includes(file)))
const copy = copyProject()
try {
  for (const target of new Set(files.map(file => TARGETS[file]))) {
    if (test(copy, target) !== 'survived') throw new Error(`${target.tests} fails without any mutant`)
  }
  for (const [index, mutant] of all.entries()) {
    const name = nameOf(mutant)
    results[mutant.file] ??= {}
    const before = results[mutant.file][name]
    if ((args.includes('--again') && before !== 'survived') || (args.includes('--resume') && before)) continue
    const target = TARGETS[mutant.file]
    const evm = compile(target.contract, mutant.file, mutant.text)
    results[mutant.file][name] = evm ? test(copy, target, evm) : 'stillborn'
    if (results[mutant.file][name] === 'survived') console.log(`survived: ${basename(mutant.file)}:${mutant.line}: ${mutant.what}`)
    else if (index % 50 === 0) console.log(`${index} of ${all.length}`)
    mkdirSync(join(root, 'target'), { recursive: true })
    writeFileSync(report, JSON.stringify(results, null, 1))
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}

let unexplained = 0
for (const file of files) {
  const counted = Object.entries(results[file] ?? {}).filter(([, result]) => result !== 'stillborn')
  const survivors = counted.filter(([, result]) => result === 'survived').map(([name]) => name)
  const killed = counted.length - survivors.length
  unexplained += survivors.filter(name => !explained.has(name)).length
  console.log(`${file}: ${killed} of ${counted.length} killed (${(100 * killed / counted.length).toFixed(1)} %), ${survivors.length} survived`)
}
if (unexplained > 0) {
  console.error(`mutate: ${unexplained} survivors that contracts/test/survivors.json does not explain`)
  process.exit(1)
}
