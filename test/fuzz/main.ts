// Feeds the decoders that face the network what nobody should send. npm run fuzz [-- --target X --seconds N --seed N]
import { parseArgs } from 'node:util'
import { keep } from './corpus.ts'
import { fuzz } from './driver.ts'
import { targets } from './targets.ts'

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    /** For each target. */
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    /** Writes the inputs to begin with to the corpus, and ends. */
    seeds: { type: 'boolean', default: false },
  },
})

const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
if (chosen.length === 0) {
  console.error(
    `there is no target ${values.target}: write one of ${targets.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed)
if (!(seconds > 0) || !Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
  console.error('write --seconds as a number above 0, and --seed as a whole number below 2^32')
  process.exit(2)
}
if (values.seeds) {
  for (const target of chosen) for (const input of await target.seeds()) console.log(keep(target.name, input))
  process.exit(0)
}

let found = 0
console.log(`seed ${seed}`)
for (const target of chosen) {
  const { inputs, outcomes, finding } = await fuzz(target, { seed, milliseconds: seconds * 1_000 })
  const told = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(', ')
  console.log(`${target.name}: ${inputs} inputs; ${told}`)
  if (!finding) continue
  found += 1
  console.error(`${target.name}: ${finding.error.stack}`)
  console.error(`kept as ${keep(target.name, finding.input, 'found-')}`)
}
process.exit(found === 0 ? 0 : 1)
