/**
 * What Node is started with for a sidecar, in the image, in tests and in the bench alike. V8 would let the space for
 * young objects grow to 16 MiB twice over and collect it in larger steps: at 4 MiB the tail of latencies is shorter and
 * a burst of connections leaves less memory behind (docs/performance.md).
 */
export const nodeFlags = ['--max-semi-space-size=4'] as const
