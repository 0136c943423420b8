// node --test scripts/check-links.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { anchorOf, anchorsOf, definitionsOf, defines, folderLinksOf, linksOf } from './check-links.mjs';

test('anchors are those of GitHub', () => {
  assert.equal(anchorOf('3 Rounds and seeds'), '3-rounds-and-seeds');
  assert.equal(anchorOf('Who can do what, at worst'), 'who-can-do-what-at-worst');
  assert.equal(anchorOf('`assize` – the [binary](x.md)'), 'assize--the-binary');
  assert.deepEqual([...anchorsOf('# A\n## A\n```\n# no heading\n```\n<a id="here"></a>')], ['a', 'a-1', 'here']);
});

test('links are found with their lines, and code is none', () => {
  const text = '[a](x.md#y) ![i](<p.png> "title")\n```\n[no](n.md)\n```\n`[no](n.md)` [code `b`](z.md)\n\n[r]: r.md\n<img src="s.svg">';
  assert.deepEqual(linksOf(text), [
    { target: 'x.md#y', line: 1 },
    { target: 'p.png', line: 1 },
    { target: 'z.md', line: 5 },
    { target: 'r.md', line: 7 },
    { target: 's.svg', line: 8 },
  ]);
});

test('a link of the architecture leads to a source file, not to a folder', () => {
  const folders = ['../crates/ingest/src/table', '../crates/guard/src/gate/', '../contracts/src', 'decisions'];
  const text = [
    '[`ingest/src/table`](../crates/ingest/src/table)',
    '| gate | [`guard/src/gate/`](../crates/guard/src/gate/) | [`Rounds.sol`](../contracts/src/Rounds.sol) |',
    '[contracts](../contracts/src) [decisions](decisions) [`seed.rs`](../crates/protocol/src/seed.rs)',
  ].join('\n');
  assert.deepEqual(
    folderLinksOf(text, (target) => folders.includes(target)),
    [
      { target: '../crates/ingest/src/table', line: 1 },
      { target: '../crates/guard/src/gate/', line: 2 },
      { target: '../contracts/src', line: 3 },
    ],
  );
});

test('the names after a link are found, methods with their types', () => {
  const row = '| a | [`protocol/src/seed.rs`](../crates/protocol/src/seed.rs) `Seed::derive`, `rank` | [`R.sol`](../contracts/src/R.sol) `open` |';
  assert.deepEqual(definitionsOf(row), [
    { path: 'crates/protocol/src/seed.rs', names: ['Seed::derive', 'rank'] },
    { path: 'contracts/src/R.sol', names: ['open'] },
  ]);
});

test('a method is defined in an impl of its type', () => {
  const source = `
word!(Seed);
impl Seed {
    pub fn derive() -> Self {}
}
impl fmt::Display for DedupeSeed {
    fn fmt(&self) {}
}
impl<'a> Terms<'a> {
    fn floor() {}
}
fn free() {}
`;
  for (const name of ['derive', 'free', 'Seed::derive', 'DedupeSeed::fmt', 'Terms::floor']) assert.ok(defines(source, name), name);
  for (const name of ['Seed', 'der', 'Seed::fmt', 'Seed::free', 'DedupeSeed::derive', 'Terms::free']) assert.ok(!defines(source, name), name);
  assert.ok(defines('contract Rounds {\n  function open() external {}\n}', 'open'));
});
