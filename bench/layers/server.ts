// The accepting end of a layer, a process of its own; tells its costs when asked.
import type { Leg } from '#sidecar/proxy/leg.ts'
import type { PlainContext } from '#sidecar/tunnel/frames/testing/contexts.ts'
import { costs } from './costs.ts'
import { accept, type LayerName, type Service } from './ends.ts'

export interface ServerStart {
  readonly layer: LayerName
  readonly context: PlainContext
  readonly host: string
}

const chunk = Buffer.alloc(64 * 1024, 'weft')

process.on('message', (message: ServerStart | 'costs') => {
  if (message === 'costs') {
    process.send!(costs())
    return
  }
  accept(message.layer, message.context, message.host, serveStream).then(
    () => process.send!('listening'),
    (error: unknown) => {
      throw error
    },
  )
})
process.on('disconnect', () => process.exit())

function serveStream(leg: Leg, service: Service): void {
  switch (service) {
    case 'echo':
      return serve(leg, {
        data: (bytes) => void (leg.write(bytes) || leg.pause()),
        drained: () => leg.resume(),
      })
    case 'sink':
      return serve(leg, { data: () => {}, drained: () => {} })
    case 'source': {
      const send = (): void => {
        while (leg.write(chunk));
      }
      serve(leg, { data: () => {}, drained: send })
      send()
    }
  }
}

function serve(leg: Leg, { data, drained }: { data: (bytes: Buffer) => void; drained: () => void }): void {
  leg.read({ data, drained, ended: () => leg.end(), aborted: () => {}, closed: () => {} })
  leg.resume()
}
