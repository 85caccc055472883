import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../cli/check/finding.ts'
import type { Summary } from '../../cli/status/summarise.ts'
import { runWeft } from '../../cli/testing/run-weft.ts'
import { until } from '../harness/until.ts'
import { kubectl } from './harness/kubectl.ts'
import { authorizationPolicy, peerAuthentication, pod } from './harness/manifests.ts'
import { Namespace } from './harness/namespace.ts'

describe('weft check', () => {
  it('sees that the control plane, the webhook and a meshed pod are well', async () => {
    await using namespace = await Namespace.create('check')
    await namespace.pod(pod('backend'))
    const { findings } = await check()
    expect(of(findings, 'deployments')).toMatchObject([{ level: 'ok' }, { level: 'ok' }])
    expect(of(findings, 'webhook')).toMatchObject([{ level: 'ok' }])
    expect(of(findings, 'definitions')).toMatchObject([{ level: 'ok' }])
    expect(of(findings, 'version')).toMatchObject([{ level: 'ok' }])
    const certificates = of(findings, 'certificates').map(({ message }) => message)
    expect(certificates).toContainEqual(expect.stringMatching(/^the root .* is good for another 36\d\dd/))
    expect(certificates).toContainEqual(
      expect.stringMatching(/^the issuer certificate is good for another 36\dd/),
    )
    expect(about(findings, namespace.name)).toEqual([])
  })

  it('names a NetworkPolicy that closes the tunnel, and the patch that it prints opens it', async () => {
    await using namespace = await Namespace.create('check-network')
    await namespace.pod(pod('backend'))
    await namespace.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'backend' },
      spec: { podSelector: { matchLabels: { app: 'backend' } }, ingress: [{ ports: [{ port: 8080 }] }] },
    })
    const { status, findings } = await check()
    const [found, ...more] = about(findings, namespace.name)
    expect({ status, found, more }).toMatchObject({
      status: 1,
      found: { check: 'network-policies', level: 'problem' },
      more: [],
    })

    await run(found!.commands![0]!)
    expect(about((await check()).findings, namespace.name)).toEqual([])
  })

  it('names pods that were there before the label, and what makes them anew', async () => {
    await using namespace = await Namespace.create('check-early', { meshed: false })
    await namespace.pod(pod('early'))
    expect(about((await check()).findings, namespace.name)).toEqual([])
    await kubectl(['label', 'namespace', namespace.name, 'weft.dev/inject=enabled'])
    const { findings } = await check()
    expect(about(findings, namespace.name)).toMatchObject([{ check: 'unmeshed', level: 'problem' }])
    expect(about(findings, namespace.name)[0]?.message).toContain('pod/early')
  })

  it('names a namespace that refuses meshed pods, and what it prints mends it', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
    await using namespace = await Namespace.create('check-level', { labels })
    const [found] = about((await check()).findings, namespace.name)
    expect(found).toMatchObject({ check: 'pod-security', level: 'problem' })
    await run(found!.commands![0]!)
    expect(about((await check()).findings, namespace.name)).toEqual([])
  })

  it('finds a cluster fit for weft that has it already', async () => {
    const { findings } = await check('--pre')
    expect(of(findings, 'permissions')).toMatchObject([{ level: 'ok' }])
  })
})

describe('weft status', () => {
  it('counts pods, and tells of policies whether they are in force and on how many', async () => {
    await using namespace = await Namespace.create('status')
    await namespace.pod(pod('backend'))
    await namespace.pod(pod('bare', { labels: { 'weft.dev/inject': 'false' } }))
    await namespace.apply(
      peerAuthentication('strict', { mode: 'Strict' }),
      authorizationPolicy('closed', { selector: { matchLabels: { app: 'backend' } }, dryRun: true }),
    )
    const policies = await until('the policies are judged', async () => {
      const judged = (await status()).policies.filter(({ namespace: name }) => name === namespace.name)
      return judged.length === 2 && judged.every(({ accepted }) => accepted) ? judged : undefined
    })
    expect(policies).toMatchObject([
      { name: 'closed', says: 'Allow, dry run', workloads: 1, accepted: { status: 'True' } },
      { name: 'strict', says: 'Strict', workloads: 1, accepted: { status: 'True' } },
    ])
    expect((await status()).namespaces.find(({ name }) => name === namespace.name)).toEqual({
      name: namespace.name,
      injected: true,
      pods: 2,
      meshed: 1,
      leftOut: 0,
      exempt: 1,
      notReady: 0,
    })
  })
})

interface Checked {
  readonly status: number
  readonly findings: readonly Finding[]
}

async function check(...args: readonly string[]): Promise<Checked> {
  const { status, stdout, stderr } = await weft('check', ...args)
  if (stdout === '') throw new Error(stderr)
  return { status, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings }
}

async function status(): Promise<Summary> {
  return JSON.parse((await weft('status')).stdout) as Summary
}

function weft(...args: readonly string[]) {
  const context = process.env['WEFT_CLUSTER_CONTEXT']
  const flags = ['-o', 'json', ...(context === undefined ? [] : ['--context', context])]
  const kubeconfig = process.env['KUBECONFIG']
  return runWeft([...args, ...flags], { env: kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig } })
}

/** What is not well and names this; other files have cases of their own in the same cluster. */
function about(findings: readonly Finding[], name: string): Finding[] {
  return findings.filter(({ level, message }) => level !== 'ok' && message.includes(name))
}

function of(findings: readonly Finding[], check: string): Finding[] {
  return findings.filter((finding) => finding.check === check)
}

/** Runs a command line as somebody would who copied it. */
async function run(line: string): Promise<void> {
  await promisify(execFile)('sh', ['-c', line])
}
