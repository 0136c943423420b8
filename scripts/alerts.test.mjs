// Checks the alerts in packaging/prometheus against the rest of the repository: node --test scripts/alerts.test.mjs
//
// - every metric that alerts.yml, docs/operate/monitor.md and the dashboard name is one that a daemon has, by the source of its metrics;
// - every alert has a summary, a description, a section of the runbook, and a test in alerts_test.yml.
//
// Whether the expressions are right, promtool tells: make test-alerts.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anchorsOf } from './check-links.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const sources = readdirSync(join(ROOT, 'crates'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  // A crate with several agents has the metrics of some in folders.
  .flatMap(({ name }) =>
    readdirSync(join(ROOT, 'crates', name, 'src'), { recursive: true })
      .filter((path) => /(^|\/)metrics\.rs$/.test(path))
      .map((path) => `crates/${name}/src/${path}`))
  // Without the tests, which have metrics of their own.
  .map((path) => ({ path, text: read(path).split('#[cfg(test)]')[0] }));

/** The names after the prefix of the metrics that a source registers, as Prometheus stores them. */
function registered({ path, text }) {
  const names = new Set();
  // .gauge("a", …), .total_in(Unit::Bytes, "b", …), .add_in(fil(), "c", …): what the methods of MetricSet append is appended here.
  const call = /(?:(\w+): )?\w+\.(gauge|gauge_in|total|total_in|sum|alerts|add|add_in)\(\s*(?:(Unit::\w+|fil\(\)),\s*)?"([a-z_]+)"/g;
  for (const [, field, method, unit, name] of text.matchAll(call)) {
    const inUnit = unit ? `${name}_${unit.replace(/^Unit::|\(\)$/g, '').toLowerCase()}` : name;
    let type = { total: 'Counter', total_in: 'Counter', sum: 'Counter' }[method] ?? 'Gauge';
    if (method.startsWith('add')) {
      // What is added has the type of the field that it is assigned to.
      type = new RegExp(`^\\s+${field}: ([^\\n]+),$`, 'm').exec(text)?.[1];
      assert.ok(type, `${path}: ${name} is assigned to no field`);
      type = new RegExp(`^type ${type.replace(/<.*/, '')} = (.*);$`, 'm').exec(text)?.[1] ?? type;
    }
    if (/\b(Counter|Total)\b/.test(type)) names.add(`${inUnit}_total`);
    else if (/\bHistogram\b/.test(type)) for (const part of ['bucket', 'count', 'sum']) names.add(`${inUnit}_${part}`);
    else names.add(inUnit);
  }
  return names;
}

/** All metrics of all daemons. */
function metrics() {
  const all = new Set();
  const queue = registered(sources.find(({ path }) => path.includes('/outbox/')));
  assert.ok(queue.size > 5, 'crates/outbox/src/metrics.rs: the metrics of the queue were not found');
  for (const source of sources) {
    const prefix = /MetricSet::new\("(\w+)"\)/.exec(source.text)?.[1];
    if (!prefix) continue;
    for (const name of registered(source)) all.add(`${prefix}_${name}`);
    if (source.text.includes('queue_metrics(')) for (const name of queue) all.add(`${prefix}_${name}`);
  }
  return all;
}

const existing = metrics();
const named = (text) => new Set(text.match(/\bassize_[a-z_]+/g));

/** The alerts of alerts.yml. The file is written simply enough to be read without a parser of YAML. */
const alerts = read('packaging/prometheus/alerts.yml')
  .split(/^ +- alert: /m)
  .slice(1)
  .map((text) => {
    const field = (name) => new RegExp(`^ +${name}: +"?(.*?)"?$`, 'm').exec(text)?.[1];
    const [name] = text.split('\n');
    return { name, text, summary: field('summary'), description: field('description'), runbook: field('runbook_url') };
  });

test('the metrics of the sources are found', () => {
  for (const name of [
    'assize_coordinator_overdue_seconds',
    'assize_coordinator_alert',
    'assize_payout_transactions_parked',
    'assize_publisher_fees_fil_total',
    'assize_publisher_batches_bytes_total',
    'assize_api_latency_seconds_bucket',
    'assize_api_requests_total',
    'assize_checker_heartbeats_total',
    'assize_checker_clock_ahead_seconds',
    'assize_evaluator_measurements_total',
    'assize_guardian_vetoes_total',
  ]) {
    assert.ok(existing.has(name), name);
  }
  assert.ok(existing.size > 100, `${existing.size} metrics`);
});

test('alerts name existing metrics', () => {
  assert.ok(alerts.length > 20);
  for (const { name, text } of alerts) {
    for (const metric of named(text)) assert.ok(existing.has(metric), `${name}: no daemon has ${metric}`);
  }
});

test('the manual names existing metrics', () => {
  const manual = read('docs/operate/monitor.md');
  const prefixes = ['assize_coordinator', 'assize_publisher', 'assize_evaluator', 'assize_guardian', 'assize_payout'];
  for (const name of named(manual)) {
    const exists = prefixes.includes(name) || existing.has(name) || existing.has(`${name}_bucket`);
    assert.ok(exists, `docs/operate/monitor.md: no daemon has ${name}`);
  }
  for (const [, name] of manual.matchAll(/`PREFIX(_[a-z_]+)`/g)) {
    for (const prefix of prefixes) assert.ok(existing.has(prefix + name), `docs/operate/monitor.md: ${prefix} has no ${name}`);
  }
});

test('the dashboard names existing metrics', () => {
  for (const [, expression] of read('scripts/grafana/assize.json').matchAll(/"expr": "(.*?[^\\])"/g)) {
    for (const name of named(expression)) assert.ok(existing.has(name), `scripts/grafana/assize.json: no daemon has ${name}`);
  }
});

test('each alert has its texts, its section of the runbook and its test', () => {
  const anchors = anchorsOf(read('docs/operate/runbook.md'));
  const tests = read('packaging/prometheus/alerts_test.yml');
  for (const { name, summary, description, runbook } of alerts) {
    assert.ok(summary && description, `${name} needs a summary and a description`);
    assert.equal(
      runbook,
      `https://github.com/assize-network/assize/blob/main/docs/operate/runbook.md#${name.toLowerCase()}`,
    );
    assert.ok(anchors.has(name.toLowerCase()), `docs/operate/runbook.md has no section ${name}`);
    const own = tests.split(/^ {2}- name: /m).find((text) => text.startsWith(`${name}\n`));
    assert.ok(own, `alerts_test.yml has no test of ${name}`);
    assert.ok(/eval_time: \w+, exp_samples: \[\]/.test(own), `alerts_test.yml: ${name} is never expected not to fire`);
    assert.ok(/exp_samples:\n +- /.test(own), `alerts_test.yml: ${name} is never expected to fire`);
    assert.ok(own.includes('instance="good"'), `alerts_test.yml: ${name} has no instance that is well`);
  }
  for (const anchor of anchors) {
    if (!anchor.startsWith('assize')) continue;
    assert.ok(alerts.some(({ name }) => name.toLowerCase() === anchor), `the runbook has a section ${anchor}, which is no alert`);
  }
});
