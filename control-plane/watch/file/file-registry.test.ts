import { appendFile, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '#runtime/metrics.ts'
import { recordingLog } from '../../authority/testing/recording-log.ts'
import { temporaryFolder } from '../../authority/testing/temporary-folder.ts'
import type { RegistryState } from '../../model/registry-state.ts'
import { createFileRegistry } from './file-registry.ts'

interface Watched extends AsyncDisposable {
  readonly folder: string
  readonly file: string
  readonly metrics: ReturnType<typeof createMetrics>
  readonly records: Record<string, unknown>[]
  /** The name of the trust domain in the next state, as a mark of which file it came from. */
  next(withinMilliseconds?: number): Promise<string>
  /** Fails when a state comes. */
  nothing(forMilliseconds?: number): Promise<void>
  problems(): unknown[]
}

function good(trustDomain: string, workload = ''): string {
  return `mesh: { networks: [10.77.0.0/16], trustDomain: ${trustDomain} }\nworkloads: [${workload}]\n`
}

/** A registry over a file in a folder of its own; without `poll`, only events of the kernel are seen. */
async function watched(options: { text?: string; poll?: number; file?: string } = {}): Promise<Watched> {
  const folder = temporaryFolder()
  const file = join(folder.path, options.file ?? 'mesh.yaml')
  if (options.text !== undefined) await writeFile(file, options.text)
  const metrics = createMetrics()
  const { log, records } = recordingLog()
  const ending = new AbortController()
  const registry = createFileRegistry({ file, log, metrics, poll: options.poll ?? 60_000 })
  const states = registry.watch(ending.signal)[Symbol.asyncIterator]()
  let pending: Promise<IteratorResult<RegistryState>> | undefined
  const arrival = () => (pending ??= states.next())
  return {
    folder: folder.path,
    file,
    metrics,
    records,
    next: async (within = 1_000) => {
      const late = delay(within).then(() => expect.unreachable(`no state within ${within} ms`))
      const { value } = await Promise.race([arrival(), late])
      pending = undefined
      return (value as RegistryState).mesh.trustDomain
    },
    nothing: async (milliseconds = 300) => {
      const quiet = Symbol('quiet')
      expect(await Promise.race([arrival(), delay(milliseconds, quiet)])).toBe(quiet)
    },
    problems: () => records.filter(({ level }) => level === 'error').map(({ problem }) => problem),
    [Symbol.asyncDispose]: async () => {
      ending.abort()
      await arrival()
      folder[Symbol.dispose]()
    },
  }
}

describe('the file is read', () => {
  test('at the start', async () => {
    await using registry = await watched({ text: good('one') })
    expect(await registry.next()).toBe('one')
    expect(await registry.metrics.metrics()).toMatch(
      /weft_registry_rejected 0\n[^]*loads_total\{result="accepted"\} 1\n/,
    )
  })

  test('when it is written in place', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    await writeFile(registry.file, good('two'))
    expect(await registry.next()).toBe('two')
  })

  test('when an editor renames another one over it, again and again', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    for (const domain of ['two', 'three', 'four']) {
      await writeFile(join(registry.folder, '.mesh.yaml.swp'), good(domain))
      await rename(join(registry.folder, '.mesh.yaml.swp'), registry.file)
      expect(await registry.next()).toBe(domain)
    }
  })

  test('when the folder that a link leads to is exchanged, as Kubernetes mounts a ConfigMap', async () => {
    await using registry = await watched({ file: 'mesh.yaml' })
    for (const version of ['one', 'two']) {
      await mkdir(join(registry.folder, version))
      await writeFile(join(registry.folder, version, 'mesh.yaml'), good(version))
      await symlink(version, join(registry.folder, 'data.new'))
      await rename(join(registry.folder, 'data.new'), join(registry.folder, 'data'))
      if (version === 'one') await symlink('data/mesh.yaml', registry.file)
      expect(await registry.next()).toBe(version)
    }
  })

  test('by a look from time to time, when the kernel says nothing', async () => {
    await using registry = await watched({ file: 'not-there-yet/mesh.yaml', poll: 50 })
    await registry.nothing(100)
    await mkdir(join(registry.folder, 'not-there-yet'))
    await writeFile(registry.file, good('one'))
    expect(await registry.next()).toBe('one')
    await writeFile(registry.file, good('two'))
    expect(await registry.next()).toBe('two')
  })

  test('when it is whole: parts that follow each other closely are one', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    const text = good('two', '{ name: a, namespace: b, addresses: [10.77.0.1] }')
    await writeFile(registry.file, '')
    for (const part of text.match(/[^]{1,20}/g)!) {
      await appendFile(registry.file, part)
      await delay(5)
    }
    expect(await registry.next()).toBe('two')
    expect(registry.problems()).toEqual([])
  })

  test('soon, though something else is written in its folder all the time', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    const quiet = new AbortController()
    const writing = (async () => {
      for (; !quiet.signal.aborted; await delay(5)) {
        await appendFile(join(registry.folder, 'capture.pcap'), 'a packet')
      }
    })()
    await delay(100)
    const changed = performance.now()
    await writeFile(join(registry.folder, 'next'), good('two'))
    await rename(join(registry.folder, 'next'), registry.file)
    expect(await registry.next()).toBe('two')
    quiet.abort()
    await writing
    // Ten times the quiet that is waited for would be 500 ms.
    expect(performance.now() - changed).toBeLessThan(300)
  })

  test('once for many changes while the reader is busy', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    for (let i = 0; i < 5; i++) {
      await writeFile(registry.file, good(`v${i}`))
      await delay(80)
    }
    expect(await registry.next()).toBe('v4')
    await registry.nothing()
  })

  test('and is no news when its content is the same, or other files change', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    await writeFile(registry.file, good('one'))
    await writeFile(join(registry.folder, 'other.yaml'), good('two'))
    await registry.nothing()
  })
})

describe('a bad file', () => {
  test('keeps the last good state, tells every problem, and is over when it is good again', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    await writeFile(registry.file, 'mesh: { networks: [10.77.0.0/33], egres: passthrough }')
    await registry.nothing()
    expect(registry.problems()).toEqual([
      `${registry.file}:1:20 mesh.networks[0]: "10.77.0.0/33" is no address range; write e.g. 10.0.0.0/8, 2001:db8::/32, or one address`,
      `${registry.file}:1:35 mesh.egres: is not a field that weft knows; did you mean egress?`,
    ])
    expect(registry.records.at(-1)).toMatchObject({ level: 'warn', message: 'the last good state stays' })
    expect(await registry.metrics.metrics()).toMatch(
      /weft_registry_rejected 1\n[^]*\{result="rejected"\} 1\n/,
    )

    await writeFile(registry.file, good('two'))
    expect(await registry.next()).toBe('two')
    expect(await registry.metrics.metrics()).toContain('weft_registry_rejected 0\n')
  })

  test('that is taken back is no news, and no longer counted as refused', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    await writeFile(registry.file, 'what?')
    await registry.nothing()
    await writeFile(registry.file, good('one'))
    await registry.nothing()
    expect(await registry.metrics.metrics()).toContain('weft_registry_rejected 0\n')
  })

  test.each([
    ['missing', undefined, / is missing: write it$/],
    ['empty', '', /:1:1 the file is empty/],
    ['nonsense', 'mesh: networks: x', /:1:\d+ this is not YAML: /],
  ])('at the start, %s, is told and waited for', async (_, text, problem) => {
    await using registry = await watched(text === undefined ? {} : { text })
    await registry.nothing()
    expect(registry.problems()).toEqual([expect.stringMatching(problem)])
    expect(registry.records.at(-1)).toMatchObject({ message: 'waiting for a good file' })
    await writeFile(registry.file, good('one'))
    expect(await registry.next()).toBe('one')
  })

  test('that is no text at all', async () => {
    await using registry = await watched({ text: good('one') })
    await registry.next()
    await writeFile(registry.file, Buffer.of(0xff, 0xfe, 0x00))
    await registry.nothing()
    expect(registry.problems()).toEqual([`${registry.file} is not UTF-8: save it as UTF-8`])
  })

  test('that is a folder', async () => {
    await using registry = await watched()
    await mkdir(registry.file)
    await registry.nothing()
    expect(registry.problems().at(-1)).toMatch(/mesh.yaml cannot be read: EISDIR/)
  })

  test('that was removed keeps the last good state, even with its folder', async () => {
    await using registry = await watched({ text: good('one'), poll: 100 })
    await registry.next()
    await unlink(registry.file)
    await registry.nothing()
    await rm(registry.folder, { recursive: true })
    await registry.nothing()
    await mkdir(registry.folder)
    await writeFile(registry.file, good('two'))
    expect(await registry.next()).toBe('two')
  })
})

test('the watch ends with its signal', async () => {
  const { log } = recordingLog()
  using folder = temporaryFolder()
  const registry = createFileRegistry({ file: join(folder.path, 'mesh.yaml'), log, metrics: createMetrics() })
  const ending = new AbortController()
  setTimeout(() => ending.abort(), 50)
  for await (const _ of registry.watch(ending.signal)) expect.unreachable()
})
