// What does judging a connection cost with 10 to 10 000 policies? node bench/policy.ts [--rounds N] [--out DIRECTORY]
import { parseArgs } from 'node:util'
import { measure } from './policy/measure.ts'
import { connections, population, shapes } from './policy/population.ts'
import { type Sample, writeReport } from './policy/report.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    out: { type: 'string', default: 'bench/results/policy' },
  },
})

const counts = [10, 30, 100, 300, 1_000, 3_000, 10_000]
const rounds = Number(values.rounds)
const live = connections(10_000)
const samples: Sample[] = []

// The first round only warms the compiler up.
for (let round = 0; round <= rounds; round++) {
  for (const shape of shapes) {
    for (const count of counts) {
      const costs = measure(population(shape, count), live)
      if (round > 0) samples.push({ shape, count, round, costs })
    }
  }
  console.error(`round ${round} of ${rounds}`)
}
writeReport(values.out, { counts, rounds, connections: live.length, samples })
console.log(`${values.out}/index.md`)
