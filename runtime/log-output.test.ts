import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LogOutput } from './log-output.ts'

describe('an output that takes nothing', () => {
  it('ends no process, and throws at nobody who logs', () => {
    const full = openSync('/dev/full', 'w')
    const log = JSON.stringify(fileURLToPath(new URL('log.ts', import.meta.url)))
    const script = `
      const { createLog } = await import(${log})
      const log = createLog({ component: 'test' })
      for (let i = 0; i < 100; i++) log.error('x')
      await new Promise((resolve) => setTimeout(resolve, 300))
      log.info('y')
      console.error('goes on')
    `
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    expect([stderr, status]).toEqual(['goes on\n', 0])
  })
})

describe('a pipe that nobody reads, as a container runtime gives it', () => {
  it('does not hold the process up, and has the first lines whole', () => {
    const log = JSON.stringify(fileURLToPath(new URL('log.ts', import.meta.url)))
    const script = `
      const { createLog } = await import(${log})
      const log = createLog({ component: 'test' })
      let late = 0
      let last = performance.now()
      const ticks = setInterval(() => {
        late = Math.max(late, performance.now() - last)
        last = performance.now()
        for (let i = 0; i < 100; i++) log.info('x'.repeat(1000))
      }, 10)
      setTimeout(() => {
        clearInterval(ticks)
        console.error(late < 1000 ? 'goes on' : 'was held up for ' + late)
      }, 1_500)
    `
    // The shell's own pipe: Node would give a socket.
    const command = `node --input-type=module -e "$SCRIPT" | (sleep 3; head -c 900)`
    const { stdout, stderr } = spawnSync('bash', ['-c', command], {
      env: { ...process.env, SCRIPT: script },
      encoding: 'utf8',
    })
    expect(stderr).toBe('goes on\n')
    expect(stdout).toContain('{"level":"info"')
  })
})

describe('an output that takes no more for a while', () => {
  let folder: string
  let pipe: number
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-output-'))
    const path = join(folder, 'pipe')
    expect(spawnSync('mkfifo', [path]).status).toBe(0)
    pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  })
  afterEach(() => {
    closeSync(pipe)
    rmSync(folder, { recursive: true })
  })

  /** Reads whole lines until there are no more. */
  function read(): string[] {
    const chunks: Buffer[] = []
    const chunk = Buffer.alloc(1024 * 1024)
    try {
      while (true) chunks.push(Buffer.from(chunk.subarray(0, readSync(pipe, chunk))))
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' })
    }
    return Buffer.concat(chunks).toString().split('\n')
  }

  /** Lines that do not divide the pipe's size, so that one of them is cut where it is full. */
  const line = (i: number): string => `${i} ${'ä'.repeat(500)}\n`

  it('has whole lines in order, holds 256 KiB meanwhile, and tells how many were lost', async () => {
    const lost: number[] = []
    const output = new LogOutput(pipe, (lines) => lost.push(lines))
    const written = 2_000
    for (let i = 0; i < written; i++) output.write(line(i))
    const received: string[] = []
    // Nothing more is logged: what waits is written all the same.
    await expect
      .poll(
        () => {
          const lines = read()
          received.push((received.pop() ?? '') + lines[0]!, ...lines.slice(1))
          return lost.length
        },
        { timeout: 5_000 },
      )
      .toBe(1)
    received.push(...read().slice(1))
    const whole = received.filter((text) => text !== '')
    expect(whole.map((text) => `${text}\n`)).toEqual(whole.map((_, i) => line(i)))
    expect(whole.length + lost[0]!).toBe(written)
    const pipeSize = 64 * 1024
    expect(Buffer.byteLength(whole.join('\n'))).toBeLessThanOrEqual(pipeSize + 256 * 1024)
  })

  it('takes up again with the line that comes next', () => {
    const output = new LogOutput(pipe, () => {})
    for (let i = 0; i < 70; i++) output.write(line(i))
    const first = read()
    output.write('the next\n')
    expect((first.join('\n') + read().join('\n')).split('\n').slice(0, -1)).toEqual([
      ...Array.from({ length: 70 }, (_, i) => line(i).trimEnd()),
      'the next',
    ])
  })
})
