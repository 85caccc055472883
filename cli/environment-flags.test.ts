import { afterEach, describe, expect, it, vi } from 'vitest'
import { readConfig as readControlPlaneConfig } from '#control-plane/config.ts'
import { readConfig as readSidecarConfig } from '#sidecar/config.ts'
import { run as redirect } from '#sidecar/redirection/main.ts'
import { controlPlaneFlags } from './commands/control-plane.ts'
import { redirectFlags } from './commands/redirect.ts'
import { sidecarFlags } from './commands/sidecar.ts'
import { runWeft } from './testing/run-weft.ts'

describe('flags of a component', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it.each([
    ['the control plane', controlPlaneFlags, readControlPlaneConfig],
    ['the sidecar', sidecarFlags, readSidecarConfig],
    ['redirection', redirectFlags, (env: NodeJS.ProcessEnv) => redirect(['--print'], env)],
  ])('cover every variable that %s reads', async (_, flags, read) => {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const asked = new Set<string>()
    const env: NodeJS.ProcessEnv = new Proxy({}, { get: (_, name: string) => void asked.add(name) })
    await Promise.try<unknown, [NodeJS.ProcessEnv]>(read, env).catch(() => {})
    expect(flags.map(([, variable]) => variable).sort()).toEqual([...asked].sort())
  })

  it('win over the environment', async () => {
    const env = { WEFT_EXCLUDE_OUTBOUND_PORTS: '25', WEFT_EXCLUDE_INBOUND_PORTS: '9100' }
    const { status, stdout } = await runWeft(['redirect', '--print', '--exclude-outbound-ports', '3306'], {
      env,
    })
    expect(status).toBe(0)
    expect(stdout).toContain('--dports 3306 ')
    expect(stdout).toContain('--dports 9100 ')
    expect(stdout).not.toContain('--dports 25 ')
  })

  it('are judged by the component, which names the variable', async () => {
    const flags = ['--registry', 'mesh.yaml', '--state-dir', '/nowhere', '--listen', 'here']
    const ran = await runWeft(['control-plane', ...flags], { env: { WEFT_LISTEN: '127.0.0.1:0' } })
    expect(ran).toEqual({ status: 2, stdout: '', stderr: 'WEFT_LISTEN is "here": write host:port\n' })
  })
})

describe('weft sidecar', () => {
  it('tells what it lacks', async () => {
    const { status, stdout } = await runWeft(['sidecar', '--pod-name', 'web-1', '--pod-ips', '10.77.0.11'])
    expect(status).toBe(1)
    expect(stdout).toContain('WEFT_POD_NAMESPACE is not set')
    expect(stdout).not.toContain('WEFT_POD_NAME ')
    expect(stdout).not.toContain('WEFT_POD_IPS')
  })
})
