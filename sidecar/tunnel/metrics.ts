import { Gauge, type Registry } from '#runtime/metrics.ts'
import type { Connections } from '../connections/connections.ts'
import type { Limits } from '../limits.ts'
import type { BufferBudget } from './buffer-budget.ts'
import type { TunnelPool } from './pool.ts'
import type { TunnelServer } from './server.ts'

export interface LimitSources {
  readonly limits: Limits
  readonly buffers: BufferBudget
  readonly connections: Connections
  readonly tunnels: TunnelPool
  readonly server: TunnelServer
}

/** How full everything is that has a limit, and the limits themselves, so that an alert can divide the two. */
export function limitMetrics(registry: Registry, sources: LimitSources): void {
  const { limits, buffers, connections, tunnels, server } = sources
  const gauge = (name: string, help: string, value: () => number): void => {
    const one: Gauge = new Gauge({ name, help, registers: [registry], collect: () => one.set(value()) })
  }
  gauge(
    'weft_buffered_bytes',
    'Bytes in tunnels that wait for a reader or for a peer to take them',
    () => buffers.held,
  )
  gauge('weft_buffered_bytes_limit', 'WEFT_BUFFER_BUDGET', () => buffers.limit)
  gauge('weft_stream_window_bytes', 'What a new stream may be sent at once', () => buffers.window)
  gauge('weft_tunnel_streams', 'Streams open in tunnels, either way', () => buffers.streams)
  gauge('weft_outbound_tunnels', 'Tunnels to other pods', () => tunnels.size)
  gauge('weft_inbound_tunnels', 'Tunnels from other pods', () => server.tunnels)
  gauge('weft_inbound_tunnels_limit', 'WEFT_MAX_INBOUND_TUNNELS', () => limits.inboundTunnels)
  gauge(
    'weft_handshakes',
    'Connections to the tunnel port whose peer has not proved itself',
    () => server.handshakes,
  )
  gauge('weft_handshakes_limit', 'WEFT_MAX_HANDSHAKES', () => limits.handshakes)
  for (const direction of ['inbound', 'outbound'] as const) {
    gauge(`weft_${direction}_connections`, `${direction} connections that are open now`, () =>
      connections.count(direction),
    )
    gauge(
      `weft_${direction}_connections_limit`,
      `WEFT_MAX_${direction.toUpperCase()}_CONNECTIONS`,
      () => limits[`${direction}Connections`],
    )
  }
}
