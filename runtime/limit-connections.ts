import type { Server, Socket } from 'node:net'

/** Resets every connection of an address that has `most` open already. */
export function limitConnectionsOfOneAddress(server: Server, most: number): void {
  const open = new Map<string, number>()
  server.on('connection', (connection: Socket) => {
    const address = connection.remoteAddress
    // It is gone already.
    if (address === undefined) return
    const count = (open.get(address) ?? 0) + 1
    if (count > most) return void connection.resetAndDestroy()
    open.set(address, count)
    connection.once('close', () => {
      const left = open.get(address)! - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
  })
}
