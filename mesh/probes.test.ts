import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  findProbe,
  formatProbeTable,
  type ProbeCall,
  type ProbeTable,
  parseProbePath,
  parseProbeTable,
  probeKinds,
  probePath,
} from './probes.ts'

const port = fc.integer({ min: 1, max: 65_535 })
const timeout = fc.integer({ min: 1, max: 1_000 })
const call: fc.Arbitrary<ProbeCall> = fc.oneof(
  fc.record({ kind: fc.constant('tcp' as const), port, timeout }),
  fc.record({ kind: fc.constant('grpc' as const), port, timeout, service: fc.string() }),
  fc.record({
    kind: fc.constant('http' as const),
    scheme: fc.constantFrom('http' as const, 'https' as const),
    path: fc.string().map((rest) => `/${rest}`),
    headers: fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }),
    port,
  }),
)
const container = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const table: fc.Arbitrary<ProbeTable> = fc.record({
  nonce: fc.stringMatching(/^[0-9a-f]{32}$/),
  containers: fc.dictionary(container, fc.dictionary(fc.constantFrom(...probeKinds), call), {
    noNullPrototype: true,
  }),
})

describe('a probe table', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(table, (written) => {
        expect(parseProbeTable(formatProbeTable(written))).toEqual(written)
      }),
    )
  })

  it('holds nothing that Kubernetes would expand in an environment', () => {
    fc.assert(
      fc.property(table, (written) => {
        expect(formatProbeTable(written)).not.toContain('$')
      }),
    )
  })

  it.each([
    ['text', 'hello'],
    ['another nonce', '{"nonce":"short","containers":{}}'],
    ['an unknown kind', '{"nonce":"00112233445566778899aabbccddeeff","containers":{"a":{"sometimes":{}}}}'],
    [
      'a port out of range',
      '{"nonce":"00112233445566778899aabbccddeeff","containers":{"a":{"liveness":{"kind":"tcp","port":0}}}}',
    ],
    [
      'a path that is none',
      '{"nonce":"00112233445566778899aabbccddeeff","containers":{"a":{"liveness":{"kind":"http","scheme":"http","path":"x","headers":[],"port":1}}}}',
    ],
  ])('is not %s', (_, text) => {
    expect(parseProbeTable(text)).toBeUndefined()
  })

  it('has nothing that it was not given', () => {
    const empty: ProbeTable = { nonce: '', containers: {} }
    expect(findProbe(empty, { nonce: '', container: 'constructor', kind: 'liveness' })).toBeUndefined()
  })
})

describe('the path of a probe', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(table, container, fc.constantFrom(...probeKinds), ({ nonce }, name, kind) => {
        expect(parseProbePath(probePath(nonce, name, kind))).toEqual({ nonce, container: name, kind })
      }),
    )
  })
})
