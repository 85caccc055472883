// The two messages of grpc.health.v1.Health/Check, each behind gRPC's own five bytes: not compressed, and the length.

/** HealthCheckRequest: field 1 is the service's name. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Whether a HealthCheckResponse says SERVING: field 1, the status, is 1. Anything else is not serving. */
export function isServing(answer: Buffer): boolean {
  if (answer.length < 7 || answer[0] !== 0 || answer.readUInt32BE(1) !== answer.length - 5) return false
  return answer[5] === 0x08 && answer[6] === 1 && answer.length === 7
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}
