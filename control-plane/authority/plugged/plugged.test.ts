import { afterEach, describe, expect, test } from 'vitest'
import { spiffeId } from '#mesh/spiffe-id.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { pluggedMetrics } from './metrics.ts'
import { Plugged } from './plugged.ts'
import { authority, wholePem } from './testing/enterprise.ts'
import { TestSource } from './testing/source.ts'

const hour = 3_600_000
const day = 24 * hour
const root = authority('Root')
const [first, second] = [authority('First', root), authority('Second', root)]

const opened: Plugged[] = []
afterEach(() => {
  for (const plugged of opened.splice(0)) plugged.close()
})

function plugged(content?: string, now = Date.now) {
  const source = new TestSource(content)
  const { log, records } = recordingLog()
  const registry = createMetrics()
  const identity = spiffeId('cluster.local', 'weft-system', 'weft-control-plane')!
  const names = { identity, dnsNames: [] }
  const metrics = pluggedMetrics(registry)
  const authority = new Plugged({ source, names, lifetime: day, log, metrics, now })
  opened.push(authority)
  return {
    source,
    plugged: authority,
    records,
    serial: () => authority.current?.signer.certificate.serialNumber,
    rejected: async () => (await registry.metrics()).match(/^weft_plugged_ca_rejected (\d)/m)?.[1],
    messages: () => records.map(({ message, problem }) => [message, problem].filter(Boolean).join(': ')),
  }
}

describe('what is plugged in', () => {
  test('is used, and told with its root and its end', async () => {
    const test = plugged(wholePem(first))
    await test.plugged.looked()
    expect(test.serial()).toBe(first.certificate.serialNumber)
    expect(test.records).toMatchObject([
      {
        message: 'certificate authority plugged in',
        subject: 'O=Example\nCN=First',
        root: 'O=Example\nCN=Root',
      },
    ])
    expect(await test.rejected()).toBe('0')
  })

  test('is replaced by what comes after it', async () => {
    const test = plugged(wholePem(first))
    await test.plugged.looked()
    const next = test.plugged.another()
    test.source.put(wholePem(second))
    expect((await next).signer.certificate.serialNumber).toBe(second.certificate.serialNumber)
    expect(test.serial()).toBe(second.certificate.serialNumber)
  })

  test('stays while something broken, nothing, or something impossible is put there', async () => {
    const test = plugged(wholePem(first))
    await test.plugged.looked()
    for (const content of [
      '-----BEGIN rubbish',
      undefined,
      wholePem(authority('Bad', root, { notAfter: Date.now() - hour })),
    ]) {
      const told = test.records.length
      test.source.put(content)
      await expect.poll(() => test.records.length, { timeout: 15_000 }).toBe(told + 2)
      expect(test.serial()).toBe(first.certificate.serialNumber)
      expect(await test.rejected()).toBe('1')
    }
    expect(test.messages().filter((message) => message.includes('refused'))).toEqual([
      expect.stringContaining('does not end as it begins'),
      expect.stringContaining('it is missing: write it'),
      expect.stringContaining('ended at'),
    ])
    expect(test.messages().at(-1)).toBe('the last good one stays')
    test.source.put(wholePem(second))
    await expect.poll(test.serial, { timeout: 15_000 }).toBe(second.certificate.serialNumber)
    expect(await test.rejected()).toBe('0')
  })

  test('is waited for', async () => {
    const test = plugged()
    await test.plugged.looked()
    expect(test.plugged.current).toBeUndefined()
    expect(test.messages().at(-1)).toBe('waiting for a good one')
    const good = test.plugged.good()
    test.source.put(wholePem(first))
    expect((await good).signer.certificate.serialNumber).toBe(first.certificate.serialNumber)
  })

  test('is not waited for when the process ends', async () => {
    const test = plugged()
    const good = test.plugged.good()
    test.source.end()
    await expect(good).rejects.toThrow('nothing more will be plugged in')
  })

  test('is told of long before its end, and louder near it', async () => {
    const short = authority('Short', root, {
      notBefore: Date.now() - 335 * day,
      notAfter: Date.now() + 29 * day,
    })
    const soon = plugged(wholePem(short))
    await soon.plugged.looked()
    expect(soon.records.at(-1)).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('nears its end') as string,
    })
    const urgent = authority('Urgent', root, {
      notBefore: Date.now() - 335 * day,
      notAfter: Date.now() + 6 * day,
    })
    const next = soon.plugged.another()
    soon.source.put(wholePem(urgent))
    await next
    expect(soon.records.at(-1)).toMatchObject({
      level: 'error',
      message: expect.stringContaining('nears its end') as string,
    })
  })
})
