// The claim page: connects a wallet, reads the chain, fetches settlement documents, and claims. crates/wasm verifies the
// documents.
'use strict'

const $ = id => document.getElementById(id)

wasm_bindgen.initSync({ module: Uint8Array.from(atob(ASSIZE_WASM), character => character.charCodeAt(0)) })
const { open_settlement: openSettlement, read_operator: readOperator, show_recipient: showRecipient, show_cid: showCid } = wasm_bindgen

const CHAINS = { 314: 'Filecoin', 314159: 'Filecoin Calibration', 31337: 'a local chain' }
const PUBLIC_GATEWAY = 'https://trustless-gateway.link'
/** Number of settlements shown; older ones are summed up. */
const SHOWN = 12
const ATTO = 10n ** 18n

/** The page state: network, wallet, operator, claimable amount, verified documents. */
const state = { network: null, wallet: null, account: null, chain: null, operator: null, due: null, documents: new Map(), turn: 0 }

// ---- Text

function element(name, text, className) {
  const made = document.createElement(name)
  made.textContent = text
  if (className) made.className = className
  return made
}

const say = text => { $('status').textContent = text }

/** FIL with at most six decimals, never rounded up. */
function fil(atto) {
  const fraction = (atto % ATTO).toString().padStart(18, '0').slice(0, 6).replace(/0+$/, '')
  if (atto > 0n && atto < 10n ** 12n) return '< 0.000001'
  return (atto / ATTO).toLocaleString('en').replaceAll(',', ' ') + (fraction && '.' + fraction)
}

/** FIL with all decimals. */
function exactly(atto) {
  const fraction = (atto % ATTO).toString().padStart(18, '0').replace(/0+$/, '')
  return (atto / ATTO).toString() + (fraction && '.' + fraction) + ' FIL'
}

const shorten = address => `${address.slice(0, 6)}…${address.slice(-4)}`
const chainName = chain => (CHAINS[chain] ? `${CHAINS[chain]} (chain ${chain})` : `chain ${chain}`)

/** A chain time, and its distance from now. */
function moment(at, now) {
  const date = new Date(at * 1000).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
  const [ahead, seconds] = [at - now, Math.abs(at - now)]
  const span = seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.floor(seconds / 60)} min`
    : seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} days`
  return `${date} UTC (${ahead >= 0 ? `in ${span}` : `${span} ago`})`
}

/** Shows an amount; its tooltip has all digits. */
function showAmount(id, atto, unit = ' FIL') {
  $(id).textContent = fil(atto) + unit
  $(id).title = exactly(atto)
}

// ---- Network

/** The network of a deployment file or of the form. Throws if it is invalid. */
function readNetwork({ chain, rewards, rpc, gateways }) {
  if (!/^[1-9]\d{0,15}$/.test(String(chain))) throw new Error(`chain id: "${chain}" is not a number; Filecoin mainnet is 314`)
  if (!/^0x[0-9a-f]{40}$/i.test(rewards)) throw new Error(`Rewards: "${rewards}" is not an address: use 0x and 40 hexadecimal digits`)
  const url = (what, text) => {
    const parsed = URL.canParse(text) ? new URL(text) : {}
    if (!/^https?:$/.test(parsed.protocol)) throw new Error(`${what}: "${text}" must begin with https://`)
    return text.replace(/\/+$/, '')
  }
  if (!gateways.length) throw new Error(`gateways: enter at least one, such as ${PUBLIC_GATEWAY}`)
  return {
    chain: Number(chain), rewards, rpc: rpc ? url('RPC URL', rpc) : '', gateways: gateways.map(gateway => url('gateway', gateway)),
  }
}

/** The form's fields from a deployment file. */
function fieldsOf(text, where) {
  let file
  try {
    file = JSON.parse(text)
  } catch {
    throw new Error(`${where} is not JSON: use the file that assize deploy apply wrote`)
  }
  const { chainId, rewards } = file ?? {}
  if (chainId === undefined || !rewards) throw new Error(`${where} is not a deployment file: chainId or rewards is missing`)
  return { chain: String(chainId), rewards }
}

function fillForm(fields) {
  const { elements } = $('network-form')
  for (const [name, value] of Object.entries(fields)) elements.namedItem(name).value = value
}

/** Uses the form's network; shows what is wrong with it. */
function useNetwork() {
  const form = new FormData($('network-form'))
  const text = name => form.get(name).trim()
  $('network-error').hidden = true
  try {
    const gateways = text('gateways').split(/\s+/).filter(Boolean)
    state.network = readNetwork({ chain: text('chain'), rewards: text('rewards'), rpc: text('rpc'), gateways })
  } catch (error) {
    state.network = null
    $('network').open = true
    $('network-error').textContent = error.message
    $('network-error').hidden = false
    say('The network is incomplete: see the fields under Network.')
    return false
  }
  state.documents.clear()
  $('network-name').textContent = `${chainName(state.network.chain)}, Rewards ${shorten(state.network.rewards)}`
  return true
}

async function useFile(text, where) {
  try {
    fillForm(fieldsOf(text, where))
  } catch (error) {
    $('network').open = true
    $('network-error').textContent = error.message
    $('network-error').hidden = false
    return
  }
  if (useNetwork()) {
    say(`The network is ${chainName(state.network.chain)}. Connect a wallet, or look up an address.`)
    if (state.operator) look()
  }
}

/** Requests through the wallet if it is on the right chain, else through the RPC URL. */
function asker() {
  if (state.account && state.chain === state.network.chain) return overWallet(state.wallet)
  if (state.network.rpc) return overHttp(state.network.rpc)
  return null
}

// ---- Documents

/** The document of a settlement, from the first gateway that returns the genuine one. */
async function documentOf(settlement) {
  const known = state.documents.get(settlement.root)
  if (known) return known
  const [cid, failures] = [showCid(settlement.cid), []]
  let forged = false
  for (const gateway of state.network.gateways) {
    const host = new URL(gateway).host
    let packed
    try {
      const response = await fetch(`${gateway}/ipfs/${cid}?format=car`, {
        credentials: 'omit', headers: { accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=n' },
      })
      if (!response.ok) throw new Error(`HTTP status ${response.status}`)
      packed = new Uint8Array(await response.arrayBuffer())
    } catch (error) {
      failures.push(`${host}: ${error.message}`)
      continue
    }
    try {
      const granted = openSettlement(settlement.cid, settlement.root, settlement.operators, packed)
      state.documents.set(settlement.root, granted)
      return granted
    } catch (error) {
      forged = true
      failures.push(`${host}: ${error.message}`)
    }
  }
  const fault = new Error(`The document of settlement ${settlement.id} (${cid}): ${failures.join('; ')}`)
  fault.forged = forged
  throw fault
}

// ---- Looking up

/** The newest settlements, oldest first, and the operator's state in the contract. */
async function readChain(rewards, operator) {
  const [head, count, claimed, recipient, block] = await Promise.all([
    rewards.head(), rewards.count(), rewards.claimed(operator), rewards.recipient(operator),
    rewards.ask('eth_getBlockByNumber', ['latest', false]),
  ])
  const settlements = []
  // One more than is shown, because an addition is the difference to the previous settlement.
  for (let id = head; id > 0 && settlements.length <= SHOWN;) {
    const settlement = await rewards.settlement(id)
    settlements.unshift(settlement)
    id = settlement.parent
  }
  return { head, count, claimed, recipient, now: Number(BigInt(block.timestamp)), settlements }
}

function hideResults() {
  for (const id of ['alarm', 'balance', 'history']) $(id).hidden = true
  state.due = null
}

/** Looks up the operator and shows its balance. */
async function look({ keepDone = false } = {}) {
  const turn = ++state.turn
  const current = () => turn === state.turn
  hideResults()
  if (!keepDone) $('done').hidden = true
  if (!state.network && !useNetwork()) return
  const wrongChain = state.account && state.chain !== state.network.chain
  const ask = asker()
  if (!ask) {
    if (wrongChain) return showWrongChain()
    $('network').open = true
    return say('Without a wallet, this page needs an RPC URL: enter one under Network.')
  }
  const { address } = state.operator
  say('Reading the chain…')
  let chain
  const rewards = new Rewards(ask, state.network.rewards)
  try {
    const id = Number(BigInt(await ask('eth_chainId')))
    if (id !== state.network.chain) throw new Error(`the node is on ${chainName(id)}, but the rewards are on ${chainName(state.network.chain)}`)
    chain = await readChain(rewards, address)
  } catch (error) {
    return current() && say(`Failed to read the chain: ${error.message}.`)
  }
  const granted = new Map()
  const fetchOne = async settlement => granted.set(settlement.id, await documentOf(settlement))
  const active = chain.settlements.findLast(({ state }) => state === 'active')
  const pending = chain.settlements.filter(({ state }) => state === 'pending')
  const unknown = []
  try {
    if (active) {
      say(`Fetching and verifying the document of settlement ${active.id}…`)
      await fetchOne(active)
    }
    for (const settlement of pending) {
      await fetchOne(settlement).catch(error => {
        if (error.forged) throw error
        unknown.push(error)
      })
    }
  } catch (error) {
    return current() && showFault(error)
  }
  if (!current()) return
  await show({ rewards, chain, active, pending, granted, unknown, wrongChain, current })
  // Older documents are needed only for the chart.
  for (const settlement of chain.settlements) {
    if (!granted.has(settlement.id)) await fetchOne(settlement).catch(() => {})
    if (!current()) return
  }
  showHistory(chain, granted)
}

function showFault(error) {
  if (!error.forged) {
    return say(`No gateway returned the document, so nothing can be shown. The rewards are safe on chain. ${error.message}. Retry, or enter another gateway under Network.`)
  }
  $('alarm-text').textContent = error.message
  $('alarm').hidden = false
  say('Rejected: a gateway returned a document that does not match the chain.')
}

function showWrongChain() {
  $('balance').hidden = true
  say(`Your wallet is on ${chainName(state.chain)}, and the rewards are on ${chainName(state.network.chain)}.`)
  $('wallet-switch').hidden = false
}

const grantedTo = (granted, settlement, operator) =>
  settlement && granted.has(settlement.id) ? BigInt(granted.get(settlement.id).cumulative(operator)) : 0n

/** Shows the balance and the claim. */
async function show({ rewards, chain, active, pending, granted, unknown, wrongChain, current }) {
  const { address, filecoin } = state.operator
  const cumulative = grantedTo(granted, active, address)
  const due = cumulative > chain.claimed ? cumulative - chain.claimed : 0n
  const last = pending.findLast(({ id }) => granted.has(id))
  const coming = last ? grantedTo(granted, last, address) : cumulative
  const awaited = coming > cumulative ? coming - cumulative : 0n

  $('operator').replaceChildren(element('span', address), element('span', filecoin))
  $('claimable-amount').textContent = fil(due)
  $('claimable-amount').title = exactly(due)
  showAmount('earned', cumulative + awaited)
  showAmount('paid', chain.claimed)
  showAmount('pending', awaited)
  if (unknown.length) $('pending').textContent += ' or more'
  const why = reason({ chain, active, pending, cumulative, awaited, due })
  $('why').textContent = why
  $('why').hidden = !why
  const notes = []
  if (pending.length) notes.push(`Settlement ${pending[0].id} is in its challenge window until ${moment(pending[0].activeAt, chain.now)}; afterwards it can be claimed, unless it is vetoed.`)
  if (chain.count > chain.head) notes.push(`Settlement ${chain.count} was vetoed or voided and will never pay; a later one can grant the same amounts.`)
  notes.push(...unknown.map(error => `The pending amount is not fully known: ${error.message}.`))
  $('next').textContent = notes.join(' ')
  $('next').hidden = !notes.length
  $('claim-part').hidden = due === 0n
  $('balance').hidden = false
  $('wallet-switch').hidden = true
  showHistory(chain, granted)
  if (due === 0n) return say(why)

  const document = granted.get(active.id)
  const shown = { index: document.index(address), cumulative, rest: document.rest(address), proof: document.proof(address) }
  state.due = { rewards, active, due, operator: address, data: rewards.claimData(active.id, address, shown) }
  const { address: to, native } = chain.recipient
  const name = showRecipient(to, native) ?? to
  $('recipient').replaceChildren(...(to === address.toLowerCase()
    ? [element('span', 'the operator’s own address')]
    : [element('span', 'its payout address'), element('code', native.length ? name : `${to} (${name})`)]))
  $('claim').textContent = `Claim ${fil(due)} FIL`
  $('claim').hidden = !state.account || Boolean(wrongChain)
  $('claim').disabled = false
  $('switch').hidden = !wrongChain
  $('switch').textContent = `Switch the wallet to ${chainName(state.network.chain)}`
  $('read-only').hidden = Boolean(state.account)
  $('read-only').textContent = `Read only. Connect any wallet to claim: the money goes to the operator, whoever sends the claim. Or run: assize operator claim --operator ${address}`
  say(wrongChain
    ? `${fil(due)} FIL can be claimed, but your wallet is on ${chainName(state.chain)}, not on ${chainName(state.network.chain)}.`
    : `${fil(due)} FIL can be claimed.`)
  await showGas(current)
}

/** Why there is nothing to claim; empty if there is. */
function reason({ chain, active, pending, cumulative, awaited, due }) {
  if (due > 0n) return ''
  if (awaited > 0n) return `Nothing to claim yet: ${fil(awaited)} FIL are still in the challenge window.`
  if (chain.claimed > 0n) return 'Everything earned has been paid.'
  if (cumulative === 0n && !active && !pending.length) {
    return chain.count > 0 ? 'Nothing to claim: no settlement is valid.' : 'Nothing to claim: no settlement has been posted yet.'
  }
  return active
    ? `Nothing to claim: this address has earned nothing up to settlement ${active.id}. Check that it is the right one.`
    : 'Nothing to claim: no settlement is active yet.'
}

async function showGas(current) {
  const { rewards, due, data } = state.due
  const from = state.account ?? state.operator.address
  $('gas').textContent = '…'
  $('gas-warning').hidden = true
  try {
    const [gas, price] = await Promise.all([
      rewards.ask('eth_estimateGas', [{ from, to: rewards.address, data }]), rewards.ask('eth_gasPrice'),
    ])
    if (!current()) return
    const cost = BigInt(gas) * BigInt(price)
    showAmount('gas', cost)
    const share = cost * 100n / due
    $('gas-warning').hidden = share <= 10n
    $('gas-warning').textContent = `Gas costs ${share} % of the claim. You can wait until there is more to claim; nothing is lost.`
  } catch (error) {
    if (!current()) return
    $('gas').textContent = 'unknown'
    $('gas-warning').textContent = `The claim would fail: ${error.reason ?? error.message}.`
    $('gas-warning').hidden = false
    $('claim').disabled = error instanceof Refusal && error.reason !== error.message
  }
}

/** Chart and table of the settlements with known documents. */
function showHistory(chain, granted) {
  const operator = state.operator.address
  const all = chain.settlements
  const rows = all.slice(all.length > SHOWN ? 1 : 0).map((settlement, place, shown) => {
    const before = all[all.length - shown.length + place - 1]
    const known = granted.has(settlement.id) && (!before || granted.has(before.id))
    if (!known) return { ...settlement, title: `Settlement ${settlement.id}: unknown` }
    const [from, to] = [grantedTo(granted, before, operator), grantedTo(granted, settlement, operator)]
    const added = to > from ? to - from : 0n
    const paid = chain.claimed > from ? (chain.claimed - from < added ? chain.claimed - from : added) : 0n
    const open = added - paid
    const isActive = settlement.state === 'active'
    const parts = { paid, claimable: isActive ? open : 0n, pending: isActive ? 0n : open }
    const words = [paid && `${fil(paid)} FIL paid`, parts.claimable && `${fil(open)} FIL can be claimed`, parts.pending && `${fil(open)} FIL pending`]
    return { ...settlement, parts, added, to, title: `Settlement ${settlement.id}: ${words.filter(Boolean).join(', ') || 'nothing'}` }
  })
  state.rows = rows
  $('history').hidden = !rows.length
  if (!rows.length) return
  paint()
  $('table').tBodies[0].replaceChildren(...rows.map(row => {
    const line = document.createElement('tr')
    const head = element('th', row.id)
    head.scope = 'row'
    const when = row.state === 'pending' ? `pending until ${new Date(row.activeAt * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC` : row.state
    line.append(head, element('td', when), element('td', row.parts ? fil(row.added) : '?'), element('td', row.parts ? fil(row.to) : '?'))
    return line
  }))
  const newest = rows.findLast(({ state, id }) => state === 'active' && granted.has(id))
  $('proofs').textContent = newest
    ? `Verified in this page: every byte of settlement ${newest.id}’s document against its CID ${showCid(newest.cid)}, and the Merkle root of its ${granted.get(newest.id).count()} allocations against the chain.`
    : ''
}

function paint() {
  if (!state.rows?.length || $('history').hidden) return
  const width = Math.max(240, Math.floor($('chart').clientWidth))
  $('chart').replaceChildren(drawChart(state.rows, width, fil))
}

// ---- Wallet

/** Whether the user declined. */
const declined = error => error.code === 4001

async function connect() {
  if (!state.network && !useNetwork()) return
  say('Confirm in your wallet that this page may see your address…')
  try {
    await useAccounts(await state.wallet.request({ method: 'eth_requestAccounts' }))
  } catch (error) {
    say(declined(error) ? 'You declined in your wallet. Nothing was shared.' : `Failed to connect the wallet: ${error.message}.`)
  }
}

async function useAccounts([account]) {
  state.chain = Number(BigInt(await state.wallet.request({ method: 'eth_chainId' })))
  state.account = account ?? null
  $('connect').textContent = account ? `Connected: ${shorten(account)}` : 'Connect a wallet'
  $('connect').classList.toggle('main', !account)
  if (!account) {
    state.turn++
    hideResults()
    return say('The wallet is disconnected.')
  }
  state.operator = JSON.parse(readOperator(account.toLowerCase()))
  $('address').value = ''
  return look()
}

async function switchChain() {
  const chainId = '0x' + state.network.chain.toString(16)
  try {
    await state.wallet.request({ method: 'wallet_switchEthereumChain', params: [{ chainId }] })
  } catch (error) {
    if (declined(error)) return say('You declined in your wallet: it stays on its current chain.')
    return say(error.code === 4902
      ? `Your wallet does not know ${chainName(state.network.chain)}: add it in the wallet’s settings, then try again.`
      : `Failed to switch the wallet: ${error.message}.`)
  }
  state.chain = Number(BigInt(await state.wallet.request({ method: 'eth_chainId' })))
  if (state.operator) look()
}

async function claim() {
  const { rewards, operator, due, data } = state.due
  $('claim').disabled = true
  say('Confirm the claim in your wallet…')
  let hash
  try {
    hash = await state.wallet.request({ method: 'eth_sendTransaction', params: [{ from: state.account, to: rewards.address, data }] })
  } catch (error) {
    $('claim').disabled = false
    const refusal = new Refusal(error)
    return say(declined(error) ? 'You declined in your wallet. Nothing was sent.' : `Nothing was sent: ${refusal.reason}.`)
  }
  say(`Sent. Waiting for a block; you can leave this page, the claim does not need it. Transaction ${hash}`)
  const receipt = await mined(rewards.ask, hash)
  const paid = BigInt(receipt.status) === 1n && rewards.paidIn(receipt, operator)
  $('done-title').textContent = paid ? `${fil(paid.amount)} FIL paid` : 'Nothing was paid'
  $('done-text').textContent = paid
    ? `${exactly(paid.amount)} of operator ${operator} went to ${paid.recipient === operator.toLowerCase() ? 'its own address' : paid.recipient === CALL_ACTOR ? 'its payout address' : paid.recipient}.`
    : `The transaction failed, so ${fil(due)} FIL can still be claimed, unless another claim came first. See the balance below.`
  $('done-where').textContent = `Transaction ${hash}, block ${Number(BigInt(receipt.blockNumber))}`
  $('done').className = paid ? 'good' : 'bad'
  $('done').hidden = false
  await look({ keepDone: true })
  say(paid ? `Done: ${fil(paid.amount)} FIL were paid.` : 'The transaction failed, and nothing was paid.')
  $('done').focus()
  followToTheEnd(rewards.ask, receipt)
}

/** Watches a mined transaction until it is final or dropped by a reorganisation. */
async function followToTheEnd(ask, { transactionHash: hash }) {
  for (let missing = 0; !$('done').hidden && $('done-where').textContent.includes(hash);) {
    await new Promise(resolve => setTimeout(resolve, 2000))
    try {
      const [receipt, final] = await Promise.all([
        ask('eth_getTransactionReceipt', [hash]), ask('eth_getBlockByNumber', ['finalized', false]).catch(() => null),
      ])
      missing = receipt ? 0 : missing + 1
      if (missing > 5) {
        $('done').className = 'bad'
        $('done-title').textContent = 'Dropped'
        $('done-text').textContent = 'A reorganisation dropped the claim, so it has paid nobody. Look again in a few minutes, and claim again if the amount is still there; nobody is paid twice.'
        return say('A reorganisation dropped the claim.')
      }
      if (receipt && final && BigInt(final.number) >= BigInt(receipt.blockNumber)) {
        $('done-where').textContent += ', final'
        return
      }
    } catch {
      // If the node does not answer, the request is repeated.
    }
  }
}

/** Waits for the receipt of a transaction. */
async function mined(ask, hash) {
  for (;;) {
    // If the node does not answer, the request is repeated.
    const receipt = await ask('eth_getTransactionReceipt', [hash]).catch(() => null)
    if (receipt) return receipt
    await new Promise(resolve => setTimeout(resolve, 1000))
  }
}

// ---- Events

$('connect').addEventListener('click', connect)
$('claim').addEventListener('click', claim)
$('switch').addEventListener('click', switchChain)
$('wallet-switch').addEventListener('click', switchChain)
$('look-form').addEventListener('submit', event => {
  event.preventDefault()
  $('address-error').hidden = true
  $('address').removeAttribute('aria-invalid')
  try {
    state.operator = JSON.parse(readOperator($('address').value))
  } catch (error) {
    $('address-error').textContent = error.message
    $('address-error').hidden = false
    $('address').setAttribute('aria-invalid', 'true')
    return
  }
  look()
})
$('network-form').addEventListener('submit', event => {
  event.preventDefault()
  if (useNetwork()) {
    say(`The network is ${chainName(state.network.chain)}.`)
    if (state.operator) look()
  }
})
$('file').addEventListener('change', async event => {
  const [file] = event.target.files
  if (file) useFile(await file.text(), file.name)
})
$('drop').addEventListener('dragover', () => $('drop').classList.add('over'))
$('drop').addEventListener('dragleave', () => $('drop').classList.remove('over'))
document.addEventListener('dragover', event => event.preventDefault())
document.addEventListener('drop', async event => {
  event.preventDefault()
  $('drop').classList.remove('over')
  const [file] = event.dataTransfer.files
  if (file) useFile(await file.text(), file.name)
})
document.addEventListener('paste', event => {
  const text = event.clipboardData?.getData('text') ?? ''
  if (!text.trim().startsWith('{')) return
  event.preventDefault()
  useFile(text, 'the pasted text')
})
new ResizeObserver(paint).observe($('chart'))

/** A link may set everything: ?deployment=JSON or a file beside the page, &rpc=…&gateway=…&operator=… */
async function begin() {
  state.wallet = window.ethereum ?? null
  $('connect').hidden = !state.wallet
  $('no-wallet').hidden = Boolean(state.wallet)
  state.wallet?.on?.('accountsChanged', useAccounts)
  state.wallet?.on?.('chainChanged', chain => {
    state.chain = Number(BigInt(chain))
    if (state.account && state.operator && state.network) look()
  })
  const linked = new URLSearchParams(location.search)
  fillForm({ rpc: linked.get('rpc') ?? '', gateways: linked.getAll('gateway').join('\n') || PUBLIC_GATEWAY })
  $('address').value = linked.get('operator') ?? ''
  const deployment = linked.get('deployment')
  if (!deployment) {
    $('network').open = true
    return
  }
  try {
    const place = new URL(deployment.startsWith('{') ? '.' : deployment, location.href)
    if (place.origin !== location.origin) throw new Error(`?deployment=${deployment} is on another server: drop the file here instead`)
    const text = deployment.startsWith('{') ? deployment : await (await fetch(place)).text()
    await useFile(text, deployment.startsWith('{') ? 'the link’s deployment' : deployment)
  } catch (error) {
    $('network').open = true
    $('network-error').textContent = `failed to read ${deployment}: ${error.message}`
    $('network-error').hidden = false
    return
  }
  if ($('address').value && state.network) $('look-form').requestSubmit()
}
begin()
