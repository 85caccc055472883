import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { chartFolder, readChart } from '../../cli/install/chart.ts'
import { valuesOf } from '../../cli/install/install.ts'
import { manifestsOf } from '../../cli/install/manifests.ts'
import { helmRefusal, helmTemplate } from './helm.ts'
import { temporaryFolder } from './temporary-folder.ts'

// Compiling helm takes minutes, once for a machine.
const compiling = 1_200_000

interface Case {
  readonly files?: readonly string[]
  readonly sets?: readonly string[]
  readonly namespace?: string
}

const everything = `
image: { registry: registry.example:5000/team, tag: 1.2.3, pullPolicy: Never, pullSecrets: [one, two] }
createNamespace: true
mesh:
  trustDomain: prod.example
  networks: [10.0.0.0/8, 'fd00::/8']
  egress: registry-only
  rejectPlaintextFromMesh: true
  honorExternalIPs: true
  sidecarScope: namespace
controlPlane:
  replicas: 5
  certificateLifetime: 90m
  pluggedCa: true
  checkTokenAddress: false
  logLevel: debug
  resources: { limits: { cpu: 2, memory: 3Gi }, claims: [{ name: x }] }
  nodeSelector: { disk: ssd, number: '1', truth: 'true' }
  tolerations: [{ key: a, operator: Exists, tolerationSeconds: 30 }, { effect: NoSchedule, key: 'b: c', value: "it's" }]
injector: { replicas: 3, excludedNamespaces: [], resources: {}, priorityClassName: high }
proxy: { cpu: { limit: '2' }, logLevel: warn }
admission: { reserveUid: false }
podMonitor: { enabled: true, interval: 15s, labels: { release: prometheus, a: 'no' } }
`

const cases: readonly (readonly [name: string, Case])[] = [
  ['the defaults', {}],
  ['the HA values', { files: [join(chartFolder, 'values-ha.yaml')] }],
  ['another namespace', { namespace: 'mesh' }],
  ['every value another', { files: [everythingFile()] }],
  ['a file over a file', { files: [everythingFile(), join(chartFolder, 'values-ha.yaml')] }],
  [
    '--set over a file',
    { files: [everythingFile()], sets: ['controlPlane.replicas=1', 'createNamespace=false'] },
  ],
  [
    'several in one --set',
    { sets: ['controlPlane.replicas=2,injector.excludedNamespaces={a,b},image.tag=v1'] },
  ],
  ['escapes', { sets: ['controlPlane.nodeSelector.example\\.com/a=x\\,y', 'podMonitor.labels.a\\.b=c=d'] }],
  ['a text that looks like a number', { sets: ['controlPlane.nodeSelector.a=0755'] }],
  ['a value taken away where that is allowed', { sets: ['controlPlane.resources.limits=null'] }],
  [
    'switches',
    { sets: ['podMonitor.enabled=true', 'admission.reserveUid=false', 'controlPlane.pluggedCa=true'] },
  ],
]

describe('weft install prints what helm template does', () => {
  it.each(cases)(
    '%s',
    { timeout: compiling },
    async (_, { files = [], sets = [], namespace = 'weft-system' }) => {
      const chart = readChart()
      const values = valuesOf(chart, { files, sets, imageRegistry: undefined })
      const ours = manifestsOf(chart, values, { namespace, service: 'Helm' }).map(({ text }) => text)
      const args = [...files.flatMap((file) => ['--values', file]), ...sets.flatMap((set) => ['--set', set])]
      const theirs = await helmTemplate(args, namespace)
      expect(sorted(ours.join('\n---\n'))).toEqual(sorted(theirs))
    },
  )
})

describe('what weft install refuses, helm refuses too', () => {
  it.each([
    'image=null',
    'image.pullPolicy=Sometimes',
    'image.registry=https://x',
    'unknown=1',
    'controlPlane.unknown=1',
    'controlPlane.replicas=0',
    'controlPlane.replicas=two',
    'controlPlane.certificateLifetime=1d',
    'controlPlane.priorityClassName=null',
    'controlPlane.tolerations={a}',
    'controlPlane.nodeSelector.a=1',
    'injector.excludedNamespaces={A}',
    'injector.excludedNamespaces={}',
    'mesh.networks={backend}',
    'mesh.egress=open',
    'proxy.memory.limit=',
    'podMonitor.labels=a',
    'admission.reserveUid=yes',
  ])('%s', { timeout: compiling }, async (set) => {
    const [path = ''] = set.split('=')
    expect(() => valuesOf(readChart(), { files: [], sets: [set], imageRegistry: undefined })).toThrow(path)
    expect(await helmRefusal(['--set', set])).toMatch(/values don't meet the specifications of the schema/)
  })
})

/** The objects as data, in an order of their own: text and order are the renderer's. */
function sorted(text: string): unknown[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as { kind: string; metadata: { name: string } } | null)
    .filter((object) => object !== null)
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

function key({ kind, metadata }: { kind: string; metadata: { name: string } }): string {
  return `${kind}/${metadata.name}`
}

function everythingFile(): string {
  const file = join(temporaryFolder(), 'everything.yaml')
  writeFileSync(file, everything)
  return file
}
