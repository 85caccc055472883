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

  it('may name namespaces that are left alone', () => {
    expect(readConfig({}).excludedNamespaces).toEqual([])
    expect(readConfig({ WEFT_EXCLUDED_NAMESPACES: 'kube-system,legacy,' })).toMatchObject({
      excludedNamespaces: ['kube-system', 'legacy'],
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

  it('refuses a sidecar’s request over its limit, which the API server would refuse in every pod', () => {
    expect(() => readConfig({ WEFT_PROXY_MEMORY_REQUEST: '1Gi' })).toThrow(
      'WEFT_PROXY_MEMORY_REQUEST is "1Gi": write a quantity such as 100m or 128Mi, at most the 512Mi of WEFT_PROXY_MEMORY_LIMIT',
    )
    const cpu = { WEFT_PROXY_CPU_REQUEST: '1', WEFT_PROXY_CPU_LIMIT: '500m' }
    expect(() => readConfig(cpu)).toThrow(/WEFT_PROXY_CPU_REQUEST is "1": .* at most the 500m/)
    const equal = {
      WEFT_PROXY_MEMORY_REQUEST: '0.5Gi',
      WEFT_PROXY_MEMORY_LIMIT: '512Mi',
      WEFT_PROXY_CPU_REQUEST: '8',
    }
    expect(readConfig(equal).settings.resources).toMatchObject({ memoryRequest: '0.5Gi', cpuRequest: '8' })
    const bad = { WEFT_PROXY_MEMORY_REQUEST: '1Gi', WEFT_PROXY_MEMORY_LIMIT: 'lots' }
    expect(() => readConfig(bad)).toThrow(/^WEFT_PROXY_MEMORY_LIMIT is "lots": write a quantity[^\n]*$/)
  })

  it('requests no more than the limit by default', () => {
    expect(readConfig({ WEFT_PROXY_MEMORY_LIMIT: '64Mi' }).settings.resources).toMatchObject({
      memoryRequest: '64Mi',
      memoryLimit: '64Mi',
    })
  })
})
