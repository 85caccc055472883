import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Resource } from '../model/model.ts'

/** One response to one client: what changed, of one type, all from one model. */
export interface DiscoveryResponse {
  readonly type: string
  readonly nonce: string
  readonly modelVersion: string
  readonly resources: readonly Resource[]
  readonly removed: readonly string[]
}

/** Bytes of resources and names that a response holds at most, so that encoded it stays below 1 MiB. */
export const responseLimit = 1024 * 1024 - 4096

/** Bytes that a name or an encoded resource adds to a response. */
export function framedSize(length: number): number {
  return length + 6
}

const field = { systemVersionInfo: 1, resources: 2, typeUrl: 4, nonce: 5, removedResources: 6 } as const

/** Encodes a DeltaDiscoveryResponse, copying resources in as the bytes that they already are. */
export function encodeResponse(response: DiscoveryResponse): Buffer {
  const writer = new BinaryWriter()
  writer.tag(field.systemVersionInfo, WireType.LengthDelimited).string(response.modelVersion)
  for (const { encoded } of response.resources) {
    writer.tag(field.resources, WireType.LengthDelimited).bytes(encoded)
  }
  writer.tag(field.typeUrl, WireType.LengthDelimited).string(response.type)
  writer.tag(field.nonce, WireType.LengthDelimited).string(response.nonce)
  for (const name of response.removed) {
    writer.tag(field.removedResources, WireType.LengthDelimited).string(name)
  }
  const bytes = writer.finish()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
