import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
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

describe('the chart', () => {
  const chart = JSON.parse(readFileSync(new URL('../chart/values.schema.json', import.meta.url), 'utf8')) as {
    definitions: Record<string, { pattern: string }>
  }
  const passes = (definition: string, text: string) =>
    new RegExp(chart.definitions[definition]!.pattern, 'u').test(text)
  const starts = (variable: string, text: string) => {
    try {
      readConfig({ WEFT_REGISTRY: 'kubernetes', [variable]: text })
      return true
    } catch {
      return false
    }
  }

  test('takes the certificates’ lifetimes that the control plane takes, and no others', () => {
    const amounts = [1, 5, 9, 10, 11, 59, 60, 99, 100, 999, 1_000, 7_999, 8_000, 8_699, 8_700, 8_759, 8_760]
    amounts.push(8_761, 8_769, 8_770, 8_800, 9_000, 9_999, 10_000, 99_999, 100_000, 499_999, 500_000)
    amounts.push(519_999, 520_000, 524_999, 525_000, 525_599, 525_600, 525_601, 525_610, 525_700, 526_000)
    amounts.push(530_000, 600_000, 999_999)
    for (const text of amounts.flatMap((amount) => [`${amount}s`, `${amount}m`, `${amount}h`])) {
      expect([text, passes('lifetime', text)]).toEqual([text, starts('WEFT_CERTIFICATE_LIFETIME', text)])
    }
    for (const text of ['', '0s', '24', '1d', '010s', '24h ']) expect(passes('lifetime', text)).toBe(false)
  })

  test.each(['WEFT_ROTATION_DWELL', 'WEFT_ROTATION_LIMIT', 'WEFT_ROTATION_GRACE'])(
    'takes nothing for %s that the control plane refuses',
    (variable) => {
      for (const text of ['1s', '999999s', '1m', '999999m', '1h', '999999h']) {
        expect([text, passes('duration', text), starts(variable, text)]).toEqual([text, true, true])
      }
    },
  )
})

test('names every problem at once', () => {
  const read = () => readConfig({ WEFT_LISTEN: 'nowhere', WEFT_CERTIFICATE_LIFETIME: '1s' })
  expect(read).toThrow(EnvironmentError)
  for (const name of ['WEFT_REGISTRY', 'WEFT_STATE_DIR', 'WEFT_LISTEN', 'WEFT_CERTIFICATE_LIFETIME']) {
    expect(read).toThrow(name)
  }
})
