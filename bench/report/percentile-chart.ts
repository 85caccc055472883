import type { PeerName } from '../harness/peer.ts'
import { colours } from './palette.ts'
import { logarithmicScale } from './scale.ts'
import { element, type Svg, svgDocument, text } from './svg.ts'

export interface PercentileLine {
  readonly peer: PeerName
  /** Milliseconds by percentile. */
  readonly points: ReadonlyArray<{ readonly percentile: number; readonly milliseconds: number }>
}

const [width, height] = [760, 380]
const plot = { left: 64, right: width - 150, top: 44, bottom: height - 48 }
const shown = [50, 75, 90, 95, 99, 99.9]

/** Latency by percentile, one line a peer; the tail is spread out, as `1 / (1 - percentile)` grows. */
export function percentileChart(title: string, lines: readonly PercentileLine[]): string {
  const drawn = lines.map(({ peer, points }) => ({ peer, points: points.filter(isShown) }))
  const values = drawn.flatMap(({ points }) => points.map(({ milliseconds }) => milliseconds))
  const y = logarithmicScale(values, [plot.bottom, plot.top])
  const across = (plot.right - plot.left) / rarity(99.9)
  const x = (percentile: number) => plot.left + rarity(percentile) * across
  const grid = [
    ...y.ticks.flatMap((tick) => [
      line(plot.left, y.at(tick), plot.right, y.at(tick)),
      text(plot.left - 8, y.at(tick) + 4, `${tick}`, { 'text-anchor': 'end' }),
    ]),
    ...shown.flatMap((percentile) => [
      line(x(percentile), plot.top, x(percentile), plot.bottom),
      text(x(percentile), plot.bottom + 18, `p${percentile}`, { 'text-anchor': 'middle' }),
    ]),
  ]
  return svgDocument(
    width,
    height,
    title,
    text(plot.left, 22, title, { 'font-size': 15, 'font-weight': 600 }),
    text(plot.left - 8, plot.top - 10, 'ms', { 'text-anchor': 'end' }),
    ...grid,
    ...drawn.flatMap((one, n) => [curve(one, x, y.at), ...legend(one.peer, n)]),
  )
}

function isShown({ percentile }: { readonly percentile: number }): boolean {
  return percentile >= 50 && percentile <= 99.9
}

/** How many powers of ten of requests there are for one that is slower; 0 at the median's half. */
function rarity(percentile: number): number {
  return Math.log10(1 / (1 - percentile / 100)) - Math.log10(2)
}

function curve(
  { peer, points }: PercentileLine,
  x: (percentile: number) => number,
  y: (milliseconds: number) => number,
): Svg {
  const places = points
    .toSorted((a, b) => a.percentile - b.percentile)
    .map(({ percentile, milliseconds }) => `${x(percentile).toFixed(1)},${y(milliseconds).toFixed(1)}`)
  const stroke = { stroke: colours[peer], 'stroke-width': peer === 'weft' ? 3 : 2 }
  return element('polyline', { points: places.join(' '), fill: 'none', ...stroke })
}

function legend(peer: PeerName, n: number): Svg[] {
  const top = plot.top + n * 20
  return [
    element('rect', { x: plot.right + 16, y: top, width: 12, height: 12, fill: colours[peer] }),
    text(plot.right + 34, top + 10, peer),
  ]
}

function line(x1: number, y1: number, x2: number, y2: number): Svg {
  return element('line', { x1, y1, x2, y2, stroke: '#d0d7de' })
}
