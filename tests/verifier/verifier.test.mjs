// docs/pages/verifier in real headless Chromium: from file:// and from a static server, with a real bundle, with seeds, and
// with input that is damaged.
//
//     make test-pages             (SCREENSHOT=round.car also writes docs/pages/verifier/screenshot.png, of that bundle)
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { chromium } from 'playwright-core'

const root = new URL('../../', import.meta.url)
const path = name => fileURLToPath(new URL(name, root))
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']

const bundle = readFileSync(path('tests/verifier/round.car'))
const expected = JSON.parse(readFileSync(path('tests/verifier/round.json')))
const { cases: assignments } = JSON.parse(readFileSync(path('docs/vectors/v2/assignment.json')))

let browser, server, pages
before(async () => {
  assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is not there: apt-get install chromium, or name another with CHROMIUM=…`)
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  const types = { html: 'text/html', css: 'text/css', js: 'text/javascript' }
  server = createServer((request, response) => {
    const file = path('docs/pages' + new URL(request.url, 'http://x').pathname)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[file.split('.').pop()] ?? 'application/octet-stream' }).end(readFileSync(file))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  pages = [pathToFileURL(path('docs/pages/verifier/index.html')).href, `http://127.0.0.1:${server.address().port}/verifier/index.html`]
})
after(async () => {
  await browser?.close()
  server?.close()
})

/** Opens the page. A logged error, or any request, fails the test. */
async function open(url, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options })
  page.faults = []
  page.on('console', message => message.type() === 'error' && page.faults.push(message.text()))
  page.on('pageerror', error => page.faults.push(error.message))
  page.on('request', request => {
    const own = new URL('..', url.split('#')[0]).href
    if (!request.url().startsWith(own) && !request.url().startsWith('data:')) page.faults.push('asks ' + request.url())
  })
  await page.goto(url)
  return page
}

const give = (page, name, bytes) =>
  page.setInputFiles('#file', { name, mimeType: 'application/vnd.ipld.car', buffer: Buffer.from(bytes) })

/** The committees as shown by the page: stations by seat. */
const members = page => page.evaluate(() =>
  Array.from({ length: state.starts.length - 1 }, (_, c) => [...state.stations.subarray(state.starts[c], state.starts[c + 1])]))

const facts = page => page.evaluate(() =>
  Object.fromEntries([...document.querySelectorAll('#station-facts dt')].map(dt => [dt.textContent, dt.nextElementSibling.textContent])))

test('a bundle is checked and drawn, wherever the page lies', async () => {
  for (const url of pages) {
    const page = await open(url)
    await give(page, 'round.car', bundle)
    await page.waitForSelector('#checks:not([hidden])')
    assert.equal(await page.textContent('#verdict'), 'MATCH  round 2')
    assert.equal(await page.locator('#check-list li.bad').count(), 0)
    assert.equal(await page.locator('#check-list li.good').count(), 9)
    assert.ok((await page.textContent('#check-list')).includes(expected.seed))
    assert.deepEqual(await members(page), expected.members)
    assert.deepEqual(page.faults, [])
    await page.close()
  }
})

test('beacons of another drand chain than quicknet are labelled untrusted', async () => {
  const page = await open(pages[0])
  await give(page, 'round.car', bundle)
  await page.waitForSelector('#checks:not([hidden])')
  assert.ok(await page.isHidden('#untrusted'))
  // Everything but the label is tested in crates/wasm, with a bundle of another chain.
  await page.evaluate(() => {
    state.rounds[0].report.drand = { trusted: false, hash: 'ab'.repeat(32), id: 'devnet' }
    showRound(0)
  })
  assert.equal(await page.textContent('#verdict'), 'MATCH (untrusted)  round 2')
  assert.equal(await page.getAttribute('#verdict', 'class'), 'unsure')
  assert.match(await page.textContent('#untrusted'), /drand chain (ab){32} \(devnet\), not of quicknet/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('a click on a dot shows its station, tasks and proof', async () => {
  const page = await open(pages[0])
  await give(page, 'round.car', bundle)
  await page.waitForSelector('#drawing:not([hidden])')
  // The third station of the last committee, where the page has drawn it.
  const committee = expected.members.length - 1
  const index = expected.members[committee][2]
  const seat = expected.members.slice(0, committee).flat().length + 2
  const [x, y] = await page.evaluate(seat => [state.layout.xs[seat], state.layout.ys[seat]], seat)
  await page.click('#canvas', { position: { x, y } })
  assert.equal(await page.textContent('#station-title'), `Station ${index}`)
  const shown = await facts(page)
  assert.deepEqual([shown.committee, shown.seat], [String(committee), String(seat)])
  const tasks = await page.$$eval('#tasks tbody tr', rows => rows.map(row => Number(row.cells[1].textContent)))
  assert.deepEqual(tasks, expected.tasks[committee])

  // Another implementation accepts the proof, and its root is the one on chain.
  const proof = JSON.parse(await page.textContent('#proof'))
  const value = [index, shown.address, shown.operator, shown.subnet]
  const types = ['uint256', 'address', 'address', 'bytes16']
  assert.equal(proof.root, expected.rosterRoot)
  assert.ok(StandardMerkleTree.verify(proof.root, types, value, proof.siblings))

  // The next seat by keyboard, and a station by its address.
  await page.focus('#canvas')
  await page.keyboard.press('ArrowLeft')
  assert.equal((await facts(page)).seat, String(seat - 1))
  await page.fill('[name=station]', shown.address)
  await page.click('#find-form button')
  assert.equal((await facts(page)).seat, String(seat))
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('a pasted seed draws what the vectors say', async () => {
  const page = await open(pages[0])
  for (const { seed, stations, tasks, committees, committeeCount } of assignments.filter(({ stations, tasks }) => stations && tasks).slice(0, 5)) {
    await page.fill('[name=seed]', seed)
    await page.fill('[name=stations]', String(stations))
    await page.fill('[name=tasks]', String(tasks))
    await page.click('#seed-form button')
    const drawn = await members(page)
    assert.equal(drawn.length, committeeCount)
    for (const { committee, members } of committees) assert.deepEqual(drawn[committee], members)
    await page.fill('[name=station]', String(committees[0].members[0]))
    await page.click('#find-form button')
    const shown = await page.$$eval('#tasks tbody tr', rows => rows.map(row => Number(row.cells[1].textContent)))
    assert.deepEqual(shown, committees[0].tasks)
    assert.ok(await page.isHidden('#proof-part'), 'there is no roster to prove anything of')
  }
  // A link sets the seed.
  const linked = await open(pages[0] + '#' + new URL(page.url()).hash.slice(1))
  assert.deepEqual(await members(linked), await members(page))
  assert.deepEqual([page.faults, linked.faults], [[], []])
})

test('a hundred thousand stations are drawn', async () => {
  const page = await open(pages[0])
  await page.fill('[name=stations]', '100000')
  await page.fill('[name=tasks]', '22000000')
  await page.click('#seed-form button')
  assert.match(await page.textContent('#figures'), /^100 000 stations in 1 000 committees, each with 2 tasks$/)
  const painted = await page.evaluate(() => {
    const { data } = $('canvas').getContext('2d').getImageData(0, 0, $('canvas').width, $('canvas').height)
    return data.filter((value, at) => at % 4 === 3 && value > 0).length
  })
  assert.ok(painted > 20_000, `${painted} pixels`)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('bad input is named, and nothing is drawn', async () => {
  const page = await open(pages[0])
  const complaint = async () => {
    await page.waitForSelector('#error:not([hidden])')
    assert.ok(await page.isHidden('#drawing'))
    return page.textContent('#error')
  }
  const damaged = Buffer.from(bundle)
  damaged[60_000] ^= 1
  await give(page, 'damaged.car', damaged)
  assert.match(await complaint(), /^damaged\.car: rounds\/2\/[a-z./0-9]+ is damaged in the bundle: block \w+ at offset/)
  await give(page, 'page.html', Buffer.from('<html>'))
  assert.match(await complaint(), /^page\.html: not a bundle/)
  const draw = async fields => {
    for (const [name, value] of Object.entries({ seed: assignments[0].seed, stations: '300', tasks: '2000', ...fields })) {
      await page.fill(`#seed-form [name=${name}]`, value)
    }
    await page.click('#seed-form button')
    return complaint()
  }
  assert.match(await draw({ seed: '0x1234' }), /the seed: 4 hexadecimal digits instead of 64/)
  assert.match(await draw({ seed: 'xyz' }), /the seed: `x` at digit 0/)
  assert.match(await draw({ stations: '0' }), /stations: 0 is not a whole number from 1 to 4294967295/)
  assert.match(await draw({ stations: '4294967296' }), /stations: 4294967296 is not/)
  assert.match(await draw({ tasks: '1.5' }), /tasks: 1\.5 is not/)
  assert.match(await draw({ tasks: 'many' }), /tasks: NaN is not/)
  assert.deepEqual(page.faults, [])
  await page.fill('#seed-form [name=tasks]', '2000')
  await page.click('#seed-form button')
  await page.fill('[name=station]', '300')
  await page.click('#find-form button')
  assert.match(await page.textContent('#error'), /300: unknown station in this roster/)
  await page.close()
})

test('the picture in the documentation', { skip: !process.env.SCREENSHOT }, async () => {
  const page = await open(pages[0])
  await page.setInputFiles('#file', process.env.SCREENSHOT)
  await page.waitForSelector('#drawing:not([hidden])')
  await page.fill('[name=station]', '17')
  await page.click('#find-form button')
  await page.evaluate(() => scrollTo(0, 0))
  await page.screenshot({ path: path('docs/pages/verifier/screenshot.png') })
})
