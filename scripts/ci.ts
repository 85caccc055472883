// Everything that guards the project, in one run whose last line has the true totals: `N passed, N failed`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Tally {
  passed: number
  failed: number
}

const root = new URL('..', import.meta.url).pathname
const scratch = mkdtempSync(join(tmpdir(), 'weft-ci-'))
const total: Tally = { passed: 0, failed: 0 }
let reports = 0

try {
  await step('check', async () =>
    countLines(await run('npm', ['run', '--silent', 'check']), /^ok /, /^FAILED /),
  )
  await step('tests', () => tests('npm', ['test', '--silent', '--']))
  await step('demo', async () => {
    const { output } = await run('npm', ['run', '--silent', 'demo', '--', '--once'])
    const match = /^demo: (\d+) checks passed, (\d+) failed$/m.exec(output)
    return match ? { passed: Number(match[1]), failed: Number(match[2]) } : { passed: 0, failed: 1 }
  })
  await step('gate', async () =>
    countLines(await run('npm', ['run', '--silent', 'bench:gate']), /^holds /, /^FAILS /),
  )
  await step('cluster', () => tests('npm', ['run', '--silent', 'test:cluster', '--', '--']))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)

async function step(name: string, work: () => Promise<Tally>): Promise<void> {
  console.log(`\n== ${name}`)
  const started = Date.now()
  const tally = await work().catch((error: unknown): Tally => {
    console.log(error)
    return { passed: 0, failed: 1 }
  })
  total.passed += tally.passed
  total.failed += tally.failed
  const seconds = ((Date.now() - started) / 1_000).toFixed(0)
  console.log(`== ${name}: ${tally.passed} passed, ${tally.failed} failed (${seconds} s)`)
}

/** Runs vitest by a command that takes its arguments. */
async function tests(command: string, args: readonly string[]): Promise<Tally> {
  const report = join(scratch, `tests-${++reports}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { status } = await run(command, [...args, ...reporters])
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numTodoTests: number
  }
  // A skipped test has tested nothing, and a run can fail outside of any test.
  const failed = result.numFailedTests + result.numPendingTests + result.numTodoTests
  return { passed: result.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed }
}

function countLines({ output, status }: Finished, good: RegExp, bad: RegExp): Tally {
  const lines = output.split('\n')
  const passed = lines.filter((line) => good.test(line)).length
  const failed = lines.filter((line) => bad.test(line)).length
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed }
}

interface Finished {
  readonly output: string
  readonly status: number | null
}

/** Runs a command to its end, showing what it says as it says it. */
function run(command: string, args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      process.stdout.write(text)
    })
    child.once('error', reject).once('close', (status) => resolve({ output, status }))
  })
}
