import { describe, expect, it } from 'vitest'
import type { OriginalDestination } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { settings, to } from '#mesh/testing/mesh.ts'
import type { Certificate } from './credentials/certificate.ts'
import type { Credentials } from './credentials/credentials.ts'
import { Readiness } from './readiness.ts'
import { self, trusting } from './testing/pictures.ts'
import { tcpPair, watched } from './testing/sockets.ts'
import { View } from './view/view.ts'

/** Readiness of a pod that has nothing yet, and what brings it each part. */
function starting(loopbacks: readonly string[] = ['127.0.0.1']) {
  const view = new View({ ownUid: self.uid })
  let certificate: Certificate | undefined
  const credentials = { current: () => certificate } as Pick<Credentials, 'current'> as Credentials
  const readiness = new Readiness({ view, credentials, loopbacks })
  return {
    view,
    readiness,
    certify: () => {
      certificate = {} as Certificate
    },
  }
}

async function accepted(ip: string, port: number) {
  const pair = await tcpPair()
  pair.inner.on('error', () => {})
  const destination = to(ip, port) as OriginalDestination
  return { socket: pair.inner, destination, source: to('10.77.0.2', 1), answer: watched(pair.outer) }
}

describe('a pod', () => {
  it('is ready when it has everything and has seen both directions redirected, and tells what it waits for', async () => {
    const { view, readiness, certify } = starting(['127.0.0.1', '::1'])
    const waits = [readiness.missing()]
    const step = async (action: () => unknown): Promise<void> => {
      await action()
      waits.push(readiness.missing())
    }
    await step(async () => readiness.takeInbound(await accepted('10.77.0.1', ports.canary)))
    await step(async () => readiness.takeOutbound(await accepted('127.0.0.1', ports.canary)))
    await step(async () => readiness.takeOutbound(await accepted('::1', ports.canary)))
    await step(certify)
    await step(() => view.apply({ settings: settings() }))
    await step(() => view.apply({ workloads: [{ ...self, authorizationPolicies: ['shop/a'] }] }))
    await step(() => view.apply({ trust: trusting('root') }))
    await step(() => view.apply({ workloads: [self] }))
    await step(() => readiness.listening())
    await step(() => readiness.drain())
    expect(waits).toEqual([
      expect.stringContaining('startup probe on port 15099'),
      expect.stringContaining('redirection of 127.0.0.1'),
      expect.stringContaining('redirection of ::1'),
      'a certificate',
      'the mesh’s settings',
      'its own workload',
      'the trust bundle',
      'a policy that holds on it',
      'the tunnel listener',
      undefined,
      expect.stringContaining('draining'),
    ])
  })

  it('that gets a policy which has not arrived is no longer ready', async () => {
    const { view, readiness, certify } = starting()
    readiness.takeInbound(await accepted('10.77.0.1', ports.canary))
    readiness.takeOutbound(await accepted('127.0.0.1', ports.canary))
    certify()
    readiness.listening()
    view.apply({ settings: settings(), workloads: [self], trust: trusting('root') })
    expect(readiness.missing()).toBeUndefined()
    view.apply({ workloads: [{ ...self, authorizationPolicies: ['shop/late'] }] })
    expect(readiness.missing()).toBe('a policy that holds on it')
  })
})

describe('a startup probe that inbound redirection brought', () => {
  it('is answered with what is missing, then with ready', async () => {
    const { view, readiness, certify } = starting()
    const early = await accepted('10.77.0.1', ports.canary)
    expect(readiness.takeInbound(early)).toBe(true)
    expect(await early.answer.end).toBe('fin')
    expect(early.answer.text).toMatch(/^HTTP\/1\.1 503 .*\r\n\r\nwaits for redirection of 127\.0\.0\.1/s)
    readiness.takeOutbound(await accepted('127.0.0.1', ports.canary))
    certify()
    readiness.listening()
    view.apply({ settings: settings(), workloads: [self], trust: trusting('root') })
    const late = await accepted('10.77.0.1', ports.canary)
    readiness.takeInbound(late)
    expect(await late.answer.end).toBe('fin')
    expect(late.answer.text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*content-length: 6\r\n.*\r\n\r\nready\n$/s)
  })
})

describe('what is no canary', () => {
  it('is left to the data path', async () => {
    const { readiness } = starting()
    const ordinary = await accepted('127.0.0.1', 80)
    expect([readiness.takeInbound(ordinary), readiness.takeOutbound(ordinary)]).toEqual([false, false])
    expect(ordinary.socket.destroyed).toBe(false)
    expect(readiness.takeOutbound(await accepted('10.77.0.1', ports.canary))).toBe(false)
    expect(readiness.missing()).toContain('startup probe')
  })
})

describe('the watch over outbound redirection', () => {
  it('dials until every loopback address came back, and no longer', async () => {
    const { readiness } = starting(['127.0.0.1', '::1'])
    const stop = new AbortController()
    const watch = readiness.verifyOutbound(stop.signal).then(() => 'done')
    readiness.takeOutbound(await accepted('127.0.0.1', ports.canary))
    readiness.takeOutbound(await accepted('::1', ports.canary))
    expect(await watch).toBe('done')
    expect(stop.signal.aborted).toBe(false)
  })

  it('ends with its signal where nothing redirects', async () => {
    const { readiness } = starting()
    await readiness.verifyOutbound(AbortSignal.timeout(50))
    expect(readiness.missing()).toBeDefined()
  })
})
