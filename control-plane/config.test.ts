import { expect, test } from 'vitest'
import { EnvironmentError } from '#runtime/env.ts'
import { readConfig } from './config.ts'

test('needs a registry and a state directory; the rest has defaults', () => {
  expect(readConfig({ WEFT_REGISTRY: 'mesh.yaml', WEFT_STATE_DIR: '/var/lib/weft' })).toEqual({
    registry: { kind: 'file', file: 'mesh.yaml', stateDir: '/var/lib/weft', ca: undefined },
    listen: { host: '0.0.0.0', port: 15012 },
    metricsListen: { host: '127.0.0.1', port: 15014 },
    certificateLifetime: 86_400_000,
    namespace: 'weft-system',
    checkTokenAddress: true,
    rotation: { dwell: 120_000, limit: 3_600_000, grace: 604_800_000 },
    logLevel: 'info',
  })
})

test('every address is also had where the kernel has no IPv6', () => {
  const listen = { WEFT_LISTEN: '[::]:15012', WEFT_METRICS_LISTEN: '[::]:15014' }
  expect(readConfig({ WEFT_REGISTRY: 'kubernetes', ...listen })).toMatchObject({
    listen: { host: undefined, port: 15012 },
    metricsListen: { host: undefined, port: 15014 },
  })
})

test('in Kubernetes needs no state directory', () => {
  const { registry } = readConfig({ WEFT_REGISTRY: 'kubernetes', WEFT_POD_NAME: 'weft-control-plane-0' })
  expect(registry).toEqual({ kind: 'kubernetes', podName: 'weft-control-plane-0', caSecret: undefined })
})

test('takes a certificate authority of somebody’s own', () => {
  const machine = { WEFT_REGISTRY: 'mesh.yaml', WEFT_STATE_DIR: '/var/lib/weft' }
  expect(readConfig({ ...machine, WEFT_CA_FILE: '/etc/ca.p12' }).registry).toMatchObject({
    ca: { file: '/etc/ca.p12', passwordFile: undefined },
  })
  const both = { WEFT_CA_FILE: '/etc/ca.p12', WEFT_CA_PASSWORD_FILE: '/etc/ca-password' }
  expect(readConfig({ ...machine, ...both }).registry).toMatchObject({
    ca: { file: '/etc/ca.p12', passwordFile: '/etc/ca-password' },
  })
  expect(() => readConfig({ ...machine, WEFT_CA_PASSWORD_FILE: '/etc/ca-password' })).toThrow('WEFT_CA_FILE')
  expect(readConfig({ WEFT_REGISTRY: 'kubernetes', WEFT_CA_SECRET: 'weft-ca' }).registry).toMatchObject({
    caSecret: 'weft-ca',
  })
})

test('names every problem at once', () => {
  const read = () => readConfig({ WEFT_LISTEN: 'nowhere', WEFT_CERTIFICATE_LIFETIME: '1s' })
  expect(read).toThrow(EnvironmentError)
  for (const name of ['WEFT_REGISTRY', 'WEFT_STATE_DIR', 'WEFT_LISTEN', 'WEFT_CERTIFICATE_LIFETIME']) {
    expect(read).toThrow(name)
  }
})
