// Chain access: JSON-RPC through the wallet or a URL, and the functions of Rewards that the page needs.
'use strict'

/** Selectors of IRewards; the tests compare them with the contract's ABI. */
const SELECTORS = {
  'head()': '8f7dcfa3',
  'settlementCount()': '037eca76',
  'getSettlement(uint64)': '02e9cc8e',
  'claimed(address)': 'c884ef83',
  'payoutAddressOf(address)': '9fcdede2',
  'nativePayoutAddressOf(address)': 'ab8871c1',
  'claim(uint64,uint32,(address,uint256,bytes32),bytes32[])': '578b3c9c',
}
/** Claimed(uint64 indexed settlement, address indexed operator, address indexed recipient, uint256 amount, uint256 cumulative) */
const CLAIMED = '0x90bc3a8eb00e530fc7c0f0f60bb9769699cb675156d0650b637cb2081b83c624'
/** Messages for rejected claims, by the selector of the contract error. */
const REFUSALS = {
  cceda04b: 'the recipient rejects the payment. Nothing is lost: the operator can set another payout address (assize operator payout-address set) and claim again',
  '0cfa2bb0': 'everything has already been paid',
  '2360439e': 'the settlement is not active',
  adbd6512: 'the proof does not match the settlement',
  '9904ce55': 'the settlement grants more than the signed total',
}

/** The precompile that pays f1, f2 and f3 addresses; the contract shows it in place of them. */
const CALL_ACTOR = '0xfe00000000000000000000000000000000000003'

const word = value => BigInt(value).toString(16).padStart(64, '0')
const wordOf = (data, at) => data.slice(2 + 64 * at, 2 + 64 * (at + 1))
const numberAt = (data, at) => BigInt('0x' + wordOf(data, at))
const addressAt = (data, at) => '0x' + wordOf(data, at).slice(24)
const bytesOfHex = hex => Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16))
const hexOf = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const call = (name, ...words) => '0x' + SELECTORS[name] + words.join('')

/** The bytes whose offset (in bytes, from word `base`) is in word `at`. */
function bytesAt(data, at, base) {
  const start = base + Number(numberAt(data, at)) / 32
  const from = 2 + 64 * (start + 1)
  return bytesOfHex(data.slice(from, from + 2 * Number(numberAt(data, start))))
}

/** An error of a node, with the data of a revert if there is one. */
class Refusal extends Error {
  constructor({ code, message, data }) {
    super(message ?? 'no reason given')
    this.code = code
    this.data = typeof data === 'string' ? data : data?.data ?? data?.originalError?.data ?? ''
  }

  /** The contract's reason, if it is known. */
  get reason() {
    return REFUSALS[/0x([0-9a-f]{8})/i.exec(this.data || this.message)?.[1]?.toLowerCase()] ?? this.message
  }
}

/** Requests through a URL. */
function overHttp(url) {
  return async (method, params = []) => {
    let answer
    try {
      const response = await fetch(url, {
        method: 'POST', credentials: 'omit', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      })
      answer = await response.json()
    } catch (error) {
      throw new Error(`no answer from the node at ${new URL(url).host}: ${error.message}`)
    }
    if (answer.error) throw new Refusal(answer.error)
    return answer.result
  }
}

/** Requests through a wallet. */
function overWallet(wallet) {
  return async (method, params = []) => {
    try {
      return await wallet.request({ method, params })
    } catch (error) {
      throw error instanceof Error && !('code' in error) ? error : new Refusal(error)
    }
  }
}

/** The contract Rewards. */
class Rewards {
  constructor(ask, address) {
    this.ask = ask
    this.address = address
  }

  async view(name, ...words) {
    const answer = await this.ask('eth_call', [{ to: this.address, data: call(name, ...words) }, 'latest'])
    if (!answer || answer === '0x') {
      throw new Error(`no Rewards contract at ${this.address} on this chain: check the deployment file`)
    }
    return answer
  }

  async head() { return Number(numberAt(await this.view('head()'), 0)) }
  async count() { return Number(numberAt(await this.view('settlementCount()'), 0)) }
  async claimed(operator) { return numberAt(await this.view('claimed(address)', word(operator)), 0) }

  /** An operator's payout address: its 0x form, and the bytes of a native address. */
  async recipient(operator) {
    const address = addressAt(await this.view('payoutAddressOf(address)', word(operator)), 0)
    if (address !== CALL_ACTOR) return { address, native: new Uint8Array() }
    const data = await this.view('nativePayoutAddressOf(address)', word(operator))
    return { address, native: bytesAt(data, 0, 0) }
  }

  async settlement(id) {
    // A tuple (proposal, postedAt, activeAt, status) behind one offset; the proposal is a tuple behind another.
    const data = await this.view('getSettlement(uint64)', word(id))
    const outer = Number(numberAt(data, 0)) / 32
    const inner = outer + Number(numberAt(data, outer)) / 32
    return {
      id,
      parent: Number(numberAt(data, inner + 1)),
      firstRound: Number(numberAt(data, inner + 2)),
      lastRound: Number(numberAt(data, inner + 3)),
      root: '0x' + wordOf(data, inner + 4),
      operators: Number(numberAt(data, inner + 5)),
      cid: bytesAt(data, inner + 8, inner),
      activeAt: Number(numberAt(data, outer + 2)),
      state: ['none', 'pending', 'active', 'void'][Number(numberAt(data, outer + 3))],
    }
  }

  /** The call data of a claim: the operator's place, what is there, and the siblings of its leaf, 32 bytes each. */
  claimData(settlement, operator, { index, cumulative, rest, proof }) {
    return call('claim(uint64,uint32,(address,uint256,bytes32),bytes32[])',
      word(settlement), word(index), word(operator), word(cumulative), hexOf(rest), word(6 * 32), word(proof.length / 32), hexOf(proof))
  }

  /** The payment to an operator in a receipt, and its recipient; nothing if there is none. */
  paidIn(receipt, operator) {
    const log = receipt.logs.find(({ address, topics }) =>
      address.toLowerCase() === this.address.toLowerCase() && topics[0] === CLAIMED
      && BigInt(topics[2]) === BigInt(operator))
    return log && { amount: numberAt(log.data, 0), recipient: '0x' + log.topics[3].slice(26) }
  }
}
