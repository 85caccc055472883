import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeltaDiscoveryRequest } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { parseRequest, RequestError } from './request.ts'
import { request } from './testing/requests.ts'

describe('parseRequest', () => {
  test('reads a subscription, a resume and an answer', () => {
    const parsed = parseRequest(
      request({
        typeUrl: 'type',
        resourceNamesSubscribe: ['*', 'a'],
        resourceNamesUnsubscribe: ['b'],
        initialResourceVersions: new Map([['a', '1']]),
        responseNonce: '7',
        errorDetail: { code: 13, message: 'a: no' },
      }),
    )
    expect(parsed).toEqual({
      type: 'type',
      wildcard: true,
      subscribe: ['a'],
      unsubscribe: ['b'],
      initialVersions: new Map([['a', '1']]),
      answer: { nonce: '7', refusal: 'a: no' },
    })
  })

  test.each([
    ['no type', request({ typeUrl: '' }), /type_url is empty/],
    ['an empty name', request({ typeUrl: 't', resourceNamesSubscribe: [''] }), /name is empty/],
    ['a long name', request({ typeUrl: 't', resourceNamesSubscribe: ['x'.repeat(2000)] }), /2000 characters/],
    ['no protobuf', Uint8Array.of(0xff, 0xff, 0xff), /not a DeltaDiscoveryRequest/],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => parseRequest(bytes)).toThrow(RequestError)
    expect(() => parseRequest(bytes)).toThrow(reason)
  })

  test('reads which roots the client depends on', () => {
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
    const said = (metadata: Record<string, unknown>) =>
      parseRequest(request({ typeUrl: 't', node: { id: 'n', cluster: 'c', metadata } })).roots
    expect(said({ WEFT_CERTIFICATE_ROOT: a, WEFT_TUNNEL_ROOTS: [a, b] })).toEqual({
      certificate: a,
      tunnels: new Set([a, b]),
    })
    expect(said({ WEFT_CERTIFICATE_ROOT: a, WEFT_TUNNEL_ROOTS: [] })?.tunnels.size).toBe(0)
    for (const nothing of [
      {},
      { WEFT_CERTIFICATE_ROOT: a },
      { WEFT_TUNNEL_ROOTS: [] },
      { WEFT_CERTIFICATE_ROOT: 'A'.repeat(64), WEFT_TUNNEL_ROOTS: [] },
      { WEFT_CERTIFICATE_ROOT: a, WEFT_TUNNEL_ROOTS: [7] },
      { WEFT_CERTIFICATE_ROOT: a, WEFT_TUNNEL_ROOTS: Array.from({ length: 17 }, () => b) },
    ]) {
      expect(said(nothing)).toBeUndefined()
    }
  })

  test('refuses metadata that is nested until the stack ends', () => {
    expect(() => parseRequest(nestedMetadata(50_000))).toThrow(RequestError)
  })

  test('understands any bytes or says why not', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), mutated), (bytes) => {
        try {
          expect(parseRequest(bytes).type).not.toBe('')
        } catch (error) {
          expect(error).toBeInstanceOf(RequestError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

const mutated = fc.tuple(fc.nat(), fc.nat(255)).map(([at, value]) => {
  const bytes = request({
    typeUrl: 'type.googleapis.com/istio.workload.Address',
    node: { id: 'a', cluster: 'b', metadata: { list: [1, { deep: true }], text: 'x' } },
    initialResourceVersions: new Map([['shop/a', 'v']]),
    errorDetail: { code: 3, message: 'no' },
  })
  const copy = Uint8Array.from(bytes)
  copy[at % copy.length] = value
  return copy
})

/** A Struct whose only value is a list of a list of a list. Lengths are as long as they can be, to stay equal. */
function nestedMetadata(depth: number): Uint8Array {
  const listValue = (6 << 3) | WireType.LengthDelimited
  const values = (1 << 3) | WireType.LengthDelimited
  const parts: number[][] = []
  let size = 0
  for (let i = 0; i < depth; i++) {
    for (const tag of [values, listValue]) {
      const part = [tag, ...varint(size)]
      parts.push(part)
      size += part.length
    }
  }
  const value = Uint8Array.from(parts.toReversed().flat())
  const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string('k')
  entry.tag(2, WireType.LengthDelimited).bytes(value)
  const metadata = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry.finish())
  const node = new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(metadata.finish())
  const head = DeltaDiscoveryRequest.encode({
    ...DeltaDiscoveryRequest.decode(request({ typeUrl: 't' })),
  }).finish()
  const tail = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(node.finish()).finish()
  return Buffer.concat([head, tail])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest & 127) | 128)
  }
}
