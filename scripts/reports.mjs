#!/usr/bin/env node
// A second reader of reports (crates/measurement/src/report), independent of the Rust one: a regular expression says what a line may be,
// and JSON.parse what it means. It reads what `mutated_reports` wrote, and compares.
//
//   node scripts/reports.mjs FILE    exits with 1 if the two readers differ about a line

import { readFileSync } from 'node:fs';

const MAX_LINE = 49_152;
const TEXT = '"[ !#-\\[\\]-~]{1,256}"';
const NUMBER = '(?:0|[1-9][0-9]*)';
const KEYS = [
  ['indexer', TEXT], ['peer', TEXT], ['address', TEXT], ['protocol', TEXT],
  ['status', NUMBER], ['head', NUMBER], ['start', NUMBER], ['firstByte', NUMBER], ['end', NUMBER], ['bytes', NUMBER],
  ['checksum', TEXT], ['timeout', 'true'], ['tooLarge', 'true'],
];
const MEASURED = `\\{"k":${NUMBER}${KEYS.map(([key, form]) => `(?:,"${key}":${form})?`).join('')}\\}`;
const LINE = new RegExp(
  `^\\{"round":${NUMBER},"station":${NUMBER},"version":${TEXT},"salt":"0x[0-9a-f]{32}","measurements":\\[${MEASURED}(?:,${MEASURED})*\\]\\}$`,
);

/** The report on a line, given as bytes; null if it is none. */
export function readReport(line) {
  if (line.length > MAX_LINE) return null;
  const text = line.toString('latin1');
  // `$` also matches before a line feed at the end.
  if (text.includes('\n') || !LINE.test(text)) return null;
  const report = JSON.parse(text);
  const isNumber = (value) => Number.isSafeInteger(value);
  const numbers = report.measurements.flatMap(({ k, status, head, start, firstByte, end, bytes }) =>
    [k, status, head, start, firstByte, end, bytes].filter((value) => value !== undefined));
  if (![report.round, report.station, ...numbers].every(isNumber) || report.station >= 2 ** 32) return null;
  const tasks = report.measurements.map(({ k }) => k);
  const ascending = tasks.every((k, index) => k < 256 && (index === 0 || tasks[index - 1] < k));
  return ascending ? report : null;
}

/** The value in the form in which `mutated_reports` writes it. */
function valueOf({ round, station, version, salt, measurements }) {
  const measured = (m) => [
    m.k, ...KEYS.slice(0, 11).map(([key]) => m[key] ?? null), m.timeout ?? false, m.tooLarge ?? false,
  ];
  return [round, station, version, salt, measurements.map(measured)];
}

function compare(file) {
  const counts = { lines: 0, reports: 0, differences: 0 };
  for (const row of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const { line, value } = JSON.parse(row);
    const bytes = Buffer.from(line, 'hex');
    const read = readReport(bytes);
    const ours = read && valueOf(read);
    counts.lines += 1;
    counts.reports += value === null ? 0 : 1;
    if (JSON.stringify(ours) !== JSON.stringify(value)) {
      counts.differences += 1;
      console.error(`reports: the readers differ about\n  ${bytes.toString('latin1')}\n  Rust ${JSON.stringify(value)}\n  here ${JSON.stringify(ours)}`);
    }
  }
  return counts;
}

const [file] = process.argv.slice(2);
const { lines, reports, differences } = compare(file);
console.log(`reports: ${lines} lines, ${reports} of them reports, ${differences} read differently`);
process.exit(differences === 0 && reports > 0 && reports < lines ? 0 : 1);
