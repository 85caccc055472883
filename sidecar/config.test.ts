import { describe, expect, it } from 'vitest'
import { identity } from '#mesh/testing/mesh.ts'
import { EnvironmentError } from '#runtime/env.ts'
import { ownUid, readConfig } from './config.ts'
import { defaultLimits } from './limits.ts'

const least = { WEFT_POD_NAME: 'web-1', WEFT_POD_NAMESPACE: 'shop', WEFT_POD_IPS: '10.77.0.1,fd77::1' }

describe('the environment of a sidecar', () => {
  it('may leave out everything but the pod', () => {
    const config = readConfig(least)
    expect(config).toEqual({
      podName: 'web-1',
      identity: identity('default'),
      podIps: ['10.77.0.1', 'fd77::1'],
      clusterId: 'Kubernetes',
      controlPlane: { host: 'weft-control-plane.weft-system.svc', port: 15012 },
      controlPlaneName: 'weft-control-plane.weft-system.svc',
      trustBundle: '/var/run/weft/trust/bundle.pem',
      token: '/var/run/weft/token/token',
      logLevel: 'info',
      drainDeadline: 25_000,
      renewalSpread: 300_000,
      limits: defaultLimits,
    })
    expect(ownUid(config)).toBe('Kubernetes//Pod/shop/web-1')
  })

  it('may say everything', () => {
    const config = readConfig({
      ...least,
      WEFT_SERVICE_ACCOUNT: 'web',
      WEFT_TRUST_DOMAIN: 'mesh.example',
      WEFT_CLUSTER_ID: 'east',
      WEFT_CONTROL_PLANE: '[fd77::2]:15012',
      WEFT_CONTROL_PLANE_NAME: 'cp.example',
      WEFT_TRUST_BUNDLE: '/a',
      WEFT_TOKEN: '/b',
      WEFT_LOG_LEVEL: 'debug',
      WEFT_DRAIN_DEADLINE: '500ms',
    })
    expect(config).toMatchObject({
      identity: identity('web', 'shop', 'mesh.example'),
      controlPlane: { host: 'fd77::2', port: 15012 },
      controlPlaneName: 'cp.example',
      trustBundle: '/a',
      token: '/b',
      logLevel: 'debug',
      drainDeadline: 500,
    })
    expect(ownUid(config)).toBe('east//Pod/shop/web-1')
  })

  it('is told of every problem at once, each by the variable that it lies in', () => {
    const bad = {
      WEFT_POD_NAMESPACE: 'Shop',
      WEFT_SERVICE_ACCOUNT: 'no such account',
      WEFT_TRUST_DOMAIN: 'UPPER',
      WEFT_POD_IPS: '10.77.0.1,web',
      WEFT_CONTROL_PLANE: 'nowhere',
      WEFT_LOG_LEVEL: 'loud',
      WEFT_DRAIN_DEADLINE: 'soon',
    }
    const problems = problemsOf(bad)
    const named = new Set(problems.map((problem) => problem.split(' ')[0]))
    expect(named).toEqual(new Set([...Object.keys(bad), 'WEFT_POD_NAME']))
    for (const problem of problems) expect(problem).toContain('write ')
  })

  it('must name the pod’s addresses: without one nothing could be served', () => {
    for (const WEFT_POD_IPS of ['', ',', ' , ']) {
      expect(problemsOf({ ...least, WEFT_POD_IPS })).toEqual([expect.stringContaining('WEFT_POD_IPS')])
    }
  })
})

function problemsOf(variables: NodeJS.ProcessEnv): readonly string[] {
  try {
    readConfig(variables)
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems
    throw error
  }
  return []
}
