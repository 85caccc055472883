// `npm run soak -- --minutes 30`: a mesh under churn, and whether its processes hold at the end what they held at the start.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { ensurePrerequisites, testCommands } from '../../scripts/prerequisites.ts'
import { megabytes, type SoakReport, soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    /** A file that gets the report as JSON. */
    json: { type: 'string' },
  },
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  console.error(`--minutes is "${values.minutes}": write a number above 0`)
  process.exit(2)
}
await ensurePrerequisites(testCommands)
const report = await soak({ minutes, say: console.log })
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
console.log(tableOf(report))
for (const problem of report.problems) console.log(`problem: ${problem}`)
console.log(
  report.problems.length === 0 ? 'soak: passed' : `soak: failed, ${report.problems.length} problems`,
)
process.exit(report.problems.length === 0 ? 0 : 1)

function tableOf({ held, churn }: SoakReport): string {
  const table = new Table({
    head: ['process', 'open files', 'private memory', 'live after a collection', ''],
    style: { head: [], border: [] },
  })
  for (const { name, first, last, problems } of held) {
    const files = `${first.files} -> ${last.files}`
    const memory = `${megabytes(first.memory)} -> ${megabytes(last.memory)}`
    const live = `${megabytes(first.live)} -> ${megabytes(last.live)}`
    table.push([name, files, memory, live, problems.length === 0 ? 'ok' : 'NOT OK'])
  }
  const { connections, bytes, aborts, changes, restarts } = churn
  const carried = `${connections} connections answered, ${megabytes(bytes)} in large ones, ${aborts} cut`
  return `${table.toString()}\n${carried}; ${changes} changes, ${restarts} restarts of the control plane`
}
