import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { temporaryFolder } from '#control-plane/authority/testing/temporary-folder.ts'
import { runWeft } from '../../cli/testing/run-weft.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
let files = 0

async function run(text: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const file = join(folder.path, `${files++}.yaml`)
  writeFileSync(file, text)
  return { file, ...(await runWeft(['inject', '-f', file, ...args], { env })) }
}

const app = 'containers: [{ name: app, image: web }]'
const pod = `{ apiVersion: v1, kind: Pod, metadata: { name: web }, spec: { ${app} } }`
const service = '# who it is for\napiVersion: v1\nkind: Service   # a comment\nmetadata: {name: web}\n'

/** The init containers' names of whatever pods are in the text. */
function initNames(text: string): unknown[] {
  const names: unknown[] = []
  JSON.stringify(
    parseAllDocuments(text).map((document) => document.toJS() as unknown),
    (key, value: unknown) => {
      if (key === 'initContainers') names.push((value as { name: string }[]).map(({ name }) => name))
      return value
    },
  )
  return names
}

describe('weft inject', () => {
  it.each([
    ['Pod', pod],
    ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'].map(
      (kind) => [
        kind,
        `{ kind: ${kind}, metadata: { name: web }, spec: { template: { spec: { ${app} } } } }`,
      ],
    ),
    [
      'CronJob',
      `{ kind: CronJob, metadata: { name: web }, spec: { jobTemplate: { spec: { template: { spec: { ${app} } } } } } }`,
    ],
    ['List', `{ kind: List, items: [${pod}] }`],
  ])('injects a %s', async (kind, text) => {
    const { status, stdout, stderr } = await run(text)
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringMatching(/injected\n$/) })
    expect(initNames(stdout)).toEqual([['weft-init', 'weft-proxy']])
    expect((parse(stdout) as { kind: string }).kind).toBe(kind)
  })

  it('passes everything else through as it was written', async () => {
    const text = `${service}---\n${pod}\n---\n# the last word\n`
    const { stdout } = await run(text)
    expect(stdout.startsWith(service)).toBe(true)
    expect(stdout.endsWith('---\n# the last word\n')).toBe(true)
    expect(initNames(stdout)).toEqual([['weft-init', 'weft-proxy']])
  })

  it('changes nothing the second time', async () => {
    const first = await run(`${service}---\n${pod}\n`)
    const second = await run(first.stdout)
    expect(second.stdout).toBe(first.stdout)
    expect(second.stderr).toContain('was injected before')
  })

  it('reads YAML as kubectl does', async () => {
    const volume = 'volumes: [{ name: s, secret: { secretName: s, defaultMode: 0640 } }]'
    const env = `env: [{ name: A, value: "on" }, { name: B, value: 2026-11-21 }, { name: C, value: "1:30" }]`
    const text = `{ kind: Pod, metadata: { name: web }, spec: { ${volume}, containers: [{ name: app, ${env} }] } }`
    const { stdout } = await run(text, ['-o', 'json'])
    const { spec } = JSON.parse(stdout) as {
      spec: { volumes: { secret?: { defaultMode: number } }[]; containers: { env: { value: string }[] }[] }
    }
    expect(spec.volumes[0]!.secret!.defaultMode).toBe(0o640)
    expect(spec.containers[0]!.env.map(({ value }) => value)).toEqual(['on', '2026-11-21', '1:30'])
    // And what it writes means the same to readers of either version.
    const yaml = await run(text)
    for (const version of ['1.1', '1.2'] as const) {
      const read = parse(yaml.stdout, { version }) as typeof JSON.parse extends never
        ? never
        : { spec: typeof spec }
      expect(read.spec.containers[0]!.env.map(({ value }) => value)).toEqual(['on', '2026-11-21', '1:30'])
      expect(read.spec.volumes[0]!.secret!.defaultMode).toBe(416)
    }
  })

  it('writes one object, or a list of several, as JSON', async () => {
    const one = await run(pod, ['-o', 'json'])
    expect(JSON.parse(one.stdout)).toMatchObject({ kind: 'Pod' })
    const two = await run(`${service}---\n${pod}\n---\n# nothing\n`, ['-o', 'json'])
    expect(JSON.parse(two.stdout)).toMatchObject({
      kind: 'List',
      items: [{ kind: 'Service' }, { kind: 'Pod' }],
    })
  })

  it('writes nothing at all when one pod is refused, and says why', async () => {
    const taken = pod.replace('name: app', 'name: weft-proxy')
    const { status, stdout, stderr } = await run(`${pod}\n---\n${taken}\n`)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain("Pod default/web: refused: the container name weft-proxy is weft's")
  })

  it('knows what Pod Security would say when it is told', async () => {
    const { status, stderr } = await run(pod, ['--pod-security', 'baseline'])
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('level baseline') })
  })

  it('takes images and the rest from flags and environment', async () => {
    const { stdout } = await run(pod, ['--sidecar-image', 'r.example/s:1'], {
      WEFT_INIT_IMAGE: 'r.example/i:1',
    })
    expect(stdout).toContain('image: r.example/s:1')
    expect(stdout).toContain('image: r.example/i:1')
  })

  it('says that a pod is left out, and writes it as it was', async () => {
    const text = pod.replace('metadata: {', "metadata: { annotations: { weft.dev/inject: 'false' },")
    const { status, stdout, stderr } = await run(text)
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${text}\n` })
    expect(stderr).toContain('not injected: the pod says weft.dev/inject: "false"')
  })

  it.each([
    ['what is no YAML', `${service}---\na: b: c\n`, /line 6, column 4/],
    ['a pod that is none', '{ kind: Pod, spec: { containers: 3 } }', /spec.containers is not what a pod has/],
  ])('refuses %s', async (_, text, problem) => {
    const { status, stdout, stderr } = await run(text)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(problem)
  })

  it('refuses a bad setting by name', async () => {
    const { status, stderr } = await run(pod, [], { WEFT_CONTROL_PLANE: 'nowhere' })
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'WEFT_CONTROL_PLANE is "nowhere": write host:port\n',
    })
  })
})
