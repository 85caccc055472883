import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeltaDiscoveryResponse, Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { encodeResponse } from './response.ts'

const text = fc.string().map((any) => any.toWellFormed())
const resource = fc.record({
  version: text,
  name: text,
  aliases: fc.array(text),
  resource: fc.record({ typeUrl: text, value: fc.uint8Array() }),
})

test('what is put together from encoded resources reads as one response', () => {
  fc.assert(
    fc.property(
      text,
      text,
      text,
      fc.array(resource),
      fc.array(text),
      (type, nonce, modelVersion, parts, removed) => {
        const resources = parts.map((part) => {
          const { name, aliases, version } = part
          return {
            name,
            aliases,
            version,
            namespaces: new Set<string>(),
            serves: [],
            encoded: Resource.encode(part).finish(),
          }
        })
        const encoded = encodeResponse({ type, nonce, modelVersion, resources, removed })
        // As plain bytes, because slices of a Buffer are Buffers.
        const decoded = DeltaDiscoveryResponse.decode(new Uint8Array(encoded))
        expect(decoded).toEqual({
          typeUrl: type,
          nonce,
          systemVersionInfo: modelVersion,
          resources: parts,
          removedResources: removed,
        })
      },
    ),
  )
})
