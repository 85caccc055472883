import { spawn, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Ground } from '#test/harness/ground.ts'
import { lacks } from '#test/harness/requirements.ts'
import { runWeft } from '../testing/run-weft.ts'
import { withoutNetns } from './netns.ts'

describe('the command line inside a network namespace', () => {
  it.each([
    ['proxy config --netns pod -o json', 'proxy config -o json'],
    ['proxy config --netns=pod', 'proxy config'],
    ['--netns pod proxy config', 'proxy config'],
    ['proxy config summary', 'proxy config summary'],
  ])('%s', (argv, inside) => {
    expect(withoutNetns(argv.split(' '))).toEqual(inside.split(' '))
  })
})

describe.skipIf(lacks('weft proxy --netns'))('weft proxy --netns', () => {
  let ground: Ground
  let netns: string

  beforeAll(async () => {
    ground = new Ground()
    netns = `${ground.prefix}pod`
    run('ip', 'netns', 'add', netns)
    run('ip', '-netns', netns, 'link', 'set', 'lo', 'up')
    const serve = `require('node:http').createServer((_, response) => response.end('{"level":"warn"}'))
      .listen(15000, '127.0.0.1', () => console.log('listening'))`
    const server = spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', serve], { detached: true })
    ground.holds(server.pid!)
    await new Promise((resolve) => server.stdout.once('data', resolve))
  })
  afterAll(() => ground.clear())

  it('asks the sidecar there, and ends as it would have here', async () => {
    expect(await runWeft(['proxy', 'log-level', '--netns', netns])).toEqual({
      status: 0,
      stdout: 'warn\n',
      stderr: '',
    })
    const { status, stderr } = await runWeft(['proxy', 'config', `--netns=${netns}`])
    expect(status).toBe(1)
    expect(stderr).toContain('this is not the answer of a weft sidecar')
  })

  it('knows a name that was mistyped', async () => {
    expect(await runWeft(['proxy', 'config', '--netns', `${netns}s`])).toEqual({
      status: 2,
      stdout: '',
      stderr: `weft proxy: --netns "${netns}s": there is no network namespace of that name: did you mean ${netns}?\n`,
    })
  })
})

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}
