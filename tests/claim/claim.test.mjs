// docs/pages/claim in real headless Chromium, against a real anvil with the contracts and eight settlements, the last of them in its
// challenge window. The wallet is a stand-in that does what wallets do (EIP-1193) with anvil's unlocked accounts; the gateway
// serves the settlements' documents, and lies or fails when it is told to.
//
//     make test-pages             (SCREENSHOTS=1 also writes docs/pages/claim/screenshot.png and screenshot-360.png)
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execFileSync } from 'node:child_process'
import { chromium } from 'playwright-core'

const root = new URL('../../', import.meta.url)
const path = name => fileURLToPath(new URL(name, root))
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']
const FIL = 10n ** 18n

let browser, server, world, process_, directory, site, snapshot
/** How the gateway behaves: honest, down, tampered, forged. */
let gateway = 'honest'
const headers = { 'access-control-allow-origin': '*' }

before(async () => {
  assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is not there: apt-get install chromium, or name another with CHROMIUM=…`)
  const { target_directory: target } = JSON.parse(execFileSync('cargo', ['metadata', '--format-version', '1', '--no-deps', '--offline'], { cwd: path('.'), maxBuffer: 1 << 26 }))
  const example = join(target, 'debug/examples/claims')
  assert.ok(existsSync(example), `${example} is not there: cargo build -p assize-testkit --example claims`)
  directory = mkdtempSync(join(tmpdir(), 'claims-'))
  process_ = spawn(example, [directory], { cwd: path('.'), stdio: ['pipe', 'pipe', 'inherit'] })
  world = await new Promise((resolve, reject) => {
    createInterface({ input: process_.stdout }).once('line', line => resolve(JSON.parse(line)))
    process_.once('exit', code => reject(new Error(`the example ended with ${code}`)))
  })
  const types = { html: 'text/html', css: 'text/css', js: 'text/javascript', json: 'application/json' }
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://x')
    if (pathname.startsWith('/ipfs/')) return serveFile(pathname.slice(6), response)
    const file = pathname === '/claim/deployment.json' ? world.deployment : path('docs/pages' + pathname)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[file.split('.').pop()] ?? 'application/octet-stream' }).end(readFileSync(file))
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  site = `http://127.0.0.1:${server.address().port}`
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
})

after(async () => {
  await browser?.close()
  server?.close()
  process_?.stdin.end()
  if (directory) rmSync(directory, { recursive: true, force: true })
})

beforeEach(async () => {
  gateway = 'honest'
  snapshot = await rpc('evm_snapshot')
})
afterEach(() => rpc('evm_revert', [snapshot]))

function serveFile(cid, response) {
  if (gateway === 'down' || (gateway === 'pending-down' && cid === world.settlements.at(-1).cid)) {
    return response.writeHead(504, headers).end()
  }
  const file = join(world.store, `${cid}.car`)
  if (!existsSync(file)) return response.writeHead(404, headers).end()
  const bytes = readFileSync(file)
  // One digit of an amount: still valid JSON, but a larger claim.
  if (gateway === 'tampered') bytes.write('9', bytes.indexOf('"cumulative":"') + 14)
  response.writeHead(200, { ...headers, 'content-type': 'application/vnd.ipld.car' }).end(bytes)
}

async function rpc(method, params = []) {
  const response = await fetch(world.rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
  const { result, error } = await response.json()
  if (error) throw new Error(`${method}: ${error.message}`)
  return result
}

const balanceOf = async address => BigInt(await rpc('eth_getBalance', [address, 'latest']))

/** A wallet provider that forwards everything to anvil, which has the accounts' keys. */
function wallet({ rpc, account, chainId, knows = true }) {
  const listeners = {}
  const fail = (code, message) => Object.assign(new Error(message), { code })
  const tell = (name, value) => (listeners[name] ?? []).forEach(listener => listener(value))
  window.ethereum = {
    isTest: true,
    declines: null,
    sent: [],
    on: (name, listener) => (listeners[name] ??= []).push(listener),
    become(other) { account = other; tell('accountsChanged', other ? [other] : []) },
    moveTo(chain) { chainId = chain; tell('chainChanged', chain) },
    async request({ method, params }) {
      if (this.declines === method) throw fail(4001, 'User rejected the request.')
      if (method === 'eth_requestAccounts' || method === 'eth_accounts') return account ? [account] : []
      if (method === 'eth_chainId') return chainId
      if (method === 'wallet_switchEthereumChain') {
        if (!knows) throw fail(4902, 'Unrecognized chain ID.')
        this.moveTo(params[0].chainId)
        return null
      }
      if (method === 'eth_sendTransaction') this.sent.push(params[0])
      const response = await fetch(rpc, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
      const { result, error } = await response.json()
      if (error) throw Object.assign(fail(error.code, error.message), { data: error.data })
      return result
    },
  }
}

/** Opens the page. A logged error, or a request to any other host, fails the test. */
async function open({ account, chainId = '0x7a69', knows, query = {}, viewport = { width: 1200, height: 900 }, at, forgive = null, ...options } = {}) {
  const page = await browser.newPage({ viewport, ...options })
  page.faults = []
  const fault = text => forgive?.test(text) || page.faults.push(text)
  page.on('console', message => message.type() === 'error' && fault(message.text()))
  page.on('pageerror', error => fault(error.message))
  page.on('request', request => {
    const allowed = [site, world.rpc, 'data:', new URL('..', at ?? site).href]
    if (!allowed.some(start => request.url().startsWith(start))) page.faults.push('asks ' + request.url())
  })
  if (account) await page.addInitScript(wallet, { rpc: world.rpc, account, chainId, knows })
  const linked = new URLSearchParams({ deployment: 'deployment.json', rpc: world.rpc, gateway: site, ...query })
  for (const [name, value] of [...linked]) if (value === '') linked.delete(name)
  await page.goto(`${at ?? site + '/claim/index.html'}?${linked}`)
  await page.waitForFunction(() => !document.getElementById('status').textContent.includes('…') || location.protocol === 'file:')
  return page
}

const status = (page, pattern) => page.waitForFunction(
  source => new RegExp(source).test(document.getElementById('status').textContent), pattern.source, { timeout: 30_000 })
  .catch(async () => assert.match(await page.textContent('#status'), pattern))

async function look(page, address) {
  await page.fill('#address', address)
  await page.click('#look-form button')
}

const figures = page => page.evaluate(() =>
  Object.fromEntries(['claimable-amount', 'earned', 'paid', 'pending'].map(id => [id, document.getElementById(id).textContent])))

const EARNER = { 'claimable-amount': '0.456', earned: '0.904 FIL', paid: '0.32 FIL', pending: '0.128 FIL' }

test('selectors and event of the page are those of the contract', () => {
  const { abi } = JSON.parse(readFileSync(path('crates/chain/abi/Rewards.json')))
  const types = inputs => inputs.map(({ type, components }) => (components ? `(${types(components)})${type.slice(5)}` : type)).join()
  const cast = (...args) => execFileSync(path('node_modules/.bin/cast'), args).toString().trim()
  const source = readFileSync(path('docs/pages/claim/chain.js'), 'utf8')
  const [, selectors] = /SELECTORS = (\{[^}]*\})/.exec(source)
  for (const [signature, selector] of Object.entries(Function(`return ${selectors}`)())) {
    const known = abi.some(({ type, name, inputs }) => type === 'function' && `${name}(${types(inputs)})` === signature)
    assert.ok(known, `${signature} is not in the ABI`)
    assert.equal(cast('sig', signature), '0x' + selector)
  }
  const [, refusals] = /REFUSALS = (\{[^}]*\})/.exec(source)
  const errors = new Map(abi.filter(({ type }) => type === 'error').map(({ name, inputs }) => [cast('sig', `${name}(${types(inputs)})`).slice(2), name]))
  for (const selector of Object.keys(Function(`return ${refusals}`)())) assert.ok(errors.has(selector), `${selector} is no error of Rewards`)
  const claimed = abi.find(({ type, name }) => type === 'event' && name === 'Claimed')
  assert.deepEqual(claimed.inputs.map(({ indexed }) => indexed), [true, true, true, false, false])
  assert.equal(/CLAIMED = '(\w+)'/.exec(source)[1], cast('keccak', `Claimed(${types(claimed.inputs)})`))
})

test('a wallet claims, and the money is on chain', async () => {
  const { earner } = world.operators
  const page = await open({ account: earner })
  await page.click('#connect')
  await status(page, /0\.456 FIL can be claimed/)
  assert.deepEqual(await figures(page), EARNER)
  assert.match(await page.textContent('#operator'), /0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC.*f410f/)
  assert.match(await page.textContent('#next'), /Settlement 8 is in its challenge window until 17 October 2025.*UTC \(in 23 h\)/)
  await page.waitForFunction(() => document.getElementById('gas').textContent.endsWith('FIL'))
  assert.match(await page.textContent('#recipient'), /own address/)
  assert.match(await page.textContent('#proofs'), /every byte of settlement 7.*bafk.*42 allocations|every byte of settlement 7.*bafk.*allocations/)

  const before = await balanceOf(earner)
  await page.click('#claim')
  await status(page, /Done: 0\.456 FIL were paid/)
  assert.match(await page.textContent('#done'), /0\.456 FIL paid.*went to its own address.*Transaction 0x/s)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'done')
  const [sent] = await page.evaluate(() => window.ethereum.sent)
  assert.equal(sent.value, undefined)
  const { gasUsed, effectiveGasPrice } = await rpc('eth_getTransactionReceipt', [(await page.textContent('#done-where')).match(/0x\w{64}/)[0]])
  assert.equal(await balanceOf(earner), before + 456n * FIL / 1000n - BigInt(gasUsed) * BigInt(effectiveGasPrice))
  // The transaction is watched until it is final.
  await rpc('anvil_mine', ['0x100'])
  await page.waitForFunction(() => /, final/.test(document.getElementById('done-where').textContent))
  // The rest is shown as pending.
  assert.deepEqual(await figures(page), { ...EARNER, 'claimable-amount': '0', paid: '0.776 FIL' })
  assert.match(await page.textContent('#why'), /Nothing to claim yet: 0\.128 FIL are still in the challenge window/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('another one’s wallet claims too, and the money goes to the operator’s payout address', async () => {
  const { earner, stranger } = world.operators
  const elsewhere = '0x00000000000000000000000000000000000b0b0b'
  await rpc('eth_sendTransaction', [{ from: earner, to: (await deployment()).rewards, data: '0x' + cast('calldata', 'setPayoutAddress(address)', elsewhere).slice(2) }])
  const page = await open({ account: stranger })
  await page.click('#connect')
  await status(page, /has earned nothing/)
  await look(page, earner)
  await status(page, /0\.456 FIL can be claimed/)
  assert.match(await page.textContent('#recipient'), /payout address.*0b0b0b \(f410f/)
  await page.click('#claim')
  await status(page, /Done/)
  assert.equal(await balanceOf(elsewhere), 456n * FIL / 1000n)
  assert.match(await page.textContent('#done-text'), /went to 0x0+b0b0b/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('a claim that a reorganisation undoes is not told as paid', async () => {
  const { earner } = world.operators
  const page = await open({ account: earner })
  await page.click('#connect')
  await status(page, /0\.456 FIL can be claimed/)
  await page.click('#claim')
  await status(page, /Done/)
  await rpc('evm_revert', [snapshot])
  snapshot = await rpc('evm_snapshot')
  await page.waitForFunction(() => document.getElementById('done-title').textContent === 'Dropped', null, { timeout: 30_000 })
  await status(page, /reorganisation/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

const deployment = async () => JSON.parse(readFileSync(world.deployment))
const cast = (...args) => execFileSync(path('node_modules/.bin/cast'), args).toString().trim()

test('an address is looked at without a wallet, in both notations, also from a file', async () => {
  const { earner } = world.operators
  for (const at of [undefined, pathToFileURL(path('docs/pages/claim/index.html')).href]) {
    const page = await open({ at, query: at ? { deployment: JSON.stringify(await deployment()) } : {} })
    assert.ok(await page.isHidden('#connect'))
    assert.ok(await page.isVisible('#no-wallet'))
    await look(page, 'f410fhrcm3xnwveapuk2ylxjjtyb5cl5efe54s2e3sqi')
    await status(page, /0\.456 FIL can be claimed/)
    assert.deepEqual(await figures(page), EARNER)
    assert.ok(await page.isHidden('#claim'))
    assert.match(await page.textContent('#read-only'), /Read only.*assize operator claim --operator 0x3C44/)
    assert.deepEqual(page.faults, [])
    await page.close()
  }
  // A link sets everything.
  const page = await open({ query: { operator: earner } })
  await status(page, /0\.456 FIL can be claimed/)
  for (const [text, complaint] of [['0x12', /is not an address/], ['f1abc', /without a 0x form/], ['0x3C44cdddb6a900fa2b585dd299e03d12fa4293bc', /EIP-55/]]) {
    await look(page, text)
    assert.match(await page.textContent('#address-error'), complaint)
  }
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('each reason for nothing has its words', async () => {
  const { waiting, stranger, paid } = world.operators
  const page = await open()
  await look(page, waiting)
  await status(page, /Nothing to claim yet: 0\.03 FIL are still in the challenge window/)
  await look(page, stranger)
  await status(page, /has earned nothing up to settlement 7/)
  await look(page, paid)
  await status(page, /Everything earned has been paid/)
  assert.ok(await page.isHidden('#claim-part'))

  // Vetoed while the page is open.
  await rpc('eth_sendTransaction', [{ from: world.authority, to: (await deployment()).rewards, data: cast('calldata', 'veto(uint64,string)', '8', 'wrong') }])
  await look(page, waiting)
  await status(page, /has earned nothing/)
  assert.match(await page.textContent('#next'), /Settlement 8 was vetoed or voided and will never pay/)

  // No settlement yet.
  await page.setInputFiles('#file', world.empty)
  await status(page, /no settlement has been posted yet/)
  assert.ok(await page.isHidden('#history'))
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('the chart says what the table says', async () => {
  const page = await open({ query: { operator: world.operators.earner } })
  await page.waitForFunction(() => document.querySelectorAll('#chart .bar').length === 8 && !document.querySelector('#chart').textContent.includes('?'))
  await page.click('#table-part summary')
  const rows = await page.$$eval('#table tbody tr', rows => rows.map(row => [...row.cells].map(cell => cell.textContent)))
  assert.deepEqual(rows.map(([id, , added]) => `${id}: ${added}`),
    ['1: 0.061', '2: 0.118', '3: 0.044', '4: 0.097', '5: 0.152', '6: 0.133', '7: 0.171', '8: 0.128'])
  assert.deepEqual(rows.map(row => row[3]).at(-1), '0.904')
  assert.match(rows.at(-1)[1], /^pending until 2025-10-17/)
  const bars = kind => page.locator(`#chart rect.${kind}`).count()
  assert.deepEqual([await bars('paid'), await bars('claimable'), await bars('pending')], [4, 3, 1])
  assert.match(await page.getAttribute('#chart svg', 'aria-label'), /Settlement 1: 0\.061 FIL paid.*Settlement 8: 0\.128 FIL pending/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('a document that is not the one on chain is refused loudly', async () => {
  gateway = 'tampered'
  const page = await open({ account: world.operators.earner })
  await page.click('#connect')
  await page.waitForSelector('#alarm:not([hidden])')
  assert.match(await page.textContent('#alarm'), /Rejected.*settlement 7.*do not match the CID on chain.*does not match the hash/s)
  assert.ok(await page.isHidden('#claim'))
  assert.ok(await page.isHidden('#balance'))
  assert.deepEqual(await page.evaluate(() => window.ethereum.sent), [])
  // One honest gateway after it is enough.
  gateway = 'honest'
  await look(page, world.operators.earner)
  await status(page, /0\.456 FIL can be claimed/)
  assert.ok(await page.isHidden('#alarm'))
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('a genuine file with other allocations than the root on chain is refused loudly', async () => {
  const page = await open()
  // The data of settlement 7 with the CID of settlement 6.
  await page.evaluate(() => {
    const honest = Rewards.prototype.settlement
    Rewards.prototype.settlement = async function (id) {
      const settlement = await honest.call(this, id)
      return id === 7 ? { ...settlement, cid: (await honest.call(this, 6)).cid } : settlement
    }
  })
  await look(page, world.operators.earner)
  await page.waitForSelector('#alarm:not([hidden])')
  assert.match(await page.textContent('#alarm'), /have the root 0x\w{64}, but the root on chain is 0x\w{64}/)
  assert.ok(await page.isHidden('#balance'))
  await page.close()
})

test('gateways that fail are named, and a pending settlement hides nothing', async () => {
  const forgive = /Failed to load resource/
  const page = await open({ forgive, query: { operator: world.operators.earner } })
  gateway = 'pending-down'
  await page.reload()
  await status(page, /0\.456 FIL can be claimed/)
  assert.match(await page.textContent('#next'), /not fully known.*settlement 8.*HTTP status 504/)
  assert.match(await page.textContent('#pending'), /or more/)
  gateway = 'down'
  await page.reload()
  await status(page, /No gateway returned the document.*safe on chain.*127\.0\.0\.1:\d+: HTTP status 504/)
  assert.ok(await page.isHidden('#balance'))
  // The second gateway has it.
  gateway = 'honest'
  await page.goto(`${site}/claim/index.html?${new URLSearchParams([['deployment', 'deployment.json'], ['rpc', world.rpc], ['gateway', `${site}/nothing`], ['gateway', site], ['operator', world.operators.earner]])}`)
  await status(page, /0\.456 FIL can be claimed/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('a wallet on another chain, one that declines, and one that changes', async () => {
  const { earner, paid } = world.operators
  const page = await open({ account: earner, chainId: '0x1' })
  await page.evaluate(() => { window.ethereum.declines = 'eth_requestAccounts' })
  await page.click('#connect')
  await status(page, /You declined in your wallet\. Nothing was shared/)
  await page.evaluate(() => { window.ethereum.declines = 'wallet_switchEthereumChain' })
  await page.click('#connect')
  await status(page, /0\.456 FIL can be claimed, but your wallet is on chain 1, not on a local chain \(chain 31337\)/)
  assert.ok(await page.isHidden('#claim'))
  await page.click('#switch')
  await status(page, /declined in your wallet: it stays/)
  await page.evaluate(() => { window.ethereum.declines = 'eth_sendTransaction' })
  await page.click('#switch')
  await status(page, /^0\.456 FIL can be claimed\.$/)
  await page.click('#claim')
  await status(page, /You declined in your wallet\. Nothing was sent/)
  assert.ok(await page.isEnabled('#claim'))
  await page.evaluate(paid => window.ethereum.become(paid), paid)
  await status(page, /Everything earned has been paid/)
  await page.evaluate(() => window.ethereum.become(null))
  await status(page, /disconnected/)
  assert.deepEqual(page.faults, [])
  await page.close()

  // Without an RPC URL the chain cannot be read; and a wallet may not know the chain.
  const blind = await open({ account: earner, chainId: '0x1', knows: false, query: { rpc: '' } })
  await blind.click('#connect')
  await status(blind, /Your wallet is on chain 1, and the rewards are on a local chain/)
  await blind.click('#wallet-switch')
  await status(blind, /does not know a local chain/)
  await blind.evaluate(() => window.ethereum.moveTo('0x7a69'))
  await status(blind, /0\.456 FIL can be claimed/)
  assert.deepEqual(blind.faults, [])
  await blind.close()
})

test('a recipient that refuses the money is told before anything is sent', async () => {
  const page = await open({ account: world.operators.stranger })
  await page.click('#connect')
  await status(page, /earned nothing/)
  await look(page, world.operators.refusing)
  await page.waitForSelector('#gas-warning:not([hidden])')
  assert.match(await page.textContent('#gas-warning'), /would fail: the recipient rejects the payment.*set another payout address/)
  assert.ok(await page.isDisabled('#claim'))
  // A gas cost close to the claim is reported too.
  await look(page, '0x' + '01'.repeat(20))
  await page.waitForFunction(() => /Gas costs \d+ %/.test(document.getElementById('gas-warning').textContent))
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('bad networks are named', async () => {
  const page = await open({ query: { deployment: '', rpc: '' } })
  assert.ok(await page.isVisible('#network-form'))
  const complaint = async fields => {
    for (const [name, value] of Object.entries(fields)) await page.fill(`#network-form [name=${name}]`, value)
    await page.click('#network-form button')
    return page.textContent('#network-error')
  }
  assert.match(await complaint({ chain: 'main' }), /chain id: "main"/)
  assert.match(await complaint({ chain: '31337', rewards: '0x12' }), /Rewards: "0x12"/)
  const { rewards } = await deployment()
  assert.match(await complaint({ rewards, gateways: '' }), /gateways: enter at least one/)
  assert.match(await complaint({ gateways: 'ftp://x' }), /gateway: "ftp:\/\/x"/)
  await complaint({ gateways: site, rpc: world.rpc })
  assert.ok(await page.isHidden('#network-error'))
  const give = (name, text) => page.setInputFiles('#file', { name, mimeType: 'application/json', buffer: Buffer.from(text) })
  await give('notes.txt', 'hello')
  await page.waitForSelector('#network-error:not([hidden])')
  assert.match(await page.textContent('#network-error'), /notes\.txt is not JSON/)
  await give('other.json', '{"chainId": 1}')
  await page.waitForFunction(() => /rewards is missing/.test(document.getElementById('network-error').textContent))
  // A chain other than the node's, and an address without the contract.
  await give('other.json', JSON.stringify({ chainId: 314, rewards }))
  await look(page, world.operators.earner)
  await status(page, /Failed to read the chain: the node is on a local chain \(chain 31337\), but the rewards are on Filecoin \(chain 314\)/)
  await give('other.json', JSON.stringify({ chainId: 31337, rewards: '0x' + '12'.repeat(20) }))
  await status(page, /no Rewards contract at 0x1212/)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('all of it by keyboard', async () => {
  const { earner } = world.operators
  const page = await open({ account: earner })
  const press = async (id, key = 'Enter') => {
    for (let step = 0; step < 40; step++) {
      await page.keyboard.press('Tab')
      const [at, outlined] = await page.evaluate(() => [document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle])
      if (at !== id) continue
      assert.notEqual(outlined, 'none', 'focus can be seen')
      return page.keyboard.press(key)
    }
    assert.fail(`Tab does not reach #${id}`)
  }
  await press('connect')
  await status(page, /0\.456 FIL can be claimed/)
  const before = await balanceOf(earner)
  await press('claim', 'Space')
  await status(page, /Done/)
  assert.ok(await balanceOf(earner) > before)
  assert.deepEqual(page.faults, [])
  await page.close()
})

test('nobody is shut out: 360 px, dark, and what axe finds', async () => {
  const { earner } = world.operators
  for (const [colorScheme, width] of [['light', 1200], ['dark', 1200], ['light', 360], ['dark', 360]]) {
    const page = await open({ account: earner, colorScheme, viewport: { width, height: 740 } })
    const audit = async () => {
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `scrolls sideways at ${width}`)
      const { violations } = await page.evaluate(() => axe.run())
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`), [])
    }
    await page.evaluate(readFileSync(path('node_modules/axe-core/axe.min.js'), 'utf8'))
    await audit()
    await page.click('#network summary')
    await page.click('#connect')
    await status(page, /0\.456 FIL can be claimed/)
    await page.click('#table-part summary')
    await page.waitForFunction(() => document.getElementById('gas').textContent.endsWith('FIL'))
    await audit()
    await page.click('#claim')
    await status(page, /Done/)
    await audit()
    gateway = 'tampered'
    await page.click('#network-form button')
    await page.waitForSelector('#alarm:not([hidden])')
    await audit()
    gateway = 'honest'
    assert.deepEqual(page.faults, [])
    await page.close()
    await rpc('evm_revert', [snapshot])
    snapshot = await rpc('evm_snapshot')
  }
})

test('the pictures in the documentation', { skip: !process.env.SCREENSHOTS }, async () => {
  for (const [name, width, colorScheme] of [['screenshot', 1120, 'light'], ['screenshot-360', 360, 'light'], ['screenshot-dark', 1120, 'dark']]) {
    const page = await open({ account: world.operators.earner, viewport: { width, height: 760 }, colorScheme, deviceScaleFactor: width < 400 ? 2 : 1.5 })
    await page.click('#connect')
    await status(page, /0\.456 FIL can be claimed/)
    await page.waitForFunction(() => document.querySelectorAll('#chart .bar').length === 8 && !document.querySelector('#chart').textContent.includes('?') && document.getElementById('gas').textContent.endsWith('FIL'))
    await page.evaluate(() => document.activeElement.blur())
    const file = name === 'screenshot-dark' ? join(tmpdir(), 'claim-dark.png') : path(`docs/pages/claim/${name}.png`)
    await page.screenshot({ path: file, fullPage: true })
    await page.close()
  }
})
