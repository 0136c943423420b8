// node --test scripts/check-links.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { anchorOf, anchorsOf, linksOf } from './check-links.mjs';

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
