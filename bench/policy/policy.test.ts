import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { evaluate, workloadPolicies } from '#mesh/policy/evaluate.ts'
import { measure } from './measure.ts'
import { connections, population, shapes } from './population.ts'
import { writeReport } from './report.ts'

it.each(shapes)('judges connections of which some are permitted and some are not: %s', (shape) => {
  const policies = population(shape, 1_000)
  const held = workloadPolicies(
    policies.map(({ key }) => key),
    new Map(policies.map((policy) => [policy.key, policy])),
  )
  const verdicts = new Set(connections(1_000).map((facts) => evaluate(facts, held).kind))
  // Nobody is of a team, and nobody comes from an address of the first thousand ranges.
  const refused = shape === 'prefixes' || shape === 'ranges'
  expect([...verdicts].toSorted()).toEqual(refused ? ['denial'] : ['denial', 'permit'])
})

it('writes page, plots and figures of a run', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-policy-'))
  const counts = [10, 100]
  const live = connections(50)
  const samples = shapes.flatMap((shape) =>
    counts.map((count) => ({ shape, count, round: 1, costs: measure(population(shape, count), live) })),
  )
  writeReport(directory, { counts, rounds: 1, connections: live.length, samples })
  const read = (name: string) => readFileSync(join(directory, name), 'utf8')
  expect(read('index.md').match(/^\| (Allow|Deny|of all)/gm)).toHaveLength(shapes.length)
  for (const plot of ['evaluation.svg', 'building.svg']) {
    expect(read('index.md')).toContain(`](${plot})`)
    expect(read(plot).match(/<polyline/g)).toHaveLength(shapes.length + 1)
  }
  expect(JSON.parse(read('results.json')).samples).toHaveLength(shapes.length * counts.length)
  rmSync(directory, { recursive: true })
})
