import fc from 'fast-check'
import { expect, test } from 'vitest'
import { barChart } from './bar-chart.ts'
import { percentileChart } from './percentile-chart.ts'
import { element, svgDocument, text } from './svg.ts'

test('an element has its attributes, rounded, and its children', () => {
  expect(element('g', { x: 1.239 }, text(1, 2, 'a'))).toBe('<g x="1.24"><text x="1" y="2">a</text></g>')
  expect(element('rect', { width: 3 })).toBe('<rect width="3"/>')
})

test('no text gets out of its place', () => {
  fc.assert(
    fc.property(fc.string(), (content) => {
      const inside = /^<text x="0" y="0" class="([^"<>]*)">([^<>]*)<\/text>$/s
      expect(text(0, 0, content, { class: content })).toMatch(inside)
    }),
  )
})

test('charts are whole documents, for any values, without a number that is none', () => {
  const value = fc.double({ min: 0, max: 1e12, noNaN: true })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 6 }), (values) => {
      const bars = values.map((median) => ({
        peer: 'weft' as const,
        median,
        p25: median / 2,
        p75: median * 2,
      }))
      const points = values.map((milliseconds, n) => ({
        percentile: [1, 50, 90, 99, 99.9, 95][n]!,
        milliseconds,
      }))
      const charts = [
        barChart('bars', [{ name: 'a', bars }], String),
        barChart(
          'bars',
          [{ name: 'below', bars: bars.map((bar) => ({ ...bar, median: -bar.median })) }],
          String,
        ),
        percentileChart('lines', [{ peer: 'weft', points }]),
      ]
      for (const chart of charts) {
        expect(chart).toMatch(/^<svg .*<\/svg>\n$/s)
        expect(chart).not.toMatch(/NaN|Infinity|undefined/)
      }
    }),
  )
})

test('a document has a title for those who do not see it', () => {
  expect(svgDocument(10, 10, 'a < b')).toContain('<title>a &lt; b</title>')
})
