#!/usr/bin/env node
// The architecture as rules on `cargo metadata`, and the generated parts of docs/architecture.md.
//
//   node scripts/architecture.mjs --check    exits with 1 if a crate breaks a rule, or if the page is out of date
//   node scripts/architecture.mjs --write    writes the diagram and the tables of the page
//
// To add a crate, put it into a layer here and give its Cargo.toml a `description`.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PAGE = join(ROOT, 'docs/architecture.md');

/** From the bottom up. A crate may depend on crates of its own layer and of the layers in `on`. */
const LAYERS = [
  {
    name: 'pure',
    title: 'Pure: the rules',
    on: [],
    crates: ['protocol', 'measurement', 'drand', 'facts', 'evaluate', 'spark', 'bundle', 'wire', 'wasm'],
    not: 'do I/O (but for the relays, cache and server of `drand`), read a clock, or use randomness or floating-point numbers for anything that is settled',
  },
  {
    name: 'shared',
    title: 'Shared: knows no rounds, measurements or money',
    on: [],
    crates: ['guard', 'service', 'tls'],
    not: 'depend on a crate of another layer',
  },
  {
    name: 'infrastructure',
    title: 'Infrastructure: chain, keys, stores, providers, and what combines them',
    on: ['pure', 'shared'],
    crates: ['keys', 'chain', 'deployment', 'outbox', 'store', 'retrieve', 'verify', 'stats'],
    not: 'run forever, or define a rule of the draw or of evaluation',
  },
  {
    name: 'services',
    title: 'Services: the daemons, and the tables that they share',
    on: ['pure', 'shared', 'infrastructure'],
    crates: ['ingest', 'coordinator', 'api', 'publish', 'evaluator', 'payout', 'checker'],
    not: 'depend on each other: they meet on chain, in the store, and in the table of measurements (`ingest`)',
  },
  {
    name: 'test_support',
    title: 'Test support: networks and adversaries for tests, demos and simulations',
    on: ['pure', 'shared', 'infrastructure', 'services'],
    crates: ['testkit', 'simulate'],
    not: 'be part of the production binary',
  },
  {
    name: 'binaries',
    title: 'Binaries: parse, call, print',
    on: ['pure', 'shared', 'infrastructure', 'services'],
    crates: ['cli', 'lab'],
    not: 'contain a rule or the loop of a daemon',
  },
];

/** Dependencies that the layers alone would forbid, each with its reason. */
const ALLOWED = {
  'lab test_support': 'the demo and the local network run with it',
  'coordinator ingest': 'the table of live stations',
  'publish ingest': 'the table of measurements',
  'api ingest': 'the tables of stations and measurements',
};

/** Crates of the same layer that must not depend on each other. */
const APART = ['services'];

/** Dependencies with I/O, a clock or a runtime; forbidden in a pure crate, unless optional. */
const IMPURE = /^(tokio|async-std|ureq|reqwest|hyper|axum|alloy|rusqlite|postgres|object_store|tempfile|getrandom|rand|chrono|jiff|socket2|notify)$/;

/** Items of std with I/O or a clock. */
const IMPURE_STD = /\bstd::(?:fs|net|process|env|thread::sleep)\b|\b(?:SystemTime|Instant)::now\b/;

/** Files of pure crates that may do I/O: they belong to an optional feature, or read a file for the caller. */
const IO_FILES = new Set(['cache', 'recorded', 'relays', 'serve', 'wait'].map((file) => `drand/src/${file}.rs`));

function metadata() {
  const out = execFileSync('cargo', ['metadata', '--no-deps', '--offline', '--format-version', '1'], {
    cwd: ROOT,
    maxBuffer: 1 << 28,
  });
  const crates = new Map();
  for (const pack of JSON.parse(out).packages) {
    const name = relative(join(ROOT, 'crates'), dirname(pack.manifest_path));
    const normal = pack.dependencies.filter((dependency) => dependency.kind === null);
    crates.set(name, {
      description: pack.description ?? '',
      own: normal.filter(({ path }) => path).map(({ path }) => relative(join(ROOT, 'crates'), path)),
      foreign: normal.filter(({ path, optional }) => !path && !optional).map((dependency) => dependency.name),
    });
  }
  return crates;
}

const layerOf = (name) => LAYERS.find(({ crates }) => crates.includes(name));

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith('.rs')) yield path;
  }
}

/** A source without comments and tests. */
function codeOf(path) {
  const text = readFileSync(path, 'utf8').replace(/^\s*\/\/.*$/gm, '');
  const tests = text.search(/#\[cfg\(test\)\]\s*mod \w+ \{/);
  return tests < 0 ? text : text.slice(0, tests);
}

function violations(crates) {
  const problems = [];
  for (const [name, { own, foreign, description }] of crates) {
    const layer = layerOf(name);
    if (!layer) {
      problems.push(`crates/${name} is in no layer: add it to LAYERS in scripts/architecture.mjs`);
      continue;
    }
    if (!description) problems.push(`crates/${name}: Cargo.toml has no description`);
    for (const other of own) {
      const below = layerOf(other);
      if (!below || `${name} ${other}` in ALLOWED || `${name} ${below.name}` in ALLOWED) continue;
      const same = below === layer && !APART.includes(layer.name);
      if (!same && !layer.on.includes(below.name)) {
        problems.push(`crates/${name} (${layer.name}) may not depend on ${other} (${below.name})`);
      }
    }
    if (layer.name !== 'pure') continue;
    for (const other of foreign) {
      if (IMPURE.test(other)) problems.push(`crates/${name} is pure and depends on ${other}`);
    }
    for (const path of sources(join(ROOT, 'crates', name, 'src'))) {
      const file = relative(join(ROOT, 'crates'), path);
      const found = IO_FILES.has(file) || /(^|\/)tests?\.rs$/.test(file) ? null : IMPURE_STD.exec(codeOf(path));
      if (found) problems.push(`crates/${file} is pure and uses ${found[0]}`);
    }
  }
  return problems;
}

/** The dependencies of a crate that do not follow from its other dependencies. */
function direct(crates, name) {
  const reach = (from, seen = new Set()) => {
    for (const other of crates.get(from)?.own ?? []) {
      if (!seen.has(other)) {
        seen.add(other);
        reach(other, seen);
      }
    }
    return seen;
  };
  const own = crates.get(name).own;
  return own.filter((other) => !own.some((between) => between !== other && reach(between).has(other)));
}

function picture(crates) {
  const lines = ['```mermaid', 'flowchart BT'];
  for (const { name, title, crates: names } of LAYERS) {
    const here = names.filter((crate) => crates.has(crate));
    if (here.length === 0) continue;
    lines.push(`  subgraph ${name}_layer["${title}"]`);
    for (const crate of here) lines.push(`    ${crate}`);
    lines.push('  end');
  }
  for (const { name, crates: names } of LAYERS) {
    // Binaries and test support depend on nearly everything; arrows would be useless.
    if (name === 'binaries' || name === 'test_support') continue;
    for (const crate of names.filter((crate) => crates.has(crate))) {
      for (const other of direct(crates, crate)) lines.push(`  ${crate} --> ${other}`);
    }
  }
  return [...lines, '```'].join('\n');
}

function tables(crates) {
  return LAYERS.map(({ title, not, crates: names }) => {
    const rows = names
      .filter((crate) => crates.has(crate))
      .map((crate) => {
        const { description, own } = crates.get(crate);
        return `| \`${crate}\` | ${description} | ${own.sort().map((other) => `\`${other}\``).join(' ') || '–'} |`;
      });
    return [`**${title}.** May not ${not}.`, '', '| crate | what it is | depends on |', '|---|---|---|', ...rows].join('\n');
  }).join('\n\n');
}

function page(crates, text) {
  const fill = (text, name, content) => {
    const block = new RegExp(`(<!-- ${name}: written by scripts/architecture.mjs -->\n)[^]*?(<!-- end -->)`);
    if (!block.test(text)) throw new Error(`docs/architecture.md has no block «${name}»`);
    return text.replace(block, (_, start, end) => `${start}${content}\n${end}`);
  };
  return fill(fill(text, 'picture', picture(crates)), 'crates', tables(crates));
}

const crates = metadata();
const now = readFileSync(PAGE, 'utf8');
const should = page(crates, now);
if (process.argv[2] === '--write') {
  writeFileSync(PAGE, should);
} else {
  const problems = violations(crates);
  if (now !== should) problems.push('docs/architecture.md is out of date: node scripts/architecture.mjs --write');
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  console.log(`architecture: ${crates.size} crates, no violations`);
}
