import { describe, expect, test } from 'vitest'
import { formatCidr, parseCidr } from '#mesh/address.ts'
import { clusterNetworks } from './networks.ts'
import { parseSettings } from './settings.ts'

const networks = [parseCidr('10.244.0.0/16')!, parseCidr('10.96.0.0/12')!]

function problemsOf(
  text: string | undefined,
  known: typeof networks | undefined = networks,
  runsAs?: string,
): string {
  const parsed = parseSettings(text, known, runsAs)
  return 'problems' in parsed ? parsed.problems.join('\n') : 'none'
}

describe('settings', () => {
  test('of nothing are the defaults, with the networks of the cluster', () => {
    expect(parseSettings('{}', networks)).toMatchObject({
      settings: {
        honorExternalIps: false,
        mesh: {
          trustDomain: 'cluster.local',
          sidecarScope: 'mesh',
          settings: { egress: 'passthrough', rejectPlaintextFromMesh: false, networks },
        },
      },
    })
  })

  test.each([undefined, '', '\n', '# egress: registry-only', 'null'])(
    'that are lost (%j) are a problem, and no defaults',
    (text) => {
      expect(problemsOf(text)).toMatch(
        /ConfigMap weft-settings, settings\.yaml.*(is not there|must be a mapping).*\{\}/,
      )
    },
  )

  test('that name networks mean those', () => {
    const parsed = parseSettings(
      'networks: [10.0.0.0/8]\nhonorExternalIPs: true\negress: registry-only',
      networks,
    )
    if ('problems' in parsed) throw new Error(parsed.problems.join())
    expect(parsed.settings.mesh.settings.networks.map(formatCidr)).toEqual(['10.0.0.0/8'])
    expect(parsed.settings).toMatchObject({
      honorExternalIps: true,
      mesh: { settings: { egress: 'registry-only' } },
    })
  })

  test('without networks, on a cluster that does not say, are refused: outside of them traffic is plaintext', () => {
    expect(parseSettings('egress: passthrough', undefined)).toMatchObject({
      problems: [expect.stringContaining('write the ranges of pods and services')],
    })
  })

  test('keep the trust domain that the mesh runs in, also where they leave it out', () => {
    const changed = 'egress: passthrough\ntrustDomain: other.example\n'
    expect(problemsOf(changed, networks, 'other.example')).toBe('none')
    expect(problemsOf('{}', networks, 'cluster.local')).toBe('none')
    expect(problemsOf(changed, networks, 'cluster.local')).toBe(
      'ConfigMap weft-settings, settings.yaml:2:1 trustDomain: is "other.example", and the mesh runs in ' +
        '"cluster.local", in which every certificate was issued: write cluster.local',
    )
    expect(problemsOf('{}', networks, 'mesh.example')).toMatch(
      /the mesh runs in "mesh.example".*: write mesh.example$/,
    )
  })

  test('name every problem with its place', () => {
    const problems = problemsOf('egress: nothing\nhonorExternalIPs: maybe\nnetwork: [10.0.0.0/8]\n')
    expect(problems).toContain('ConfigMap weft-settings, settings.yaml:1:1 egress:')
    expect(problems).toContain('settings.yaml:2:1 honorExternalIPs: must be true or false')
    expect(problems).toContain(
      'settings.yaml:3:1 network: is not a field that weft knows; did you mean networks?',
    )
  })

  test.each(['[]', 'just text', '3', 'a: b: c'])('that are %s are refused', (text) => {
    expect(problemsOf(text)).toContain('settings.yaml')
  })
})

describe('the networks of a cluster', () => {
  const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)!)

  test('are the ranges of its nodes and of its services, once each, in one order', () => {
    const nodes = [
      { podCidrs: cidrs('10.244.1.0/24') },
      { podCidrs: cidrs('10.244.0.0/24', 'fd00::/64') },
      { podCidrs: [] },
    ]
    const found = clusterNetworks(nodes, [{ cidrs: cidrs('10.96.0.0/16') }, { cidrs: cidrs('10.96.0.0/16') }])
    expect(found?.map(formatCidr)).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.96.0.0/16', 'fd00::/64'])
  })

  test('are not known by half', () => {
    expect(clusterNetworks([{ podCidrs: cidrs('10.244.0.0/24') }], [])).toBeUndefined()
    expect(clusterNetworks([{ podCidrs: [] }], [{ cidrs: cidrs('10.96.0.0/16') }])).toBeUndefined()
  })
})
