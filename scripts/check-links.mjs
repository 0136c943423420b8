#!/usr/bin/env node
// Checks the documentation against the repository:
//
// - every relative link and image of every Markdown file leads to a file, and its #anchor to a heading or an `id` there;
// - every file below docs/ is reachable from docs/SUMMARY.md, the table of contents of the book;
// - docs/architecture.md names every crate; each path that it names exists, each link to a source leads to a file and not to a folder,
//   and the file defines the names after the link.
//
//   node scripts/check-links.mjs            lists problems and exits with 1
//
// Links to other sites are not checked, because the check must not need the Internet.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const REPOSITORY = 'https://github.com/assize-network/assize/blob/main/';

/** The text without fenced blocks; lines are kept, so that numbers stay right. */
function withoutFences(text) {
  let fence = null;
  return text
    .split('\n')
    .map((line) => {
      const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
      if (fence === null && mark) {
        fence = mark;
        return '';
      }
      if (fence !== null) {
        if (mark && mark[0] === fence[0] && mark.length >= fence.length) fence = null;
        return '';
      }
      return line;
    })
    .join('\n');
}

/** A heading's anchor on GitHub and in mdBook: lower case, without punctuation, spaces replaced by hyphens. */
export function anchorOf(heading) {
  return heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, '')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** All anchors of a Markdown text; repeated headings get -1, -2, … */
export function anchorsOf(text) {
  const seen = new Map();
  const anchors = new Set();
  for (const line of withoutFences(text).split('\n')) {
    const heading = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(line);
    if (heading) {
      const anchor = anchorOf(heading[1]);
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
    }
    for (const [, id] of line.matchAll(/\b(?:id|name)="([^"]+)"/g)) anchors.add(id);
  }
  return anchors;
}

/** The links of a Markdown text, without code, as {target, line}. */
export function linksOf(text) {
  const links = [];
  withoutFences(text)
    .split('\n')
    .forEach((raw, index) => {
      const line = raw.replace(/(`+)(?:(?!\1).)+?\1/g, (code) => (code.includes('](') ? '' : 'code'));
      const add = (target) => links.push({ target, line: index + 1 });
      for (const [, target] of line.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g)) add(target);
      for (const [, target] of line.matchAll(/^\s{0,3}\[[^\]]+\]:\s+<?([^\s>]+)>?/g)) add(target);
      for (const [, target] of line.matchAll(/<(?:a|img)\s[^>]*(?:href|src)="([^"]+)"/g)) add(target);
    });
  return links;
}

function checkLinks(file, problems) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  for (const { target, line } of linksOf(text)) {
    // The READMEs of published crates link to files of the repository by address.
    const own = target.startsWith(REPOSITORY);
    if (!own && /^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
    const [path, anchor] = (own ? target.slice(REPOSITORY.length) : target).split('#', 2);
    const pathOnly = decodeURIComponent(path.split('?', 1)[0]);
    const found = pathOnly === '' ? file : normalize(join(own ? '.' : dirname(file), pathOnly));
    const say = (what) => problems.push(`${file}:${line}: ${target}: ${what}`);
    if (found.startsWith('..')) {
      say('leads out of the repository');
    } else if (!existsSync(join(ROOT, found))) {
      say('no such file');
    } else if (anchor && found.endsWith('.md') && !anchorsOf(readFileSync(join(ROOT, found), 'utf8')).has(anchor)) {
      say(`no heading makes this anchor in ${found}`);
    }
  }
}

function checkSummary(documents, problems) {
  const summary = 'docs/SUMMARY.md';
  if (!documents.includes(summary)) return;
  const listed = new Set(
    linksOf(readFileSync(join(ROOT, summary), 'utf8')).map(({ target }) => normalize(join('docs', target.split('#')[0]))),
  );
  for (const document of documents) {
    if (document.startsWith('docs/') && document !== summary && !listed.has(document)) {
      problems.push(`${summary}: does not list ${document}`);
    }
  }
}

/** The links of docs/architecture.md to folders of sources, as {target, line}: they do not say which file has the rule. */
export function folderLinksOf(text, isFolder) {
  return linksOf(text).filter(({ target }) => /^\.\.\/(?:crates|contracts)\//.test(target) && isFolder(target));
}

/** The names after links to source files: [`protocol/src/seed.rs`](…) `Seed::derive`, `DedupeSeed`. As {path, names}. */
export function definitionsOf(text) {
  const links = text.matchAll(/\]\(\.\.\/([\w./-]+\.(?:rs|sol))\)((?:,? `\w+(?:::\w+)?`)+)/g);
  return [...links].map(([, path, names]) => ({ path, names: [...names.matchAll(/`([\w:]+)`/g)].map(([, name]) => name) }));
}

/** Whether a source in Rust or Solidity defines a name. `Type::name` is a function in an `impl` of the type. */
export function defines(source, name) {
  const [type, method] = name.split('::');
  if (method === undefined) {
    return new RegExp(`\\b(?:fn|struct|enum|trait|type|const|mod|function|contract|library)\\s+${name}\\b`).test(source);
  }
  const blocks = source.match(new RegExp(`^impl\\b[^{]*\\b${type}\\b[^{]*\\{[^]*?^\\}`, 'gm')) ?? [];
  return blocks.some((block) => new RegExp(`\\bfn\\s+${method}\\b`).test(block));
}

function checkArchitecture(problems) {
  const file = 'docs/architecture.md';
  if (!existsSync(join(ROOT, file))) return;
  const text = readFileSync(join(ROOT, file), 'utf8');
  for (const name of readdirSync(join(ROOT, 'crates'))) {
    if (!statSync(join(ROOT, 'crates', name)).isDirectory()) continue;
    if (!existsSync(join(ROOT, 'crates', name, 'Cargo.toml'))) continue;
    if (!new RegExp(`\`${name}\``).test(text)) problems.push(`${file}: does not name the crate \`${name}\``);
  }
  const isFolder = (target) => {
    const path = join(ROOT, 'docs', target);
    return existsSync(path) && statSync(path).isDirectory();
  };
  for (const { target, line } of folderLinksOf(text, isFolder)) {
    problems.push(`${file}:${line}: ${target}: is a folder; link the file that has the rule`);
  }
  for (const { path, names } of definitionsOf(text)) {
    if (!existsSync(join(ROOT, path))) continue;
    const source = readFileSync(join(ROOT, path), 'utf8');
    for (const name of names) {
      if (!defines(source, name)) problems.push(`${file}: ${path} does not define \`${name}\``);
    }
  }
  // Paths in code spans, from the root or within a crate: `crates/protocol/src/seed.rs`, `protocol/src/seed.rs`.
  withoutFences(text)
    .split('\n')
    .forEach((line, index) => {
      for (const [, path] of line.replace(/\[`[^`]*`\]\([^)]*\)/g, '').matchAll(/`([\w.-]+(?:\/[\w.-]+)+\/?)`/g)) {
        if (!existsSync(join(ROOT, path)) && !existsSync(join(ROOT, 'crates', path))) {
          problems.push(`${file}:${index + 1}: ${path}: no such file`);
        }
      }
    });
}

function main() {
  const documents = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: ROOT })
    .toString()
    .split('\0')
    .filter((file) => file && existsSync(join(ROOT, file)));
  const problems = [];
  for (const document of documents) checkLinks(document, problems);
  checkSummary(documents, problems);
  checkArchitecture(problems);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error(`${problems.length} broken, in ${documents.length} Markdown files`);
    process.exit(1);
  }
  console.log(`links: ${documents.length} Markdown files, none broken`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
