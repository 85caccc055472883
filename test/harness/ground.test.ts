import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sweep } from './ground.ts'
import { lacks } from './requirements.ts'
import { until } from './until.ts'

describe.skipIf(lacks('what a mesh leaves behind'))('a mesh leaves nothing behind', () => {
  test('after it is disposed', async () => {
    const mesh = await ownedElsewhere('await mesh[Symbol.asyncDispose]()')
    expect(await mesh.ended).toBe('with 0')
    expect(traces(mesh)).toEqual([])
  })

  test('after an uncaught exception', async () => {
    const mesh = await ownedElsewhere('throw new Error("on purpose")')
    expect(await mesh.ended).toBe('with 1')
    expect(traces(mesh)).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('after %s', async (signal) => {
    const mesh = await ownedElsewhere('setInterval(() => {}, 1000)')
    expect(traces(mesh)).not.toEqual([])
    process.kill(mesh.owner, signal)
    expect(await mesh.ended).toBe(`by ${signal}`)
    expect(traces(mesh)).toEqual([])
  })

  test('after its owner was killed: processes go at once, the rest with the next start', async () => {
    const mesh = await ownedElsewhere('setInterval(() => {}, 1000)')
    // Until it is what it was started as, nothing ties it to its owner yet: such a one is the next start's to end.
    await until('its process to be itself', () => nameOf(mesh.process) === 'sleep')
    process.kill(mesh.owner, 'SIGKILL')
    expect(await mesh.ended).toBe('by SIGKILL')
    await until('its processes to end', () => !runs(mesh.process))
    sweep()
    expect(traces(mesh)).toEqual([])
  })

  test('while a mesh whose owner lives is not swept', async () => {
    const mesh = await ownedElsewhere('setInterval(() => {}, 1000)')
    const before = traces(mesh)
    sweep()
    expect(traces(mesh)).toEqual(before)
    process.kill(mesh.owner, 'SIGTERM')
    await mesh.ended
  })
})

interface Elsewhere {
  readonly id: string
  readonly owner: number
  /** A process that runs in one of its pods. */
  readonly process: number
  readonly ended: Promise<string>
}

/** Starts a mesh with one pod in a process of its own, which then runs `end`. */
async function ownedElsewhere(end: string): Promise<Elsewhere> {
  const module = fileURLToPath(new URL('mesh.ts', import.meta.url))
  const program = `
    import { startMesh } from '${module}'
    const mesh = await startMesh({ controlPlane: false })
    const pod = await mesh.workload('pod', { meshed: false })
    const { pid } = await pod.start(['sleep', '1000'])
    console.log(pod.directory, pid)
    ${end}`
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise<string>((resolve) => {
    owner.once('close', (code, signal) => resolve(signal ? `by ${signal}` : `with ${code}`))
  })
  const lines = createInterface({ input: owner.stdout })
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    owner.once('close', () => reject(new Error('it ended before it had a mesh')))
  })
  const [, id, pid] = /^\/run\/weft\/([0-9a-f]{4})\/\S+ (\d+)$/.exec(line)!
  return { id: id!, owner: owner.pid!, process: Number(pid), ended }
}

function traces({ id, process }: Elsewhere): string[] {
  const files = [...readdirSync('/run/weft'), ...readdirSync('/run/netns')]
  const found = files.filter((name) => name.startsWith(`weft-${id}`) || name.startsWith(id))
  return runs(process) ? [...found, `process ${process}`] : found
}

function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}

/** One that ended counts as ended also while nobody has collected its status. */
function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !'ZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}
