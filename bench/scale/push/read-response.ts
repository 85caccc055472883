import { BinaryReader } from '@bufbuild/protobuf/wire'

/** What a simulated sidecar looks at in a DeltaDiscoveryResponse. */
export interface ReadResponse {
  readonly typeUrl: string
  readonly nonce: string
  /** Names of the resources that it carries. */
  readonly names: readonly string[]
}

/** Reads names and leaves content alone: a thousand sidecars in a few processes cannot each do a sidecar's work. */
export function readResponse(bytes: Uint8Array): ReadResponse {
  const reader = new BinaryReader(bytes)
  const read = { typeUrl: '', nonce: '', names: [] as string[] }
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 2) read.names.push(readName(reader))
    else if (field === 4) read.typeUrl = reader.string()
    else if (field === 5) read.nonce = reader.string()
    else reader.skip(wire, field)
  }
  return read
}

/** The name in the Resource that comes next. */
function readName(reader: BinaryReader): string {
  const end = reader.uint32() + reader.pos
  let name = ''
  while (reader.pos < end) {
    const [field, wire] = reader.tag()
    if (field === 3) name = reader.string()
    else reader.skip(wire, field)
  }
  return name
}
