import { Server } from '@grpc/grpc-js'

/**
 * Messages of clients are small: the largest names the versions of 50 000 resources. Connections without a call
 * are closed, and dead clients found by pings; clients may ping as often as they like.
 */
const serverOptions = {
  'grpc.max_receive_message_length': 8 * 1024 * 1024,
  'grpc.max_concurrent_streams': 100,
  'grpc.max_connection_idle_ms': 300_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.enable_channelz': 0,
}

/** What a node has that hides its pods behind its own address: two connections of each of 110 pods, and some. */
export const mostOfOneAddress = 256

/** Milliseconds that calls may take to end once the server is told to. */
const shutdownLimit = 3_000

export function createGrpcServer(): Server {
  return new Server(serverOptions)
}

/** Lets calls end, then cuts what is left. Never rejects. */
export async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown()
      resolve()
    }, shutdownLimit)
    server.tryShutdown(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
