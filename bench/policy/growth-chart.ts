import { logarithmicScale } from '../report/scale.ts'
import { element, type Svg, svgDocument, text } from '../report/svg.ts'

export interface GrowthLine {
  readonly name: string
  readonly points: ReadonlyArray<{ readonly x: number; readonly y: number }>
}

const [width, height] = [760, 380]
const plot = { left: 64, right: width - 190, top: 44, bottom: height - 48 }
const colours = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#56b4e9', '#8c959f']

/** How a cost grows; both axes by powers of ten. */
export function growthChart(
  title: string,
  { x, y }: { readonly x: string; readonly y: string },
  lines: readonly GrowthLine[],
): string {
  const points = lines.flatMap((line) => line.points)
  const across = logarithmicScale(
    points.map((point) => point.x),
    [plot.left, plot.right],
  )
  const up = logarithmicScale(
    points.map((point) => point.y),
    [plot.bottom, plot.top],
  )
  return svgDocument(
    width,
    height,
    title,
    text(plot.left, 22, title, { 'font-size': 15, 'font-weight': 600 }),
    text(plot.left - 8, plot.top - 10, y, { 'text-anchor': 'end' }),
    text(plot.right, plot.bottom + 36, x, { 'text-anchor': 'end' }),
    ...up.ticks
      .filter(isPower)
      .flatMap((tick) => [
        rule(plot.left, up.at(tick), plot.right, up.at(tick)),
        text(plot.left - 8, up.at(tick) + 4, `${tick}`, { 'text-anchor': 'end' }),
      ]),
    ...across.ticks
      .filter(isPower)
      .flatMap((tick) => [
        rule(across.at(tick), plot.top, across.at(tick), plot.bottom),
        text(across.at(tick), plot.bottom + 18, `${tick}`, { 'text-anchor': 'middle' }),
      ]),
    ...lines.flatMap((line, n) => drawn(line, colours[n % colours.length]!, n, across.at, up.at)),
  )
}

function drawn(
  { name, points }: GrowthLine,
  colour: string,
  n: number,
  x: (value: number) => number,
  y: (value: number) => number,
): Svg[] {
  const places = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ')
  const top = plot.top + n * 20
  return [
    element('polyline', { points: places, fill: 'none', stroke: colour, 'stroke-width': 2 }),
    element('rect', { x: plot.right + 16, y: top, width: 12, height: 12, fill: colour }),
    text(plot.right + 34, top + 10, name),
  ]
}

function isPower(tick: number): boolean {
  return Number.isInteger(Math.log10(tick))
}

function rule(x1: number, y1: number, x2: number, y2: number): Svg {
  return element('line', { x1, y1, x2, y2, stroke: '#d0d7de' })
}
