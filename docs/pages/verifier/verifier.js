// The verifier page: reads a bundle or a seed, draws the committees, shows a station. All computation is done by
// crates/wasm.
'use strict'

const $ = id => document.getElementById(id)
const bytesOf = base64 => Uint8Array.from(atob(base64), character => character.charCodeAt(0))

wasm_bindgen.initSync({ module: bytesOf(ASSIZE_WASM) })
const { open_bundle: openBundle, from_seed: fromSeed } = wasm_bindgen

/** The page state: a draw, its layout, the chosen seat. */
const state = { rounds: [], draw: null, layout: null, chosen: null }

// ---- Input

async function showFile(file) {
  attempt(async () => {
    const opened = openBundle(new Uint8Array(await file.arrayBuffer()))
    state.rounds = Array.from({ length: opened.count() }, (_, place) =>
      ({ report: JSON.parse(opened.report(place)), draw: opened.draw(place) }))
    opened.free()
    const select = $('rounds')
    select.replaceChildren(...state.rounds.map(({ report }, place) => new Option(`round ${report.round}`, place)))
    select.hidden = state.rounds.length < 2
    showRound(0)
  }, file.name)
}

function showRound(place) {
  const { report, draw } = state.rounds[place]
  const verdict = $('verdict')
  const { trusted, hash, id } = report.drand
  verdict.textContent = `${report.verdict}${trusted ? '' : ' (untrusted)'}  round ${report.round}`
  const failed = ['MISMATCH', 'NOT_OVER'].includes(report.verdict)
  verdict.className = failed ? 'bad' : trusted ? 'good' : 'unsure'
  $('untrusted').hidden = trusted
  $('untrusted').textContent = `The beacons are of drand chain ${hash} (${id}), not of quicknet. Whoever holds that chain's `
    + 'key knew the draw in advance: trust the result only as far as you trust them.'
  $('check-list').replaceChildren(...report.checks.map(({ name, ok, detail }) => {
    const item = element('li', name)
    item.className = ok ? 'good' : 'bad'
    item.append(element('small', detail))
    return item
  }))
  $('checks').hidden = false
  showDraw(draw)
}

function showSeed() {
  attempt(async () => {
    const form = new FormData($('seed-form'))
    const number = name => (form.get(name).trim() === '' ? NaN : Number(form.get(name)))
    const names = ['stations', 'tasks', 'size', 'target', 'most']
    const draw = fromSeed(form.get('seed'), ...names.map(number))
    $('checks').hidden = true
    history.replaceState(null, '', '#' + new URLSearchParams(form))
    showDraw(draw)
  })
}

/** Runs a task; an error is shown in place of results. */
async function attempt(work, where) {
  $('error').hidden = true
  try {
    await work()
  } catch (error) {
    for (const part of ['checks', 'drawing', 'station']) $(part).hidden = true
    $('error').textContent = (where ? where + ': ' : '') + (error.message ?? error)
    $('error').hidden = false
  }
}

function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

// ---- Drawing

function showDraw(draw) {
  state.draw = draw
  state.chosen = null
  $('station').hidden = true
  $('drawing').hidden = draw === null || draw === undefined
  if (!draw) return
  const { stations, committees, tasksPerCommittee } = JSON.parse(draw.figures())
  const say = number => number.toLocaleString('en').replaceAll(',', ' ')
  $('figures').textContent =
    `${say(stations)} stations in ${say(committees)} committees, each with ${say(tasksPerCommittee)} tasks`
  const seats = draw.seats()
  const count = seats[0]
  state.starts = seats.subarray(1, count + 2)
  state.stations = seats.subarray(count + 2)
  lay()
  paint()
}

/** Committees as clusters in a grid; within one, seats spiral outwards like the seeds of a sunflower. */
function lay() {
  const canvas = $('canvas')
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const ratio = window.devicePixelRatio || 1
  canvas.width = width * ratio
  canvas.height = height * ratio
  const count = state.starts.length - 1
  const columns = Math.max(1, Math.min(count, Math.round(Math.sqrt(count * width / height))))
  const rows = Math.ceil(count / columns)
  const cell = Math.min(width / columns, height / rows)
  let largest = 1
  for (let c = 0; c < count; c++) largest = Math.max(largest, state.starts[c + 1] - state.starts[c])
  const step = cell * 0.46 / Math.sqrt(largest)
  const [left, top] = [(width - width / columns * columns) / 2, (height - height / rows * rows) / 2]
  const xs = new Float32Array(state.stations.length)
  const ys = new Float32Array(state.stations.length)
  for (let c = 0; c < count; c++) {
    const x = left + (c % columns + 0.5) * width / columns
    const y = top + (Math.floor(c / columns) + 0.5) * height / rows
    for (let seat = state.starts[c]; seat < state.starts[c + 1]; seat++) {
      const i = seat - state.starts[c]
      const [angle, far] = [i * 2.399963229728653, step * Math.sqrt(i + 0.5)]
      xs[seat] = x + far * Math.cos(angle)
      ys[seat] = y + far * Math.sin(angle)
    }
  }
  state.layout = { xs, ys, columns, rows, width, height, ratio, dot: Math.max(0.6, step * 0.62) }
}

/** Neighbouring committees get distant hues. */
const colourOf = (committee, dark) =>
  `hsl(${committee * 137.508 % 360} ${dark ? 62 : 58}% ${(dark ? 62 : 48) + committee % 3 * 5}%)`

function paint() {
  if (!state.layout) return
  const { xs, ys, ratio, width, height, dot } = state.layout
  const context = $('canvas').getContext('2d')
  const dark = matchMedia('(prefers-color-scheme: dark)').matches
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  const own = state.chosen === null ? null : committeeOf(state.chosen)
  for (let c = 0; c + 1 < state.starts.length; c++) {
    context.fillStyle = colourOf(c, dark)
    context.globalAlpha = own === null || own === c ? 1 : 0.28
    context.beginPath()
    for (let seat = state.starts[c]; seat < state.starts[c + 1]; seat++) {
      if (dot < 1.5) context.rect(xs[seat] - dot, ys[seat] - dot, 2 * dot, 2 * dot)
      else {
        context.moveTo(xs[seat] + dot, ys[seat])
        context.arc(xs[seat], ys[seat], dot, 0, 7)
      }
    }
    context.fill()
  }
  context.globalAlpha = 1
  if (state.chosen !== null) {
    context.strokeStyle = dark ? '#fff' : '#1d2330'
    context.lineWidth = 2
    context.beginPath()
    context.arc(xs[state.chosen], ys[state.chosen], dot + 3.5, 0, 7)
    context.stroke()
  }
}

function committeeOf(seat) {
  let [low, high] = [0, state.starts.length - 2]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (state.starts[middle] <= seat) low = middle
    else high = middle - 1
  }
  return low
}

/** The seat drawn nearest to a point, within its committee's cell. */
function seatAt(x, y) {
  const { xs, ys, columns, rows, width, height } = state.layout
  const committee = Math.floor(y / height * rows) * columns + Math.floor(x / width * columns)
  if (!(committee >= 0 && committee + 1 < state.starts.length)) return null
  let [nearest, least] = [null, Infinity]
  for (let seat = state.starts[committee]; seat < state.starts[committee + 1]; seat++) {
    const distance = (xs[seat] - x) ** 2 + (ys[seat] - y) ** 2
    if (distance < least) [nearest, least] = [seat, distance]
  }
  return nearest
}

// ---- One station

function choose(seat) {
  if (seat === null || seat === undefined) return
  state.chosen = seat
  paint()
  const station = JSON.parse(state.draw.station(state.stations[seat]))
  $('station-title').textContent = `Station ${station.index}`
  const facts = [['committee', station.committee], ['seat', station.seat]]
  if (station.who) facts.unshift(['address', station.who.station], ['operator', station.who.operator], ['subnet', station.who.subnet])
  $('station-facts').replaceChildren(...facts.flatMap(([name, value]) => [element('dt', name), element('dd', value)]))
  $('tasks').tBodies[0].replaceChildren(...station.tasks.map((task, k) => {
    const row = document.createElement('tr')
    row.append(...[k, task.index, task.cid ?? '–', task.provider ?? '–'].map(text => element('td', text)))
    return row
  }))
  $('proof-part').hidden = !station.proof
  if (station.proof) $('proof').textContent = JSON.stringify(station.proof, null, 1)
  $('station').hidden = false
}

function find(text) {
  const index = /^\d+$/.test(text) ? Number(text) : state.draw.find(text)
  const seat = index === undefined ? -1 : state.stations.indexOf(index)
  $('error').hidden = seat >= 0
  if (seat < 0) $('error').textContent = `${text}: unknown station in this roster; enter an index below ${state.stations.length}, or an address`
  else choose(seat)
}

// ---- Events

$('file').addEventListener('change', event => event.target.files[0] && showFile(event.target.files[0]))
$('drop').addEventListener('dragover', event => { event.preventDefault(); $('drop').classList.add('over') })
$('drop').addEventListener('dragleave', () => $('drop').classList.remove('over'))
document.addEventListener('dragover', event => event.preventDefault())
document.addEventListener('drop', event => {
  event.preventDefault()
  $('drop').classList.remove('over')
  if (event.dataTransfer.files[0]) showFile(event.dataTransfer.files[0])
})
$('seed-form').addEventListener('submit', event => { event.preventDefault(); showSeed() })
$('find-form').addEventListener('submit', event => {
  event.preventDefault()
  find(new FormData(event.target).get('station').trim())
})
$('rounds').addEventListener('change', event => showRound(Number(event.target.value)))
$('canvas').addEventListener('click', event => choose(seatAt(event.offsetX, event.offsetY)))
$('canvas').addEventListener('keydown', event => {
  const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
  if (!move) return
  event.preventDefault()
  const last = state.stations.length - 1
  choose(state.chosen === null ? 0 : Math.min(last, Math.max(0, state.chosen + move)))
})
$('copy').addEventListener('click', () => navigator.clipboard?.writeText($('proof').textContent))
const repaint = () => { if (state.draw) { lay(); paint() } }
new ResizeObserver(repaint).observe($('canvas'))
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint)

// A link may set a seed: #seed=…&stations=…&tasks=…
const linked = new URLSearchParams(location.hash.slice(1))
if (linked.has('seed')) {
  for (const [name, value] of linked) {
    const input = $('seed-form').elements.namedItem(name)
    if (input) input.value = value
  }
  showSeed()
}
