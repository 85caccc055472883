import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectl } from './harness/kubectl.ts'
import { pod } from './harness/manifests.ts'
import { Namespace } from './harness/namespace.ts'

let namespace: Namespace

beforeAll(async () => {
  namespace = await Namespace.create('images')
  await namespace.pod(pod('plain'))
})
afterAll(() => namespace[Symbol.asyncDispose]())

describe('images', () => {
  test.each(['sh', 'bash', 'apt-get', 'dpkg', 'apk'])('the sidecar’s has no %s', async (program) => {
    await expect(inSidecar(program, '--version')).rejects.toThrow(/executable file not found/)
  })

  test('the sidecar is uid 1337 from its image as well, and may write nowhere', async () => {
    expect(await evaluate('process.getuid()')).toBe('1337')
    const write = "try { fs.writeFileSync('/weft/x', ''); 'written' } catch (error) { error.code }"
    expect(await evaluate(write)).toBe('EROFS')
  })

  test('an idle sidecar has less than 64 MB of its own', async () => {
    const status = await evaluate("fs.readFileSync('/proc/1/status', 'utf8')")
    const kilobytes = Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1])
    expect(kilobytes).toBeGreaterThan(0)
    expect(kilobytes).toBeLessThan(64 * 1_024)
  })

  test.each(['weft-control-plane', 'weft-injector'])(
    '%s runs as nobody in particular',
    async (deployment) => {
      const command = ['exec', `deployment/${deployment}`, '--', 'node', '--print', 'process.getuid()']
      expect(await kubectl(command, { namespace: 'weft-system' })).toBe('65532\n')
    },
  )
})

async function evaluate(expression: string): Promise<string> {
  return (await inSidecar('node', '--print', expression)).trim()
}

async function inSidecar(...command: readonly string[]): Promise<string> {
  return await namespace.kubectl(['exec', 'plain', '-c', 'weft-proxy', '--', ...command])
}
