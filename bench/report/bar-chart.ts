import type { PeerName } from '../harness/peer.ts'
import { colours } from './palette.ts'
import { linearScale } from './scale.ts'
import type { Spread } from './statistics.ts'
import { element, type Svg, svgDocument, text } from './svg.ts'

export interface Bar extends Pick<Spread, 'median' | 'p25' | 'p75'> {
  readonly peer: PeerName
}

export interface BarGroup {
  readonly name: string
  readonly bars: readonly Bar[]
}

const width = 760
const plot = { left: 130, right: width - 96, top: 44 }
const [barHeight, groupGap] = [18, 34]

/** Medians as bars, the quarter on either side as a whisker; `format` writes the number at each bar's end. */
export function barChart(
  title: string,
  groups: readonly BarGroup[],
  format: (value: number) => string,
): string {
  const values = groups.flatMap(({ bars }) => bars.flatMap(({ median, p75 }) => [median, p75]))
  const x = linearScale(values, [plot.left, plot.right])
  const rows: Svg[] = []
  let top = plot.top
  for (const { name, bars } of groups) {
    if (groups.length > 1) rows.push(text(plot.left, top + 10, name, { 'font-weight': 600 }))
    top += groups.length > 1 ? 18 : 0
    for (const bar of bars) {
      rows.push(...row(bar, top, x.at, format))
      top += barHeight + 4
    }
    top += groupGap - 18
  }
  const axis = element('line', {
    x1: x.at(0),
    x2: x.at(0),
    y1: plot.top,
    y2: top - 12,
    stroke: '#8c959f',
  })
  const heading = text(16, 22, title, { 'font-size': 15, 'font-weight': 600 })
  return svgDocument(width, top, title, heading, axis, ...rows)
}

function row(
  { peer, median, p25, p75 }: Bar,
  top: number,
  x: (value: number) => number,
  format: (value: number) => string,
): Svg[] {
  const middle = top + barHeight / 2
  const [left, right] = [Math.min(x(0), x(median)), Math.max(x(0), x(median))]
  const whisker = { stroke: '#24292f', 'stroke-width': 1.5 }
  return [
    text(plot.left - 8, middle + 4, peer, { 'text-anchor': 'end' }),
    element('rect', { x: left, y: top, width: right - left, height: barHeight, fill: colours[peer] }),
    element('line', { x1: x(p25), x2: x(p75), y1: middle, y2: middle, ...whisker }),
    text(Math.max(right, x(p75)) + 6, middle + 4, format(median)),
  ]
}
