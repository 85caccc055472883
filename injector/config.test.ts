import { describe, expect, it } from 'vitest'
import { EnvironmentError } from '#runtime/env.ts'
import packageJson from '../package.json' with { type: 'json' }
import { readConfig } from './config.ts'

describe('the environment of an injector', () => {
  it('may be empty', () => {
    expect(readConfig({})).toMatchObject({
      dnsName: 'weft-injector.weft-system.svc',
      listen: { port: 15017 },
      metricsListen: { port: 15014 },
      settings: {
        images: { sidecar: `weft/sidecar:${packageJson.version}`, init: `weft/init:${packageJson.version}` },
        controlPlane: { host: 'weft-control-plane.weft-system.svc', port: 15012 },
        resources: { cpuRequest: '10m', cpuLimit: undefined },
      },
    })
  })

  it('names everything after its namespace', () => {
    expect(readConfig({ WEFT_NAMESPACE: 'mesh' })).toMatchObject({
      dnsName: 'weft-injector.mesh.svc',
      settings: { controlPlane: { host: 'weft-control-plane.mesh.svc' }, namespace: 'mesh' },
    })
  })

  it('tells every problem at once', () => {
    const bad = { WEFT_PROXY_CPU_LIMIT: 'lots', WEFT_LISTEN: 'here', WEFT_IMAGE_PULL_POLICY: 'never' }
    expect(() => readConfig(bad)).toThrow(EnvironmentError)
    expect(() => readConfig(bad)).toThrow(/WEFT_IMAGE_PULL_POLICY.*\n.*WEFT_PROXY_CPU_LIMIT.*\n.*WEFT_LISTEN/)
  })
})
