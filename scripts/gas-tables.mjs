#!/usr/bin/env node
// The tables of docs/gas.md, from what the tests measured into contracts/gas.
//
//   node scripts/gas-tables.mjs            writes them
//   node scripts/gas-tables.mjs --check    exits with 1 if the page is out of date

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PAGE = join(ROOT, 'docs/gas.md');

const measured = (file) => JSON.parse(readFileSync(join(ROOT, 'contracts/gas', `${file}.json`), 'utf8'));

/** The steps of a network's life, in order; the rest is in the file. */
const ON_FILECOIN = [
  'deploy Court', 'deploy Roles', 'deploy FilecoinBeacon', 'deploy Rounds', 'deploy Rewards',
  'open', 'reveal', 'seal', 'commit, the first of a round', 'commit, the second', 'sealOwn', 'commitOwn, 30 000 bytes',
  'committeeOf (a view)', 'deposit', 'post, 1 round', 'post, 512 rounds', 'veto',
  'challengeOrder', 'challengeGrowth', 'demand', 'answer', 'lapse',
  'claim, depth 14', 'claimMany, 10 neighbours', 'claimMany, 100 neighbours', 'claimMany, 200 neighbours',
];

const short = (gas) => (gas >= 1e9 ? `${(gas / 1e9).toFixed(2)} G` : `${(gas / 1e6).toFixed(1)} M`);
const grouped = (gas) => String(gas).replace(/\B(?=(\d{3})+$)/g, ' ');
const row = (cells) => `| ${cells.join(' | ')} |`;

function filecoin() {
  const { small, grown } = measured('filecoin');
  const cells = (figures) => (figures ? [short(figures.gas), figures.percentOfBlock] : ['–', '–']);
  return [
    row(['step', 'gas, young', '% of a block', 'gas, grown', '% of a block']),
    '|---|---:|---:|---:|---:|',
    ...ON_FILECOIN.map((step) => row([step, ...cells(small[step]), ...cells(grown[step])])),
  ];
}

function evm() {
  const rows = ['Rounds', 'Rewards', 'Court', 'Roles', 'Views'].flatMap((contract) =>
    Object.entries(measured(contract))
      .filter(([step]) => !step.endsWith(', all'))
      .map(([step, gas]) => row([contract === 'Views' ? 'view' : contract, step, grouped(gas)])),
  );
  return [row(['contract', 'step', 'gas']), '|---|---|---:|', ...rows];
}

const before = readFileSync(PAGE, 'utf8');
const page = Object.entries({ filecoin: filecoin(), evm: evm() }).reduce((text, [name, lines]) => {
  const between = new RegExp(`(<!-- table: ${name} -->\n)[^]*?(<!-- end -->)`);
  if (!between.test(text)) throw new Error(`docs/gas.md has no place for the table "${name}"`);
  return text.replace(between, `$1${lines.join('\n')}\n$2`);
}, before);

if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, page);
} else if (page !== before) {
  console.error('gas-tables: docs/gas.md differs from contracts/gas; run `node scripts/gas-tables.mjs`');
  process.exit(1);
}
