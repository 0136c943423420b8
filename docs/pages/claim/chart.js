// A chart of the amounts that each settlement added: one bar per settlement, split into paid, claimable and pending.
'use strict'

const SVG = 'http://www.w3.org/2000/svg'

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** A round number just above `value`, in attoFIL. */
function ceiling(value) {
  let unit = 1n
  while (unit * 10n <= value) unit *= 10n
  for (const step of [1n, 2n, 5n, 10n]) if (unit * step >= value) return unit * step
  return value
}

/** The chart for a width; `bars` have an id, a state, amounts paid, claimable and pending; or nothing if they are unknown. */
function drawChart(bars, width, say) {
  const [height, top, left, bottom] = [190, 26, 46, 24]
  const plot = { width: width - left, height: height - top - bottom }
  const total = bar => (bar.parts ? bar.parts.paid + bar.parts.claimable + bar.parts.pending : 0n)
  const most = ceiling(bars.reduce((most, bar) => (total(bar) > most ? total(bar) : most), 1n))
  // Shares of the height: doubles are precise enough for pixels.
  const tall = amount => Number(amount * 10000n / most) / 10000 * plot.height
  const floor = top + plot.height
  const slot = plot.width / bars.length
  const wide = Math.min(44, slot * 0.62)

  const hatch = shape('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    shape('rect', { width: 6, height: 6, class: 'hatch-ground' }), shape('rect', { width: 2.4, height: 6, class: 'hatch-line' }))
  const picture = shape('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' }, shape('defs', {}, hatch))
  for (const part of [0n, 1n, 2n]) {
    const amount = most * part / 2n
    const y = floor - tall(amount)
    picture.append(shape('line', { x1: left, x2: width, y1: y, y2: y, class: part ? 'grid' : 'axis' }),
      shape('text', { x: left - 6, y: y + 4, class: 'scale' }, say(amount)))
  }
  bars.forEach((bar, place) => {
    const x = left + slot * place + (slot - wide) / 2
    const group = shape('g', { class: 'bar' }, shape('title', {}, bar.title))
    let y = floor
    for (const kind of ['paid', 'claimable', 'pending']) {
      const amount = bar.parts?.[kind] ?? 0n
      if (!amount) continue
      // High enough to be visible.
      const high = Math.max(2, tall(amount))
      y -= high
      group.append(shape('rect', { x, y, width: wide, height: high, class: kind }))
    }
    if (!bar.parts) group.append(shape('text', { x: x + wide / 2, y: floor - 6, class: 'label' }, '?'))
    else if (wide > 34) group.append(shape('text', { x: x + wide / 2, y: y - 6, class: 'label' }, say(total(bar))))
    group.append(shape('text', { x: x + wide / 2, y: floor + 17, class: 'label' }, String(bar.id)))
    picture.append(group)
  })
  picture.setAttribute('aria-label', `Added by each settlement, in FIL. ${bars.map(bar => bar.title).join('. ')}.`)
  return picture
}
