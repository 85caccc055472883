// Which layer carries the tunnel better: node:http2, or frames of our own? node bench/layers.ts [--rounds N] [--seconds N] [--only closed] [--quick]
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { plainContexts } from '#sidecar/tunnel/frames/testing/contexts.ts'
import { type LayerName, layerNames } from './layers/ends.ts'
import { type Figures, visit } from './layers/round.ts'
import { spread } from './report/statistics.ts'
import { table } from './report/table.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string', default: 'bench/results/layers.json' },
  },
})

const rounds = Number(values.rounds)
const { only, quick } = values
const durations = { only, seconds: quick ? 1 : Number(values.seconds), bytes: quick ? 256e6 : 1e9 }
const contexts = await plainContexts()
const samples: { readonly round: number; readonly layer: LayerName; readonly figures: Figures }[] = []

for (let round = 0; round < rounds; round++) {
  // A B C, then C B A: what drifts hits all alike.
  const order = round % 2 === 0 ? layerNames : layerNames.toReversed()
  for (const layer of order) {
    const started = performance.now()
    const figures = await visit(layer, contexts, `127.64.${round}.1`, durations)
    samples.push({ round, layer, figures })
    console.error(
      `round ${round + 1} of ${rounds}: ${layer}, ${((performance.now() - started) / 1_000).toFixed(0)} s`,
    )
  }
}

const names = [...new Set(samples.flatMap(({ figures }) => Object.keys(figures)))]
const rows = names.map((name) => {
  const http2 = figuresOf('http2', name)
  const ratios = figuresOf('frames', name).map((value, i) => value / http2[i]!)
  return [name, ...layerNames.map((layer) => shown(figuresOf(layer, name))), shown(ratios)]
})
console.log(table(['median (quartiles)', ...layerNames, 'frames / http2'], rows))
mkdirSync(dirname(values.out), { recursive: true })
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }
writeFileSync(values.out, `${JSON.stringify({ machine, durations, samples }, null, 2)}\n`)
console.log(`raw samples: ${values.out}`)

/** A figure of one layer, in the order of rounds. */
function figuresOf(layer: LayerName, name: string): number[] {
  return samples
    .filter((sample) => sample.layer === layer && name in sample.figures)
    .map(({ figures }) => figures[name]!)
}

function shown(values: readonly number[]): string {
  const found = spread(values)
  if (!found) return '-'
  const [median, p25, p75] = [found.median, found.p25, found.p75].map((value) => Number(value.toPrecision(3)))
  return `${median} (${p25}-${p75})`
}
