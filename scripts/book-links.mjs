#!/usr/bin/env node
// A preprocessor for mdBook: rewrites links that leave docs/ to the file on GitHub, because the book does not contain it.

import { posix } from 'node:path';

const REPOSITORY = 'https://github.com/assize-network/assize/blob/main/';

/** Rewrites the links of a page at `path` (relative to docs/) that leave docs/. */
function rewrite(content, path) {
  return content.replace(/(\]\()((?:\.\.?\/)+[^)\s]+)/g, (link, start, target) => {
    const found = posix.normalize(posix.join('docs', posix.dirname(path), target));
    return found.startsWith('docs/') ? link : `${start}${REPOSITORY}${found}`;
  });
}

function visit(items) {
  for (const { Chapter: chapter } of items) {
    if (!chapter) continue;
    if (chapter.path) chapter.content = rewrite(chapter.content, chapter.path);
    visit(chapter.sub_items);
  }
}

// `book-links.mjs supports html` asks whether it works for a renderer: it does for all.
if (process.argv[2] !== 'supports') {
  let input = '';
  for await (const piece of process.stdin) input += piece;
  const [, book] = JSON.parse(input);
  visit(book.items ?? book.sections);
  process.stdout.write(JSON.stringify(book));
}
