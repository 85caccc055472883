import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { runWeft } from '../testing/run-weft.ts'
import { chartFolder, readChart } from './chart.ts'
import { installation } from './install.ts'
import { schemaProblems } from './schema.ts'

// After a change that is meant: vitest run --project unit cli/install --update, and read the difference.
const golden = (name: string): string => new URL(`../testdata/install/${name}.yaml`, import.meta.url).pathname
const haValues = join(chartFolder, 'values-ha.yaml')

describe('weft install', () => {
  it.each([
    ['default', ''],
    ['ha', `--values ${haValues}`],
    [
      'switches',
      '--namespace mesh --image-registry registry.example/team --set image.pullSecrets={pull} ' +
        '--set podMonitor.enabled=true,podMonitor.labels.release=prometheus,admission.reserveUid=false,controlPlane.pluggedCa=true ' +
        '--set mesh.networks={10.0.0.0/8,fd00::/8} --set controlPlane.rotation.grace=24h --set injector.nodeSelector.disk=ssd',
    ],
  ])('prints what testdata/install/%s.yaml has', async (name, args) => {
    const { status, stdout, stderr } = await runWeft(['install', ...args.split(' ').filter(Boolean)])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    await expect(stdout).toMatchFileSnapshot(golden(name))
  })

  it('puts first what the rest needs, and the webhook last', () => {
    const kinds = objects().map(({ kind }) => kind)
    expect(kinds.slice(0, 3)).toEqual(['Namespace', 'CustomResourceDefinition', 'CustomResourceDefinition'])
    expect(kinds.at(-1)).toBe('MutatingWebhookConfiguration')
    expect(kinds.indexOf('ServiceAccount')).toBeLessThan(kinds.indexOf('Deployment'))
  })

  it('leaves the caBundle to the control plane, also when it is applied again', () => {
    expect(installed().find(({ kind }) => kind === 'MutatingWebhookConfiguration')?.text).not.toContain(
      'caBundle:',
    )
  })

  it('grants no wildcard, and names whatever it can be named', () => {
    const roles = objects().filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    expect(roles).toHaveLength(6)
    for (const { rules = [] } of roles) {
      for (const { apiGroups, resources, verbs, resourceNames } of rules) {
        expect([...apiGroups, ...resources, ...verbs]).not.toContain('*')
        const secret = resources.includes('secrets') && !(verbs.length === 1 && verbs[0] === 'create')
        if (secret) expect(resourceNames).toEqual(['weft-root', 'weft-issuer'])
      }
    }
  })

  it.each([
    [
      ['--set', 'controlPlane.replicas'],
      '--set controlPlane.replicas: write key=value, e.g. controlPlane.replicas=3',
    ],
    [
      ['--set', 'a[0]=1'],
      '--set a[0]=1: places in lists cannot be set; write the whole list, {a,b}, or a file for --values',
    ],
    [
      ['--set', 'controlPlane.replicas=0'],
      'controlPlane.replicas: must be a whole number from 1 to 20; it is 0',
    ],
    [['--set', 'mesh.egress=open'], 'mesh.egress: must be passthrough or registry-only; it is "open"'],
    [['--set', 'mesh.trust=x'], 'mesh.trust: is no value of weft; here are trustDomain, networks, egress, '],
    [['--set', 'podMonitor=null'], 'podMonitor: must not be taken away'],
    // As weft check prints it, for somebody to put their own flags there.
    [['...'], "too many arguments for 'install'"],
    [['--values', '/nowhere.yaml'], '--values /nowhere.yaml: ENOENT: no such file or directory'],
    [['--namespace', 'Mesh'], '--namespace Mesh: write lower-case letters, digits and -, e.g. weft-system'],
  ])('refuses %j', async (args, message) => {
    const { status, stdout, stderr } = await runWeft(['install', ...args])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(`weft install: ${message}`)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe('the chart', () => {
  it('has the version of the command', () => {
    const { version, appVersion } = readChart()
    expect({ version, appVersion }).toEqual({ version: packageJson.version, appVersion: packageJson.version })
  })

  it('says what every value means, in its own file and in the schema', () => {
    const { schema, values } = readChart()
    expect(schemaProblems(schema, values)).toEqual([])
    expect(
      Object.keys(schema.properties ?? {})
        .filter((key) => key !== 'global')
        .sort(),
    ).toEqual(Object.keys(values).sort())
  })
})

describe('weft uninstall', () => {
  it('deletes the webhook first and keeps what holds the policies', async () => {
    const { stdout } = await runWeft(['uninstall'])
    expect(stdout).toMatch(/^---\napiVersion: \S+\nkind: MutatingWebhookConfiguration\n/)
    expect(stdout).not.toMatch(/kind: (CustomResourceDefinition|Namespace)\n/)
  })

  it('deletes everything that was installed when so told', async () => {
    const { stdout } = await runWeft(['uninstall', '--all'])
    const ha = installation({ ...defaults, files: [haValues] })
    expect(stdout.match(/^kind: .*$/gm)).toEqual(ha.map(({ kind }) => `kind: ${kind}`).toReversed())
  })

  it('deletes whatever values can have installed, but for PodMonitors, a kind that the cluster may not know', async () => {
    const { stdout } = await runWeft(['uninstall', '--all'])
    const files = [haValues]
    const sets = ['podMonitor.enabled=true,controlPlane.pluggedCa=true']
    const optional = installation({ ...defaults, files, sets }).filter(({ kind }) => kind !== 'PodMonitor')
    for (const { kind, name } of optional) expect(stdout).toMatch(objectOf(kind, name))
    expect(optional.filter(({ kind }) => kind === 'PodDisruptionBudget')).toHaveLength(2)
    expect(stdout).not.toContain('PodMonitor')
  })
})

interface Installed {
  readonly kind: string
  readonly rules?: readonly {
    readonly apiGroups: readonly string[]
    readonly resources: readonly string[]
    readonly resourceNames?: readonly string[]
    readonly verbs: readonly string[]
  }[]
}

const defaults = { namespace: 'weft-system', files: [], sets: [], imageRegistry: undefined }

function installed() {
  return installation(defaults)
}

function objectOf(kind: string, name: string): RegExp {
  return new RegExp(`^kind: ${kind}\nmetadata:\n  name: ${name}$`, 'm')
}

function objects(): Installed[] {
  return installed().map(({ text }) => parseYaml(text) as Installed)
}
