import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { runWeft } from './testing/run-weft.ts'

const commands = [
  'demo',
  'install',
  'uninstall',
  'check',
  'status',
  'control-plane',
  'sidecar',
  'redirect',
  'explain',
  'identity',
  'inject',
  'proxy',
]
/** Commands that only lead to others. */
const groups = ['proxy', 'identity']
const proxyCommands = ['config', 'connections', 'certificate', 'log-level'].map((name) => `proxy ${name}`)

describe('weft', () => {
  it('lists its commands', async () => {
    const { status, stdout } = await runWeft(['--help'])
    expect(status).toBe(0)
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  it('tells its version', async () => {
    expect(await runWeft(['--version'])).toMatchObject({ status: 0, stdout: `${packageJson.version}\n` })
  })

  it('asks for a command', async () => {
    const { status, stdout, stderr } = await runWeft([])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('Commands:')
  })

  it('loads nothing heavy before it knows what is wanted', async () => {
    const hook = `import { registerHooks } from 'node:module'
      registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context) } })`
    const preload = `data:text/javascript,${encodeURIComponent(hook)}`
    const { stderr } = await runWeft(['--help'], { node: ['--import', preload] })
    const root = new URL('..', import.meta.url).href
    const loaded = stderr.split('\n').flatMap((url) => (url.startsWith(root) ? [url.slice(root.length)] : []))
    expect(loaded).toContain('cli/commands/explain.ts')
    const light =
      /^(package\.json|node_modules\/commander\/|cli\/[^/]+\.ts|cli\/commands\/|cli\/proxy\/sections\.ts)/
    expect(loaded.filter((path) => !light.test(path))).toEqual([])
  })
})

const identityCommands = ['revoke', 'rotate', 'status'].map((name) => `identity ${name}`)

describe.each([...commands, ...proxyCommands, ...identityCommands])('weft %s', (command) => {
  it('has help with examples', async () => {
    const { status, stdout } = await runWeft([...command.split(' '), '--help'])
    expect(status).toBe(0)
    expect(stdout).toContain(`Usage: weft ${command}`)
    expect(stdout).toMatch(/^Examples:\n {2}(sudo )?(ip netns exec \S+ )?weft /m)
    if (!groups.includes(command)) expect(stdout).toMatch(/^Exit status:\n {2}0 /m)
    const tooLong = stdout.split('\n').filter((line) => line.length > 100)
    expect(tooLong).toEqual([])
  })
})

describe('a bad command line', () => {
  it.each([
    ['explian a b:1', "weft: unknown command 'explian': did you mean explain?"],
    ['xyzzy', "weft: unknown command 'xyzzy': see weft --help"],
    ['proxy conections', "weft proxy: unknown command 'conections': did you mean connections?"],
    ['explain --registri x', "weft explain: unknown option '--registri': did you mean --registry?"],
    [
      'explain a',
      "weft explain: missing required argument 'DST:PORT': write weft explain [options] <SRC> <DST:PORT>",
    ],
    [
      'explain a b c',
      "weft explain: too many arguments for 'explain': write weft explain [options] <SRC> <DST:PORT>",
    ],
    [
      'explain a b -o xml',
      "weft explain: option '-o, --output <FORMAT>' argument 'xml' is invalid: write table or json",
    ],
    [
      'proxy config nodes',
      "weft proxy config: command-argument value 'nodes' is invalid for argument 'SECTION': " +
        'write summary or workloads or services or policies',
    ],
    [
      'sidecar --pod-name',
      "weft sidecar: option '--pod-name <NAME>' argument missing: see weft sidecar --help",
    ],
    [
      'redirect --print --cleanup',
      "weft redirect: option '--print' cannot be used with option '--cleanup': see weft redirect --help",
    ],
  ])('%s', async (line, message) => {
    expect(await runWeft(line.split(' '))).toEqual({ status: 2, stdout: '', stderr: `${message}\n` })
  })
})
